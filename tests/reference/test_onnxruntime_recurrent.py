"""LSTM, GRU and RNN with all their attributes against onnxruntime, where it is installed (extra ``golden``)."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from simulator.workload.execute import execute
from simulator.workload.load import load_graph

runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
T, B, SIZE, H = 5, 3, 4, 6
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
CASES = [
    ("LSTM", {}),
    ("LSTM", {"clip": 0.4}),
    ("LSTM", {"input_forget": 1}),
    ("LSTM", {"activations": ["HardSigmoid", "Softsign", "Relu"]}),
    ("LSTM", {"activations": ["HardSigmoid", "LeakyRelu", "Tanh"], "activation_alpha": [0.3, 0.2],
              "activation_beta": [0.4]}),
    ("GRU", {}),
    ("GRU", {"linear_before_reset": 1}),
    ("GRU", {"clip": 0.4}),
    ("GRU", {"activations": ["HardSigmoid", "Softsign"]}),
    ("GRU", {"activations": ["Sigmoid", "Elu"], "linear_before_reset": 1}),
    ("RNN", {}),
    ("RNN", {"clip": 0.4}),
    ("RNN", {"activations": ["Relu"]}),
    ("RNN", {"activations": ["LeakyRelu"], "activation_alpha": [0.3]}),
]  # fmt: skip


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize(("op", "attrs"), CASES)
def test_recurrent(op, attrs, direction, tmp_path):
    rng, g, d = np.random.default_rng(7), GATES[op], 1 + (direction == "bidirectional")
    attrs = {key: value * d if isinstance(value, list) else value for key, value in attrs.items()}
    shapes = {"w": (d, g * H, SIZE), "r": (d, g * H, H), "b": (d, 2 * g * H)}
    values = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    values["lengths"] = np.array([5, 2, 3], np.int32)
    feeds = {"x": rng.normal(size=(T, B, SIZE)).astype(np.float32), "h0": rng.normal(size=(d, B, H)).astype(np.float32)}
    names, outputs = ["x", "w", "r", "b", "lengths", "h0"], ["y", "yh"]
    if op == "LSTM":
        feeds["c0"] = rng.normal(size=(d, B, H)).astype(np.float32)
        values["p"] = rng.normal(size=(d, 3 * H)).astype(np.float32)
        names, outputs = [*names, "c0", *([] if "clip" in attrs else ["p"])], [*outputs, "yc"]
    node = helper.make_node(op, names, outputs, hidden_size=H, direction=direction, **attrs)
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info(name, 1, array.shape) for name, array in feeds.items()],
        [helper.make_tensor_value_info(name, 1, None) for name in outputs],
        [numpy_helper.from_array(value, name) for name, value in values.items() if name in names],
    )
    path = tmp_path / "r.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=10), path)
    found = execute(load_graph(path), feeds, "onnxruntime").outputs
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for name, expected in zip(outputs, session.run(outputs, feeds), strict=True):
        np.testing.assert_allclose(found[name], expected, rtol=1e-4, atol=1e-5, err_msg=name)
