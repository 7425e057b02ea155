"""The cases that the onnx package carries for its operators, executed: equal, or refused; never something else.

Per module, how many are executed is checked, so that none becomes a refusal unnoticed.
"""

from __future__ import annotations

import warnings

import numpy as np
import onnx
import pytest
from test_onnx_node_cases import cases_of

from simulator.base.errors import InputError
from simulator.workload.execute import execute
from simulator.workload.frontends.onnx import load

#: Module of onnx.backend.test.case.node -> how many of its cases are executed at least.
MODULES = {
    "add": 5, "argmax": 8, "averagepool": 10, "clip": 6, "concat": 12, "conv": 3, "depthtospace": 2,
    "div": 5, "elu": 2, "equal": 3, "erf": 1, "gather": 3, "gatherelements": 3,
    "gelu": 2, "gemm": 6, "globalaveragepool": 2, "hardsigmoid": 2, "hardswish": 1, "leakyrelu": 2,
    "logsoftmax": 6, "matmul": 3, "max": 5, "maxpool": 5, "mean": 3, "mul": 5, "neg": 2, "pow": 5, "prelu": 2,
    "relu": 1, "sigmoid": 2, "softmax": 6,
    "spacetodepth": 2, "sub": 5, "sum": 3, "tanh": 2, "transpose": 7, "where": 2,
}  # fmt: skip


def executed(case, path):
    """Results by name, or None where the case is refused or is not of numbers."""
    given, expected = case.data_sets[0]
    feeds = {v.name: np.asarray(a) for v, a in zip(case.model.graph.input, given, strict=True)}
    if any(np.asarray(array).dtype == object for array in (*given, *expected)):
        return None
    onnx.save(case.model, path)
    try:
        graph = load(path)
        feeds = {name: array for name, array in feeds.items() if name in graph.inputs}
        return execute(graph, feeds, "onnxruntime", readable=True).outputs
    except InputError:
        return None


@pytest.mark.parametrize("name", MODULES)
def test_cases(name, tmp_path):
    compared = 0
    for case in cases_of(name):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = executed(case, tmp_path / f"{case.name}.onnx")
        if found is None:
            continue
        for value, expected in zip(case.model.graph.output, case.data_sets[0][1], strict=True):
            np.testing.assert_allclose(found[value.name], expected, rtol=1e-3, atol=1e-5, err_msg=case.name)
        compared += 1
    assert compared >= MODULES[name]
