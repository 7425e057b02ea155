"""One inference of a run: shares of batches, of recognitions, of spiking samples; what is in its energy."""

from __future__ import annotations

import dataclasses

import pytest

from simulator.report.inference import MATCHING, NPU, PIM, SPIKING, inference, interval
from simulator.results.stream import Stream


def test_alone_by_hand(result):
    """4 layers: 5 M MACs, 550 k SRAM bytes, 410 k bytes read and 21 k written, 10.5 µs of leakage."""
    found = inference(result)
    assert found.kind == NPU
    assert found.latency_s == pytest.approx(10.5e-6)
    assert found.chip_j == pytest.approx((5e6 * 0.07 + 550_000 * 0.5) * 1e-12)
    assert found.memory_j == pytest.approx((410_000 * 15 + 21_000 * 16) * 1e-12)
    assert found.static_j == pytest.approx(10_500_000 * 0.002 * 1e-12)
    assert found.energy_j == pytest.approx(result.metrics.energy_j)
    assert found.edp_js == pytest.approx(result.metrics.edp_js)
    assert found.power_w == pytest.approx(result.metrics.average_power_w)
    assert found.complete
    assert found.steady_s is None
    assert found.text(found.energy_j, "J") == "7.132 µJ"


def test_a_batch_is_shared(make):
    whole, batch = inference(make()), inference(make(batch=4))
    assert batch.energy_j == pytest.approx(whole.energy_j / 4)
    assert batch.latency_s == whole.latency_s, "nothing is out before the batch is"
    assert batch.note == "energy of a batch of 4, by 4; latency of the batch"


def test_what_is_unknown_is_named_and_never_0(partly, unknown):
    found = inference(partly)
    assert found.unknown == ("npu.mac_int8", "dram.read")
    assert not found.complete
    assert found.text(found.energy_j, "J").startswith("≥ ")
    nothing = inference(unknown)
    assert not nothing.known
    assert nothing.text(nothing.energy_j, "J") == "unknown"


def test_back_to_back_is_the_stream(result):
    stream = Stream(20, 9, 10**10, 4 * 10**9, 0, 3e-6, {}, 1000)
    found = inference(dataclasses.replace(result, stream=stream))
    assert (found.steady_s, found.steady_j) == (4e-6, 3e-6)
    assert found.latency_s == pytest.approx(10.5e-6)


def test_work_inside_a_memory_is_a_kind_of_its_own(result):
    ledger = result.ledger
    columns = (*ledger.columns[:2], ("dram", "pim_column"), *ledger.columns[3:])
    found = inference(dataclasses.replace(result, ledger=dataclasses.replace(ledger, columns=columns)))
    assert found.kind == PIM


class TestRuns:
    def test_a_recognition_of_neurons(self, digits):
        result = digits["neuromorphic/nm500"]
        found = inference(result)
        (asked,) = [each for each in result.matching.operations if each.node == "recognize"]
        assert (found.kind, asked.count) == (MATCHING, 200)
        assert found.latency_s == pytest.approx(104 / 35e6), "104 cycles of the manual at 35 MHz"
        assert found.static_j == pytest.approx(3.3e-3 * 104 / 35e6, rel=1e-3), "3.3 mW, all that is known"
        assert found.chip_j == found.memory_j == 0
        assert not found.complete
        assert (found.steady_s, found.steady_j) == (found.latency_s, found.energy_j)
        assert found.note == "mean of 200 recognitions; teaching is not in it"

    def test_a_sample_of_a_spiking_run(self, digits):
        result = digits["neuromorphic/loihi_1"]
        found = inference(result)
        assert (found.kind, result.batch, result.metrics.steps) == (SPIKING, 200, 200 * 7)
        assert found.latency_s == pytest.approx(result.metrics.latency_s / 200)
        assert found.energy_j == pytest.approx(result.metrics.energy_j / 200)
        assert found.note == "mean of 200 samples, one after the other, 7 steps each"


def test_bounds_of_an_accuracy():
    """Wilson's interval for 194 of 200 and for all of them, by the formula of the paper."""
    assert interval(194, 200) == pytest.approx((0.93611, 0.98618), abs=1e-5)
    low, high = interval(200, 200)
    assert (low, high) == (pytest.approx(0.9812, abs=1e-4), pytest.approx(1.0))
    assert interval(0, 0) == (0.0, 1.0)
