"""explain: what it says adds up, and following its first hint does what it says."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace

import pytest

import simulator
from simulator.base.errors import InputError
from simulator.base.units import UNLIMITED
from simulator.experiment import screen
from simulator.experiment.explain import explain, find_layer
from simulator.experiment.whatif import Case, Change, changes, outcome_of, outcomes
from simulator.hw.chip import load_chip
from simulator.report.explain import explanation_lines, verdict
from simulator.results.explanation import Explanation, Hint
from simulator.results.result import Result
from simulator.workload.load import load_graph

CHIP = "npu/edge_npu"
#: A layer that computes, one whose weights come from DRAM, one on the vector unit.
NETWORK = """
name: three
layers:
  - {op: Conv, name: conv, input: [1, 64, 28, 28], filters: 128, kernel: [3, 3], pad: 1}
  - {op: Gelu, name: gelu}
  - {op: GlobalAveragePool, name: pool}
  - {op: Flatten, name: flat}
  - {op: Gemm, name: fc, m: 1, n: 2048, k: 128}
  - {op: Gemm, name: fc_large, m: 1, n: 2048, k: 2048}
"""
FUSED_CHIP = """
name: small
cores:
  array: {kind: systolic, rows: 8, cols: 8, clock: 1 GHz, dataflow: ws, precision: {int8: 1},
          buffers: {ifmap: sram, weight: sram, ofmap: sram, psum: acc}}
memories:
  sram: {kind: sram, capacity: 7680 B, port: unlimited, clock: 1 GHz}
  acc: {kind: sram, capacity: 16 KiB, port: unlimited, clock: 1 GHz}
  dram: {kind: bandwidth, capacity: 1 MiB, bandwidth: 1 GB/s, burst: 64 B, latency: 50 ns}
links:
  dma: {kind: dma, from: dram, to: sram, width: 32 B/cycle, clock: 1 GHz, start_cycles: 10}
"""
FUSED_NETWORK = """
name: three
layers:
  - {op: Conv, name: conv, input: [1, 8, 32, 16], filters: 32, kernel: [3, 3], pad: 1}
  - {op: Conv, name: depthwise, filters: 32, kernel: [3, 3], stride: 2, pad: 1, groups: 32}
  - {op: Conv, name: pointwise, filters: 16, kernel: [1, 1]}
