"""LSTM, GRU and RNN taken apart compute what the operator does, with as many multiply-accumulates."""

from dataclasses import replace

import numpy as np
import pytest
from graph_interpreter import Interpreter
from onnx.helper import make_node

from simulator.workload.execute import execute
from simulator.workload.frontends.onnx import load
from simulator.workload.op import work_of
from simulator.workload.work import Contraction

T, B, SIZE, H = 5, 2, 3, 4
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


def recurrent(make, rng, op, *, directions=1, bias=True, start=False, peepholes=False, outputs=None, **attrs):
    g = GATES[op]
    arrays = {
        "w": rng.standard_normal((directions, g * H, SIZE)),
        "r": rng.standard_normal((directions, g * H, H)),
    }
    inputs = {"x": [B, T, SIZE] if attrs.get("layout") else [T, B, SIZE]}
    names = ["x", "w", "r", "b" if bias else "", ""]
    if bias:
        arrays["b"] = rng.standard_normal((directions, 2 * g * H))
    if start:
        inputs["h0"] = [B, directions, H] if attrs.get("layout") else [directions, B, H]
        names.append("h0")
        if op == "LSTM":
            inputs["c0"] = inputs["h0"]
            names.append("c0")
    if peepholes:
        arrays["p"] = rng.standard_normal((directions, 3 * H))
        names += [""] * (7 - len(names)) + ["p"]
    outputs = outputs or (["y", "yh", "yc"] if op == "LSTM" else ["y", "yh"])
    arrays = {key: value.astype(np.float32) for key, value in arrays.items()}
    if directions == 2:
        attrs["direction"] = "bidirectional"
    node = make_node(op, names, outputs, "cell", hidden_size=H, **attrs)
    return make([node], inputs, [name for name in outputs if name], arrays)


@pytest.mark.parametrize(
    ("op", "more"),
    [
        ("LSTM", {}),
        ("LSTM", {"bias": False}),
        ("LSTM", {"start": True}),
        ("LSTM", {"peepholes": True}),
        ("GRU", {}),
        ("GRU", {"bias": False}),
        ("GRU", {"linear_before_reset": 1}),
        ("GRU", {"linear_before_reset": 1, "start": True}),
        ("RNN", {}),
        ("RNN", {"start": True}),
    ],
)
def test_computes_what_the_operator_does(make, same, rng, op, more):
    graph = same(recurrent(make, rng, op, **more))
    assert {node.origin for node in graph} == {"cell"}
    assert op not in {node.op for node in graph}


@pytest.mark.parametrize("op", ["LSTM", "GRU", "RNN"])
def test_both_directions(make, rng, op):
    """onnx.reference runs one direction at a time, so that the second is compared with the first reversed."""
    graph = load(recurrent(make, rng, op, directions=2, start=True))
    for name, tensor in list(graph.tensors.items()):  # both directions with the weights of the first
        if "[1]" in name and tensor.constant:
            graph.tensors[name] = replace(tensor, constant=graph.tensors[name.replace("[1]", "[0]")].constant)
    x = rng.standard_normal((T, B, SIZE)).astype(np.float32)
    starts = {name: np.zeros((2, B, H), np.float32) for name in graph.inputs[1:]}
    one = Interpreter(graph, {"x": x, **starts}).values
    other = Interpreter(graph, {"x": x[::-1], **starts}).values
    np.testing.assert_allclose(other["y"][:, 0], one["y"][::-1, 1], rtol=1e-6)
    np.testing.assert_allclose(other["yh"], one["yh"][::-1], rtol=1e-6)


def test_functions_of_an_rnn(make, rng):
    graph = load(recurrent(make, rng, "RNN", activations=["Relu"]))
    assert [node.epilogue for node in graph if node.op == "Add"] == [("relu",)] * T


@pytest.mark.parametrize("op", ["LSTM", "GRU"])
def test_backwards_is_forwards_on_reversed_input(make, rng, op):
    seed = rng.integers(1 << 30)
    forward = load(recurrent(make, np.random.default_rng(seed), op))
    reverse = load(recurrent(make, np.random.default_rng(seed), op, direction="reverse"))
    x = rng.standard_normal((T, B, SIZE)).astype(np.float32)
    one, other = Interpreter(forward, {"x": x}).values, Interpreter(reverse, {"x": x[::-1]}).values
    np.testing.assert_allclose(other["y"], one["y"][::-1], rtol=1e-6)
    np.testing.assert_allclose(other["yh"], one["yh"], rtol=1e-6)


@pytest.mark.parametrize("op", ["LSTM", "GRU", "RNN"])
def test_batch_first_is_the_same_transposed(make, rng, op):
    seed = rng.integers(1 << 30)
    time_first = load(recurrent(make, np.random.default_rng(seed), op, start=True))
    batch_first = load(recurrent(make, np.random.default_rng(seed), op, start=True, layout=1))
    feeds = {
        name: rng.standard_normal(time_first.tensors[name].shape).astype(np.float32)
        for name in time_first.inputs
    }
    one = Interpreter(time_first, feeds).values
    other = Interpreter(batch_first, {name: value.swapaxes(0, 1) for name, value in feeds.items()}).values
    np.testing.assert_allclose(other["y"], one["y"].transpose(2, 0, 1, 3), rtol=1e-6)
    np.testing.assert_allclose(other["yh"], one["yh"].swapaxes(0, 1), rtol=1e-6)


