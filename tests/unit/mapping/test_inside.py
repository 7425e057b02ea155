"""Weights inside memories that compute: whose layout they have, what is a copy, and whether there is room."""

from __future__ import annotations

import pytest
from pim_networks import KINDS, Sketch, small_chip

from simulator.base.errors import InputError
from simulator.hw.chip import load_chip
from simulator.mapping.inside import check_room, distinct, more_bytes, resident_words
from simulator.mapping.plan import plan
from simulator.mapping.schedule import Resident
from simulator.workload.tensor import Constant, Tensor

PREFER = {"cores": "{pim: prefer}"}


def resident(**changes) -> Resident:
    fields = {
        "node": "layer", "weight": "w", "core": "pim", "memory": "dram", "storage": "w", "bytes": 3 << 20,
        "network_bytes": 2 << 20, "precision": "fp16", "multiplied": "fp16",
    }  # fmt: skip
    return Resident(**{**fields, **changes})


@pytest.mark.parametrize(
    ("kind", "outputs", "inputs", "room"),
    [
        # HBM-PIM, two channels: turns of 64 outputs a channel; tiles of 128 inputs, in even and odd banks
        ("hbm_pim", 128, 256, 128 * 256 * 2),
        ("hbm_pim", 129, 256, 2 * 128 * 256 * 2),
        ("hbm_pim", 128, 100, 128 * 256 * 2),
        # LPDDR5-PIM: turns of 128 outputs a channel, tiles of 128 inputs in all banks
        ("lpddr5_pim", 256, 128, 256 * 128 * 2),
        ("lpddr5_pim", 256, 129, 256 * 256 * 2),
        # AiM: turns of 16 outputs a channel, each begins a row of 2 KiB
        ("gddr6_aim", 32, 1024, 32 * 2048),
        ("gddr6_aim", 33, 1025, 2 * 32 * 4096),
    ],
)
def test_a_layout_has_whole_turns_and_tiles(tmp_path, kind, outputs, inputs, room):
    net = Sketch()
    net.linear("layer", net.input("x", 1, inputs), outputs)
    chip = small_chip(tmp_path, kind, **PREFER)
    if kind != "gddr6_aim":
        chip = load_chip(tmp_path / f"{kind}_2.yaml", {"cores.pim.split": "1", "mapping.cores": "{pim: prefer}"})
    schedule = plan(net.graph(), chip)
    (found,) = schedule.residents
    assert (found.bytes, found.network_bytes, found.storage) == (room, outputs * inputs * 2, "layer.w")
    assert schedule.places["layer.w"].bytes == room


def test_nodes_with_the_same_weights_read_one_layout(tmp_path):
    net = Sketch()
    first = net.linear("first", net.input("x", 1, 256), 256)
    net.linear("second", first, 256, weight="first.w")
    schedule = plan(net.graph(), small_chip(tmp_path, "hbm_pim", **PREFER))
    assert [each.storage for each in schedule.residents] == ["first.w", "first.w"]
    assert not any(each.copied for each in schedule.residents)
    assert more_bytes(schedule.residents, "dram") == schedule.places["first.w"].bytes - 256 * 256 * 2
    assert resident_words(schedule.residents) == [
        "weights of 2 nodes lie in 'dram' in the layout of pim, placed before the run: 128 KiB, 1 times what they take in the network"
    ]


@pytest.mark.parametrize("other", ["lookup", "array"])
def test_who_reads_weights_otherwise_has_the_networks(tmp_path, other):
    """Rows that are looked up, or an array: the layout is a copy beside."""
    net = Sketch()
    first = net.linear("first", net.input("x", 1, 256), 256)
    outputs = [first]
    if other == "array":
        outputs = [net.linear("second", first, 256, weight="first.w")]
    else:
        net.tensors["i"] = Tensor("i", (1,), "int32")
        net.inputs.append("i")
        outputs.append(net.node("Gather", "row", "first.w", "i"))
    rules = {**PREFER, "nodes": "{second: {core: npu}}"} if other == "array" else PREFER
    schedule = plan(net.graph(*outputs), small_chip(tmp_path, "hbm_pim", **rules))
    (found,) = schedule.residents
    assert found.copied
    assert found.storage == "first.w in pim as 256 x 256"
    assert schedule.places["first.w"].bytes == 256 * 256 * 2
    assert more_bytes(schedule.residents, "dram") == found.bytes
    (said,) = resident_words(schedule.residents)
    assert said.endswith("128 KiB, 1 times what they take in the network; 128 KiB are copies, as others read them too")


