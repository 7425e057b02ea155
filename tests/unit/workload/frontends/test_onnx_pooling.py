"""Extents of poolings that are rounded up, which values and shapes agree on."""

import numpy as np
import pytest
from onnx.helper import make_node

from simulator.workload.execute import execute
from simulator.workload.frontends.onnx import load


@pytest.mark.parametrize("counted", [0, 1])
@pytest.mark.parametrize("op", ["AveragePool", "MaxPool"])
def test_no_window_starts_in_the_padding_at_the_end(make, op, counted):
    """Six columns and one of padding in steps of two: a fourth window would see padding alone.

    Rows -1 to 6 in windows of three: the fourth is of row 5 and padding, of which two rows are there.
    """
    attrs = {"count_include_pad": counted} if op == "AveragePool" else {}
    pool = make_node(
        op, ["x"], ["p"], "pool", kernel_shape=[3, 2], pads=[1, 0, 1, 1], strides=[2, 2], ceil_mode=1, **attrs
    )
    nodes = [pool, make_node("Sigmoid", ["p"], ["s"]), make_node("Log", ["s"], ["y"])]
    graph = load(make(nodes, {"x": [1, 1, 6, 6]}, ["p", "y"]))
    assert [graph.tensors[name].shape for name in ("p", "y")] == [(1, 1, 4, 3)] * 2
    x = np.arange(36, dtype=np.float32).reshape(1, 1, 6, 6)
    found = execute(graph, {"x": x}, "onnxruntime", readable=True).outputs
    assert found["y"].shape == (1, 1, 4, 3)
    padded = np.full((8, 6), np.nan)
    padded[1:7] = x[0, 0]
    windows = [[padded[i : i + 3, j : j + 2] for j in (0, 2, 4)] for i in (0, 2, 4, 6)]
    if op == "MaxPool":
        expected = [[np.nanmax(w) for w in row] for row in windows]
    elif counted:
        expected = [[np.nansum(w) / w.size for w in row] for row in windows]
    else:
        expected = [[np.nanmean(w) for w in row] for row in windows]
    np.testing.assert_allclose(found["p"][0, 0], expected, rtol=1e-6)
