"""chipsim execute: files in, a file out; wrong input is answered with the file and leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from tflite_file import convolution, write


@pytest.fixture
def network(tmp_path: Path) -> Path:
    """A convolution of 1 x 5 x 5 x 4 into 1 x 3 x 3 x 2."""
    return write(tmp_path / "conv.tflite", *convolution())


@pytest.fixture
def feeds(tmp_path: Path, rng: np.random.Generator) -> Path:
    path = tmp_path / "in.npz"
    np.savez(path, x=rng.integers(-128, 128, (3, 5, 5, 4)).astype(np.int8))
    return path


def test_outputs_are_written(chipsim, network, feeds, tmp_path):
    outcome = chipsim("execute", network, "--inputs", feeds, "--out", tmp_path / "out.npz")
    assert outcome.code == 0, outcome.err
    assert "output 'y': int8 [3, 3, 3, 2]" in outcome.out
    with np.load(tmp_path / "out.npz") as written:
        assert written.files == ["y"]
        assert written["y"].shape == (3, 3, 3, 2)
        assert np.unique(written["y"]).tolist() == [-5, 3], "these sums all leave what ReLU6 lets through"


def test_profiles_and_json(chipsim, network, feeds, tmp_path):
    arguments = ("--inputs", feeds, "--json", "--all-tensors", "--profile", "truncate", "--out")
    outcome = chipsim("execute", network, *arguments, tmp_path / "t.npz")
    document = outcome.json
    assert (document["network"], document["profile"], document["samples"]) == ("conv", "truncate", 3)
    assert document["outputs"]["y"] == {"shape": [3, 3, 3, 2], "dtype": "int8"}
    assert document["tensors"]["x"]["elements"] == 300
    chipsim("execute", network, *arguments, tmp_path / "again.npz")
    assert (tmp_path / "t.npz").read_bytes() == (tmp_path / "again.npz").read_bytes()


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("X", np.zeros((1, 5, 5, 4), np.int8), "in.npz: expected inputs 'x', got 'X'; did you mean 'x'?"),
        ("x", np.zeros((1, 5, 5, 4), np.int16), "in.npz: input 'x': expected int8, got int16"),
        ("x", np.zeros((1, 5, 4), np.int8), "in.npz: input 'x': expected shape [1, 5, 5, 4]"),
    ],
)
def test_wrong_inputs(chipsim, network, files, tmp_path, name, array, message):
    np.savez(tmp_path / "in.npz", **{name: array})
    before = files()
    outcome = chipsim("execute", network, "--inputs", tmp_path / "in.npz", "--out", "o.npz")
    assert outcome.code == 2
    assert message in outcome.err
    assert files() == before


def test_files_that_are_none(chipsim, network, tmp_path):
    (tmp_path / "text.npz").write_text("no archive")
    np.save(tmp_path / "one.npy", np.zeros(3))
    (tmp_path / "short.npz").write_bytes(b"PK\x03\x04 cut off")
    for name, message in (
        ("absent.npz", "cannot read the inputs: No such file"),
        ("text.npz", "it is none, or a damaged one"),
        ("short.npz", "it is none, or a damaged one"),
        ("one.npy", "got one array"),
    ):
        outcome = chipsim("execute", network, "--inputs", tmp_path / name, "--out", "o.npz")
        assert (outcome.code, message in outcome.err) == (2, True), outcome.err
        assert name in outcome.err


def test_an_unknown_profile(chipsim, network, feeds):
    outcome = chipsim("execute", network, "--inputs", feeds, "--out", "o.npz", "--profile", "tflite")
    assert outcome.code == 2
    assert "expected one of onnxruntime, tflite_ref" in outcome.err


def test_a_memory_that_computes(chipsim, tmp_path, rng):
    """A product of FP16 whose lanes see 2048 and then 1 twice, which FP16 loses and float32 does not."""
    weight = np.zeros((48, 3), np.float16)
    weight[[0, 16, 32], 1] = 2048, 1, 1
    half = onnx.TensorProto.FLOAT16
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["m"], "product"), helper.make_node("Relu", ["m"], ["y"])],
        "half",
        [helper.make_tensor_value_info("x", half, (1, 48))],
        [helper.make_tensor_value_info("y", half, (1, 3))],
        [numpy_helper.from_array(weight, "w")],
    )
    opsets = [helper.make_opsetid("", 21)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), tmp_path / "half.onnx")
    np.savez(tmp_path / "in.npz", x=np.ones((1, 48), np.float16))
    for profile, expected in (("hbm_pim", 2048), ("gddr6_aim", 2048), ("onnxruntime", 2050)):
        outcome = chipsim(
            "execute", "half.onnx", "--inputs", "in.npz", "--out", "y.npz", "--profile", profile, "--json"
        )
        assert outcome.code == 0, outcome.err
        assert outcome.json["profile"] == profile
        with np.load(tmp_path / "y.npz") as written:
            assert (written["y"].dtype, written["y"].tolist()) == (np.float16, [[0, expected, 0]])


def test_memories_are_listed_as_profiles(chipsim):
    listed = dict(line.split(maxsplit=1) for line in chipsim("list", "profiles").out.splitlines())
    assert listed["hbm_pim"].startswith("HBM-PIM (ISCA 2021, Hot Chips 33): products and sums rounded apart")
    assert listed["gddr6_aim"].startswith("GDDR6-AiM (ISSCC 2022; JSSC 58(1), 2023): BF16")
    assert "the bandwidth alone is published" in listed["lpddr5_pim"]


def test_such_a_network_is_timed_as_well(chipsim, network, tmp_path):
    outcome = chipsim("run", "npu/edge_npu", network, "--json", "--out", tmp_path / "out")
    assert outcome.code == 0, outcome.err
    assert outcome.json["metrics"]["macs"] == 9 * 2 * 36
