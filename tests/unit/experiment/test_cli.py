"""The contract of the command line: verbs, flags, files, streams, exit status."""

from __future__ import annotations

import csv
import gzip
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import simulator
from simulator.base import yamlio
from simulator.experiment.experiment import Experiment
from simulator.hw.component import CORES
from simulator.results.result import Result

ROOT = Path(simulator.__file__).parent.parent
FILES = ["energy.csv", "layers.csv", "report.html", "resolved.yaml", "result.json"]
CHIP = "npu/edge_npu"
MACS = 16 * 16 * 8 * 27 + 16 * 16 * 8 * 9 + 80  # of the network of conftest


def free_batch(path: Path) -> Path:
    """A product by constant weights whose file leaves the batch open."""
    weights = numpy_helper.from_array(np.ones((4, 6), np.float32), "w")
    ifmap = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 4])
    ofmap = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 6])
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])], "free", [ifmap], [ofmap], [weights]
    )
    onnx.save(helper.make_model(graph), path)
    return path


class TestRun:
    def test_writes_its_files_below_reports(self, chipsim, tiny, files):
        outcome = chipsim("run", CHIP, tiny)
        assert outcome.code == 0
        folder = "reports/edge_npu__tiny"
        assert files() == [f"{folder}/{name}" for name in FILES] + ["tiny.yaml"]
        assert outcome.out.splitlines()[-1] == f"wrote {folder}/report.html and 4 more files"
        assert outcome.err.splitlines() == [f"planning {tiny} on {CHIP} ...", "simulating 4 tasks ..."]

    def test_the_table_numbers_layers_and_says_what_exposed_means(self, chipsim, tiny):
        lines = chipsim("run", CHIP, tiny).out.splitlines()
        assert any(line.startswith("│0 ") and "conv_0" in line for line in lines)
        meaning = "exposed: by how much the layer moves the end of the run; sums to the latency"
        assert meaning in lines, "four layers: none is marked"

    def test_the_costliest_layers_are_marked(self, chipsim):
        lines = chipsim("run", CHIP, "light_squeezenet", "--set", "workload.precision=int8").out.splitlines()
        assert sum(line.split("│")[1].rstrip().endswith("*") for line in lines if "│" in line) == 5
        assert any(line.startswith("* the 5 costliest layers; exposed: by how much") for line in lines)

    def test_shows_layers_headline_and_what_is_not_modelled(self, chipsim, tiny):
        lines = chipsim("run", CHIP, tiny).out.splitlines()
        assert lines[0].rstrip() == "tiny on edge_npu, per layer"
        for layer in ("conv_0", "conv_1", "globalaveragepool_2", "gemm_3"):
            assert any(layer in line for line in lines)
        assert any(line.startswith("not modelled:") for line in lines)

    def test_overrides_are_in_the_title_and_another_result_is_not_replaced_in_silence(self, chipsim, tiny):
        assert "replaces" not in chipsim("run", CHIP, tiny).err
        assert "replaces" not in chipsim("run", CHIP, tiny).err
        changed = chipsim("run", CHIP, tiny, "--set", "cores.npu.clock=2GHz")
        assert changed.out.splitlines()[0].rstrip() == "tiny on edge_npu · cores.npu.clock=2GHz, per layer"
        folder = Path("reports/edge_npu__tiny")
        assert f"{folder}: replaces the result of: chipsim run {CHIP} {tiny}" in changed.err.splitlines()

    def test_out_takes_any_folder(self, chipsim, tiny, files):
        assert chipsim("run", CHIP, tiny, "--out", "a/b").code == 0
        assert files()[:5] == [f"a/b/{name}" for name in FILES]

    def test_json_is_the_result_and_nothing_else(self, chipsim, tiny, tmp_path):
        outcome = chipsim("run", CHIP, tiny, "--json", "--out", "o")
        assert outcome.json == json.loads((tmp_path / "o/result.json").read_text())
        assert outcome.json["metrics"]["macs"] == MACS
        assert outcome.json["provenance"]["command"] == f"chipsim run {CHIP} {tiny}"

    def test_quiet_says_nothing(self, chipsim, tiny):
        outcome = chipsim("run", CHIP, tiny, "--quiet")
        assert (outcome.code, outcome.out, outcome.err) == (0, "", "")

    def test_files_agree_with_each_other(self, chipsim, tiny, tmp_path):
        chipsim("run", CHIP, tiny, "--quiet", "--out", "o")
        result = Result.from_json(tmp_path / "o")
        with (tmp_path / "o/layers.csv").open() as file:
            layers = list(csv.DictReader(file))
        assert [layer["node"] for layer in layers] == [row.node for row in result.rows]
        assert sum(int(layer["macs"]) for layer in layers) == result.metrics.macs == MACS
        assert sum(float(layer["exposed_us"]) for layer in layers) == pytest.approx(
            result.metrics.latency_s * 1e6
        )
        with (tmp_path / "o/energy.csv").open() as file:
            joules = sum(float(line["energy_uJ"]) for line in csv.DictReader(file)) * 1e-6
        assert joules == pytest.approx(result.metrics.energy_j)
        resolved = yamlio.load(tmp_path / "o/resolved.yaml").data
        assert resolved["chip"]["cores"]["npu"]["rows"] == 32
        assert resolved["experiment"]["precision"] == "int8"

    def test_the_same_call_writes_the_same_bytes(self, chipsim, tiny, tmp_path):
        for folder in ("one", "two"):
            chipsim("run", CHIP, tiny, "--quiet", "--out", folder)
        for name in FILES:
            assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name

    def test_set_overrides_chip_mapping_and_workload(self, chipsim, tiny):
        plain = chipsim("run", CHIP, tiny, "--json").json
        changed = chipsim(
            "run", CHIP, tiny, "--json", "--set", "cores.npu.rows=8", "--set", "chip.cores.npu.cols=8",
            "--set", "mapping.output=spill",
        ).json  # fmt: skip
        assert changed["metrics"]["peak_tops"] == plain["metrics"]["peak_tops"] * 64 / 2048
        assert (
            changed["metrics"]["traffic_bytes"]["dram"]["read"]
            > plain["metrics"]["traffic_bytes"]["dram"]["read"]
        )
        assert changed["resolved"]["chip"]["cores"]["npu"]["cols"] == 8
        assert changed["provenance"]["chip_sha256"] != plain["provenance"]["chip_sha256"]
        assert "--set mapping.output=spill" in changed["provenance"]["command"]

    def test_set_chooses_a_precision(self, chipsim, tmp_path):
        file = free_batch(tmp_path / "free.onnx")
        result = chipsim("run", CHIP, file, "--json", "--set", "workload.precision=int4").json
        assert result["precision"] == "int4"
        assert "costed as if quantized to int4" in result["assumptions"][-1]

    def test_batch_binds_a_free_dimension(self, chipsim, tmp_path):
        file = free_batch(tmp_path / "free.onnx")
        one = chipsim("run", CHIP, file, "--json").json
        five = chipsim("run", CHIP, file, "--json", "--batch", "5").json
        assert (one["metrics"]["macs"], five["metrics"]["macs"]) == (24, 120)
        assert (one["batch"], five["batch"]) == (1, 5)
        assert five["provenance"]["command"].endswith("--batch 5")
        again = chipsim("run", CHIP, file, "--json", "--set", "workload.batch=5").json
        assert again["metrics"] == five["metrics"]

    def test_plan_shows_decisions_and_writes_nothing(self, chipsim, tiny, files):
        outcome = chipsim("run", CHIP, tiny, "--plan")
        assert outcome.code == 0
        assert files() == ["tiny.yaml"]
        assert all(layer in outcome.out for layer in ("conv_0", "conv_1", "gemm_3"))
        plan = chipsim("run", CHIP, tiny, "--plan", "--json").json
        assert [record["task"] for record in plan["schedule"]][0] == "conv_0"
        assert {place["memory"] for place in plan["layout"]} == {"dram", "sram"}
        assert files() == ["tiny.yaml"]

    def test_trace_writes_a_timeline(self, chipsim, tiny, tmp_path):
        outcome = chipsim("run", CHIP, tiny, "--trace", "--out", "o")
        assert outcome.out.splitlines()[-1].startswith("wrote o/trace.json.gz; open it in")
        with gzip.open(tmp_path / "o/trace.json.gz") as file:
            events = json.load(file)["traceEvents"]
        assert {event["name"] for event in events} >= {"conv_0", "gemm_3"}

    def test_names_resolve_below_the_current_folder_first(self, chipsim, tiny, tmp_path):
        (tmp_path / "workloads").mkdir()
        tiny.rename(tmp_path / "workloads/light_resnet50.yaml")
        assert chipsim("run", CHIP, "light_resnet50", "--json").json["metrics"]["macs"] == MACS


