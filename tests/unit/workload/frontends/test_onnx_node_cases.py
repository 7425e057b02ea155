"""Do the cases that the onnx package carries for its operators come out of the reader with their values?

Cases without computed operands, of strings or with operators that have no model are not for this test; the
number of those that are is checked, so that none drops out unnoticed.
"""

import importlib
import warnings

import numpy as np
import onnx
import pytest
from graph_interpreter import Interpreter

from simulator.base.errors import InputError
from simulator.workload.frontends.onnx import load
from simulator.workload.op import NUMPY, is_modelled, work_of

#: Module of onnx.backend.test.case.node -> how many of its cases are compared at least.
MODULES = {
    "add": 5, "argmax": 10, "batch_normalization": 2, "clip": 8, "concat": 8, "conv": 5,
    "convinteger": 1, "convtranspose": 8, "cumsum": 5, "depthtospace": 1, "einsum": 4, "expand": 1,
    "flatten": 5, "gather": 3, "gemm": 9, "globalaveragepool": 1, "hardswish": 1,
    "instance_normalization": 1, "layernormalization": 10, "leakyrelu": 2, "lrn": 1, "matmul": 3,
    "matmulinteger": 1, "mean": 2, "pad": 1, "pow": 5, "prelu": 1, "reducel2": 5, "reducemean": 5,
    "reshape": 1, "softmax": 5, "squeeze": 1, "sum": 2, "topk": 1, "transpose": 5, "unsqueeze": 1,
    "where": 1,
}  # fmt: skip
LARGEST = 4000  # elements: onnx.reference is slow


def cases_of(name):
    registry = importlib.import_module("onnx.backend.test.case.node")
    found = getattr(registry, "_NodeTestCases", None)
    if found is None:
        pytest.skip("the installed onnx package keeps its node cases elsewhere")
    before = len(found)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        importlib.import_module(f"onnx.backend.test.case.node.{name}")
    return found[before:] or [case for case in found if case.name.startswith(f"test_{name}")]


@pytest.mark.parametrize("name", MODULES)
def test_cases(name, tmp_path):
    compared = 0
    for case in cases_of(name):
        path = tmp_path / f"{case.name}.onnx"
        onnx.save(case.model, path)
        given, expected = case.data_sets[0]
        arrays = [np.asarray(value) for value in (*given, *expected)]
        if any(array.dtype == object or array.size > LARGEST for array in arrays):
            continue
        try:
            graph = load(path)
        except InputError as error:
            if "computed during the run" in str(error):
                continue
            raise
        if not all(is_modelled(node.op) for node in graph):
            continue
        for node in graph:
            work_of(node, graph)
        feeds = {
            value.name: np.asarray(array, NUMPY[graph.tensors[value.name].dtype])
            for value, array in zip(case.model.graph.input, given, strict=True)
        }
        with np.errstate(invalid="ignore"):  # cases of infinity and NaN
            run = Interpreter(graph, feeds)
        for value, array in zip(case.model.graph.output, expected, strict=True):
            tensor = graph.tensors[value.name]
            assert tensor.shape == np.shape(array), case.name
            actual = run.values[value.name] if value.name in run.values else tensor.constant.array()
            np.testing.assert_allclose(actual, array, rtol=1e-3, atol=1e-4, err_msg=case.name)
            compared += 1
    assert compared >= MODULES[name]
