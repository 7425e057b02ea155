"""Mixed precision by rule, and what is said about rules and inputs that are wrong."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from simulator import quantize
from simulator.base.errors import InputError


@pytest.fixture
def small(network, rng):
    """Two convolutions (the first with Relu), a mean, a dense layer, Softmax."""

    def build(b):
        b.constant(
            w1=rng.normal(size=(4, 3, 3, 3)), w2=rng.normal(size=(4, 4, 3, 3)), w3=rng.normal(size=(4, 5)),
        )  # fmt: skip
        b.add("Conv", ["x", "w1"], "conv1")
        b.add("Relu", ["conv1"], "relu1")
        b.add("Conv", ["relu1", "w2"], "conv2")
        b.add("GlobalAveragePool", ["conv2"], "mean")
        b.add("Flatten", ["mean"], "flat")
        b.add("MatMul", ["flat", "w3"], "dense")
        b.add("Softmax", ["dense"], "y", axis=1)

    return network(build)


@pytest.fixture
def feeds(rng):
    return {"x": rng.normal(size=(6, 3, 6, 6)).astype(np.float32)}


def types(made):
    return {layer.node: (layer.weights, layer.activations) for layer in made.layers}


def test_rules_by_name_and_operator(small, feeds, tmp_path):
    (tmp_path / "rules.yaml").write_text(
        "rules:\n"
        "  - {op: Conv, weights: int4}\n"
        "  - {node: conv2, activations: int16}\n"
        "  - {op: Softmax, activations: float}\n"
    )
    made = quantize(small, feeds, rules=tmp_path / "rules.yaml")
    assert types(made) == {
        "conv1": ("int4", "int8"), "conv2": ("int4", "int16"), "mean": ("", "int8"), "dense": ("int8", "int8"),
    }  # fmt: skip
    model = onnx.ModelProto.FromString(made.model)
    held = {each.name: each.data_type for each in model.graph.initializer}
    kinds = onnx.TensorProto
    assert (held["w1.q"], held["w2.q"], held["w3.q"]) == (kinds.INT4, kinds.INT4, kinds.INT8)
    assert (held["relu1.zero"], held["conv2.zero"]) == (kinds.INT8, kinds.INT16)
    assert next(node for node in model.graph.node if node.op_type == "Softmax").output == ["y"]


def test_the_later_rule_wins_and_a_node_can_be_left_alone(small, feeds, tmp_path):
    (tmp_path / "rules.yaml").write_text(
        "rules:\n  - {node: 'conv*', weights: int4}\n  - {node: conv1, weights: float, activations: float}\n"
    )
    made = quantize(small, feeds, rules=tmp_path / "rules.yaml")
    assert types(made)["conv2"] == ("int4", "int8")
    assert "conv1" not in types(made)
    first = next(n for n in onnx.ModelProto.FromString(made.model).graph.node if n.name == "conv1")
    assert first.input == ["x", "w1"]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("{nod: conv1, weights: int4}", "rules.yaml:2:6: rules.0.nod: unknown key; did you mean 'node'?"),
        ("{node: conv1, weights: int5}", "rules.yaml:2:19: rules.0.weights: expected 'int8', 'int4', 'int16' or 'float', got 'int5'"),
        ("{node: convv1, weights: int4}", "rules.yaml:2:6: rules.0.node: no node is named 'convv1'; did you mean 'conv1'?"),
        ("{op: Convv, weights: int4}", "rules.0.op: no node that is quantized is a 'Convv'; there are Conv, "),
        ("{op: Softmax, node: 'conv*', weights: int4}", "rules.0.node: no Softmax is named 'conv*'"),
        ("{node: relu1, activations: int16}", "'relu1' is computed as part of node 'conv1': name that one"),
        ("{node: conv1}", "rules.0: expected weights or activations"),
        ("{weights: int4}", "rules.0: expected node or op"),
    ],
)
def test_rules_that_are_wrong(small, feeds, tmp_path, rule, message):
    (tmp_path / "rules.yaml").write_text(f"rules:\n  - {rule}\n")
    with pytest.raises(InputError) as caught:
        quantize(small, feeds, rules=tmp_path / "rules.yaml")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"weights": "int44"}, "--weights: expected one of int8, int4, int16, float, got 'int44'; did you mean 'int4'?"),
        ({"activations": "int5"}, "--activations: expected one of"),
        ({"method": "mean"}, "--method: expected one of minmax, percentile, mse, got 'mean'"),
        ({"percentile": 0.999}, "--percentile: expected a percentage from 50 to 100, got 0.999"),
        ({"weights": "float", "activations": "float"}, "net.onnx: nothing in it is quantized"),
        ({"labels": "classes"}, "inputs: there is no array 'classes' for the labels"),
    ],
)
def test_settings_that_are_wrong(small, feeds, settings, message):
    with pytest.raises(InputError) as caught:
        quantize(small, feeds, **settings)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"X": np.zeros((1, 3, 6, 6), np.float32)}, "expected inputs 'x', got 'X'; did you mean 'x'?"),
        ({"x": np.zeros((1, 3, 6, 6))}, "input 'x': expected float32, got float64"),
        ({"x": np.zeros((2, 6, 6), np.float32)}, "input 'x': expected shape [1, 3, 6, 6], or samples of it in front"),
        ({"labels": np.zeros(5, np.int64)}, "inputs: expected a label for each of 6 samples, got 5"),
        ({"labels": np.full(6, 5)}, "inputs: expected labels from 0 to 4, got 5 to 5"),
        ({"labels": np.full(6, 0.5)}, "inputs: expected labels as whole numbers, got float64"),
    ],
)
def test_inputs_that_are_wrong(small, feeds, changed, message):
    with pytest.raises(InputError) as caught:
        quantize(small, {**feeds, **changed})
    assert message in str(caught.value)
    assert all(problem.path == "inputs" for problem in caught.value.problems)


def test_inputs_that_are_no_numbers(small, feeds):
    feeds["x"][3, 1, 2, 5] = np.nan
    with pytest.raises(InputError, match=r"input 'x': expected finite numbers, got nan at \[3, 1, 2, 5\]"):
        quantize(small, feeds)


def test_values_that_overflow(network):
    def build(b):
        b.add("Mul", ["x", "x"], "y")

    path = network(build, x=[1, 2])
    with pytest.raises(InputError, match="tensor 'y' is not finite for sample 1"), np.errstate(over="ignore"):
        quantize(path, {"x": np.array([[1, 2], [1e30, 2]], np.float32)})


def test_a_network_that_is_quantized_already(small, feeds, tmp_path):
    quantize(small, feeds).write(tmp_path / "q.onnx")
    with pytest.raises(InputError, match=r"q.onnx: expected a float network, this one is quantized already: node 'x"):
        quantize(tmp_path / "q.onnx", feeds)


def test_files_that_are_no_float_onnx(feeds, tmp_path):
    (tmp_path / "net.yaml").write_text("name: a\n")
    (tmp_path / "text.onnx").write_text("no network")
    for name, message in (("net.yaml", "got suffix '.yaml'"), ("text.onnx", "not an ONNX file")):
        with pytest.raises(InputError, match=message):
            quantize(tmp_path / name, feeds)


def test_accuracy(small, feeds):
    made = quantize(small, feeds)
    assert made.accuracy is None
    labels = np.arange(6) % 5
    assert quantize(small, {**feeds, "labels": labels}).accuracy is not None
    assert quantize(small, {**feeds, "classes": labels}, labels="classes").accuracy is not None
