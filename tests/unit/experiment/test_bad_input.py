"""Wrong input is answered with where it stands, what was expected, what came; exit 2, and nothing is left
behind.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

CHIP = "npu/edge_npu"
GOOD = """\
name: good
cores:
  npu: {kind: systolic, rows: 8, cols: 8, clock: 1 GHz, buffers: {ifmap: sram, weight: sram, psum: sram}}
memories:
  sram: {kind: sram, capacity: 64 KiB, port: 32 B/cycle, clock: 1 GHz}
  dram: {kind: bandwidth, capacity: 1 GiB, bandwidth: 10 GB/s}
links:
  dma: {kind: dma, from: dram, to: sram, width: 32 B/cycle, clock: 1 GHz}
"""


@pytest.fixture
def chip(tmp_path: Path) -> Callable[[str, str], Path]:
    """The good chip's file with one text replaced."""

    def write(old: str, new: str) -> Path:
        assert old in GOOD
        path = tmp_path / "chip.yaml"
        path.write_text(GOOD.replace(old, new))
        return path

    return write


def value(name: str, shape: Sequence[int | str]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))


def model(
    path: Path,
    nodes: Sequence[onnx.NodeProto],
    ifmap: Sequence[int | str],
    ofmap: str = "y",
    **constants: tuple[int, ...],
) -> Path:
    """An ONNX file with the input x and constants of ones."""
    held = [numpy_helper.from_array(np.ones(shape, np.float32), name) for name, shape in constants.items()]
    graph = helper.make_graph(
        nodes, "net", [value("x", ifmap)], [helper.make_empty_tensor_value_info(ofmap)], held
    )
    onnx.save(helper.make_model(graph), path)
    return path