"""
BOUNDS = {"conv": "compute", "fc_large": "dram", "gelu": "vector"}


@pytest.fixture
def three(tmp_path):
    path = tmp_path / "three.yaml"
    path.write_text(NETWORK)
    return path


class TestExplanation:
    @pytest.mark.parametrize("layer", BOUNDS)
    def test_the_first_hint_does_what_it_says(self, chipsim, three, layer, tmp_path):
        """The printed command is run as it stands; the layer is as fast as foretold, and faster by 5 %."""
        outcome = chipsim("explain", CHIP, three, layer, "--workers", "1", "--out", "explained")
        assert outcome.code == 0
        command = shlex.split(next(line for line in outcome.out.splitlines() if line.startswith("try: "))[5:])
        assert command[:2] == ["chipsim", "run"]
        assert "--set" in command
        chipsim(*command[1:], "--quiet", "--out", "better")
        chipsim("run", CHIP, three, "--quiet", "--out", "plain")
        better, plain = (Result.from_json(tmp_path / name) for name in ("better", "plain"))
        at = [row.node for row in plain.rows].index(layer)
        assert plain.rows[at].bound == BOUNDS[layer]

        said = json.loads((tmp_path / "explained/explain.json").read_text())["hints"][0]
        assert f"--set {said['set']}" in " ".join(command)
        before, after = ((r.rows[at].end_fs - r.rows[at].start_fs) for r in (plain, better))
        assert said["layer_fs"] == [before, after]
        assert said["latency_fs"] == [round(r.metrics.latency_s * 1e15) for r in (plain, better)]
        assert after < 0.95 * before

    def test_cycles_add_up_to_the_latency(self, three):
        for layer in ("conv", "gelu", "fc_large", "pool"):
            view = explain(CHIP, three, layer, hints=False).layer
            assert view is not None
            assert sum(view.causes_cycles.values()) == view.cycles == -(-view.latency_fs // 10**6)
            assert all(cycles >= 0 for cycles in view.causes_cycles.values())

    def test_limits_are_what_the_peak_allows(self, three):
        """128 x 784 x 576 MACs on 2048 PEs; 4 MiB of weights and their maps at 25.6 B/ns."""
        conv = explain(CHIP, three, "conv", hints=False).layer
        assert conv is not None
        assert conv.limits[0].cycles == 128 * 784 * 576 // 2048
        assert conv.limits[0].what == "57 802 752 MACs on npu, 2.048 TMAC/s".replace(
            " 802 ", "\u202f802\u202f"
        )
        assert conv.cycles >= conv.limits[0].cycles
        fc = explain(CHIP, three, "fc_large", hints=False).layer
        assert fc is not None
        (weights,) = [limit for limit in fc.limits if "dram" in limit.what]
        assert weights.cycles == -(-(2048 * 2048 + 2048) * 10 // 256)

    def test_the_network_is_explained_by_its_exposed_time(self, three):
        found = explain(CHIP, three, hints=False)
        assert found.layer is None
        assert sum(found.causes_fs.values()) == found.latency_fs
        assert sum(cost.exposed_fs for cost in found.layers) == found.latency_fs
        assert [cost.exposed_fs for cost in found.layers] == sorted(
            (cost.exposed_fs for cost in found.layers), reverse=True
        )
        for cost in found.layers:
            assert sum(cost.causes_fs.values()) == cost.exposed_fs

    def test_json_both_ways(self, three):
        found = explain(CHIP, three, "conv", overrides={"cores.vec.lanes": 32})
        again = Explanation.from_dict(json.loads(json.dumps(found.to_dict())))
        assert again == found
        assert found.hints

    def test_the_number_of_processes_changes_nothing(self, three, monkeypatch):
        chip = load_chip(CHIP)
        tried = [change for change in changes(chip) if change.path.startswith("cores.npu.")]
        case, graph = Case(CHIP, str(three), {}, None), load_graph(three)
        assert len(tried) == 3
        assert outcomes(case, graph, tried, workers=2) == outcomes(case, graph, tried)

    def test_alternatives_say_why_they_lost(self, three):
        view = explain(CHIP, three, "conv", hints=False).layer
        assert view is not None
        (task,) = view.tasks
        taken, *others = task.alternatives
        assert taken.lost == ""
        assert others
        assert all(other.lost for other in others)
        assert {name for name, *_ in task.operands} >= {"conv.out"}

    def test_it_is_exported_lazily(self):
        assert simulator.explain is explain
        assert simulator.Explanation is Explanation


class TestChanges:
    def test_every_number_of_the_file_in_the_direction_that_helps(self):
        found = {change.path: (change.before, change.after) for change in changes(load_chip(CHIP))}
        assert found["memories.dram.channels"] == ("2", "4")
        assert found["memories.dram.latency"] == ("20ns", "10ns")
        assert not {p for p in found if "refresh" in p or "row" in p.split(".")[-1] and "dram" in p}, (
            "the standard's"
        )
        assert found["links.dma.width"] == ("32B/cycle", "64B/cycle")
        assert found["links.dma.outstanding"] == ("4", "8"), "a default that the file does not state"
        assert found["cores.vec.start_cycles"] == ("8", "4")
        assert found["memories.sram.capacity"] == ("2MiB", "4MiB")
        assert not any(
            word in path for path in found for word in ("leakage", "area", "energy", "psum", "mover")
        )

    def test_what_is_unlimited_or_nothing_stays(self, tmp_path):
        """A bare array: its memory's capacity and port are unlimited."""
        chip = load_chip("npu/systolic_16x16")
        assert all(memory.capacity_bytes >= UNLIMITED for memory in chip.memories.values())
        assert [c.path for c in changes(chip)] == ["cores.array.clock", "cores.array.rows", "cores.array.cols",
                                                   "memories.sram.banks", "memories.sram.clock"]  # fmt: skip

    def test_every_change_is_one_that_the_command_line_takes(self):
        for change in changes(load_chip(CHIP)):
            assert shlex.split(change.after) == [change.after]
            built = load_chip(CHIP, {change.path: change.after})
            assert (change.path, change.after) in [(c.path, c.before) for c in changes(built)]

    def test_what_does_not_run_is_said(self, three):
        """An accumulator too small for one row of a larger array."""
        outcome = outcome_of(
            Case(CHIP, str(three), {}, None),
            load_graph(three),
            Change("memories.acc.capacity", "256KiB", "1B"),
        )
        assert "too small for node 'conv'" in outcome.refused


