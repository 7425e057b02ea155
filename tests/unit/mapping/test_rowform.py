"""Which tasks work row by row, and which input rows their windows cover."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.hw.chip import load_chip
from simulator.mapping.rowform import RowForm, RowWindow, row_forms
from simulator.mapping.shape import input_rows
from simulator.mapping.tasks import make_tasks
from simulator.workload.graph import Graph, Node
from simulator.workload.op import OPS
from simulator.workload.tensor import Constant, Tensor
from simulator.workload.work import Contraction


def forms(*layers: tuple, shape: tuple[int, ...] = (2, 4, 9, 5), outputs: tuple[str, ...] = ()) -> list:
    """Row forms of (op, inputs, attrs) layers over an input ``x``; weights are written as shapes."""
    tensors = {"x": Tensor("x", shape, "int8")}
    nodes = []
    for i, (op, inputs, attrs) in enumerate(layers):
        names = []
        for j, one in enumerate(inputs):
            if isinstance(one, tuple):
                name = f"w{i}.{j}"
                tensors[name] = Tensor(name, one, "int8", constant=Constant(lambda: np.zeros(1)))
                one = name
            names.append(one)
        out = OPS[op].shape([tensors[name] for name in names], attrs)[0]
        tensors[f"y{i}"] = Tensor(f"y{i}", out, "int8")
        nodes.append(Node(f"n{i}", op, tuple(names), (f"y{i}",), attrs))
    last = outputs or (f"y{len(layers) - 1}",)
    graph = Graph("net", tuple(nodes), tensors, ("x",), last)
    tasks = make_tasks(graph, load_chip("npu/edge_npu"))
    return row_forms(tasks.tasks, graph, tasks.sizes)


@pytest.mark.parametrize(
    ("kernel", "stride", "pad", "dilation"),
    [(1, 1, 0, 1), (3, 1, 1, 1), (3, 2, 0, 2), (2, 3, 1, 1), (1, 3, 0, 1)],
)
def test_windows_cover_what_the_shape_says(kernel: int, stride: int, pad: int, dilation: int):
    height = 11
    rows = (height + 2 * pad - (kernel - 1) * dilation - 1) // stride + 1
    work = Contraction(k=1, c=1, oy=rows, fy=kernel, sy=stride, dy=dilation, pad_top=pad, iy=height)
    window = RowWindow(height, 1, stride, pad, (kernel - 1) * dilation + 1)
    for first in range(rows):
        for end in range(first + 1, rows + 1):
            top, bottom = input_rows(work, first, end)
            assert int(window.top(np.array(first))) == top
            assert max(int(window.bottom(np.array(end))), top + 1) == bottom
    assert int(window.bottom(np.array(0))) == 0


def test_a_convolution_a_pooling_and_a_sum_have_rows():
    conv, pool, total = forms(
        ("Conv", ("x", (6, 4, 3, 3)), {"pads": (1, 1, 1, 1), "strides": (2, 1)}),
        ("MaxPool", ("y0",), {"kernel_shape": (2, 2)}),
        ("Add", ("y1", "y1"), {}),
    )
    assert conv == RowForm(2, 5, 6 * 5, (RowWindow(9, 4 * 5, 2, 1, 3), None))
    assert pool == RowForm(2, 4, 6 * 4, (RowWindow(5, 6 * 5, 1, 0, 2),))
    assert total == RowForm(2, 4, 6 * 4, (RowWindow(4, 24), RowWindow(4, 24)))


def test_channels_beside_each_other_have_rows_and_a_broadcast_operand_is_needed_whole():
    beside, scaled = forms(("Concat", ("x", "x"), {"axis": 1}), ("Mul", ("y0", (1, 8, 1, 1)), {}))
    assert beside == RowForm(2, 9, 40, (RowWindow(9, 20), RowWindow(9, 20)))
    assert scaled == RowForm(2, 9, 40, (RowWindow(9, 40), None))


def test_rows_of_a_matrix_are_rows_of_products():
    product, active = forms(("MatMul", ("x", (5, 7)), {}), ("Sigmoid", ("y0",), {}), shape=(3, 5))
    assert product == RowForm(1, 3, 7, (RowWindow(3, 5), None))
    assert active == RowForm(1, 3, 7, (RowWindow(3, 7),))


@pytest.mark.parametrize(
    "layers",
    [
        [("GlobalAveragePool", ("x",), {})],
        [("Softmax", ("x",), {"axis": 2})],
        [("Concat", ("x", "x"), {"axis": 2})],
        [("Transpose", ("x",), {"perm": (0, 1, 3, 2)})],
        [("Conv", ("x", (6, 4, 3, 3)), {}), ("Flatten", ("y0",), {}), ("MatMul", ("y1", (126, 7)), {})],
    ],
)
def test_what_mixes_rows_has_none(layers: list):
    assert forms(*layers)[-1] is None
