"""ONNX files made on the spot, and the check that a Graph computes what its file does."""

import numpy as np
import onnx
import pytest
from graph_interpreter import OPSET, Interpreter
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from simulator.workload.frontends.onnx import load
from simulator.workload.op import NUMPY


@pytest.fixture
def make(tmp_path, rng):
    """Writer of ONNX files: (nodes, inputs as name -> shape or (type, shape), outputs, constants) -> path."""

    def build(nodes, inputs, outputs, constants=None, opset=OPSET, domains=(), file="net", **more):
        def info(named):
            typed = {n: s if isinstance(s, tuple) else (TensorProto.FLOAT, s) for n, s in named.items()}
            return [helper.make_tensor_value_info(n, kind, shape) for n, (kind, shape) in typed.items()]

        arrays = [numpy_helper.from_array(np.asarray(v), n) for n, v in (constants or {}).items()]
        results = [helper.make_empty_tensor_value_info(n) for n in outputs]
        graph = helper.make_graph(nodes, file, info(inputs), results, arrays, **more)
        imports = [helper.make_opsetid("", opset), *(helper.make_opsetid(d, 1) for d in domains)]
        path = tmp_path / f"{file}.onnx"
        onnx.save(helper.make_model(graph, opset_imports=imports, ir_version=10), path)
        return path

    return build


@pytest.fixture
def same(rng):
    """Reader of ONNX files that checks that the graph computes what the file does on random inputs."""

    def check(path, feeds=None, tolerance=2e-5, **bindings):
        graph = load(path, **bindings)
        feeds = feeds or {
            name: rng.standard_normal(graph.tensors[name].shape).astype(NUMPY[graph.tensors[name].dtype])
            for name in graph.inputs
        }
        expected = ReferenceEvaluator(str(path)).run(None, feeds)
        run = Interpreter(graph, feeds)
        for name, value in zip(graph.outputs, expected, strict=True):
            stored = run.values[name] if name in run.values else graph.tensors[name].constant.array()
            np.testing.assert_allclose(stored, value, rtol=tolerance, atol=tolerance, err_msg=name)
        return graph

    return check