class TestFindLayer:
    NAMES = ("conv1", "conv10", "fc", "7")

    @pytest.mark.parametrize(
        ("asked", "index"), [("conv1", 0), ("conv10", 1), ("FC", 2), ("7", 3), ("1", 1), ("v10", 1)]
    )
    def test_by_name_number_or_part(self, asked, index):
        assert find_layer(self.NAMES, asked) == index

    @pytest.mark.parametrize(
        ("asked", "message"),
        [
            ("conv", "2 layers are meant by 'conv': conv1, conv10"),
            ("cnov1", "no layer is called 'cnov1'; did you mean 'conv1'?, or a number from 0 to 3"),
            (
                "zzz",
                "no layer is called 'zzz'; expected one of conv1, conv10, fc, 7, or a number from 0 to 3",
            ),
        ],
    )
    def test_none_or_several(self, asked, message):
        with pytest.raises(InputError) as error:
            find_layer(self.NAMES, asked)
        assert error.value.problems[0].message == message


class TestWords:
    def test_verdicts_name_what_bounds(self, three):
        said = {
            name: verdict(explain(CHIP, three, name, hints=False).layer)
            for name in ("conv", "gelu", "fc_large", "flat")
        }
        assert said["conv"].startswith("conv is bound by the array npu: 9")
        assert said["gelu"].startswith("gelu is bound by the vector unit vec: ")
        assert said["fc_large"].startswith("fc_large is bound by dram weight traffic: ")
        assert said["fc_large"].endswith("cycles wait for weights.")
        assert said["flat"] == "flat takes no time: it moves no data and computes nothing."

    def test_a_busy_memory_and_the_useful_steps_meanwhile_are_both_said(self, three):
        view = replace(
            explain(CHIP, three, "conv", hints=False).layer, bound="dram", limiter="dram", cycles=1000,
            limiter_cycles=920, causes_cycles={"compute": 585, "weight_wait": 415},
        )  # fmt: skip
        assert verdict(view) == (
            "conv is bound by dram: busy with it for 920 of its 1 000 cycles; meanwhile npu takes useful "
            "steps in 58.5 % of them."
        ).replace("1 000", "1\N{NARROW NO-BREAK SPACE}000")

    def test_nothing_that_helps_is_said_so(self, three):
        found = explain(CHIP, three, "conv", hints=False)
        useless = Hint("memories.dram.row", "2KiB", "4KiB", (10, 10), (5, 5))
        lines = explanation_lines(Explanation(**{**vars(found), "hints": (useless,)}))
        assert "  nothing: none of the 1 parameters helps by 0.1 % or more" in lines
        assert not any(line.startswith("try:") for line in lines)


