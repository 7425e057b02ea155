"""Every operator of the registry keeps the contract of Op on its own examples."""

from collections import Counter

import numpy as np
import pytest

from simulator.workload.epilogue import EPILOGUES
from simulator.workload.graph import Graph, Node
from simulator.workload.op import OPS, UnknownShape, is_alias, is_modelled, work_of
from simulator.workload.ops.conversion import ELEMENT_TYPES
from simulator.workload.tensor import Tensor
from simulator.workload.work import OPERATION_CLASSES, Contraction, Elementwise, Move

EXAMPLES = [(name, example) for name in OPS.names() for example in OPS[name].EXAMPLES if example.op == name]
IDS = [f"{name}-{i}" for i, (name, _) in enumerate(EXAMPLES)]
each = pytest.mark.parametrize(("name", "example"), EXAMPLES, ids=IDS)


def graph_of(example):
    """The example as a graph of one node, its results by the operator's own rules."""
    op = OPS[example.op]
    inputs = [None if t is None else Tensor(f"{i}_{t.name}", t.shape, t.dtype, constant=t.constant)
              for i, t in enumerate(example.inputs)]  # fmt: skip
    shapes = op.shape(inputs, example.attrs)[: example.outputs]
    dtypes = op.dtypes(inputs, example.attrs, example.outputs)
    results = [
        Tensor(f"y{i}", shape, dtype) for i, (shape, dtype) in enumerate(zip(shapes, dtypes, strict=True))
    ]
    names = tuple(t.name if t else "" for t in inputs)
    node = Node("n", example.op, names, tuple(t.name for t in results), example.attrs)
    tensors = {t.name: t for t in [*inputs, *results] if t}
    return node, Graph("g", (node,), tensors, (), tuple(node.outputs))


def onnx_results(example):
    """(shapes, element types) by the onnx package; None where it has no rule."""
    import onnx
    from onnx import helper, numpy_helper

    if example.shapes is not None or not onnx.defs.has(example.op):
        return None
    numbers = {dtype: number for number, dtype in reversed(ELEMENT_TYPES.items())}
    names = ["" if t is None else f"{i}_{t.name}" for i, t in enumerate(example.inputs)]
    outputs = [f"y{i}" for i in range(example.outputs)]
    given = [(name, t) for name, t in zip(names, example.inputs, strict=True) if t is not None]
    inputs = [
        helper.make_tensor_value_info(n, numbers[t.dtype], t.shape) for n, t in given if t.constant is None
    ]
    constants = [numpy_helper.from_array(t.constant.array(), n) for n, t in given if t.constant is not None]
    results = [helper.make_empty_tensor_value_info(name) for name in outputs]
    attrs = {k: v for k, v in example.attrs.items() if not (example.op == "Split" and k == "split")}
    node = helper.make_node(example.op, names, outputs, **attrs)
    graph = helper.make_graph([node], "g", inputs, results, constants)
    model = onnx.shape_inference.infer_shapes(helper.make_model(graph), strict_mode=True, data_prop=True)
    types = [value.type.tensor_type for value in model.graph.output]
    shapes = [tuple(dim.dim_value for dim in kind.shape.dim) for kind in types]
    return shapes, [ELEMENT_TYPES[kind.elem_type] for kind in types]


def test_every_name_has_an_example():
    assert len(OPS.names()) > 150
    assert {name for name, _ in EXAMPLES} == set(OPS.names())


@pytest.mark.parametrize("name", OPS.names())
def test_is_described(name):
    assert len((OPS[name].__doc__ or "").splitlines()[0]) > 3


@each
def test_shape_rule_agrees_with_onnx(name, example):
    _, graph = graph_of(example)
    own = [graph.tensors[f"y{i}"].shape for i in range(example.outputs)]
    found = onnx_results(example)
    if found is None:
        if example.shapes is None:
            pytest.skip(f"the installed onnx does not know {name}")
        assert own == list(example.shapes)
    else:
        assert own == found[0]
        assert [graph.tensors[f"y{i}"].dtype for i in range(example.outputs)] == found[1]


@each
def test_work_is_the_closed_form(name, example):
    node, graph = graph_of(example)
    works = work_of(node, graph)
    ops = Counter()
    for work in works:
        if isinstance(work, Elementwise):
            ops.update(dict(work.ops))
    assert sum(work.macs for work in works if isinstance(work, Contraction)) == example.macs
    assert ops == Counter(example.ops)
    moves = [(work.bytes_read, work.bytes_written) for work in works if isinstance(work, Move)]
    assert moves == ([example.moved] if example.moved else [])


@each
def test_only_an_alias_is_free(name, example):
    node, graph = graph_of(example)
    assert (work_of(node, graph) == ()) == is_alias(name)
    if is_alias(name):
        assert graph.tensors["y0"].bytes == graph.operands(node)[0].bytes


@each
def test_work_is_well_formed(name, example):
    node, graph = graph_of(example)
    for work in work_of(node, graph):
        if isinstance(work, Contraction):
            assert min(work.k, work.c, work.oy, work.ox, work.fy, work.fx, work.batch, work.groups) >= 1
        else:
            assert work.split >= 1
        if isinstance(work, Elementwise):
            assert all(cls in OPERATION_CLASSES and count > 0 for cls, count in work.ops)
            assert len({cls for cls, _ in work.ops}) == len(work.ops) > 0
        if isinstance(work, Elementwise) and work.window:
            images = graph.operands(node)[0].shape[0]
            assert work.split == images * work.window.oy
            last = (work.window.oy - 1) * work.window.stride - work.window.pad
            assert last < work.window.iy, "the last window begins inside the ifmap"


