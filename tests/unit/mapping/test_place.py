"""Placement: by cost, by rule, pinned; and why a core inside a memory cannot do work."""

from __future__ import annotations

import pytest
from pim_networks import KINDS, Sketch, small_chip

from simulator.base.errors import InputError
from simulator.hw.chip import load_chip
from simulator.mapping.place import Given, expected_fs, hindrance, whole_tile
from simulator.mapping.plan import plan
from simulator.mapping.tasks import make_tasks
from simulator.workload.graph import Graph
from simulator.workload.op import work_of
from simulator.workload.work import Contraction


def layer(rows: int, outputs: int = 512, inputs: int = 512, dtype: str = "fp16") -> Graph:
    net = Sketch(dtype)
    net.linear("layer", net.input("x", rows, inputs), outputs)
    return net.graph()


def given_of(graph: Graph, node: int = 0, **more) -> Given:
    each = graph.nodes[node]
    return Given(work_of(each, graph)[0], each, graph.operands(each), graph.results(each)[0], **more)


def stream_fs(given: Given, chip) -> int:
    """What the whole work takes the memory's commands."""
    core = chip.cores["pim"]
    return int(core.cycles(whole_tile(given.work, core))[0][0] * chip.memories["dram"].device.tck_fs)


def cores(graph: Graph, chip) -> dict[str, str]:
    return {task.name: task.core for task in make_tasks(graph, chip).tasks}


@pytest.mark.parametrize("kind", KINDS)
def test_a_vector_goes_to_the_memory_and_many_to_the_array(tmp_path, kind):
    """A matrix with one vector waits for the interface; with 256 the array has each weight 256 times."""
    chip = small_chip(tmp_path, kind)
    assert cores(layer(1), chip)["layer"] == "pim"
    assert cores(layer(256), chip)["layer"] == "npu"


def test_what_was_expected_and_by_what_it_was_chosen(tmp_path):
    chip = small_chip(tmp_path, "hbm_pim")
    task, adding = make_tasks(layer(1), chip).tasks
    assert (task.why, sorted(task.expected)) == ("cost", ["npu", "pim"])
    assert task.expected["pim"] < task.expected["npu"]
    assert (adding.name, adding.core, adding.why) == ("layer#1", "vec", "")


@pytest.mark.parametrize(
    ("rules", "core", "why"),
    [
        ({"cores": "{pim: off}"}, "npu", ""),
        ({"cores": "{npu: off}"}, "pim", ""),
        ({"cores": "{npu: prefer}"}, "npu", "rule"),
        ({"nodes": "{layer: {core: npu}}"}, "npu", "pinned"),
        ({"nodes": "{lay*: {core: pim}}"}, "pim", "pinned"),
    ],
)
def test_rules(tmp_path, rules, core, why):
    first = make_tasks(layer(1), small_chip(tmp_path, "hbm_pim", **rules)).tasks[0]
    assert (first.core, first.why) == (core, why)
    if why == "pinned":
        assert not first.expected


def test_prefer_takes_what_a_core_can_do_and_no_more(tmp_path):
    net = Sketch()
    x = net.input("x", 64, 256)
    net.node("Softmax", "s", net.linear("layer", x, 256), axis=-1)
    assert cores(net.graph(), small_chip(tmp_path, "hbm_pim", cores="{pim: prefer}")) == {
        "layer": "pim", "layer#1": "vec", "s": "vec"
    }  # fmt: skip


def test_the_array_is_expected_to_wait_for_weights(tmp_path):
    """Bytes over the rate of the way, if that is more than what the MACs take; what rides with them as well."""
    chip, graph = small_chip(tmp_path, "hbm_pim"), layer(1)
    rate = chip.memories["dram"].stream_bytes_per_s(1 << 20)
    outside = frozenset(("x", "layer"))
    found = expected_fs("npu", given_of(graph, outside=outside), chip)
    assert found == pytest.approx((512 * 512 + 512 + 512) * 2 / rate * 1e15, rel=1e-6)
    more = expected_fs("npu", given_of(graph, outside=outside, beside=4096), chip)
    assert more - found == pytest.approx(4096 / rate * 1e15, rel=1e-3)
    kept = expected_fs("npu", given_of(graph), chip)
    assert kept == pytest.approx(512 * 512 * 2 / rate * 1e15, rel=1e-6), "activations are on chip"


def test_inside_a_memory_come_inputs_the_stream_and_the_sums_one_after_the_other(tmp_path):
    chip, graph = small_chip(tmp_path, "hbm_pim"), layer(1)
    core, rate = chip.cores["pim"], chip.memories["dram"].stream_bytes_per_s(1 << 20)
    outside = expected_fs("pim", given_of(graph, outside=frozenset(("x",))), chip)
    inside = expected_fs("pim", given_of(graph), chip)
    assert outside - inside == pytest.approx(512 * 2 / rate * 1e15, abs=2)
    sums, size = core.partial_sums(given_of(graph).work)
    own = stream_fs(given_of(graph), chip)
    adding = 512 * (sums - 1) / 16 + 4
    assert inside == pytest.approx(own + adding * 1e6 + 512 * size / rate * 1e15, rel=1e-3)


def test_element_by_element_inside_moves_what_others_would_have_kept(tmp_path):
    """64 KiB that fit on chip are stored and loaded again; a network's input lies in the memory anyway."""
    chip = small_chip(tmp_path, "hbm_pim")
    net = Sketch()
    net.node("Add", "sum", net.input("a", 32, 1024), net.input("b", 32, 1024))
    given, rate = given_of(net.graph()), chip.memories["dram"].stream_bytes_per_s(1 << 20)
    own = expected_fs("pim", given_of(net.graph(), outside=frozenset(("a", "b", "sum"))), chip)
    kept = expected_fs("pim", given, chip)
    fixed = kept - own - 3 * 65536 / rate * 1e15
    assert 0 < fixed < 3 * 1e8, "three transfers begin: engines, latency"
    assert own == stream_fs(given, chip)


