"""A GEMM of 64 x 48 x 40 (M x N x K) on a bare 16 x 16 array with memories without limits, by hand.

ws puts K on rows and N on columns: ceil(40/16) = 3 by 48/16 = 3, 9 folds, through each of which M = 64 rows
stream. os puts M and N on the array: 4 x 3 = 12 folds, K = 40 streams. is puts K and M: 3 x 4 = 12 folds, N =
48 streams.
"""

from __future__ import annotations

import pytest

from simulator.experiment.gemm import gemm

M, N, K, R, C = 64, 48, 40, 16, 16

#: dataflow -> folds, stream
FOLDS = {"ws": (9, M), "os": (12, K), "is": (12, N)}


@pytest.mark.parametrize("dataflow", FOLDS)
def test_exposed_weights(dataflow: str):
    """A fold takes T + R + C - 2 cycles, and R more to shift in its weights (ws) or inputs (is)."""
    folds, stream = FOLDS[dataflow]
    (result,) = gemm("npu/systolic_16x16", M, N, K, dataflows=[dataflow])
    cycles = folds * (stream + R + C - 2 + (0 if dataflow == "os" else R))
    assert {"ws": 990, "os": 840, "is": 1128}[dataflow] == cycles
    assert result.compute_cycles == cycles
    assert result.cycles == cycles
    assert result.utilization == M * N * K / (R * C * cycles)


@pytest.mark.parametrize("dataflow", FOLDS)
def test_double_buffered_weights(dataflow: str):
    """A fold takes max(T, R) cycles; the first shift, the skew and the drain come once."""
    folds, stream = FOLDS[dataflow]
    overrides = {"cores.array.weights": "double_buffered"}
    (result,) = gemm("npu/systolic_16x16", M, N, K, dataflows=[dataflow], overrides=overrides)
    ends = (R if dataflow == "os" else 2 * R - 1) + R + C - 2
    assert result.compute_cycles == folds * max(stream, R) + ends


def test_accesses():
    """What streams is read once per fold across the array's other dimension, what stays once.

    ws: inputs per fold of N (3), weights once, partial sums written at each fold of K (3) and read back at
    all but the first. os: both operands per fold of the other, sums once. is: weights per fold of M (4).
    """
    accesses = {r.dataflow: r.accesses for r in gemm("npu/systolic_16x16", M, N, K, dataflows=list(FOLDS))}
    ifmap, weight, ofmap = M * K, K * N, M * N
    assert accesses == {
        "ws": _accesses(3 * ifmap, weight, 3 * ofmap, 2 * ofmap),
        "os": _accesses(3 * ifmap, 4 * weight, ofmap, 0),
        "is": _accesses(ifmap, 4 * weight, 3 * ofmap, 2 * ofmap),
    }


def _accesses(ifmap: int, weight: int, written: int, read_back: int) -> dict[str, int]:
    return {"ifmap_reads": ifmap, "filter_reads": weight, "ofmap_writes": written, "ofmap_reads": read_back}


def test_a_narrow_port_is_the_limit():
    """128 B/cycle for ifmap (3 x 2560 B), weights (1920 B), sums (5 + 1 of 3072 x 4 B) and results (3072 B):
    676 cycles.

    At 32 B/cycle the same bytes take 2706 cycles, more than the 990 of the array.
    """
    moved = 3 * M * K + K * N + 6 * M * N * 4 + M * N
    assert moved == 86_400
    for port, cycles in ((128, 990), (32, 2700)):
        overrides = {"memories.sram.port": f"{port} B/cycle"}
        assert gemm("npu/systolic_16x16", M, N, K, overrides=overrides)[0].cycles == cycles


def test_unknown_energies_stay_unknown():
    """The bare array states no energy: nothing is 0 that is not known."""
    (result,) = gemm("npu/systolic_16x16", M, N, K)
    metrics = result.result.metrics
    assert metrics.energy_complete is False
    assert (metrics.tops_per_w, metrics.tops_per_w_chip, metrics.edp_js, metrics.area_mm2) == (None,) * 4
    table = [
        line for line in result.result.energy_table() if line["component"] != "mover"
    ]  # no part of the chip
    assert {line["component"] for line in table} == {"array", "sram"}
    assert [line["energy_uJ"] for line in table] == [None] * len(table)
    assert result.result.not_modelled[0].startswith("energy of array.mac_int8 is unknown")