@pytest.mark.parametrize(("op", "directions"), [("LSTM", 1), ("LSTM", 2), ("GRU", 1), ("RNN", 2)])
def test_multiply_accumulates(make, rng, op, directions):
    graph = load(recurrent(make, rng, op, directions=directions))
    macs = sum(w.macs for node in graph for w in work_of(node, graph) if isinstance(w, Contraction))
    assert macs == directions * T * B * GATES[op] * H * (SIZE + H)


def test_results_that_nothing_reads_are_not_made(make, rng):
    whole = load(recurrent(make, rng, "LSTM"))
    last = load(recurrent(make, rng, "LSTM", outputs=["", "yh"]))
    assert "Concat" in {node.op for node in whole}
    assert "Concat" not in {node.op for node in last}
    assert len([node for node in last if node.op == "LSTMCell"]) == T


def test_lengths_given_at_run_time_are_an_assumption(make, rng):
    arrays = {"w": np.ones((1, 4 * H, SIZE), np.float32), "r": np.ones((1, 4 * H, H), np.float32)}
    node = make_node("LSTM", ["x", "w", "r", "", "lengths"], ["y"], hidden_size=H)
    graph = load(make([node], {"x": [T, B, SIZE], "lengths": (6, [B])}, ["y"], arrays))
    assert graph.assumptions == (
        "lengths of sequences that a recurrent network gets during the run are taken as full",
    )


@pytest.mark.parametrize(("op", "more"), [("LSTM", {}), ("GRU", {}), ("GRU", {"linear_before_reset": 1}), ("RNN", {})])
@pytest.mark.parametrize("directions", [1, 2])
def test_computed_weights_are_taken_apart_as_well(make, rng, op, more, directions):
    """Weights and biases as inputs give what the same constants give, with as many multiply-accumulates."""
    g = GATES[op]
    arrays = {
        "w": rng.standard_normal((directions, g * H, SIZE)).astype(np.float32),
        "r": rng.standard_normal((directions, g * H, H)).astype(np.float32),
        "b": rng.standard_normal((directions, 2 * g * H)).astype(np.float32),
    }
    if directions == 2:
        more = {**more, "direction": "bidirectional"}
    node = make_node(op, ["x", "w", "r", "b"], ["y", "yh"], "cell", hidden_size=H, **more)
    shapes = {name: list(array.shape) for name, array in arrays.items()}
    known = load(make([node], {"x": [T, B, SIZE]}, ["y", "yh"], arrays))
    computed = load(make([node], {"x": [T, B, SIZE], **shapes}, ["y", "yh"]))
    x = rng.standard_normal((T, B, SIZE)).astype(np.float32)
    expected = execute(known, {"x": x}, "onnxruntime", readable=True).outputs
    found = execute(computed, {"x": x, **arrays}, "onnxruntime", readable=True).outputs
    for name in ("y", "yh"):
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-5, atol=1e-6)
    macs = [sum(w.macs for n in graph for w in work_of(n, graph) if isinstance(w, Contraction)) for graph in (known, computed)]
    assert macs == [directions * T * B * g * H * (SIZE + H)] * 2


@pytest.mark.parametrize("op", ["LSTM", "GRU", "RNN"])
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
def test_shorter_sequences_are_as_if_alone(make, rng, op, direction):
    """Behind its end a sequence gives zeros; its last state is that of its end."""
    g, directions, lengths = GATES[op], 1 + (direction == "bidirectional"), np.array([5, 2], np.int32)
    arrays = {
        "w": rng.standard_normal((directions, g * H, SIZE)).astype(np.float32),
        "r": rng.standard_normal((directions, g * H, H)).astype(np.float32),
    }
    x = rng.standard_normal((T, B, SIZE)).astype(np.float32)

    def run(inputs, feeds, names, constants=()):
        node = make_node(op, names, ["y", "yh"], "cell", hidden_size=H, direction=direction)
        graph = load(make([node], inputs, ["y", "yh"], {**arrays, **dict(constants)}))
        return execute(graph, feeds, "onnxruntime", readable=True).outputs

    names = ["x", "w", "r", "", "lengths"]
    given = run({"x": [T, B, SIZE], "lengths": (6, [B])}, {"x": x, "lengths": lengths}, names)
    known = run({"x": [T, B, SIZE]}, {"x": x}, names, {"lengths": lengths}.items())
    for i, length in enumerate(lengths):
        alone = run({"x": [int(length), 1, SIZE]}, {"x": x[:length, i : i + 1]}, names[:3])
        for found in (given, known):
            np.testing.assert_allclose(found["y"][:length, :, i : i + 1], alone["y"], rtol=1e-5, atol=1e-6)
            np.testing.assert_array_equal(found["y"][length:, :, i], 0)
            np.testing.assert_allclose(found["yh"][:, i : i + 1], alone["yh"], rtol=1e-5, atol=1e-6)
