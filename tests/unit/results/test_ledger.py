"""Counts of actions per node."""

from __future__ import annotations

import json

import numpy as np
import pytest

from simulator.results.ledger import Ledger

COLUMNS = (("npu", "mac_int8"), ("sram", "read"), ("sram", "write"), ("npu", "static"))


@pytest.fixture
def ledger() -> Ledger:
    return Ledger(("a", "b"), COLUMNS, np.array([[5, 0, 2**40, 7], [6, 0, 1, 0]], np.int64))


def test_totals_are_sums_over_nodes(ledger):
    assert ledger.total("npu", "mac_int8") == 11
    assert ledger.total("sram", "write") == 2**40 + 1
    assert ledger.total("sram", "refresh") == 0
    assert ledger.per_node("npu", "mac_int8").tolist() == [5, 6]
    assert ledger.per_node("nobody", "read").tolist() == [0, 0]


def test_only_what_occurred_is_listed_in_column_order(ledger):
    assert list(ledger.totals()) == [
        ("npu", "mac_int8", 11),
        ("sram", "write", 2**40 + 1),
        ("npu", "static", 7),
    ]


def test_json_is_sparse_and_goes_both_ways(ledger):
    plain = json.loads(json.dumps(ledger.to_dict()))
    assert plain["counts"] == [[0, 0, 5], [0, 2, 2**40], [0, 3, 7], [1, 0, 6], [1, 2, 1]]
    again = Ledger.from_dict(plain)
    assert (again.nodes, again.columns) == (ledger.nodes, ledger.columns)
    assert again.counts.dtype == np.int64
    np.testing.assert_array_equal(again.counts, ledger.counts)


def test_an_empty_ledger_keeps_its_names():
    empty = Ledger((), COLUMNS, np.zeros((0, 4), np.int64))
    assert list(empty.totals()) == []
    assert Ledger.from_dict(empty.to_dict()).columns == COLUMNS