class TestCommand:
    def test_shows_the_network_and_writes_what_it_shows(self, chipsim, three, files):
        outcome = chipsim("explain", CHIP, three, "--no-hints", "--out", "o")
        assert outcome.out.splitlines()[0].startswith("three on edge_npu takes ")
        assert files() == ["o/explain.json", "o/explain.txt", "three.yaml"]
        assert outcome.err == ""

    def test_progress_goes_to_stderr(self, chipsim, three):
        outcome = chipsim("explain", CHIP, three, "conv", "--json", "--workers", "1")
        assert outcome.json["layer"]["node"] == "conv"
        lines = outcome.err.splitlines()
        assert lines[0] == "tried 1/22 cores.npu.clock=2GHz"
        assert 1 <= len(lines) < 24, "not a line per change"

    def test_a_wrong_layer_exits_2(self, chipsim, three):
        outcome = chipsim("explain", CHIP, three, "cnov")
        assert outcome.code == 2
        assert (
            outcome.err == "LAYER: no layer is called 'cnov'; did you mean 'conv'?, or a number from 0 to 5\n"
        )

    def test_a_run_ends_with_the_command_that_explains_it(self, chipsim, three):
        lines = chipsim("run", CHIP, three).out.splitlines()
        (hint,) = [line for line in lines if line.startswith("hint: ")]
        assert f"`chipsim explain {CHIP} {three} fc_large` shows what would help" in hint
        assert not any("hint" in line for line in chipsim("run", CHIP, three, "--quiet").out.splitlines())

    @pytest.mark.parametrize(
        "more",
        [
            (),
            ("--stream", "3"),
            ("--set", "cores.npu.energy={mac_int8: 1 pJ}"),
            ("--set", "workload.precision=int8"),
        ],
    )
    def test_the_command_of_the_hint_is_accepted(self, chipsim, three, more):
        (hint,) = [line for line in chipsim("run", CHIP, three, *more).out.splitlines() if "hint: " in line]
        command = shlex.split(hint.split("`")[1])
        outcome = chipsim(*command[1:], "--no-hints")
        assert (outcome.code, outcome.err) == (0, "")
        assert outcome.out.startswith(f"{command[-1]} is bound by ")

    def test_quiet_prints_the_answer_without_progress(self, chipsim, three):
        asked = ("explain", CHIP, three, "conv", "--workers", "1")
        loud, quiet = (chipsim(*asked, *more) for more in ((), ("--quiet",)))
        assert quiet.err == ""
        assert quiet.out == loud.out != ""
        assert "do not follow a change" in quiet.out

    def test_changes_that_come_to_the_same_are_one(self, three):
        hints = explain(CHIP, three, "fc_large").hints
        helpful = [(hint.latency_fs, hint.layer_fs) for hint in hints if hint.gain > 0]
        assert len(helpful) == len(set(helpful))
        paths = [hint.path for hint in hints if hint.gain > 0]
        assert "memories.dram.channels" in paths


def test_progress_is_paced(monkeypatch, capsys):
    instants = iter((10.0, 11.9, 12.0, 13.0))
    monkeypatch.setattr(screen, "monotonic", lambda: next(instants))
    say = screen.paced("tried", quiet=False)
    for text in "abcd":
        say(text)
    assert capsys.readouterr().err == "tried a\ntried c\n"


def test_a_task_in_a_chain_is_not_compared_with_tilings_outside(tmp_path):
    (tmp_path / "small.yaml").write_text(FUSED_CHIP)
    (tmp_path / "three.yaml").write_text(FUSED_NETWORK)
    chained, alone = (
        explain(tmp_path / "small.yaml", tmp_path / "three.yaml", "depthwise", hints=False,
                overrides={"mapping.fuse": fuse}).layer.tasks[0] for fuse in ("auto", "off")
    )  # fmt: skip
    assert (chained.beside, chained.alternatives) == ("part of chain 1: tiled with the chain", ())
    assert alone.beside == ""
    assert alone.alternatives


def test_hints_say_what_energy_and_area_become():
    hint = Hint("cores.npu.rows", "32", "64", (100, 50), None, (2.0, 2.5), (1.0, 3.0))
    same = Hint("cores.npu.clock", "1GHz", "2GHz", (100, 60), None, (2.0, 1.9), (1.0, 1.0))
    costs = Explanation("c", "n", "chipsim run c n", 100, {"compute": 100}, (), None, (hint, same), ())
    lines = [line.split() for line in explanation_lines(costs) if line.startswith(("  change", "  --set"))]
    assert lines[0][-3:] == ["change", "energy", "area"]
    assert lines[1][-6:] == ["-50.0", "%", "+25.0", "%", "+200.0", "%"]
    without = explanation_lines(Explanation(**{**vars(costs), "hints": (same,)}))
    assert not any(line.split()[-1:] == ["area"] for line in without)
    assert Explanation.from_dict(json.loads(json.dumps(costs.to_dict()))) == costs
