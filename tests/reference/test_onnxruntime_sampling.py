"""Resampling of float images against onnxruntime, where it is installed (extra ``golden``)."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper, shape_inference

from simulator.workload.execute import execute
from simulator.workload.load import load_graph

runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def check(path, node, feeds, constants):
    """Execute one node here and there."""
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, array.shape) for name, array in feeds.items()
    ]
    known = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = helper.make_graph([node], "g", inputs, [helper.make_empty_tensor_value_info("y")], known)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    onnx.save(shape_inference.infer_shapes(model, data_prop=True), path)
    options = runtime.SessionOptions()
    options.log_severity_level = 4
    session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    found = execute(load_graph(path), feeds, "onnxruntime").outputs["y"]
    (expected,) = session.run(None, feeds)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=2e-4)


@quick
@given(
    seed=st.integers(0, 2**32 - 1),
    mode=st.sampled_from(["linear", "cubic"]),
    where=st.sampled_from(["half_pixel", "pytorch_half_pixel", "half_pixel_symmetric", "asymmetric",
                           "align_corners"]),
    antialias=st.integers(0, 1),
    exclude=st.integers(0, 1),
    sizes=st.tuples(st.integers(1, 20), st.integers(1, 20)),
)  # fmt: skip
def test_resize(seed, mode, where, antialias, exclude, sizes, tmp_path):
    attrs = {"mode": mode, "coordinate_transformation_mode": where, "antialias": antialias, "axes": [2, 3],
             "exclude_outside": exclude if mode == "cubic" else 0}  # fmt: skip
    x = np.random.default_rng(seed).standard_normal((2, 3, 7, 9)).astype(np.float32)
    node = helper.make_node("Resize", ["x", "", "", "sizes"], ["y"], **attrs)
    check(tmp_path / "r.onnx", node, {"x": x}, {"sizes": np.array(sizes)})


@quick
@given(
    seed=st.integers(0, 2**32 - 1),
    mode=st.sampled_from(["nearest", "linear", "cubic"]),
    padding=st.sampled_from(["zeros", "border", "reflection"]),
    corners=st.integers(0, 1),
    volume=st.booleans(),
)
def test_grid_sample(seed, mode, padding, corners, volume, tmp_path):
    rng = np.random.default_rng(seed)
    extents = (5, 6, 4) if volume and mode != "cubic" else (5, 6)
    x = rng.standard_normal((2, 3, *extents)).astype(np.float32)
    grid = rng.uniform(-1.6, 1.6, (2, *(4, 3, 7)[: len(extents)], len(extents))).astype(np.float32)
    attrs = {"mode": mode, "padding_mode": padding, "align_corners": corners}
    check(tmp_path / "g.onnx", helper.make_node("GridSample", ["x", "g"], ["y"], **attrs), {"x": x, "g": grid}, {})
