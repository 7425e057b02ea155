"""TensorFlow Lite files become graphs that keep the file's layout, scales and order; wrong ones are explained."""

from __future__ import annotations

import numpy as np
import pytest
from tflite_file import WEIGHT, Entry, Step, convolution, serialize, write

from simulator.base.errors import InputError
from simulator.workload.load import load_graph
from simulator.workload.op import work_of


def test_a_convolution(tmp_path):
    graph = load_graph(write(tmp_path / "conv.tflite", *convolution()))
    (node,) = graph.nodes
    assert (graph.name, graph.inputs, graph.outputs) == ("conv", ("x",), ("y",))
    assert (node.name, node.op, node.inputs) == ("conv_2d_0", "Conv", ("x", "w", "b"))
    assert node.epilogue == ("bias", "clip", "requant")
    assert node.attrs["clip"] == (0.0, 6.0)
    assert graph.tensors["w"].quant.scale == (0.25, 0.125)
    assert graph.tensors["w"].quant.axis == 0
    assert graph.tensors["x"].quant.zero_point == (3,)
    assert graph.tensors["x"].map_shape == (1, 4, 5, 5)
    np.testing.assert_array_equal(graph.tensors["w"].constant.array(), WEIGHT)
    (work,) = work_of(node, graph)
    assert (work.oy, work.ox, work.k, work.c, work.pad_top, work.iy) == (3, 3, 2, 4, 1, 5)
    assert work.macs == 9 * 2 * 36


def test_depthwise_weights_become_filters_of_one_channel(tmp_path):
    weight = np.arange(3 * 2 * 8).reshape(1, 3, 2, 8).astype(np.int8)
    entries = [
        Entry("x", (1, 6, 6, 4), "int8", 0.5, 0),
        Entry("w", weight.shape, "int8", [0.5] * 8, [0] * 8, 3, weight),
        Entry("y", (1, 4, 5, 8), "int8", 0.5, 0),
    ]
    options = {"Padding": 1, "StrideH": 1, "StrideW": 1, "DepthMultiplier": 2}
    step = Step("DEPTHWISE_CONV_2D", ["x", "w"], ["y"], "DepthwiseConv2DOptions", options)
    graph = load_graph(write(tmp_path / "dw.tflite", entries, [step], ["x"], ["y"]))
    node = graph.nodes[0]
    filters = graph.tensors[node.inputs[1]]
    assert (node.attrs["group"], filters.shape, filters.quant.axis) == (4, (8, 3, 2, 1), 0)
    np.testing.assert_array_equal(filters.constant.array()[5, :, :, 0], weight[0, :, :, 5])


def test_another_batch_changes_all_shapes(tmp_path):
    graph = load_graph(write(tmp_path / "conv.tflite", *convolution()), batch=7)
    assert graph.tensors["x"].shape == (7, 5, 5, 4)
    assert graph.tensors["y"].shape == (7, 3, 3, 2)
    assert graph.digest != load_graph(tmp_path / "conv.tflite").digest


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x_scale": 0.0}, r"tensor 'x': expected scales above 0, got 0"),
        ({"x_scale": float("nan")}, r"tensor 'x': expected scales above 0, got nan"),
        ({"w_scale": [0.25, -1.0]}, r"tensor 'w': expected scales above 0, got -1"),
        ({"x_zero": 200}, r"tensor 'x': expected a zero point from -128 to 127 as int8 has, got 200"),
        ({"w_scale": [0.25] * 3}, r"tensor 'w': contradictory quantization: 3 scales and 2 zero points"),
        ({"w_axis": 1}, r"tensor 'w': contradictory quantization: 2 scales along axis 1 of shape \[2, 3, 3, 4\]"),
        (
            {"b_scale": [0.125, 0.5]},
            r"node 'conv_2d_0' \(CONV_2D\): contradictory quantization: the bias has scale 0.5, "
            r"ifmap times weight 0.0625",
        ),
        ({"x_scale": None}, r"node 'conv_2d_0' \(CONV_2D\): contradictory quantization: a bias with a scale"),
        ({"y_shape": (1, 4, 3, 2)}, r"result 'y': the file states \[1, 4, 3, 2\], .* give \[1, 3, 3, 2\]"),
        ({"w_shape": (2, 3, 3, 3)}, r"tensor 'w': expected 54 bytes for shape \[2, 3, 3, 3\] of int8, got 72"),
    ],
)  # fmt: skip
def test_contradictions_are_explained(changes, message, tmp_path):
    path = write(tmp_path / "bad.tflite", *convolution(**changes))
    with pytest.raises(InputError, match=rf"bad\.tflite: .*{message}"):
        load_graph(path)


def test_an_operator_that_is_not_read_is_named(tmp_path):
    entries, _, inputs, outputs = convolution()
    path = write(tmp_path / "n.tflite", entries, [Step("BUCKETIZE", ["x"], ["y"])], inputs, outputs)
    with pytest.raises(
        InputError, match=r"node 'bucketize_0' \(BUCKETIZE\): operator BUCKETIZE is not supported"
    ):
        load_graph(path)


def test_a_view_cannot_have_another_scale(tmp_path):
    entries = [Entry("x", (1, 4), "int8", 0.5, 0), Entry("y", (2, 2), "int8", 0.25, 0)]
    step = Step("RESHAPE", ["x"], ["y"], "ReshapeOptions", {"NewShape": [2, 2]})
    path = write(tmp_path / "v.tflite", entries, [step], ["x"], ["y"])
    with pytest.raises(InputError, match="operand has scale 0.5 and zero point 0, its result scale 0.25"):
        load_graph(path)


def test_every_truncation_is_refused(tmp_path):
    """Whatever byte the file ends at, there is one message and no other error."""
    data = serialize(*convolution())
    path = tmp_path / "t.tflite"
    for length in range(len(data) - 8):  # the last 8 align the first vector and hold nothing
        path.write_bytes(data[:length])
        with pytest.raises(InputError, match=r"t\.tflite: "):
            load_graph(path)


def test_damage_is_refused_or_harmless(tmp_path, rng):
    """Bytes changed at random: a graph or a message, never another error."""
    data = serialize(*convolution())
    path, messages = tmp_path / "d.tflite", []
    for _ in range(600):
        damaged = bytearray(data)
        for place in rng.integers(8, len(data), 3):
            damaged[place] = rng.integers(256)
        path.write_bytes(damaged)
        try:
            load_graph(path)
        except InputError as error:
            messages.append(str(error))
    assert len(messages) > 100
    assert all("d.tflite" in message for message in messages)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a TensorFlow Lite file: it is empty"),
        (b"\x08\x07onnx-like", "its bytes 5 to 8 are not TFL3"),
        (b"version https://git-lfs.github.com/spec/v1", "Git LFS pointer"),
        (b"<!DOCTYPE html>", "web page"),
    ],
)
def test_what_is_no_such_file(data, message, tmp_path):
    path = tmp_path / "x.tflite"
    path.write_bytes(data)
    with pytest.raises(InputError, match=message):
        load_graph(path)


def test_axes_by_name_are_for_other_formats(tmp_path):
    path = write(tmp_path / "conv.tflite", *convolution())
    with pytest.raises(InputError, match="only batch can be set"):
        load_graph(path, dims={"height": 4})