class TestExperiment:
    @pytest.fixture
    def experiment(self, tmp_path, tiny):
        (tmp_path / "other.yaml").write_text(tiny.read_text().replace("name: tiny", "name: other"))
        path = tmp_path / "study" / "experiment.yaml"
        path.parent.mkdir()
        path.write_text(
            "chips: [npu/edge_npu, npu/systolic_16x16]\n"
            f"workloads: [{tiny}, {{network: {tmp_path / 'other.yaml'}}}]\n"
            "sweep: {edge_npu.cores.npu.rows: [16, 32]}\n"
            "seed: 7\n"
        )
        return path

    def test_every_combination_has_a_folder_and_the_index_links_them(self, chipsim, experiment, tmp_path):
        """Two rows for one chip, none for the other: (2 + 1) x 2 networks."""
        outcome = chipsim("run", experiment, "--out", "o")
        assert outcome.code == 0
        folders = sorted(path.name for path in (tmp_path / "o").iterdir() if path.is_dir())
        assert folders == [
            "edge_npu__other", "edge_npu__other_2", "edge_npu__tiny", "edge_npu__tiny_2",
            "systolic_16x16__other", "systolic_16x16__tiny",
        ]  # fmt: skip
        index = (tmp_path / "o/report.html").read_text()
        for folder in folders:
            assert sorted(path.name for path in (tmp_path / "o" / folder).iterdir()) == FILES
            assert f'href="{folder}/report.html"' in index
        progress = outcome.err.splitlines()
        assert [line.split()[0] for line in progress] == [f"{i}/6" for i in range(1, 7)]
        assert "cores.npu.rows=16" in progress[0]
        results = [Result.from_json(tmp_path / "o" / folder) for folder in folders]
        assert {result.provenance["seed"] for result in results} == {7}
        assert {result.resolved["chip"]["cores"]["npu"]["rows"] for result in results[:4]} == {16, 32}

    def test_the_folder_is_named_after_the_experiment(self, chipsim, experiment, files):
        assert chipsim("run", experiment, "--quiet").code == 0
        assert "reports/study/report.html" in files()

    def test_the_copies_of_a_cluster_can_be_swept(self, chipsim, tmp_path, tiny):
        path = tmp_path / "copies.yaml"
        path.write_text(
            f"chips: [npu/quad_npu]\nworkloads: [{tiny}]\nsweep: {{clusters.quad.count: [1, 2]}}\n"
        )
        outcome = chipsim("run", path, "--json", "--quiet", "--out", "o")
        assert outcome.code == 0, outcome.err
        one, two = (result["metrics"]["peak_tops"] for result in outcome.json)
        assert two == 2 * one

    def test_json_is_one_list(self, chipsim, experiment):
        results = chipsim("run", experiment, "--json", "--quiet").json
        assert [(r["chip"], r["network"]) for r in results] == [
            ("edge_npu", "tiny"), ("edge_npu", "tiny"), ("edge_npu", "other"), ("edge_npu", "other"),
            ("systolic_16x16", "tiny"), ("systolic_16x16", "other"),
        ]  # fmt: skip

    def test_a_point_is_what_its_own_command_gives(self, chipsim, experiment, tiny):
        """The command in the provenance repeats it."""
        point = chipsim("run", experiment, "--json", "--quiet").json[0]
        program, *arguments = point["provenance"]["command"].split()
        assert program == "chipsim"
        assert arguments == ["run", CHIP, str(tiny), "--set", "cores.npu.rows=16"]
        alone = chipsim(*arguments, "--json").json
        for part in ("metrics", "nodes", "ledger", "energy_table"):
            assert alone[part] == point[part]

    def test_one_result_has_no_index(self, chipsim, tiny, tmp_path, files):
        (tmp_path / "e.yaml").write_text(f"chips: [{CHIP}]\nworkloads: [{tiny}]\nname: alone\n")
        chipsim("run", "e.yaml", "--quiet")
        assert [name for name in files() if name.startswith("reports/")] == [
            f"reports/alone/{n}" for n in FILES
        ]

    def test_an_interruption_keeps_what_is_finished(self, chipsim, experiment, monkeypatch, tmp_path):
        whole = Experiment.results

        def interrupted(self):
            for number, result in enumerate(whole(self)):
                if number == 2:
                    raise KeyboardInterrupt
                yield result

        monkeypatch.setattr(Experiment, "results", interrupted)
        outcome = chipsim("run", experiment, "--out", "o", "--quiet")
        assert outcome.code == 130
        assert sorted(path.name for path in (tmp_path / "o").iterdir()) == [
            "edge_npu__tiny", "edge_npu__tiny_2", "report.html",
        ]  # fmt: skip


