"""The node cases of the onnx package as a conformance suite: the listed ones are executed and equal.

``cases.txt`` names them by operator, ``left_out.txt`` all others by reason; the lists were written for the
release of onnx that their first lines name. A later release may have more cases, which are not looked at.
"""

from __future__ import annotations

import warnings
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import pytest

from simulator.workload.call import stored_type
from simulator.workload.execute import execute
from simulator.workload.frontends.onnx import load

HERE = Path(__file__).parent


def sections(file):
    """Heading -> names under it."""
    found = {}
    for line in (HERE / file).read_text().splitlines()[1:]:
        if line.startswith("# "):
            names = found.setdefault(line.removeprefix("# "), [])
        elif line:
            names.append(line)
    return found


LISTED = sections("cases.txt")
LEFT_OUT = sections("left_out.txt")


@cache
def carried():
    """Case name -> case, of the installed onnx package."""
    node = pytest.importorskip("onnx.backend.test.case.node")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # cases compute with NaN and infinity on purpose
        return {case.name: case for case in node.collect_testcases(None)}


def plain(value):
    """Data of a case as numpy has it: types that numpy lacks by the value that they stand for."""
    return onnx.numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else np.asarray(value)


def check(case, path, readable):
    onnx.save(case.model, path)
    graph = load(path)
    given, expected = ([plain(value) for value in values] for values in case.data_sets[0])
    feeds = {
        value.name: array.astype(stored_type(graph.tensors[value.name]))
        for value, array in zip(case.model.graph.input, given, strict=True)
        if value.name in graph.inputs
    }
    found = execute(graph, feeds, "onnxruntime", readable=readable).outputs
    for value, right in zip(case.model.graph.output, expected, strict=True):
        actual = found[value.name]
        assert actual.shape == right.shape, f"{case.name}: {value.name} has shape {actual.shape}, not {right.shape}"
        if right.dtype.kind not in "biufc":  # of the package ml_dtypes
            right = right.astype(actual.dtype)
        assert actual.dtype == right.dtype, f"{case.name}: {value.name} is {actual.dtype}, not {right.dtype}"
        np.testing.assert_allclose(actual, right, rtol=case.rtol, atol=max(case.atol, 1e-6), err_msg=case.name)


@pytest.mark.parametrize("readable", [True, False], ids=["numpy", "kernels"])
@pytest.mark.parametrize("operator", LISTED)
def test_listed_cases(operator, readable, tmp_path):
    wrong, compared = [], 0
    for name in LISTED[operator]:
        if name not in carried():
            continue
        try:
            check(carried()[name], tmp_path / f"{name}.onnx", readable)
            compared += 1
        except Exception as error:
            wrong.append(f"{name}: {str(error).strip()[:300]}")
    assert not wrong, "\n".join(wrong)
    if not compared:
        pytest.skip("the installed onnx package has no case of this name")


def test_every_case_is_listed_or_left_out_with_a_reason():
    listed = [name for names in LISTED.values() for name in names]
    left = [name for names in LEFT_OUT.values() for name in names]
    assert len(set(listed + left)) == len(listed) + len(left)
    if not onnx.__version__.startswith("1.23."):
        pytest.skip(f"lists are of onnx 1.23, installed is {onnx.__version__}")
    assert set(carried()) == {*listed, *left}