def test_weights_of_few_bits_lie_there_widened_and_it_is_said():
    few = [resident(node=f"n{i}", storage=f"w{i}", precision="fp16", multiplied="bf16") for i in range(4)]
    assert resident_words(few) == [
        "weights of 4 nodes lie in 'dram' in the layout of pim, placed before the run: 12 MiB, 1.5 times what they take in the network",
        "multiplied in bf16 on pim, fp16 in the network: 4 nodes, n0, n1, n2, ...",
    ]


def test_copies_count_whole_and_the_same_layout_once():
    some = [resident(), resident(node="again"), resident(node="tied", storage="t", copied=True), resident(memory="other")]
    assert [each.node for each in distinct(some)] == ["layer", "tied", "layer"]
    assert more_bytes(some, "dram") == (1 << 20) + (3 << 20)
    assert more_bytes(some, "other") == 1 << 20


@pytest.mark.parametrize("kind", KINDS)
def test_units_compute_in_the_first_rank_alone(tmp_path, kind):
    """Of a channel of two ranks, streams reach half."""
    one = small_chip(tmp_path, kind)
    assert one.cores["pim"].resident_room() == one.memories["dram"].capacity_bytes
    check_room(one, [resident(bytes=one.memories["dram"].capacity_bytes)])
    if "rank" not in one.memories["dram"].device.standard.levels:
        return
    size = one.memories["dram"].capacity_bytes
    two = load_chip(tmp_path / f"{kind}_2.yaml", {"memories.dram.ranks": "2", "memories.dram.capacity": f"{2 * size >> 20} MiB"})
    check_room(two, [resident(bytes=size)])
    message = (
        rf"memories.dram.capacity: weights of 2 nodes take {size + 64} B in the layout of pim, whose units "
        rf"reach {size} B of the memory; `mapping.cores.pim: off` does without"
    )
    with pytest.raises(InputError, match=message):
        check_room(two, [resident(bytes=size), resident(bytes=64, storage="v")])


def test_a_network_that_is_too_large_because_of_its_layout(tmp_path):
    """100,000 outputs of 1025 inputs are 205 MB, in rows of 1024 inputs 410 MB, of 512 MiB."""
    net = Sketch()
    x = net.input("x", 1, 1025)
    for name in ("one", "two"):
        net.tensors[f"{name}.w"] = Tensor(f"{name}.w", (100_000, 1025), "fp16", constant=Constant(list))
        net.node("Gemm", name, x, f"{name}.w", transB=1)
    graph = net.graph("one", "two")

    def planned(**rules):
        return plan(graph, small_chip(tmp_path, "gddr6_aim", channels=1, **rules))

    reach = r"weights of 2 nodes take 819200000 B in the layout of pim, whose units reach 536870912 B of the memory; `mapping.cores.pim: off` does without"
    with pytest.raises(InputError, match=rf"memories.dram.capacity: {reach}"):
        planned(**PREFER)
    beside = r"does not fit: its weights and feature maps need 61\d{7} B at once, the memory has 536870912 B; 204600000 B of these are the layout of pim: `mapping.cores.pim: off` does without"
    with pytest.raises(InputError, match=rf"memories.dram.capacity: the network 'sketch' {beside}"):
        planned(nodes="{two: {core: npu}}", **PREFER)
    assert planned(cores="{pim: off}").residents == ()