class TestGemm:
    def test_prints_cycles_traffic_and_energy(self, chipsim, files):
        outcome = chipsim("gemm", "npu/systolic_16x16", "--m", 64, "--n", 48, "--k", 40)
        assert outcome.code == 0
        assert outcome.out.splitlines()[:3] == [
            "64 x 48 x 40 int8 on systolic_16x16.array, ws",
            "  compute_cycles 990 (memory ideal), utilization 48.48 %",
            "  cycles         990 (simulated), latency 0.99 us",
        ]
        assert "  energy         incomplete (see not modelled)" in outcome.out.splitlines()
        assert files() == []

    def test_json_is_one_record_or_a_list(self, chipsim):
        size = ("--m", 64, "--n", 48, "--k", 40, "--json", "--quiet")
        one = chipsim("gemm", "npu/systolic_16x16", *size)
        assert one.json["compute_cycles"] == 990
        assert one.json["energy_complete"] is False
        assert one.err == ""
        many = chipsim("gemm", "npu/systolic_16x16", *size, "--dataflow", "ws,os,is").json
        assert {record["dataflow"]: record["compute_cycles"] for record in many} == {
            "ws": 990,
            "os": 840,
            "is": 1128,
        }

    def test_set_changes_the_array(self, chipsim):
        size = ("--m", 64, "--n", 48, "--k", 40, "--json")
        overrides = ("--set", "cores.array.rows=40", "--set", "cores.array.cols=48")
        assert (
            chipsim("gemm", "npu/systolic_16x16", *size, *overrides).json["compute_cycles"]
            == 64 + 2 * 40 + 48 - 2
        )