@each
def test_contraction_produces_its_result(name, example):
    node, graph = graph_of(example)
    works = work_of(node, graph)
    if not isinstance(works[0] if works else None, Contraction) or name == "ConvTranspose":
        return
    last = [work for work in works if isinstance(work, Contraction)][-1]
    assert last.groups * last.M * last.N == graph.tensors["y0"].elements


@each
def test_what_keeps_values_keeps_their_type(name, example):
    _, graph = graph_of(example)
    if OPS[name].keeps_values:
        data = next(t for t in example.inputs if t is not None) if name != "OneHot" else example.inputs[2]
        assert graph.tensors["y0"].dtype == data.dtype


def test_unknown_operator_moves_its_data_and_is_known_to_have_no_model():
    tensors = {"x": Tensor("x", (4, 8), "fp16"), "y": Tensor("y", (2, 8), "fp32")}
    node = Node("n", "my.domain.Strange", ("x",), ("y",))
    graph = Graph("g", (node,), tensors, ("x",), ("y",))
    assert work_of(node, graph) == (Move(64, 64, 2),)
    assert not is_modelled("my.domain.Strange")
    assert not is_alias("my.domain.Strange")
    assert is_modelled("Conv")
    assert is_alias("Reshape")


def test_a_shape_that_only_the_run_knows_is_named():
    operands = [Tensor("x", (4, 8)), Tensor("target", (2,), "int64")]
    with pytest.raises(UnknownShape, match="value of tensor 'target', which is computed during the run"):
        OPS["Reshape"].shape(operands, {})


def test_epilogues_are_made_of_known_operations():
    for name, ops in EPILOGUES.items():
        assert ops, name
        assert all(cls in OPERATION_CLASSES and count >= 1 for cls, count in ops)


def test_narrow_weights_multiply_at_the_wider_type():
    node = Node("n", "MatMul", ("x", "w"), ("y",))
    for types, precision in (
        (("uint8", "int8"), "int8"), (("int8", "int4"), "int8"), (("fp16", "int4"), "fp16"),
        (("int16", "fp16"), "fp16"), (("fp32", "fp16"), "fp32"), (("uint4", "int4"), "int4"),
    ):  # fmt: skip
        tensors = {
            "x": Tensor("x", (4, 8), types[0]),
            "w": Tensor("w", (8, 2), types[1]),
            "y": Tensor("y", (4, 2)),
        }
        graph = Graph("g", (node,), tensors, ("x",), ("y",))
        assert work_of(node, graph)[0].precision == precision


@pytest.mark.parametrize(
    ("op", "shapes", "attrs", "message"),
    [
        ("Conv", [(1, 3, 8, 8), (4, 2, 3, 3)], {}, "3 channels and 4 filters do not fit 1 groups of 2"),
        ("Conv", [(1, 2, 2, 2), (4, 2, 3, 3)], {}, "reaches over 3 does not fit 2 elements"),
        ("MatMul", [(4, 8), (7, 2)], {}, r"cannot multiply \[4, 8\] by \[7, 2\]"),
        ("Gemm", [(4, 8), (7, 2)], {}, r"cannot multiply \[4, 8\] by \[7, 2\] as Gemm"),
        ("Add", [(4, 8), (7, 2)], {}, r"shapes \[4, 8\], \[7, 2\] do not broadcast"),
        ("Concat", [(4, 8), (7, 2)], {"axis": 0}, "differ beside axis 0"),
        ("Transpose", [(4, 8)], {"perm": (0, 0)}, r"perm \[0, 0\] is no permutation"),
        ("Reshape", [(4, 8)], {"shape": (5, 5)}, "32 elements of shape"),
        ("ReduceSum", [(4, 8)], {"axes": (5,)}, "axis 5 does not exist in a tensor of 2 dimensions"),
        ("Split", [(4, 8)], {"split": (1, 2)}, "parts .* do not add up to the 4 elements of axis 0"),
        ("Squeeze", [(4, 8)], {"axes": (0,)}, "cannot squeeze axes"),
        ("Einsum", [(4, 8)], {"equation": "ij,jk->ik"}, "names 2 operands, there are 1"),
        ("Rotate", [(2, 3, 4, 8), (2, 8)], {}, r"angles \[2, 8\] do not fit tokens and heads of \[2, 3, 4, 8\]"),
        ("CacheAppend", [(2, 9, 4), (2, 1, 5)], {}, r"rows \[2, 1, 5\] do not fit a cache of \[2, 9, 4\]"),
    ],
)  # fmt: skip
def test_operands_that_do_not_fit_are_explained(op, shapes, attrs, message):
    operands = [Tensor(f"t{i}", shape) for i, shape in enumerate(shapes)]
    with pytest.raises(ValueError, match=message):
        OPS[op].shape(operands, attrs)


def test_constants_of_examples_have_values():
    for _, example in EXAMPLES:
        for operand in example.inputs:
            if operand is not None and operand.constant is not None:
                assert np.shape(operand.constant.array()) == operand.shape
