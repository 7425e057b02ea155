"""Constants fold away, every result gets its shape, and what has none is named."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx.helper import make_node

from simulator.base.errors import InputError
from simulator.workload.frontends.onnx import load
from simulator.workload.op import work_of


def problem(path, **bindings):
    with pytest.raises(InputError) as error:
        load(path, **bindings)
    return error.value.problems[0].message


def test_shapes_computed_by_the_network_fold(make, same):
    """The chain that exporters write for x.view(x.size(0), -1)."""
    nodes = [
        make_node("Shape", ["x"], ["s"]),
        make_node("Gather", ["s", "zero"], ["n"]),
        make_node("Unsqueeze", ["n", "axes"], ["u"]),
        make_node("Concat", ["u", "minus"], ["target"], axis=0),
        make_node("Reshape", ["x", "target"], ["y"]),
        make_node("Relu", ["y"], ["out"]),
    ]
    arrays = {"zero": np.array(0), "axes": np.array([0]), "minus": np.array([-1])}
    graph = same(make(nodes, {"x": ["N", 3, 4]}, ["out"], arrays), batch=2)
    assert [node.op for node in graph] == ["Reshape", "Relu"]
    assert graph.nodes[0].inputs == ("x",)
    assert graph.nodes[0].attrs["shape"] == (2, 12)


def test_what_configures_an_operator_is_no_operand(make, same):
    nodes = [
        make_node("Slice", ["x", "from", "to", "axes"], ["a"]),
        make_node("Pad", ["a", "pads"], ["b"]),
        make_node("ReduceSum", ["b", "last"], ["c"], keepdims=0),
        make_node("Expand", ["c", "shape"], ["d"]),
        make_node("TopK", ["d", "k"], ["out", "places"]),
    ]
    arrays = {
        "from": np.array([1]), "to": np.array([4]), "axes": np.array([1]),
        "pads": np.array([0, 0, 1, 1, 0, 0]), "last": np.array([-1]), "shape": np.array([2, 3, 3]),
        "k": np.array([2]),
    }  # fmt: skip
    graph = same(make(nodes, {"x": [2, 5, 3]}, ["out"], arrays))
    assert [node.inputs for node in graph] == [("x",), ("a",), ("b",), ("c",), ("d",)]
    assert graph.nodes[0].attrs == {"starts": (1,), "ends": (4,), "axes": (1,)}
    assert graph.nodes[-1].attrs["k"] == (2,)


def test_a_shape_that_only_the_run_knows_names_tensor_and_node(make):
    nodes = [make_node("Reshape", ["x", "target"], ["y"], "view")]
    path = make(nodes, {"x": [2, 6], "target": (TensorProto.INT64, [2])}, ["y"])
    expected = (
        "node 'view' (Reshape): the shape of its result 'y' is not known: it depends on the value of tensor "
        "'target', which is computed during the run"
    )
    assert problem(path) == expected


def test_an_operator_without_a_model_needs_a_stated_shape(make):
    path = make(
        [make_node("Magic", ["x"], ["y"], "m", domain="my.ops")], {"x": [2]}, ["y"], domains=["my.ops"]
    )
    assert problem(path).startswith(
        "node 'm' (my.ops.Magic): the shape of its result 'y' is not known: the operator"
    )
    typed = make(
        [make_node("Magic", ["x"], ["y"], "m", domain="my.ops")], {"x": [2]}, ["y"], domains=["my.ops"]
    )
    model = onnx.load(typed)
    model.graph.output[0].type.CopyFrom(helper.make_tensor_type_proto(TensorProto.FLOAT, [7]))
    onnx.save(model, typed)
    assert load(typed).tensors["y"].shape == (7,)


def test_operands_that_do_not_fit_are_located(make):
    path = make([make_node("MatMul", ["x", "y"], ["z"], "mm")], {"x": [2, 3], "y": [4, 5]}, ["z"])
    assert (
        problem(path) == "node 'mm' (MatMul): cannot multiply [2, 3] by [4, 5]: the inner dimensions differ"
    )


def test_a_missing_attribute_is_located(make):
    path = make([make_node("MaxPool", ["x"], ["y"], "pool")], {"x": [1, 2, 4, 4]}, ["y"])
    assert problem(path) == "node 'pool' (MaxPool): attribute 'kernel_shape' is missing"


def test_cycles_and_loose_ends(make):
    cycle = [make_node("Add", ["x", "b"], ["a"], "one"), make_node("Relu", ["a"], ["b"], "two")]
    assert (
        problem(make(cycle, {"x": [2]}, ["b"]))
        == "the graph has a cycle through or before nodes 'one', 'two'"
    )
    loose = make([make_node("Add", ["x", "nowhere"], ["a"], "one")], {"x": [2]}, ["a"])
    assert problem(loose) == "node 'one' (Add) reads tensor 'nowhere', which nothing writes"
    twice = [make_node("Relu", ["x"], ["a"], "one"), make_node("Exp", ["x"], ["a"], "two")]
    assert problem(make(twice, {"x": [2]}, ["a"])) == "tensor 'a' is written by node 'two' and by node 'one'"
    unwritten = make([make_node("Relu", ["x"], ["a"])], {"x": [2]}, ["a", "ghost"])
    assert problem(unwritten) == "result 'ghost' of the network is written by no node"


def test_nodes_in_any_order(make, same):
    nodes = [make_node("Relu", ["a"], ["out"]), make_node("MatMul", ["x", "y"], ["a"])]
    path = make(nodes, {"x": [2, 3], "y": [3, 2]}, ["out"])
    assert [node.op for node in load(path)] == ["MatMul"]


def test_a_constant_condition_takes_one_branch(make, same):
    def branch(name, op):
        out = helper.make_tensor_value_info(f"{name}_out", TensorProto.FLOAT, None)
        return helper.make_graph([make_node(op, ["a"], [f"{name}_out"], f"{name}_node")], name, [], [out])

    nodes = [
        make_node("Add", ["x", "x"], ["a"]),
        make_node(
            "If",
            ["yes"],
            ["y"],
            "choice",
            then_branch=branch("then", "Exp"),
            else_branch=branch("else", "Neg"),
        ),
    ]
    for yes, op in ((True, "Exp"), (False, "Neg")):
        graph = same(make(nodes, {"x": [2, 3]}, ["y"], {"yes": np.bool_(yes)}))
        assert [node.op for node in graph] == ["Add", op]


def test_a_condition_of_the_run_reads_what_its_branches_capture(make):
    def branch(name, op):
        out = helper.make_tensor_value_info(f"{name}_out", TensorProto.FLOAT, [2, 3])
        return helper.make_graph([make_node(op, ["a"], [f"{name}_out"])], name, [], [out])

    nodes = [
        make_node("Add", ["x", "x"], ["a"]),
        make_node(
            "If",
            ["yes"],
            ["y"],
            "choice",
            then_branch=branch("then", "Exp"),
            else_branch=branch("else", "Neg"),
        ),
    ]
    graph = load(make(nodes, {"x": [2, 3], "yes": (TensorProto.BOOL, [])}, ["y"]))
    assert [(node.op, node.inputs) for node in graph] == [("Add", ("x", "x")), ("If", ("yes", "a"))]


def test_softmax_before_opset_13_normalizes_over_all_further_axes(make, same):
    path = make([make_node("Softmax", ["x"], ["y"])], {"x": [2, 3, 4]}, ["y"], opset=9)
    (node,) = load(path).nodes
    assert node.attrs["coerce"] == 1
    assert work_of(node, load(path))[0].split == 2


def test_constant_results(make):
    nodes = [make_node("Mul", ["c", "c"], ["twice"]), make_node("Add", ["x", "x"], ["y"])]
    graph = load(make(nodes, {"x": [2]}, ["y", "twice"], {"c": np.float32([3, 4])}))
    assert graph.outputs == ("y", "twice")
    assert graph.tensors["twice"].constant.array().tolist() == [9, 16]


def test_constant_nodes_of_every_kind(make, same):
    nodes = [
        make_node("Constant", [], ["a"], value_float=2.0),
        make_node("Constant", [], ["b"], value_floats=[1.0, 2.0, 3.0]),
        make_node("Constant", [], ["c"], value_ints=[1, -1]),
        make_node("Reshape", ["x", "c"], ["d"]),
        make_node("Pow", ["d", "a"], ["e"]),
        make_node("Sub", ["e", "b"], ["y"]),
    ]
    assert same(make(nodes, {"x": [3]}, ["y"])).tensors["y"].shape == (1, 3)


def test_an_input_that_is_no_tensor(make):
    path = make([make_node("SequenceAt", ["x", "i"], ["y"])], {"i": (TensorProto.INT64, [])}, ["y"])
    model = onnx.load(path)
    model.graph.input.append(helper.make_tensor_sequence_value_info("x", TensorProto.FLOAT, [2]))
    onnx.save(model, path)
    assert problem(path) == "input 'x' has no shape in the file: it must be a tensor of known rank"


def test_factors_of_a_gemm_join_its_constants(make, same, rng):
    node = make_node("Gemm", ["x", "w", "c"], ["y"], "fc", alpha=0.5, beta=3.0)
    arrays = {
        "w": rng.standard_normal((4, 6)).astype(np.float32),
        "c": rng.standard_normal(6).astype(np.float32),
    }
    (gemm,) = same(make([node], {"x": [2, 4]}, ["y"], arrays)).nodes
    assert gemm.epilogue == ("bias",)
    assert (gemm.attrs["alpha"], gemm.attrs["beta"]) == (1.0, 1.0)


def test_a_scaled_or_full_addend_of_a_gemm_is_work(make, same, rng):
    arrays = {"w": rng.standard_normal((4, 6)).astype(np.float32)}
    for shape, beta, ops in (([6], 3.0, {"mul": 12, "add": 12}), ([2, 6], 1.0, {"add": 12})):
        node = make_node("Gemm", ["x", "w", "c"], ["y"], "fc", beta=beta)
        graph = same(make([node], {"x": [2, 4], "c": shape}, ["y"], arrays))
        assert graph.nodes[0].epilogue == ()
        assert dict(work_of(graph.nodes[0], graph)[1].ops) == ops


def test_axes_that_the_run_computes_reduce_all_the_same(make):
    node = make_node("ReduceSum", ["x", "axes"], ["y"], keepdims=1)
    path = make([node], {"x": [2, 4], "axes": (TensorProto.INT64, [1])}, ["y"])
    model = onnx.load(path)
    model.graph.output[0].type.CopyFrom(helper.make_tensor_type_proto(TensorProto.FLOAT, [2, 1]))
    onnx.save(model, path)
    graph = load(path)
    (work,) = work_of(graph.nodes[0], graph)
    assert (work.ops, work.split) == ((("add", 8),), 1)
