"""How finely operators may be cut: only between slices that do not need each other."""

import pytest

from simulator.workload.graph import Graph, Node
from simulator.workload.op import work_of
from simulator.workload.ops.reduce import leading
from simulator.workload.tensor import Tensor
from simulator.workload.work import Window


def work(op, shape, attrs=None, result=None, *more):
    tensors = [Tensor("x", shape), *more, Tensor("y", result or shape)]
    node = Node("n", op, tuple(t.name for t in tensors[:-1]), ("y",), attrs or {})
    return work_of(node, Graph("g", (node,), {t.name: t for t in tensors}, ("x",), ("y",)))[0]


@pytest.mark.parametrize(
    ("shape", "axes", "slices"),
    [
        ((2, 3, 4, 5), (2, 3), 2),  # a plane: channels lie innermost, images are independent
        ((2, 3, 4, 5), (1,), 40),  # channels: every pixel is
        ((2, 3, 4), (2,), 6),
        ((2, 3, 4), (0,), 1),
        ((2, 3, 4), (0, 1, 2), 1),
        ((2, 3, 4), (), 24),
        ((2, 3), (1,), 2),
    ],
)
def test_reductions(shape, axes, slices):
    assert leading(shape, axes) == slices


@pytest.mark.parametrize(
    ("op", "shape", "attrs", "split"),
    [
        ("Relu", (2, 3, 4), {}, 24),
        ("Softmax", (2, 3, 4), {"axis": -1}, 6),
        ("Softmax", (2, 3, 4), {"axis": 1, "coerce": 1}, 2),
        ("Softmax", (2, 8, 4, 4), {"axis": 1}, 32),
        ("LayerNormalization", (2, 3, 4), {"axis": 1}, 2),
        ("InstanceNormalization", (2, 3, 4, 4), {}, 2),
        ("LRN", (2, 3, 4, 4), {"size": 5}, 32),
        ("GlobalAveragePool", (2, 3, 4, 4), {}, 2),
        ("DynamicQuantizeLinear", (2, 3), {}, 1),
        ("CumSum", (2, 3, 4), {"axis": 1}, 2),
        ("Transpose", (2, 3, 4), {}, 6),
    ],
)
def test_slices(op, shape, attrs, split):
    assert work(op, shape, attrs).split == split


def test_pooling_is_cut_between_output_rows():
    attrs = {"kernel_shape": (3, 3), "strides": (2, 2), "dilations": (2, 1), "pads": (1, 0, 1, 0)}
    pool = work("MaxPool", (2, 4, 16, 16), attrs, (2, 4, 7, 7))
    assert pool.split == 2 * 7
    assert pool.window == Window(kernel=5, stride=2, pad=1, iy=16, oy=7)
    line = work("AveragePool", (2, 4, 16), {"kernel_shape": (4,), "strides": (4,)}, (2, 4, 4))
    assert line.window == Window(kernel=4, stride=4, pad=0, iy=16, oy=4)
    assert line.split == 8


def test_convolution_geometry():
    weight = Tensor("w", (8, 2, 3, 5))
    attrs = {"group": 2, "pads": (1, 2, 0, 3), "strides": (2, 1), "dilations": (1, 2)}
    conv = work("Conv", (3, 4, 11, 12), attrs, (3, 8, 5, 9), weight)
    expected = {
        "k": 4, "c": 2, "oy": 5, "ox": 9, "fy": 3, "fx": 5, "batch": 3, "groups": 2, "sy": 2, "sx": 1,
        "dy": 1, "dx": 2, "pad_top": 1, "pad_left": 2, "iy": 11, "ix": 12, "batched": False,
        "precision": "fp32",
    }  # fmt: skip
    assert {name: getattr(conv, name) for name in expected} == expected


def test_one_spatial_axis_is_x_and_depth_counts_as_images_and_channels():
    line = work("Conv", (3, 4, 20), {}, (3, 6, 18), Tensor("w", (6, 4, 3)))
    assert (line.oy, line.ox, line.fy, line.fx, line.iy, line.ix) == (1, 18, 1, 3, 1, 20)
    volume = work("Conv", (2, 4, 5, 6, 7), {}, (2, 6, 4, 4, 5), Tensor("w", (6, 4, 2, 3, 3)))
    assert (volume.batch, volume.c, volume.oy, volume.ox) == (2 * 4, 4 * 2, 4, 5)
    assert volume.macs == 2 * 6 * (4 * 4 * 5) * (4 * 2 * 3 * 3)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((2, 3, 8, 16), (16, 4), (1, 48, 4, 16, False)),
        ((2, 3, 8, 16), (1, 1, 16, 4), (1, 48, 4, 16, False)),
        ((2, 3, 8, 16), (2, 3, 16, 4), (6, 8, 4, 16, True)),
        ((2, 1, 8, 16), (3, 16, 4), (6, 8, 4, 16, True)),
        ((8, 16), (5, 16, 4), (5, 8, 4, 16, True)),
        ((16,), (16, 4), (1, 1, 4, 16, False)),
        ((8, 16), (16,), (1, 8, 1, 16, False)),
    ],
)
def test_matrix_products(first, second, expected):
    product = work("MatMul", first, {}, (1,), Tensor("w", second))
    assert (product.groups, product.M, product.N, product.K, product.batched) == expected