class TestChipFile:
    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            ("rows: 8", "rowz: 8", "3:25: cores.npu.rowz: unknown key; did you mean 'rows'?"),
            ("rows: 8", "rows: 0", "3:25: cores.npu.rows: expected more than 0, got 0"),
            ("rows: 8", "rows: eight", "3:25: cores.npu.rows: expected a whole number, got 'eight'"),
            ("kind: systolic", "kind: sistolic",
             "3:9: cores.npu.kind: unknown kind 'sistolic', expected one of dot, gddr6_aim, hbm_pim, "
             "lpddr5_pim, mover, pattern_matching, spiking, systolic, vector; did you mean 'systolic'?"),
            ("clock: 1 GHz, buffers", "clock: 1 GB, buffers",
             "3:43: cores.npu.clock: expected a frequency such as '700 MHz', got '1 GB': 'GB' is none of "
             "Hz, kHz, MHz, GHz"),
            ("clock: 1 GHz, buffers", "clock: 1, buffers",
             "3:43: cores.npu.clock: expected a frequency such as '700 MHz', got 1 (a bare number)"),
            ("64 KiB", "64 KB",
             "5:22: memories.sram.capacity: expected a size such as '64 KiB', got '64 KB': KB is "
             "ambiguous, write KiB (1024 B)"),
            ("weight: sram", "weight: srm",
             "3:80: cores.npu.buffers.weight: no memory is called 'srm'; there is sram, dram; did you mean "
             "'sram'?"),
            ("weight: sram", "wieght: sram",
             "3:80: cores.npu.buffers.wieght: unknown operand; systolic has ifmap, weight, psum, ofmap; "
             "did you mean 'weight'?"),
            ("from: dram", "from: ddr",
             "8:20: links.dma.from: no memory is called 'ddr'; there is sram, dram"),
            ("memories:\n", "memories: {}\nmemory:\n", "5:1: memory: unknown key; did you mean 'memories'?"),
            ("  dram:", "  sram:", "6:3: memories.sram: duplicate key; first on line 5"),
            ("name: good\n", "", "1:1: name: missing; expected text"),
        ],
    )  # fmt: skip
    def test_is_answered_with_its_place(self, refused, chip, old, new, message):
        path = chip(old, new)
        assert f"{path}:{message}" in refused("describe", path)

    def test_all_problems_come_at_once_in_the_order_of_the_file(self, refused, tmp_path):
        text = GOOD.replace("rows: 8", "rows: 0").replace("clock: 1 GHz, buffers", "clock: 1, buffers")
        text = (
            text.replace("64 KiB", "64 KB")
            .replace("bandwidth: 10", "bandwith: 10")
            .replace("from: dram", "from: drum")
        )
        path = tmp_path / "chip.yaml"
        path.write_text(text)
        lines = refused("run", path, "light_squeezenet")
        assert [re.sub(r":\d+:\d+", "", line).split(": ")[1] for line in lines if "required" not in line] == [
            "cores.npu.rows", "cores.npu.clock", "memories.sram.capacity", "memories.dram.bandwith",
            "links.dma.from",
        ]  # fmt: skip
        assert all(line.startswith(f"{path}:") for line in lines)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("cores: [1\n", "2:1: not YAML: while parsing a flow sequence: did not find expected ',' or ']'"),
            ("cores:\n\tnpu: 1\n", "2:1: not YAML: a tab; indent with spaces"),
            ("just a text\n", "1:1: expected a mapping (key: value) at the top of the file"),
            ("a: &a [x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]\n" + "".join(
                f"{chr(99 + i)}: &{chr(99 + i)} [{', '.join(['*' + chr(98 + i)] * 9)}]\n" for i in range(8)),
             "more than 200000 values once its aliases are expanded"),
        ],
        ids=["syntax", "tab", "text", "bomb"],
    )  # fmt: skip
    def test_what_is_no_yaml_is_answered_with_its_place(self, refused, tmp_path, text, message):
        (tmp_path / "chip.yaml").write_text(text)
        assert any(message in line for line in refused("describe", "chip.yaml"))

    def test_a_missing_part_is_named(self, refused, chip):
        path = chip("sram: {kind", "sram: {use: parts/sram.yaml, kind")
        assert refused("describe", path) == [f"{path}:5:10: memories.sram.use: no file 'parts/sram.yaml'"]

    def test_a_misspelt_name_gets_a_suggestion(self, refused):
        assert refused("describe", "npu/edge_npuu") == [
            "npu/edge_npuu: no such chip: expected a path, or a name under hwconfigs/; did you mean "
            "'npu/edge_npu'?"
        ]

    def test_a_folder_is_no_chip(self, refused, tmp_path):
        (lines,) = refused("describe", tmp_path)
        assert lines.startswith(f"{tmp_path}: no such chip")