class TestLists:
    @pytest.mark.parametrize(
        ("what", "name"),
        [
            ("chips", "npu/edge_npu"), ("workloads", "light_resnet50"), ("cores", "systolic"),
            ("memories", "dram"),
            ("links", "dma"), ("operators", "Conv"),
        ],
    )  # fmt: skip
    def test_lists_name_and_describe(self, chipsim, what, name):
        records = chipsim("list", what, "--json").json
        (found,) = [record for record in records if record["name"] == name]
        assert found["description"]
        assert [record["name"] for record in records] == sorted(record["name"] for record in records)
        plain = chipsim("list", what).out.splitlines()
        assert len(plain) == len(records)
        assert any(line.split()[0] == name for line in plain)

    def test_own_files_are_listed_too(self, chipsim, tiny, tmp_path):
        (tmp_path / "workloads").mkdir()
        tiny.rename(tmp_path / "workloads/tiny.yaml")
        records = {
            record["name"]: record["description"] for record in chipsim("list", "workloads", "--json").json
        }
        assert records["tiny"] == "Two convolutions and a product"

    def test_an_unknown_list_is_refused(self, chipsim):
        outcome = chipsim("list", "chip")
        assert (outcome.code, outcome.out) == (2, "")
        assert "expected one of chips, workloads" in outcome.err
        assert "got 'chip'; did you mean 'chips'?" in outcome.err


class TestDescribe:
    def test_words(self, chipsim):
        out = chipsim("describe", CHIP).out
        for part in (
            "4.096 TOPS int8",
            "32 x 64",
            "25.6 GB/s",
            "off chip",
            "Balance: npu needs 160 int8 ops per byte",
        ):
            assert part in out

    def test_unknown_energies_are_named(self, chipsim):
        assert "Energy unknown: array.mac_int8" in chipsim("describe", "npu/systolic_16x16").out

    def test_json_has_every_default_and_the_overrides(self, chipsim):
        resolved = chipsim("describe", CHIP, "--json", "--set", "cores.npu.rows=8").json
        assert resolved["cores"]["npu"]["rows"] == 8
        assert resolved["cores"]["npu"]["psum"] == "32 b"
        assert resolved["links"]["dma"]["outstanding"] == 4

    @pytest.mark.parametrize(
        "chip", ["npu/edge_npu", "npu/tpu_v1", "npu/onnxim_128x128", "npu/systolic_16x16"]
    )
    def test_what_is_resolved_is_a_chip_again(self, chipsim, chip, tmp_path):
        """Every default written out, it describes the same chip."""
        resolved = chipsim("describe", chip, "--json").json
        (tmp_path / "again.yaml").write_text(json.dumps(resolved))
        assert chipsim("describe", "again.yaml", "--json").json == resolved


