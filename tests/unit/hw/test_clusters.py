"""Clusters: copies of components, their names, their places in messages, and what makes cores alike."""

from __future__ import annotations

import pytest

from simulator.base.errors import InputError
from simulator.hw.chip import load_chip

CHIP = """\
name: four
cores:
  npu: {kind: systolic, rows: 4, cols: 4, clock: 1 GHz, buffers: {ifmap: sram, weight: sram, psum: acc, ofmap: sram}}
  vec: {kind: vector, lanes: 8, clock: 1 GHz, buffers: {data: sram}}
memories:
  sram: {kind: sram, capacity: 64 KiB, banks: 2, port: 8 B/cycle, clock: 1 GHz}
  acc: {kind: sram, capacity: 16 KiB, banks: 2, port: 8 B/cycle, clock: 1 GHz}
  dram: {kind: bandwidth, capacity: 1 MiB, bandwidth: 8 GB/s}
links:
  dma: {kind: dma, from: dram, to: sram, width: 8 B/cycle, clock: 1 GHz, via: noc}
  noc: {kind: bus, width: 16 B/cycle, clock: 1 GHz}
"""


def load(tmp_path, clusters: str, overrides=None, chip: str = CHIP):
    file = tmp_path / "four.yaml"
    file.write_text(f"{chip}clusters: {clusters}\n")
    return load_chip(file, overrides)


def test_members_are_there_so_often_and_name_each_other(tmp_path):
    chip = load(tmp_path, "{quad: {count: 2, members: [npu, vec, acc, sram, dma]}}")
    assert list(chip.cores) == ["npu_0", "npu_1", "vec_0", "vec_1"]
    assert list(chip.memories) == ["sram_0", "sram_1", "acc_0", "acc_1", "dram"]
    assert chip.cores["npu_1"].buffers == {
        "ifmap": "sram_1",
        "weight": "sram_1",
        "psum": "acc_1",
        "ofmap": "sram_1",
    }
    assert chip.links["dma_1"].transport.inner == "sram_1"
    assert chip.links["dma_1"].transport.outer == "dram"
    assert chip.links["dma_1"].transport.via == ("noc",)


def test_what_is_no_member_is_shared(tmp_path):
    chip = load(tmp_path, "{quad: {count: 3, members: [npu, acc]}}")
    assert {core.buffers["ifmap"] for core in chip.cores.values() if core.kind == "systolic"} == {"sram"}
    assert chip.alike("npu_0") == ("npu_0", "npu_1", "npu_2")
    assert chip.alike("vec") == ("vec",)


def test_a_kind_may_be_called_like_a_member(tmp_path):
    """``kind: sram`` of the memory ``sram`` is no reference to it."""
    assert (
        load(tmp_path, "{quad: {count: 2, members: [npu, vec, acc, sram, dma]}}").memories["sram_0"].kind
        == "sram"
    )


def test_copies_share_the_ports_of_what_they_share(tmp_path):
    """2 banks of 8 B at 1 GHz are 16 GB/s; a third of it for each of three arrays; all of its own accumulator."""
    chip = load(tmp_path, "{quad: {count: 3, members: [npu, acc]}}")
    assert chip.ports("npu_1")["sram"] == pytest.approx(16e9 / 3)
    assert chip.ports("npu_1")["acc_1"] == 16e9
    assert chip.ports("vec")["sram"] == 16e9


def test_an_override_reaches_all_copies(tmp_path):
    chip = load(tmp_path, "{quad: {count: 2, members: [npu, acc]}}", {"cores.npu.rows": "8"})
    assert [core.rows for core in chip.cores.values() if core.kind == "systolic"] == [8, 8]


def test_the_resolved_chip_is_the_same_chip(tmp_path):
    from simulator.base.yamlio import dump

    chip = load(tmp_path, "{quad: {count: 2, members: [npu, vec, acc, sram, dma]}}")
    again = tmp_path / "again.yaml"
    again.write_text(dump(dict(chip.resolved)))
    assert load_chip(again).digest == chip.digest


def test_cores_of_different_size_are_not_alike(tmp_path):
    other = CHIP.replace("  vec:", "  big: {kind: systolic, rows: 8, cols: 4, clock: 1 GHz, buffers: {ifmap: sram, "
                         "weight: sram, psum: acc, ofmap: sram}}\n  vec:")  # fmt: skip
    chip = load(tmp_path, "{}", chip=other)
    assert chip.alike("npu") == ("npu",)


@pytest.mark.parametrize(
    ("clusters", "message"),
    [
        ("{q: {count: 2, members: [npv]}}", "no core, memory or link is called 'npv'; there is npu, vec, sram, acc, "
         "dram, dma, noc; did you mean 'npu'?"),
        ("{q: {count: 2, members: [npu, npu]}}", "'npu' is named twice"),
        ("{q: {count: 2, members: [npu]}, r: {count: 2, members: [npu]}}", "'npu' is in cluster 'q' already"),
        ("{q: {count: 2, members: [sram]}}", "'sram' is there in every copy of cluster 'q'; make 'vec' a member too, "
         "or name one, such as 'sram_0'"),
        ("{q: {count: 2, members: [noc]}}", "'noc' is there in every copy of cluster 'q'; make 'dma' a member too, or "
         "name one, such as 'noc_0'"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_cluster_is_said(tmp_path, clusters: str, message: str):
    with pytest.raises(InputError) as wrong:
        load(tmp_path, clusters)
    assert any(problem.message == message for problem in wrong.value.problems), str(wrong.value)
    assert all(problem.line for problem in wrong.value.problems)


def test_a_mistake_in_a_member_is_said_once_and_where_it_was_written(tmp_path):
    with pytest.raises(InputError) as wrong:
        load(tmp_path, "{quad: {count: 4, members: [npu, acc]}}", chip=CHIP.replace("rows: 4", "rovs: 4"))
    about_rows = [p for p in wrong.value.problems if "rovs" in p.path]
    assert len(about_rows) == 1
    assert about_rows[0].line == 3


def test_a_medium_of_its_own_makes_no_core_different(tmp_path):
    chip = load(tmp_path, "{quad: {count: 2, members: [npu, vec, acc, sram, dma, noc]}}")
    assert chip.links["dma_1"].transport.via == ("noc_1",)
    assert chip.alike("npu_0") == ("npu_0", "npu_1")


def test_cores_whose_memories_nothing_leads_to_share_no_work(tmp_path):
    """What lies in one's memory is out of reach of the other; accumulators hold nothing that others want."""
    lone = CHIP.replace("  dma: ", "  away: ").replace("to: sram", "to: far").replace(
        "  dram:", "  far: {kind: sram, capacity: 1 KiB, port: 8 B/cycle, clock: 1 GHz}\n  dram:")  # fmt: skip
    assert load(tmp_path, "{q: {count: 2, members: [npu, vec, acc, sram]}}", chip=lone).alike("npu_0") == (
        "npu_0",
    )
    assert len(load(tmp_path, "{q: {count: 2, members: [npu, acc]}}", chip=lone).alike("npu_0")) == 2


def test_a_cluster_without_members_is_refused(tmp_path):
    with pytest.raises(InputError, match="clusters.q.members"):
        load(tmp_path, "{q: {count: 2, members: []}}")


def test_a_count_below_one_is_refused(tmp_path):
    with pytest.raises(InputError, match="clusters.q.count"):
        load(tmp_path, "{q: {count: 0, members: [npu]}}")
