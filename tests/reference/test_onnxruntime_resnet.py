"""A quantized ResNet-50 against onnxruntime, layer by layer and as a whole, where it is installed.

The graph that the onnx package carries, seeded weights, quantized by onnxruntime's own tool in both forms,
int8 and uint8 activations, 224 x 224. Each node of ours is given the tensors that the runtime computed.

Where onnxruntime computes the stored integers, convolutions, the last layer, poolings and conversions are
equal, all of 11 million values. What else differs, by one, in a few values of millions, are all but ties:

- convolutions between conversions are computed in float32 where the runtime is not to optimize, and, of
  int8 activations, on x86 also where it is (``session.qdqisint8allowed`` is off there); its sums then miss
  the exact ones by their last bits, which matters where those are all but ties;
- conversions around additions become QLinearAdd where it optimizes (mlas/lib/qladd.cpp), which rounds
  ratios of scales first; of nodes that are QLinearAdd in the file, that is what is computed here as well.

So all that the runtime computes of the form with integer operators is reproduced.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx_builder import LEVELS, session
from quantized_resnet import LIGHT, WAYS, network_input, picture, quantized

from simulator.workload import fast
from simulator.workload.call import Call, Value
from simulator.workload.execute import execute
from simulator.workload.load import load_graph
from simulator.workload.numerics import PROFILES
from simulator.workload.op import OPS
from simulator.workload.tensor import FLOATS

pytest.importorskip("onnxruntime", reason="onnxruntime (extra golden) is not installed")
if not LIGHT.is_file():
    pytest.skip("the installed onnx package carries no light models", allow_module_level=True)

#: Share of the values of an operator that may differ, by one; others must be equal.
MAY_DIFFER = {
    ("QDQ", "int8", "ORT_DISABLE_ALL"): {"Conv": 2e-5},
    ("QDQ", "uint8", "ORT_DISABLE_ALL"): {"Conv": 2e-5},
    ("QDQ", "int8", "ORT_ENABLE_ALL"): {"Conv": 2e-5, "Add": 1e-5, "Softmax": 5e-3},
    ("QDQ", "uint8", "ORT_ENABLE_ALL"): {"Add": 1e-5, "Softmax": 5e-3},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the float network is made once for all ways to quantize it."""
    return tmp_path_factory.mktemp("resnet")


@pytest.fixture(scope="module", params=WAYS)
def network(request, folder):
    """File, graph, form and type of the activations."""
    path = quantized(request.param, folder)
    form, kind = WAYS[request.param]
    return path, load_graph(path), form, {"QInt8": "int8", "QUInt8": "uint8"}[kind]


def computed(path, graph, level, dtype):
    """Every stored tensor that the runtime's file and our graph both have, as the runtime computes it."""
    model = onnx.load(path)
    made = {name for node in model.graph.node for name in node.output}
    ends = {end.name for end in model.graph.output}
    for node in graph:
        name = node.outputs[0]
        if name in made - ends and graph.tensors[name].dtype not in FLOATS:
            model.graph.output.append(onnx.helper.make_empty_tensor_value_info(name))
    runtime = session(model.SerializeToString(), level, dtype == "uint8")
    names = [output.name for output in runtime.get_outputs()]
    feeds = {network_input(path): picture(7)}
    return dict(zip(names, runtime.run(None, feeds), strict=True)) | feeds


def exact_quotients(node, operands, result):
    """Results in units of their scale before they are rounded, from exact sums."""
    real = replace(result, quant=None, dtype="fp32")
    made = OPS[node.op].run(Call(node, operands, [real], PROFILES["onnxruntime"], fast))[0]
    return made / np.float32(result.quant.scale[0])


@pytest.mark.parametrize("level", LEVELS)
def test_every_layer_from_the_tensors_of_the_runtime(network, level):
    path, graph, form, dtype = network
    held = computed(path, graph, level, dtype)
    differing, elements = Counter(), Counter()
    for node in graph:
        operands = [
            Value(tensor, held[tensor.name] if tensor.name in held else tensor.constant.array())
            for tensor in graph.operands(node)
        ]
        results = [graph.tensors[name] for name in node.outputs]
        made = OPS[node.op].run(Call(node, operands, results, PROFILES["onnxruntime"], fast))[0]
        name = node.outputs[0]
        if name not in held:  # the reader moved a conversion over a node: its result is checked behind the next
            held[name] = made
            continue
        expected = held[name]
        assert made.dtype == expected.dtype
        step = 1 if made.dtype.kind != "f" else graph.tensors[node.inputs[0]].quant.scale[0] * 1.0001
        assert np.abs(made.astype(float) - expected.astype(float)).max() <= step, node.name
        off = made != expected
        differing[node.op] += int(off.sum())
        if off.any() and node.op in ("Conv", "Add"):
            parts = exact_quotients(node, operands, results[0])[off] % 1
            assert np.abs(parts - 0.5).max() < 1e-3, f"{node.name}: what differs is no tie"
        elements[node.op] += made.size
    assert elements["Conv"] == 11_113_984
    assert elements["Add"] == 5_519_360
    allowed = MAY_DIFFER.get((form, dtype, level), {})
    beyond = {op: n for op, n in differing.items() if n > allowed.get(op, 0) * elements[op]}
    assert not beyond, (dict(differing), dict(elements))


def test_the_whole_network(network):
    """Differences of a layer grow over 50 layers of random weights; the probabilities stay within a few steps."""
    path, graph, _, dtype = network
    feeds = {network_input(path): picture(7)}
    found = execute(graph, feeds, "onnxruntime").outputs[graph.outputs[0]]
    for level in LEVELS:
        expected = session(path, level, dtype == "uint8").run(None, feeds)[0]
        assert np.abs(found - expected).max() <= 4 / 255
        assert expected.max() < 0.9, "a network that is sure of itself would show nothing"