class TestSchema:
    def test_kinds(self, chipsim):
        lines = chipsim("schema").out.splitlines()
        assert {"  chip", "  experiment", "  mapping", "  systolic", "  dram", "  bandwidth", "  dma"} <= set(lines)

    def test_fields_have_unit_default_and_meaning(self, chipsim):
        out = chipsim("schema", "bandwidth").out
        for words in (("bandwidth", "B/s", "required"), ("burst", "B", "64 B"), ("latency", "s", "0")):
            (line,) = [line for line in out.splitlines() if line.startswith("│") and words[0] == line[1:].split(" ")[0]]
            assert all(word in line for word in words), line

    def test_json_schema_accepts_the_chips_that_ship(self, chipsim):
        """As far as keys go: every key of every shipped chip is in the schema of its kind."""
        schema = chipsim("schema", "--json").json
        for path in sorted((ROOT / "hwconfigs").rglob("*.yaml")):
            data = yamlio.load(path).data
            if "cores" not in data:
                continue
            assert set(data) <= set(schema["chip"]["properties"])
            for family in ("cores", "memories", "links"):
                for fields in data.get(family, {}).values():
                    assert set(fields) <= set(schema[fields["kind"]]["properties"]), path

    def test_an_unknown_kind_is_refused(self, chipsim):
        outcome = chipsim("schema", "systolik")
        assert outcome.code == 2
        assert "got 'systolik'; did you mean 'systolic'?" in outcome.err


class TestDoctor:
    def test_finds_everything_in_order(self, chipsim):
        outcome = chipsim("doctor")
        assert outcome.code == 0
        assert all(line.startswith("ok  ") for line in outcome.out.splitlines())
        checks = chipsim("doctor", "--json").json
        assert {"Python", "packages", "chips", "networks", "kernels", "simulation"} <= {
            c["name"] for c in checks
        }
        assert all(check["ok"] for check in checks)

    def test_a_failed_check_says_what_to_do_and_exits_1(self, chipsim, monkeypatch):
        monkeypatch.setattr("simulator.experiment.doctor._simulation", lambda: 1 / 0)
        outcome = chipsim("doctor")
        assert outcome.code == 1
        lines = outcome.out.splitlines()
        at = next(i for i, line in enumerate(lines) if line.startswith("FAIL"))
        assert lines[at] == "FAIL simulation: ZeroDivisionError: division by zero"
        assert lines[at + 1].strip() == "report this with the message"


PLUGIN = '''
from simulator.hw.component import CORES
from simulator.hw.cores.vector import Vector

@CORES.register("scalar")
class Scalar(Vector):
    """One lane, registered from outside."""
'''


class TestPlugin:
    @pytest.fixture
    def chip(self, tmp_path, monkeypatch):
        """A chip with a core of a kind that only the module ``scalar_plugin`` knows."""
        CORES.names()
        monkeypatch.setattr(CORES, "_entries", dict(CORES._entries))
        monkeypatch.syspath_prepend(tmp_path)
        (tmp_path / "scalar_plugin.py").write_text(PLUGIN)
        path = tmp_path / "scalar_chip.yaml"
        path.write_text(
            "name: scalar_chip\n"
            "cores: {one: {kind: scalar, lanes: 1, clock: 1 GHz, buffers: {data: sram}}}\n"
            "memories: {sram: {kind: sram, capacity: unlimited, port: unlimited, clock: 1 GHz}}\n"
        )
        yield path
        sys.modules.pop("scalar_plugin", None)

    def test_a_kind_of_ones_own_runs(self, chipsim, chip, tiny):
        result = chipsim("run", chip, tiny, "--plugin", "scalar_plugin", "--json").json
        assert {row["core"] for row in result["nodes"]} == {"one"}
        assert result["metrics"]["latency_s"] >= MACS * 1e-9

    def test_it_is_listed_and_described(self, chipsim, chip):
        kinds = {
            r["name"]: r["description"]
            for r in chipsim("list", "cores", "--plugin", "scalar_plugin", "--json").json
        }
        assert kinds["scalar"] == "One lane, registered from outside."
        assert "lanes" in chipsim("schema", "scalar", "--plugin", "scalar_plugin").out

    def test_without_the_plugin_the_kind_is_unknown(self, chipsim, chip, tiny):
        outcome = chipsim("run", chip, tiny)
        assert outcome.code == 2
        assert "cores.one.kind: unknown kind 'scalar', expected one of" in outcome.err

    def test_a_module_that_is_not_there_is_an_error_of_the_user(self, chipsim):
        outcome = chipsim("list", "cores", "--plugin", "no_such_module")
        assert outcome.code == 2
        assert outcome.err.startswith("plugin no_such_module: no module 'no_such_module' on the Python path")

    def test_what_goes_wrong_inside_a_plugin_is_shown(self, chipsim, tmp_path, monkeypatch):
        monkeypatch.syspath_prepend(tmp_path)
        (tmp_path / "broken_plugin.py").write_text("import no_such_thing_either\n")
        with pytest.raises(ModuleNotFoundError, match="no_such_thing_either"):
            chipsim("list", "cores", "--plugin", "broken_plugin")


