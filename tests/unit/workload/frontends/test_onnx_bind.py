"""Free dimensions are bound by the caller; what stays open is named."""

import numpy as np
import pytest
from onnx.helper import make_node

from simulator.base.errors import InputError
from simulator.workload.frontends.onnx import load


def network(make, inputs, **more):
    nodes = [make_node("MatMul", ["x", "w"], ["y"], "mm")]
    return make(nodes, inputs, ["y"], {"w": np.ones((4, 5), np.float32)}, **more)


def problems(path, **bindings):
    with pytest.raises(InputError) as error:
        load(path, **bindings)
    return [problem.message for problem in error.value.problems]


def test_a_free_batch_is_one_unless_given(make):
    path = network(make, {"x": ["N", 3, 4]})
    one = load(path)
    assert one.tensors["y"].shape == (1, 3, 5)
    assert one.assumptions == ("the file leaves the batch free; it is taken as 1",)
    eight = load(path, batch=8)
    assert eight.tensors["y"].shape == (8, 3, 5)
    assert eight.assumptions == ()


def test_other_dimensions_must_be_given(make):
    path = network(make, {"x": ["N", "length", 4]})
    expected = "input 'x' has the free dimension 'length' (axis 1); give it a value: "
    assert problems(path) == [expected + "--set workload.dims.length=128"]
    assert load(path, dims={"length": 7}).tensors["y"].shape == (1, 7, 5)
    assert load(path, batch=2, dims={"length": 7}).tensors["y"].shape == (2, 7, 5)
    assert load(path, dims={"length": 7, "N": 3}).tensors["y"].shape == (3, 7, 5)


def test_dimensions_without_a_name(make):
    path = network(make, {"x": [None, None, 4]})
    assert "free dimension 'x[1]' (axis 1)" in problems(path)[0]
    assert load(path, dims={"x[1]": 6}).tensors["y"].shape == (1, 6, 5)


def test_a_leading_dimension_that_stands_elsewhere_too_is_no_batch(make):
    nodes = [make_node("MatMul", ["x", "y"], ["z"])]
    path = make(nodes, {"x": ["n", 4], "y": [4, "n"]}, ["z"])
    assert "free dimension 'n' (axis 0)" in problems(path)[0]
    assert load(path, dims={"n": 3}).tensors["z"].shape == (3, 3)


def test_misspelt_and_impossible_bindings(make):
    path = network(make, {"x": ["N", "length", 4]})
    assert problems(path, batch=0, dims={"lenght": 7, "length": -1}) == [
        "there is no free dimension 'lenght'; free are N, length; did you mean 'length'?",
        "dimension 'length' must be a positive integer, got -1",
        "dimension 'batch' must be a positive integer, got 0",
    ]
    fixed = network(make, {"x": [2, 4]}, file="fixed")
    assert problems(fixed, dims={"n": 2}) == ["there is no free dimension 'n'; the file fixes all dimensions"]


def test_an_input_without_a_shape(make):
    path = network(make, {"x": None})
    assert problems(path) == ["input 'x' has no shape in the file: it must be a tensor of known rank"]


def test_a_fixed_batch_changes_with_all_that_hangs_on_it(make):
    nodes = [
        make_node("MatMul", ["x", "w"], ["a"]),
        make_node("Reshape", ["a", "flat"], ["b"]),
        make_node("Reshape", ["b", "rest"], ["c"]),
        make_node("Relu", ["c"], ["y"]),
    ]
    arrays = {"w": np.ones((4, 5), np.float32), "flat": np.array([1, 15]), "rest": np.array([1, -1, 3])}
    path = make(nodes, {"x": [1, 3, 4]}, ["y"], arrays)
    graph = load(path, batch=6)
    assert graph.tensors["y"].shape == (6, 5, 3)
    assert graph.assumptions == ("the file fixes the batch at 1; it is taken as 6",)
    assert load(path, batch=1).assumptions == ()


def test_a_batch_that_cannot_change_is_explained(make):
    nodes = [make_node("Reshape", ["x", "flat"], ["b"], "flatten"), make_node("Relu", ["b"], ["y"])]
    path = make(nodes, {"x": [1, 3, 4]}, ["y"], {"flat": np.array([3, 4])})
    expected = "node 'flatten' (Reshape): 24 elements of shape [2, 3, 4] do not fill [3, 4]; "
    assert problems(path, batch=2) == [expected + "the batch that the file fixes cannot be changed"]


def test_dimensions_bind_in_shapes_of_values_too(make):
    """A custom operator without a shape rule is known by the shape that the file states."""
    from onnx import TensorProto, helper

    stated = [helper.make_tensor_value_info("a", TensorProto.FLOAT, ["length", 4])]
    nodes = [make_node("Magic", ["x"], ["a"], "m", domain="my.ops"), make_node("MatMul", ["a", "w"], ["y"])]
    path = make(
        nodes,
        {"x": [1, "length"]},
        ["y"],
        {"w": np.ones((4, 5), np.float32)},
        domains=["my.ops"],
        value_info=stated,
    )
    graph = load(path, dims={"length": 9})
    assert graph.tensors["y"].shape == (9, 5)
    assert [node.op for node in graph] == ["my.ops.Magic", "MatMul"]
