"""Converted networks in the integers of Loihi: what a layer sees, rounding, limits, and the digits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx_rectified import Rectified

from simulator.base.errors import InputError
from simulator.workload.frontends.converted import load_carrying
from simulator.workload.load import is_spiking, load_graph, load_spiking
from simulator.workload.spiking.conversion.convert import convert
from simulator.workload.spiking.conversion.loihi import code
from simulator.workload.spiking.execute import execute_spikes
from simulator.workload.spiking.samples import log_samples

ROOT = Path(__file__).parents[4]
DIGITS = ROOT / "workloads" / "digits_snn.yaml"


@pytest.fixture
def converted(tmp_path):
    """One input, a neuron of weight 0.5, bias 0.25 and threshold 1, an output of weight 2."""
    net = Rectified((1, 1))
    net.add("Gemm", np.array([[0.5]]), np.array([0.25]), transB=1)
    net.activate("clip", 1.0)
    net.add("Gemm", np.array([[2.0]]), np.array([-0.5]), transB=1)
    return convert(load_graph(net.write(tmp_path / "one.onnx"))).network


def test_numbers_by_hand(converted):
    coded = code(converted, 1.0, 8)
    network = coded.network
    assert [each.name for each in network.populations] == [each.name for each in converted.populations]
    # layer 1: 255 / 0.5 = 510 per unit: weight 255, bias 127.5 -> 128 (half to even), threshold 510
    # output: 255 / 2 = 127.5 per unit: weight 255, bias -63.75 -> -64, a threshold that nothing reaches
    assert network.synapses.weights.tolist() == [255 << 6, 255 << 6]
    assert network.parameters["bias"].tolist() == [0, 128, -64]
    assert network.parameters["threshold"].tolist() == [4095, 510, 2**17 - 1]
    assert network.synapses.delays.tolist() == [1, 1]
    # half of the threshold, less the biases of the steps before the input arrives, and 1 to spike at it
    assert network.start["v"].tolist() == [4095 * 32 + 1, 510 * 32 - 128 * 64 + 1, 2 * 64 * 64 + 1]
    assert network.steps == 8 + 2


@pytest.mark.parametrize("x", [0.0, 0.125, 0.3, 0.5, 0.77, 1.0])
@pytest.mark.parametrize("steps", [1, 4, 8, 16, 64])
def test_every_layer_sees_so_many_steps(converted, x, steps):
    """A staircase in a row: the input spikes round(x·T) times, the neuron clip(floor((0.5·n + 0.25·T)/1 + 1/2))."""
    coded = code(converted, 1.0, steps)
    ran = execute_spikes(coded.network, coded.inputs(np.array([x])))
    upto = ran.spike_steps[ran.spike_neurons == 0]
    n = int((upto < steps).sum())
    assert n == int(np.floor(x * steps + 0.5)), "rate of the input, within its T steps"
    until = ran.spike_steps[ran.spike_neurons == 1]
    fired = int((until < steps + 1).sum())
    exact = (0.5 * n + 128 / 510 * steps) / 1.0
    assert abs(fired - exact) <= 1, "its threshold is crossed as often as it was fed"
    received = int(coded.received(ran)[0])
    late = int((until == steps + 1).sum())  # in the last step, which the output hears no more
    assert received == 1 + 64 * (255 * (len(until) - late) - 64 * steps)


def test_many_steps_give_the_network_s_own_numbers(converted):
    coded = code(converted, 2.0, 4000)
    for x in (0.2, 0.9, 1.4, 2.0):
        ran = execute_spikes(coded.network, coded.inputs(np.array([x])))
        found = coded.received(ran)[0] / 64 / 127.5 / 4000
        assert found == pytest.approx(2 * min(0.5 * x + 0.25, 1.0) - 0.5, abs=0.01)


def test_what_does_not_fit_is_refused(converted):
    with pytest.raises(InputError, match="expected inputs above 0, which rates stand for"):
        code(converted, 0.0, 4)


class TestDigits:
    @pytest.mark.parametrize(("steps", "right"), [(4, 189), (8, 194), (16, 193)])
    def test_right_answers_by_steps(self, steps, right):
        """The float network is right on 194 of these."""
        found = load_carrying(DIGITS, {"time_steps": str(steps)})
        groups = np.zeros(found.coded.network.neurons, np.int32)
        log, received = log_samples(found.coded, list(found.samples), groups)
        assert int((received.argmax(axis=1) == found.labels).sum()) == right
        assert log.steps == 200 * (steps + 3)
        assert log.offsets[-1] == len(log.spike_steps) == log.counts.sum()
        assert (np.diff(log.spike_steps) >= 0).all()
        assert len(log.updated) == log.steps

    def test_the_log_of_samples_is_that_of_each(self):
        found = load_carrying(DIGITS, {"time_steps": "4"})
        network = found.coded.network
        log, _ = log_samples(found.coded, list(found.samples[:3]), np.zeros(network.neurons, np.int32))
        for i, sample in enumerate(found.samples[:3]):
            ran = execute_spikes(network, found.coded.inputs(sample))
            mine = slice(log.offsets[7 * i], log.offsets[7 * (i + 1)])
            np.testing.assert_array_equal(log.spike_steps[mine] - 7 * i, ran.spike_steps)
            np.testing.assert_array_equal(log.spike_neurons[mine], ran.spike_neurons)

    def test_it_is_a_spiking_network_by_name(self):
        assert is_spiking("digits_snn")
        network = load_spiking("digits_snn")
        assert (network.model, network.neurons, network.steps) == ("loihi", 266, 19)
        assert np.abs(network.synapses.weights).max() == 255 << 6
        assert network.parameters["threshold"].max() < 2**17


@pytest.mark.parametrize(
    ("args", "text"),
    [
        ("{network: none.yaml}", "args.network: no such file: {folder}/none.yaml"),
        ("{network: shapes.yaml}", "args.network: 'shapes.yaml' carries no samples to train on; expected one of `builder: dense` with `data` and `train`"),
        ("{network: shapes.yaml, time_steps: 0}", "args.time_steps: expected at least 1, got 0"),
        ("{network: shapes.yaml, time_step: 4}", "args.time_step: unknown key; did you mean 'time_steps'?"),
    ],
)  # fmt: skip
def test_wrong_arguments(tmp_path, args, text):
    (tmp_path / "shapes.yaml").write_text("builder: mobilenet\nargs: {version: 1}\n")
    (tmp_path / "s.yaml").write_text(f"builder: converted\nargs: {args}\n")
    with pytest.raises(InputError) as error:
        load_spiking(tmp_path / "s.yaml")
    assert text.replace("{folder}", str(tmp_path)) in str(error.value)