class TestSet:
    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("cores.npu.rows", "--set: expected PATH=VALUE such as cores.npu.rows=64, got 'cores.npu.rows'"),
            ("=3", "--set: expected PATH=VALUE such as cores.npu.rows=64, got '=3'"),
            ("cores.npu.rowz=3", "--set cores.npu.rowz=3: cores.npu.rowz: unknown key; did you mean 'rows'?"),
            ("cores.npuu.rows=3", "--set cores.npuu.rows=3: cores.npuu.rows: unknown key 'npuu'; did you "
                                  "mean 'npu'?"),
            ("core.npu.rows=3", "--set core.npu.rows=3: core.npu.rows: unknown key 'core'; did you mean "
                                "'cores'?"),
            ("cores.npu.rows.x=3", "--set cores.npu.rows.x=3: cores.npu.rows.x: expected a mapping to hold "
                                   "'x', got 32"),
            ("cores.npu.rows=0", "--set cores.npu.rows=0: cores.npu.rows: expected more than 0, got 0"),
            ("cores.npu.clock=5", "--set cores.npu.clock=5: cores.npu.clock: expected a frequency such as "
                                  "'700 MHz', got 5"),
            ("cores.npu.buffers.ifmap=srm",
             "--set cores.npu.buffers.ifmap=srm: cores.npu.buffers.ifmap: no memory is called 'srm'; there "
             "is sram, acc, dram"),
            ("mapping.ordr=mn", "--set mapping.ordr=mn: mapping.ordr: unknown key; did you mean 'order'?"),
            ("mapping.order=no", "--set mapping.order=no: mapping.order: expected 'auto', 'mn' or 'nm', "
                                 "got 'no'"),
            ("workload.precison=int8",
             "--set workload.precison=int8: workload.precison: unknown setting; a workload has precision, "
             "batch, dims, density, weight_density, quantize, model, phase, prompt, generate, context, weights, "
             "activations, kv, head, group, blocks, data, vectors, labels, scale, shift, learn, recognize, length, "
             "norm, mode, k, minif, maxif, epochs, knowledge, save, neurons, components, time_steps, "
             "percentile, steps, rate, seed, dt, soft_reset; "
             "did you mean 'precision'?"),
            ("workload.precision=int9", "--set workload.precision=int9: workload.precision: expected an "
                "element type (int4, "),
            ("workload.batch=none", "workload.batch: expected a whole number of at least 1, got none"),
        ],
    )  # fmt: skip
    def test_is_answered_with_the_option(self, refused, tiny, text, message):
        assert any(line.startswith(message) for line in refused("run", CHIP, tiny, "--set", text))

    def test_all_are_answered_at_once(self, refused, tiny):
        wrong = ["cores.npu.rows=0", "cores.vec.lanez=1", "memories.sram.capacity=1 KB", "links.dma.from=dam"]
        lines = refused("run", CHIP, tiny, *(part for text in wrong for part in ("--set", text)))
        assert len(lines) == 4
        for text in wrong:
            assert any(line.startswith(f"--set {text}: {text.partition('=')[0]}: ") for line in lines), text

    def test_a_node_that_the_network_lacks_is_named(self, refused, tiny):
        (line,) = refused("run", CHIP, tiny, "--set", "mapping.nodes={conv_7: {m: 1}}")
        assert "mapping.nodes.conv_7: no node of tiny is called 'conv_7'" in line

    def test_a_core_that_cannot_run_a_node_is_refused(self, refused, tiny):
        (line,) = refused("run", CHIP, tiny, "--set", "mapping.nodes={globalaveragepool_2: {core: npu}}")
        assert line.endswith(
            "mapping.nodes.globalaveragepool_2.core: core 'npu' cannot run GlobalAveragePool; cores that "
            "can: vec"
        )


