"""Bare arrays against SCALE-Sim 3.0.0 (MIT): cycles and SRAM accesses of every row, by M, N, K.

Two things are known of that tool and stated in the comparison: it counts cycles from zero (its figure is one
less), and for output stationary its ofmap column has ``folds x (R + C)`` accesses too many.
"""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from simulator.experiment.gemm import gemm

#: Rows of that table, kept so that a lone clone has some: dataflow, rows = columns, M, N, K, cycles, ifmap,
#: filter, ofmap.
EXCERPT = [
    ("is", 128, 3025, 96, 363, 34415, 1098075, 836352, 871200),
    ("is", 128, 529, 256, 2400, 60609, 1269600, 3072000, 2573056),
    ("is", 128, 121, 384, 2304, 13787, 278784, 884736, 836352),
    ("os", 128, 3025, 96, 363, 14807, 1098075, 836352, 296544),
    ("os", 128, 529, 256, 2400, 26539, 2539200, 3072000, 137984),
    ("is", 32, 3025, 96, 363, 216599, 1098075, 3310560, 3484800),
]


def compare(
    dataflow: str, size: int, m: int, n: int, k: int, cycles: int, ifmap: int, filter_: int, ofmap: int
) -> None:
    """One row."""
    overrides = {"cores.array.dataflow": dataflow, "cores.array.rows": size, "cores.array.cols": size}
    ours = gemm("npu/systolic_32x32", m, n, k, overrides=overrides)[0]
    surplus = -(-m // size) * -(-n // size) * 2 * size if dataflow == "os" else 0
    assert ours.compute_cycles - 1 == cycles
    assert ours.cycles == ours.compute_cycles
    assert ours.accesses["ifmap_reads"] == ifmap
    assert ours.accesses["filter_reads"] == filter_
    assert ours.accesses["ofmap_writes"] == ofmap - surplus


@pytest.mark.parametrize("row", EXCERPT, ids=str)
def test_excerpt(row: tuple):
    compare(*row)


def test_every_row(reference: Path):
    with (reference / "npu" / "scale_sim_layers.csv").open() as file:
        rows = list(csv.DictReader(file))
    distinct = {
        (r["dataflow"], int(r["array_rows"]), *(int(r[c]) for c in (
            "M", "N", "K", "cycles", "sram_ifmap_reads", "sram_filter_reads", "sram_ofmap_writes")))
        for r in rows
    }  # fmt: skip
    assert len(rows) == 915
    for row in sorted(distinct):
        compare(*row)
