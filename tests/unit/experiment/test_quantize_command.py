"""chipsim quantize: files in, a network out; wrong input is answered with its place and leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper


@pytest.fixture
def network(tmp_path: Path, rng: np.random.Generator) -> Path:
    """A dense layer with Relu, and one without."""
    weights = {"w1": rng.normal(size=(8, 64)), "w2": rng.normal(size=(64, 3))}
    nodes = [
        helper.make_node("Gemm", ["x", "w1"], ["h"], "first"),
        helper.make_node("Relu", ["h"], ["r"], "relu"),
        helper.make_node("Gemm", ["r", "w2"], ["y"], "last"),
    ]
    value = helper.make_tensor_value_info
    constants = [numpy_helper.from_array(each.astype(np.float32), name) for name, each in weights.items()]
    graph = helper.make_graph(nodes, "dense", [value("x", 1, ["N", 8])], [value("y", 1, None)], constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7), tmp_path / "net.onnx")
    return tmp_path / "net.onnx"


@pytest.fixture
def feeds(tmp_path: Path, rng: np.random.Generator) -> Path:
    x = rng.normal(size=(20, 8)).astype(np.float32)
    np.savez(tmp_path / "in.npz", x=x, labels=rng.integers(0, 3, 20))
    return tmp_path / "in.npz"


def test_the_table_and_the_file(chipsim, network, feeds, tmp_path):
    arguments = ("--inputs", feeds, "--out", tmp_path / "q.onnx", "--weights", "int4", "--per-channel")
    outcome = chipsim("quantize", network, *arguments)
    assert outcome.code == 0, outcome.err
    assert "dense, 20 samples, most noise first" in outcome.out
    assert "layer" in outcome.out
    assert "int4" in outcome.out
    assert "constants: 2816 bytes before, " in outcome.out
    assert "accuracy: " in outcome.out
    assert (tmp_path / "q.onnx").stat().st_size < network.stat().st_size
    outcome = chipsim("execute", tmp_path / "q.onnx", "--inputs", _without_labels(feeds), "--out", "o.npz", "--quiet")
    assert outcome.code == 0, outcome.err
    with np.load("o.npz") as written:
        assert written["y"].shape == (20, 3)


def _without_labels(path):
    with np.load(path) as arrays:
        np.savez(path.with_name("x.npz"), x=arrays["x"])
    return path.with_name("x.npz")


def test_json_quiet_and_the_same_bytes_again(chipsim, network, feeds, tmp_path):
    arguments = ("--inputs", feeds, "--method", "percentile", "--percentile", "99.5", "--symmetric")
    document = chipsim("quantize", network, *arguments, "--out", tmp_path / "q.onnx", "--json").json
    assert document["settings"]["method"] == "percentile"
    assert document["settings"]["percentile"] == 99.5
    assert [layer["node"] for layer in document["layers"]] == ["first", "last"]
    assert document["layers"][0]["zero_point"] == 0
    assert document["layers"][0]["sqnr_db"] > 15
    assert set(document["accuracy"]) == {"before", "after"}
    assert document["file_bytes"] == (tmp_path / "q.onnx").stat().st_size
    outcome = chipsim("quantize", network, *arguments, "--out", tmp_path / "again.onnx", "--quiet")
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "")
    assert (tmp_path / "q.onnx").read_bytes() == (tmp_path / "again.onnx").read_bytes()


def test_wrong_input_names_its_place(chipsim, network, feeds, files, tmp_path):
    (tmp_path / "rules.yaml").write_text("rules:\n  - {node: firs, weights: int4}\n")
    np.savez(tmp_path / "nan.npz", x=np.full((1, 8), np.nan, np.float32))
    np.savez(tmp_path / "other.npz", z=np.zeros((1, 8), np.float32))
    before = files()
    for changed, message in (
        (("--weights", "int3"), "--weights: expected one of int8, int4, int16, float, got 'int3'"),
        (("--rules", "rules.yaml"), "rules.yaml:2:6: rules.0.node: no node is named 'firs'; did you mean 'first'?"),
        (("--rules", "absent.yaml"), "absent.yaml"),
        (("--inputs", "nan.npz"), "nan.npz: input 'x': expected finite numbers, got nan at [0, 0]"),
        (("--inputs", "other.npz"), "other.npz: expected inputs 'x', got 'z'"),
        (("--inputs", "absent.npz"), "absent.npz: cannot read the inputs"),
        (("--labels", "class"), "in.npz: there is no array 'class' for the labels"),
        (("--out", network), "--out: is the network to be quantized"),
        (("--out", "q.bin"), "--out: expected a file name that ends in .onnx, got 'q.bin'"),
    ):
        arguments = {"--inputs": feeds, "--out": "q.onnx", **{changed[0]: changed[1]}}
        outcome = chipsim("quantize", network, *(part for pair in arguments.items() for part in pair))
        assert outcome.code == 2, changed
        assert message in outcome.err
        assert "Traceback" not in outcome.err
        assert files() == before


def test_a_node_that_cannot_be_executed(chipsim, feeds, tmp_path):
    value = helper.make_tensor_value_info
    nodes = [
        helper.make_node("Relu", ["x"], ["r"], "relu"),
        helper.make_node("Det", ["r"], ["z"], "det"),
    ]
    graph = helper.make_graph(nodes, "g", [value("x", 1, [1, 3, 3])], [value("z", 1, [1])])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8), tmp_path / "det.onnx")
    np.savez(tmp_path / "x.npz", x=np.zeros((1, 3, 3), np.float32))
    outcome = chipsim("quantize", tmp_path / "det.onnx", "--inputs", tmp_path / "x.npz", "--out", "q.onnx")
    assert outcome.code == 2
    assert f"{tmp_path / 'det.onnx'}: node 'det': operator Det is not supported" in outcome.err