class TestNetwork:
    def test_a_missing_file(self, refused):
        assert refused("run", CHIP, "resnet.onnx") == [
            "resnet.onnx: no such network: expected a path, or a name under workloads/; "
            "`chipsim list workloads` shows the names"
        ]
        (line,) = refused("run", CHIP, "light_resnet5")
        assert line.endswith("did you mean 'light_resnet50'?")

    def test_another_kind_of_file(self, refused, tmp_path):
        (tmp_path / "net.txt").write_text("x")
        assert refused("run", CHIP, "net.txt") == [
            "net.txt: expected a network file (.onnx, .tflite, .yaml, .yml), got suffix '.txt'"
        ]

    def test_a_chip_is_no_network(self, refused, chip):
        path = chip("name: good", "name: good")
        (line,) = refused("run", CHIP, path)
        assert line.startswith(f"{path}:1:1: expected a network: a mapping with 'layers'")

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"\x89PNG\r\n\x1a\n", "not an ONNX file: its 8 bytes do not parse as one"),
            (b"", "not an ONNX file, or a truncated one"),
            (b"<html>404</html>", "this is a web page: was the download link right?"),
            (
                b"version https://git-lfs.github.com/spec/v1\n",
                "this is a Git LFS pointer: `git lfs pull` fetches",
            ),
        ],
    )
    def test_what_is_no_onnx(self, refused, tmp_path, content, message):
        (tmp_path / "net.onnx").write_bytes(content)
        (line,) = refused("run", CHIP, "net.onnx")
        assert line.startswith("net.onnx: not an ONNX file")
        assert message in line

    def test_a_truncated_onnx(self, refused, tmp_path):
        """Cut at any byte, it is refused or it is another valid file; never a traceback."""
        whole = model(
            tmp_path / "whole.onnx", [helper.make_node("MatMul", ["x", "w"], ["y"])], (4, 16), w=(16, 32)
        )
        data = whole.read_bytes()
        (tmp_path / "net.onnx").write_bytes(data[: len(data) // 2])
        (line,) = refused("run", CHIP, "net.onnx")
        assert line == (
            f"net.onnx: not an ONNX file: its {len(data) // 2} bytes do not parse as one; it begins like "
            f"one: is it truncated?"
        )

    def test_a_cycle(self, refused, tmp_path):
        nodes = [
            helper.make_node("Add", ["x", "b"], ["a"], "first"),
            helper.make_node("Relu", ["a"], ["b"], "second"),
        ]
        path = model(tmp_path / "net.onnx", nodes, (2, 2), "b")
        assert refused("run", CHIP, path) == [
            f"{path}: the graph has a cycle through or before nodes 'first', 'second'"
        ]

    def test_a_tensor_that_nothing_writes(self, refused, tmp_path):
        path = model(
            tmp_path / "net.onnx", [helper.make_node("MatMul", ["x", "w"], ["y"], "product")], (2, 2)
        )
        assert refused("run", CHIP, path) == [
            f"{path}: node 'product' (MatMul) reads tensor 'w', which nothing writes"
        ]

    def test_operands_that_do_not_fit(self, refused, tmp_path):
        path = model(
            tmp_path / "net.onnx",
            [helper.make_node("MatMul", ["x", "w"], ["y"], "product")],
            (2, 5),
            w=(4, 6),
        )
        assert refused("run", CHIP, path) == [
            f"{path}: node 'product' (MatMul): cannot multiply [2, 5] by [4, 6]: the inner dimensions differ"
        ]

    @pytest.mark.parametrize("attribute", ["strides", "dilations"])
    def test_a_window_that_stands_still(self, refused, tmp_path, attribute):
        """A stride or dilation of 0 is in no valid file, and is no reason for a traceback."""
        node = helper.make_node("Conv", ["x", "w"], ["y"], "window", **{attribute: [0, 1]})
        path = model(tmp_path / "net.onnx", [node], (1, 1, 5, 5), w=(1, 1, 3, 3))
        (line,) = refused("run", CHIP, path)
        assert line.startswith(f"{path}: node 'window' (Conv): ")
        assert attribute in line

    def test_a_free_dimension_other_than_the_batch(self, refused, tmp_path):
        path = model(
            tmp_path / "net.onnx", [helper.make_node("MatMul", ["x", "w"], ["y"])], ("N", "T", 4), w=(4, 6)
        )
        assert refused("run", CHIP, path) == [
            f"{path}: input 'x' has the free dimension 'T' (axis 1); give it a value: --set "
            f"workload.dims.T=128"
        ]
        assert refused("run", CHIP, path, "--set", "workload.dims.T=0") == [
            "workload.dims.T: expected a whole number of at least 1, got 0"
        ]
        lines = refused("run", CHIP, path, "--set", "workload.dims.S=8")
        assert f"{path}: there is no free dimension 'S'; free are N, T" in lines

    def test_a_batch_where_there_is_none(self, refused, tiny):
        assert refused("run", CHIP, tiny, "--batch", "4") == [
            f"{tiny}: a list of layers states all its extents: batch and dims cannot be set"
        ]

    def test_a_layer_list_with_several_problems(self, refused, tmp_path):
        (tmp_path / "net.yaml").write_text(
            "precision: {weights: int9}\n"
            "layers:\n"
            "  - {op: Convv, input: [1, 3, 8, 8]}\n"
            "  - {op: Conv, input: [1, 3, 8, 8], filter: 8, kernel: 3}\n"
            "  - {op: Gemm, m: 0, n: 2, k: 2}\n"
        )
        lines = refused("run", CHIP, "net.yaml")
        assert [": ".join(line.split(": ")[:2]) for line in lines] == [
            "net.yaml:1:13: precision.weights", "net.yaml:3:6: layers.0.op", "net.yaml:4:37: layers.1.filter",
            "net.yaml:5:16: layers.2.m",
        ]  # fmt: skip


class TestSize:
    def test_a_buffer_too_small_for_the_smallest_tile(self, refused, tiny):
        (line,) = refused("run", CHIP, tiny, "--set", "memories.sram.capacity=64 B")
        assert re.fullmatch(
            r"--set memories\.sram\.capacity=64 B: memories\.sram\.capacity: too small for node 'conv_0': "
            r"the smallest "
            r"tile of its 256 x 8 x 27 contraction needs \d+ B of buffers there, 64 B are free; enlarge "
            r"the memory or "
            r"shrink the array",
            line,
        )

    def test_a_network_larger_than_its_memory(self, refused):
        (line,) = refused(
            "run", "npu/onnxim_128x128", "light_squeezenet", "--set", "memories.dram.capacity=1 MiB"
        )
        assert (
            "memories.dram.capacity: the network 'light_squeezenet' does not fit: its weights and feature "
            "maps need" in line
        )
        assert line.endswith("the memory has 1048576 B")

    def test_a_capacity_that_the_standard_does_not_have(self, refused):
        (line,) = refused("run", CHIP, "light_squeezenet", "--set", "memories.dram.capacity=1 MiB")
        assert line == (
            "--set memories.dram.capacity=1 MiB: memories.dram.capacity: expected a size that 2 channels of lpddr5 "
            "have: 512 MiB, 1 GiB, 2 GiB, 4 GiB, 8 GiB, 16 GiB, 32 GiB; got 1 MiB"
        )

    def test_a_product_of_nothing(self, refused):
        assert refused("gemm", CHIP, "--m", 0, "--n", -1, "--k", 3, "--dataflow", "ws,xs") == [
            "--m: expected at least 1, got 0",
            "--n: expected at least 1, got -1",
            "--dataflow: unknown dataflow 'xs', expected one of ws, os, is",
        ]

    def test_a_precision_that_no_array_has(self, refused):
        assert refused("gemm", CHIP, "--m", 8, "--n", 8, "--k", 8, "--set", "workload.precision=fp16") == [
            "workload.precision: core npu of edge_npu multiplies int8, int4, int16, not 'fp16'"
        ]


class TestExperimentFile:
    @pytest.fixture
    def experiment(self, tmp_path, tiny):
        def write(text: str) -> Path:
            path = tmp_path / "study.yaml"
            path.write_text(text.replace("TINY", str(tiny)))
            return path

        return write

    def test_a_path_that_one_chip_lacks(self, refused, experiment):
        path = experiment(
            "chips: [npu/edge_npu, npu/systolic_16x16]\nworkloads: [TINY]\nsweep:\n  cores.npu.rows: [8, "
            "16]\n"
        )
        assert refused("run", path, "--out", "o") == [
            f"{path}:4:3: sweep.cores.npu.rows: chip systolic_16x16 has no cores.npu; "
            "prefix the path by the name of the chip it is for"
        ]

    def test_a_field_that_one_chip_lacks(self, refused, experiment):
        """Lanes are a field of vector cores; nothing runs before that is known."""
        path = experiment("chips: [npu/edge_npu]\nworkloads: [TINY]\nsweep: {cores.npu.lanes: [8, 16]}\n")
        assert refused("run", path, "--out", "o") == [f"{path}:3:9: sweep.cores.npu.lanes: unknown key"]

    def test_a_value_that_cannot_be_is_found_before_anything_runs(self, refused, experiment):
        path = experiment(
            "chips: [npu/edge_npu, npu/systolic_16x16]\n"
            "workloads: [TINY]\n"
            "set: {edge_npu.memories.sram.capacity: 1 KB}\n"
            "sweep:\n"
            "  edge_npu.cores.npu.rows: [8, 0]\n"
            "  systolic_16x16.cores.array.cols: [4, x]\n"
        )
        lines = refused("run", path, "--out", "o")
        assert [line.removeprefix(f"{path}:") for line in lines] == [
            "3:7: set.edge_npu.memories.sram.capacity: expected a size such as '64 KiB', got '1 KB': KB is "
            "ambiguous, "
            "write KiB (1024 B)",
            "5:3: sweep.edge_npu.cores.npu.rows: expected more than 0, got 0",
            "6:3: sweep.systolic_16x16.cores.array.cols: expected a whole number, got 'x'",
        ]

    def test_everything_that_is_wrong_comes_at_once(self, refused, experiment):
        path = experiment(
            "chips: [npu/edge_npu]\n"
            "workloads: [TINY, no_such_net]\n"
            "sweep: {memroies.sram.capacity: [1 KiB], workload.precison: [int8], cores.npu.rows: []}\n"
            "reports: [pictres]\n"
        )
        lines = [line.removeprefix(f"{path}:") for line in refused("run", path)]
        starts = [
            "3:9: sweep.memroies.sram.capacity: expected a path that starts with one of chip, workload, "
            "mapping, ",
            "3:42: sweep.workload.precison: unknown setting of a workload, expected one of precision, "
            "batch, dims, density, weight_density, quantize, model, phase, prompt, generate, context, weights, "
            "activations, kv, head, group, blocks, data, vectors, labels, scale, shift, learn, recognize, length, "
            "norm, mode, k, minif, maxif, epochs, knowledge, save, neurons, components, time_steps, "
            "percentile, steps, rate, seed, dt, soft_reset; "
            "did you mean 'precision'?",
            "3:69: sweep.cores.npu.rows: expected at least one value",
            "2:",
            "4:11: reports.0: expected one of the reports ",
        ]
        assert len(lines) == len(starts)
        for line, start in zip(lines, starts, strict=True):
            assert line.startswith(start), line
        assert "workloads.1: no such network" in lines[3]
        assert lines[4].endswith("got 'pictres'; did you mean 'pictures'?")

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("chips: [npu/edge_npuu]\nworkloads: [TINY]\n", "1:9: chips.0: no such chip: expected a path"),
            ("chip: [npu/edge_npu]\nworkloads: [TINY]\n", "1:1: chip: unknown key; did you mean 'chips'?"),
            ("chips: []\nworkloads: [TINY]\n", "1:1: chips: "),
            ("chips: [npu/edge_npu]\nworkloads: [{network: TINY, bach: 2}]\n", "did you mean 'batch'?"),
            ("chips: [npu/edge_npu]\nworkloads: [TINY]\nsweep: {cores.npu.rows: 3}\n",
             "3:9: sweep.cores.npu.rows: expected a list, got 3"),
        ],
    )  # fmt: skip
    def test_is_answered_with_its_place(self, refused, experiment, text, message):
        path = experiment(text)
        lines = refused("run", path)
        assert any(line.startswith(f"{path}:") and message in line for line in lines), lines

    def test_a_chip_or_a_network_alone_is_no_experiment(self, refused, chip, tiny):
        path = chip("name: good", "name: good")
        assert refused("run", path) == [
            f"{path}:1:1: this is a chip; a network is missing: chipsim run CHIP NETWORK"
        ]
        assert refused("run", tiny) == [
            f"{tiny}:1:1: this is a network; a chip is missing: chipsim run CHIP NETWORK"
        ]
        assert refused("run", CHIP) == [
            f"{CHIP}: expected CHIP NETWORK, or the .yaml file of an experiment; a network is missing"
        ]

    def test_options_of_a_single_run_are_refused(self, refused, experiment):
        path = experiment("chips: [npu/edge_npu]\nworkloads: [TINY]\n")
        for option in (
            ["--set", "cores.npu.rows=8"],
            ["--batch", "2"],
            ["--plan"],
            ["--trace"],
            ["--stream", "2"],
        ):
            (line,) = refused("run", path, *option)
            assert (
                line
                == f"{path}: --set, --batch, --inputs, --golden, --profile, --stream, --plan and --trace are for CHIP NETWORK, not for an experiment"
            )


