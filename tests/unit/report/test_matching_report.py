"""What readers see of neurons that match patterns, on the page and in the terminal."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simulator.experiment.run import run
from simulator.report.causes import NAMES, draw_causes
from simulator.report.headline import headline
from simulator.report.matching import full, matching_words, operation_table, screen_lines
from simulator.report.page import render
from simulator.report.table import layer_table
from simulator.results.matching import Learning, Matching, Neurons, Operation, Recognition
from simulator.results.values import Values

MATCHING = Matching(
    "L1", "rce", 1, 8, 576, 1, 35_000_000, "published",
    (Operation("learn a vector", "learn", 10, 290, 290 / 35e6, 2e-9, False),
     Operation("best match", "recognize", 4, 192, 192 / 35e6, 1e-9, True)),
)  # fmt: skip
NEURONS = Neurons(576, 6, 2, Learning(10, (5, 1), 7, 0), Recognition(2, 1, 1))


@pytest.fixture
def matched(result):
    """The synthetic result with neurons."""
    return replace(result, matching=MATCHING, values=Values("the neurons", 4, neurons=NEURONS))


def test_nothing_where_no_neurons_match(result):
    assert screen_lines(result) == []
    assert matching_words(result) == ""
    assert operation_table(result)[1] == []
    assert "Pattern matching" not in render(result)


def test_lines(matched):
    assert screen_lines(matched) == [
        ("Neurons committed", "6 of 576", "1.04 % of all, 2 of them degenerate"),
        ("Taught", "10 vectors", "neurons committed: 5, 1 epoch by epoch; influence fields shrank 7 times"),
        ("Recognized", "4 vectors", "2 identified, 1 uncertain (neurons that answer disagree), 1 unknown (none answers)"),
        ("Learn a vector", "29 cycles", "828.6 ns, ≥ 200 pJ each; 10 times"),
        ("Best match", "48 cycles", "1.371 µs, 250 pJ each; 4 times"),
    ]


def test_operations(matched):
    header, rows = operation_table(matched)
    assert dict(zip(header, rows[0], strict=True)) == {
        "operation": "learn a vector", "layer": "learn", "times": "10", "cycles each": "29",
        "time each": "828.6 ns", "energy each": "≥ 200 pJ", "per second": "1\u202f206\u202f897", "cycles": "290",
        "time": "8.286 µs", "energy": "≥ 2 nJ",
    }  # fmt: skip


def test_words(matched):
    assert matching_words(matched) == (
        "576 neurons on one chip at 35 MHz hear each vector of 8 components at the same time. Distance: L1. "
        "RCE: a neuron answers where its influence field holds the vector."
    )
    chain = replace(MATCHING, mode="knn", matches=3, chips=4, capacity=2304)
    assert matching_words(replace(matched, matching=chain)) == (
        "2304 neurons on 4 chips in a chain at 35 MHz hear each vector of 8 components at the same time. "
        "Distance: L1. KNN: every neuron answers; 3 answers are read per vector."
    )


def test_a_full_network(matched):
    assert full(matched) == ""
    refused = replace(NEURONS, capacity=6, learning=Learning(10, (6,), 0, 3))
    result = replace(matched, values=replace(matched.values, neurons=refused))
    text = "All 6 neurons were committed: 3 of 10 vectors taught wanted one more. A full network learns nothing."
    assert full(result) == text
    assert text in render(result)
    assert ("Network full", "3 vectors", "wanted a neuron when none was free: a full network learns nothing") in screen_lines(result)


def test_what_was_not_executed(matched):
    assert screen_lines(replace(matched, values=None))[0] == (
        "Neurons", "576", "L1, RCE; none was executed",
    )  # fmt: skip


def test_a_page_and_a_table_without_products():
    result = run("neuromorphic/nm500", "digits_nm500")
    page = render(result)
    assert '<section id="matching">' in page
    assert "Figures of time and energy are of all of them" in page
    labels = [label for label, _, _ in headline(result)]
    assert "Achieved" not in labels
    assert "Accuracy" in labels
    assert not [name for name in layer_table(result)[0] if "MAC" in name or "OPS" in name]


def test_instants_rounded_to_femtoseconds_have_no_entry_among_the_causes():
    result = run("neuromorphic/nm500", "digits_nm500")
    assert 0 < sum(row.causes_fs.get("fill_drain", 0) for row in result.rows) < 100
    assert NAMES["fill_drain"] not in draw_causes(result, 9)["cause_legend"]
    assert NAMES["compute"] in draw_causes(result, 9)["cause_legend"]
