"""The table of docs/models/quantization.md holds, and says what the text says."""

from __future__ import annotations

from pathlib import Path

import pytest
from quantization_table import PERCENTILE, Row, accuracy, row
from trained_network import train

DOCUMENT = Path(__file__).parents[4] / "docs" / "models" / "quantization.md"


def documented():
    """Rows of the table by method, scales and types."""
    found = {}
    for line in DOCUMENT.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 8 and cells[1] in ("tensor", "channel"):
            method = cells[0].removesuffix(f" {PERCENTILE}")
            figures = [float(cell) for cell in cells[4:]]
            found[(method, *cells[1:4])] = Row(method, *cells[1:4], *figures[:2], figures[2] / 100, int(figures[3]))
    return found


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    return train(tmp_path_factory.mktemp("trained"))


def test_the_float_network_has_learnt_something(net):
    assert 0.9 <= accuracy(net.path, net) <= 0.99
    assert f"{100 * accuracy(net.path, net):.1f} %" in DOCUMENT.read_text()


@pytest.mark.parametrize(
    "case",
    [
        ("minmax", "tensor", "int8", "int8"),
        ("minmax", "tensor", "int4", "int8"),
        ("minmax", "channel", "int8", "int8"),
        ("minmax", "channel", "int4", "int8"),
        ("minmax", "channel", "int8", "int16"),
        ("percentile", "channel", "int8", "int8"),
        ("mse", "tensor", "int4", "int8"),
    ],
    ids="-".join,
)
def test_a_row(net, tmp_path, case):
    found, stated = row(net, tmp_path, *case), documented()[case]
    assert found.output_db == pytest.approx(stated.output_db, abs=0.5)
    assert found.worst_db == pytest.approx(stated.worst_db, abs=0.5)
    assert found.accuracy == pytest.approx(stated.accuracy, abs=0.015)
    assert found.constant_bytes == stated.constant_bytes


def test_what_the_table_shows():
    """The sentences below the table."""
    table = documented()
    assert len(table) == 18
    for method in ("minmax", "percentile", "mse"):
        by_tensor, by_channel = (table[method, scales, "int4", "int8"] for scales in ("tensor", "channel"))
        assert by_channel.accuracy > by_tensor.accuracy
        assert all(table[method, s, "int8", "int8"].accuracy > 0.94 for s in ("tensor", "channel"))
        assert table[method, "channel", "int8", "int16"].output_db > table[method, "channel", "int8", "int8"].output_db
    assert table["mse", "tensor", "int4", "int8"].accuracy - table["minmax", "tensor", "int4", "int8"].accuracy > 0.1