class TestOutput:
    def test_a_file_where_the_folder_should_be(self, refused, tiny):
        assert refused("run", CHIP, tiny, "--out", tiny) == [
            f"{tiny}: expected a folder for --out, this is a file"
        ]

    def test_a_failure_leaves_an_older_report_as_it_was(self, chipsim, refused, tiny, tmp_path):
        chipsim("run", CHIP, tiny, "--quiet", "--out", "o")
        before = {path.name: path.read_bytes() for path in (tmp_path / "o").iterdir()}
        refused("run", CHIP, tiny, "--out", "o", "--set", "memories.sram.capacity=64 B")
        assert {path.name: path.read_bytes() for path in (tmp_path / "o").iterdir()} == before

    def test_a_point_that_fails_is_named_and_what_is_finished_is_kept(self, chipsim, tiny, tmp_path):
        """A memory too small for one network of two is found only when that is planned."""
        (tmp_path / "wide.yaml").write_text(
            "layers:\n  - {op: Conv, input: [1, 8, 4, 4000], filters: 8, kernel: 3}\n"
        )
        (tmp_path / "study.yaml").write_text(
            f"chips: [{CHIP}]\nworkloads: [{tiny}, wide.yaml]\nset: {{memories.sram.capacity: 8 KiB}}\n"
        )
        outcome = chipsim("run", "study.yaml", "--out", "o", "--quiet")
        assert outcome.code == 2
        assert outcome.err.startswith(
            "study.yaml: run 2 of 2 (npu/edge_npu wide.yaml --set 'memories.sram.capacity=8 KiB'): "
        )
        assert "too small for node 'conv_0'" in outcome.err
        assert (tmp_path / "o" / "result.json").is_file()


