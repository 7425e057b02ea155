"""Which nodes of a run are executed in the arithmetic of a memory: those that it computes, as it computes them."""

from __future__ import annotations

import numpy as np
import pytest
from pim_networks import KINDS, Sketch, small_chip

from simulator.experiment.run import run
from simulator.experiment.single import placed_inside
from simulator.hw.chip import load_chip
from simulator.workload.execute import execute
from simulator.workload.graph import Graph
from simulator.workload.tensor import Quant

PREFER = {"cores": "{pim: prefer}"}


def two_branches(dtype: str = "fp16") -> Graph:
    """A matrix with one vector and the same width with 128, which the array does; their sums apart."""
    net = Sketch(dtype)
    net.linear("few", net.input("x", 1, 256), 256, ("bias", "relu"))
    net.linear("many", net.input("z", 128, 256), 256)
    net.node("Softmax", "soft", "few", axis=-1)
    return net.graph("soft", "many")


@pytest.mark.parametrize("kind", KINDS)
def test_a_plans_placement_is_that_of_its_values(tmp_path, kind):
    graph = two_branches()
    assert placed_inside(graph, small_chip(tmp_path, kind), {}) == {"few": kind}
    assert placed_inside(graph, small_chip(tmp_path, kind, cores="{pim: off}"), {}) == {}
    assert placed_inside(graph, load_chip("npu/edge_npu"), {}) == {}


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_computes_so_and_says_so(tmp_path, rng, kind):
    """The branch on the array is the host's bit for bit; the other is the device's."""
    graph, chip = two_branches(), small_chip(tmp_path, kind)
    feeds = {name: rng.standard_normal(graph.tensors[name].shape).astype(np.float16) for name in graph.inputs}
    there = execute(graph, feeds, "onnxruntime", pim={"few": kind}, all_tensors=True)
    host = execute(graph, feeds, "onnxruntime", all_tensors=True)
    np.testing.assert_array_equal(there.tensors["many"], host.tensors["many"])
    assert (there.tensors["few"] != host.tensors["few"]).any()
    result = run(chip, graph, inputs=feeds, golden={"soft": there.outputs["soft"], "many": host.outputs["many"]})
    assert result.values is not None
    assert {each.output: each.differing for each in result.values.agreement} == {"soft": 0, "many": 0}
    assert result.values.profile.endswith(f"; 1 node as {kind} computes")


def test_integers_of_a_quantized_network_are_the_devices_own(tmp_path):
    """LPDDR5-PIM multiplies stored integers; others do not, and the node is no work of theirs."""
    net = Sketch("int8")
    net.linear("layer", net.input("x", 1, 64), 64, ("requant",))
    for name, tensor in net.tensors.items():
        net.tensors[name] = tensor.__class__(tensor.name, tensor.shape, "int8", Quant((0.5,), (0,)), tensor.constant)
    assert placed_inside(net.graph(), small_chip(tmp_path, "lpddr5_pim", **PREFER), {}) == {"layer": "lpddr5_pim"}
    assert placed_inside(net.graph(), small_chip(tmp_path, "hbm_pim", **PREFER), {}) == {}


def test_what_is_only_costed_as_quantized_stays_the_hosts(tmp_path):
    """The times are those of int8 inside; no value has been quantized."""
    graph, chip = two_branches(), small_chip(tmp_path, "lpddr5_pim", **PREFER)
    assert "few" in placed_inside(graph, chip, {})
    assert placed_inside(graph, chip, {"precision": "int8"}) == {}