class TestHindrance:
    """Why a core inside a memory cannot do a node."""

    def of(self, chip, op, *operands, shape=(4, 64), dtype="fp16", **attrs):
        net = Sketch(dtype)
        names = [net.input(name, *shape) if name != "w" else net.constant("w", shape[-1], shape[-1]) for name in operands]
        net.node(op, "y", *names, **attrs)
        return hindrance(given_of(net.graph()), chip.cores["pim"])

    @pytest.mark.parametrize("kind", KINDS)
    def test_products(self, tmp_path, kind):
        chip = small_chip(tmp_path, kind)
        assert self.of(chip, "MatMul", "x", "w") == ""
        why = self.of(chip, "MatMul", "x", "y2", shape=(64, 64))
        assert why == f"'y2' is computed, and {kind} multiplies with constants in its banks"
        assert self.of(chip, "Gemm", "x", "w", dtype="fp32") == f"{kind} has no Gemm", "no precision of its own"

    def test_operators_that_look_alike(self, tmp_path):
        """A subtraction is an addition to hardware that sees operations, and none that HBM-PIM has."""
        chip = small_chip(tmp_path, "hbm_pim")
        for op, operands in (("Add", "ab"), ("Sum", "ab"), ("Mul", "ab"), ("Relu", "a")):
            assert self.of(chip, op, *operands) == ""
        assert self.of(chip, "Sub", "a", "b") == "hbm_pim has no Sub"
        assert self.of(chip, "Abs", "a") == "hbm_pim has no Abs"
        assert self.of(chip, "Softmax", "a", axis=-1) == "hbm_pim has no Softmax"

    def test_aim_multiplies_and_does_not_add(self, tmp_path):
        chip = small_chip(tmp_path, "gddr6_aim")
        assert self.of(chip, "Mul", "a", "b") == ""
        assert self.of(chip, "Add", "a", "b") == "gddr6_aim has no Add"

    def test_operands(self, tmp_path):
        chip = small_chip(tmp_path, "hbm_pim")
        assert self.of(chip, "Add", "x", "w", shape=(64, 64)) == "hbm_pim does it with operands that are computed"
        assert self.of(chip, "Add", "a", "b", dtype="int8") == "hbm_pim needs operands of one shape and 16 bit"
        net = Sketch()
        net.node("Add", "y", net.input("a", 4, 64), net.input("b", 64))
        assert hindrance(given_of(net.graph()), chip.cores["pim"]) == "hbm_pim needs operands of one shape and 16 bit"

    def test_integers_are_multiplied_where_the_device_does(self, tmp_path):
        net = Sketch("int8")
        net.linear("layer", net.input("x", 1, 64), 64, ("requant",))
        assert hindrance(given_of(net.graph()), small_chip(tmp_path, "lpddr5_pim").cores["pim"]) == ""
        assert hindrance(given_of(net.graph()), small_chip(tmp_path, "hbm_pim").cores["pim"]) == "hbm_pim has no Gemm"


class TestMessages:
    @pytest.mark.parametrize(
        ("rules", "message"),
        [
            ({"cores": "{pmi: off}"}, r"mapping.cores.pmi: no core is called 'pmi'; there is npu, vec, pim; did you mean 'pim'\?"),
            ({"cores": "{pim: off, npu: off}"}, r"mapping.cores: node 'layer' \(Gemm\) has no core: mapping.cores takes npu, pim out"),
            ({"nodes": "{soft: {core: pim}}"}, "mapping.nodes.soft.core: core 'pim' cannot run Softmax: hbm_pim has no Softmax; cores that can: vec"),
            ({"nodes": "{s*: {core: pim}}"}, r"mapping.nodes.s\*.core: core 'pim' cannot run Softmax"),
            ({"core": "pim"}, "mapping.core: core 'pim' cannot run Softmax"),
            ({"nodes": "{layer: {core: pmi}}"}, r"mapping.nodes.layer.core: core 'pmi' cannot run Gemm: there is none of that name; did you mean 'pim'\?; cores that can: npu, pim"),
        ],
    )  # fmt: skip
    def test_say_where_the_rule_stands(self, tmp_path, rules, message):
        net = Sketch()
        net.node("Softmax", "soft", net.linear("layer", net.input("x", 1, 64), 64), axis=-1)
        with pytest.raises(InputError, match=message):
            plan(net.graph(), small_chip(tmp_path, "hbm_pim", **rules))

    def test_a_convolution_on_a_memory_alone(self, tmp_path):
        net = Sketch()
        net.node("Conv", "conv", net.input("x", 1, 8, 8, 8), net.constant("w", 8, 8, 3, 3), pads=(1, 1, 1, 1))
        message = r"node 'conv' \(Conv, 1 x 64 x 8 x 72, kernel 3 x 3\) is no work for any core of hbm_pim"
        with pytest.raises(InputError, match=message):
            plan(net.graph(), load_chip("pim/hbm_pim"))


def test_macs_are_those_of_the_graph_wherever_they_are_done(tmp_path):
    for rules in ({}, {"cores": "{pim: off}"}):
        tasks = make_tasks(layer(3, 100, 70), small_chip(tmp_path, "hbm_pim", **rules)).tasks
        assert sum(task.work.macs for task in tasks if isinstance(task.work, Contraction)) == 3 * 100 * 70