def test_a_refresh_that_leaves_no_time_for_data_is_refused(refused):
    (line,) = refused(
        "describe", "npu/onnxim_128x128", "--set", "memories.dram.refresh_time=5us",
        "--set", "memories.dram.refresh_interval=3900ns",
    )  # fmt: skip
    assert line.endswith(
        "memories.dram.refresh_time: expected less than the refresh interval of 3900 ns, got 5000 ns"
    )


class TestDram:
    """What a DRAM of a standard refuses, where it stands."""

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            (["memories.dram.standard=lpdr5"],
             "memories.dram.standard: expected one of ddr3, ddr4, ddr5, gddr6, gddr6_aim, hbm2, hbm2_pim, hbm3, lpddr4, lpddr5, lpddr5_pim, got "
             "'lpdr5'; did you mean 'lpddr5'?"),
            (["memories.dram.timing.nRC=40"],
             "memories.dram.timing.nRC: expected at least nRAS 34 + nRP 15 = 49 clocks, got nRC 40"),
            (["memories.dram.timing.tRC=15"],
             "memories.dram.timing.tRC: expected a time such as '15 ns', got 15 (a bare number)"),
            (["memories.dram.timing.nRCC=40"],
             "memories.dram.timing.nRCC: lpddr5 has no timing nRCC; did you mean 'nRC'?"),
            (["memories.dram.channels=3", "memories.dram.capacity=6 GiB"],
             "memories.dram.channels: expected a power of two of channels to map addresses to, got 3"),
            (["memories.dram.mapping=RoBaRaCo"],
             "memories.dram.mapping: expected each of Ro, Ba, Ra, Co, Ch once, got 'RoBaRaCo': Ch"),
            (["memories.dram.controller.policy=frfcf"],
             "memories.dram.controller.policy: expected 'frfcfs', 'rowhit' or 'fcfs', got 'frfcf'; did you mean "
             "'frfcfs'?"),
            (["memories.dram.bandwidth=1 TB/s"],
             "memories.dram.bandwidth: expected with `model: bandwidth`; commands have the rate of their preset"),
            (["memories.dram.fold_channels=true", "memories.dram.mapping=ChRaBaRoCo"],
             "memories.dram.fold_channels: expected a mapping in which channels take turns within 16 KiB, "
             "got ChRaBaRoCo: 4 GiB"),
            (["memories.dram.fold_channels=every"], "memories.dram.fold_channels: expected true or false, got 'every'"),
        ],
    )  # fmt: skip
    def test_is_answered_with_its_place(self, refused, settings, message):
        arguments = [part for setting in settings for part in ("--set", setting)]
        (line,) = refused("describe", CHIP, *arguments)
        assert line.split(": ", 1)[1] == message