class TestTop:
    def test_version(self, chipsim):
        assert chipsim("--version").out == f"chipsim {simulator.__version__}\n"

    def test_help_names_every_verb(self, chipsim):
        out = chipsim("--help").out
        for verb in ("run", "gemm", "list", "describe", "schema", "doctor"):
            assert f"  {verb} " in out
        assert "Usage" in chipsim().out + chipsim().err

    @pytest.mark.parametrize(
        "arguments", [["fly"], ["run"], ["run", CHIP, "--fly"], ["gemm", CHIP, "--m", "x"]]
    )
    def test_a_wrong_call_exits_2(self, chipsim, arguments):
        outcome = chipsim(*arguments)
        assert outcome.code == 2
        assert outcome.out == ""
        assert "Traceback" not in outcome.err

    def test_an_interruption_exits_130(self, chipsim, monkeypatch, files):
        def interrupt(what: str):
            raise KeyboardInterrupt

        monkeypatch.setattr("simulator.experiment.catalogue.listing", interrupt)
        outcome = chipsim("list", "chips")
        assert outcome.code == 130
        assert outcome.out == ""
        assert "Traceback" not in outcome.err

    def test_a_defect_of_ours_is_not_hidden(self, chipsim, monkeypatch):
        monkeypatch.setattr("simulator.experiment.catalogue.listing", lambda what: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            chipsim("list", "chips")


class TestProcess:
    """The same from outside."""

    @staticmethod
    def start(*arguments: object, cwd: Path, **others) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "simulator", *map(str, arguments)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.Popen(
            command,
            cwd=cwd,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **others,
        )

    def test_json_on_stdout_progress_on_stderr(self, tiny, tmp_path):
        process = self.start("run", CHIP, tiny, "--json", cwd=tmp_path)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0
        assert json.loads(out)["metrics"]["macs"] == MACS
        assert err.startswith("planning")

    def test_wrong_input_exits_2_without_a_traceback(self, tmp_path):
        process = self.start("describe", CHIP, "--set", "cores.npu.rowz=1", cwd=tmp_path)
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out) == (2, "")
        assert "did you mean 'rows'?" in err
        assert "Traceback" not in err

    def test_an_interruption_by_signal_exits_130_and_keeps_what_is_finished(self, tiny, tmp_path):
        """Of a sweep of many points, interrupted after the first."""
        rows = ", ".join(map(str, range(1, 65)))
        (tmp_path / "long.yaml").write_text(
            f"name: long\nchips: [{CHIP}]\nworkloads: [{tiny}]\nsweep: {{cores.npu.rows: [{rows}]}}\n"
        )
        process = self.start("run", "long.yaml", "--out", "o", cwd=tmp_path)
        assert process.stderr is not None
        assert process.stderr.readline().startswith("1/64")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 130, err
        assert "Traceback" not in err
        kept = Result.from_json(next((tmp_path / "o").rglob("result.json")))
        assert kept.metrics.macs == MACS

    def test_a_reader_that_goes_away_is_no_error(self, tmp_path):
        """As ``chipsim list operators | head -1``."""
        process = self.start("schema", "--json", cwd=tmp_path)
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert "Traceback" not in process.stderr.read()
        process.stderr.close()
        process.wait(timeout=60)
