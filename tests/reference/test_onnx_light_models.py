"""Do the nine networks that the onnx package carries have their published multiply-accumulates?"""

import csv
from pathlib import Path

import numpy as np
import onnx
import pytest

from simulator.workload.load import load_graph
from simulator.workload.op import is_modelled, work_of
from simulator.workload.tensor import FLOATS
from simulator.workload.work import Contraction, Elementwise

LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"

#: 10⁹ multiply-accumulates of convolutions and GEMMs, and the convolutions and GEMMs themselves: column
#: MACs_conv_gemm_G and ops of onnx_light_models.csv, counted from the shapes that onnx.shape_inference gives.
PUBLISHED = {
    "light_bvlc_alexnet": (0.6546, 5, 3),
    "light_densenet121": (2.8342, 121, 0),
    "light_inception_v1": (1.4316, 57, 1),
    "light_inception_v2": (2.0189, 69, 1),
    "light_resnet50": (4.0892, 53, 1),
    "light_shufflenet": (0.1247, 49, 1),
    "light_squeezenet": (0.3492, 26, 0),
    "light_vgg19": (19.6321, 16, 3),
    "light_zfnet512": (1.4817, 5, 3),
}
each = pytest.mark.parametrize("name", PUBLISHED)


def graph_of(name, **more):
    path = LIGHT / f"{name}.onnx"
    if not path.is_file():
        pytest.skip("the installed onnx package carries no light models")
    return load_graph(path, **more)


def macs(graph):
    return sum(w.macs for node in graph for w in work_of(node, graph) if isinstance(w, Contraction))


@each
def test_multiply_accumulates(name):
    graph = graph_of(name)
    expected, convolutions, gemms = PUBLISHED[name]
    assert round(macs(graph) / 1e9, 4) == expected
    ops = [node.op for node in graph]
    assert (ops.count("Conv"), ops.count("Gemm")) == (convolutions, gemms)
    assert all(is_modelled(op) for op in ops)


def test_the_excerpt_is_the_reference(reference):
    rows = list(csv.DictReader((reference / "npu" / "onnx_light_models.csv").open()))
    assert {row["file"]: float(row["MACs_conv_gemm_G"]) for row in rows} == {
        f"{name}.onnx": macs for name, (macs, *_) in PUBLISHED.items()
    }


@each
def test_normalization_scale_and_activation_disappear_into_the_products(name):
    graph = graph_of(name)
    ops = {node.op for node in graph}
    assert ops.isdisjoint({"Identity", "Dropout", "Unsqueeze", "Mul", "ConstantOfShape"})
    if name != "light_densenet121":  # its normalizations come before their convolutions
        assert "BatchNormalization" not in ops
    if name != "light_shufflenet":  # concatenates before three of its activations
        assert "Relu" not in ops


@each
def test_batch_scales_everything(name):
    one, four = graph_of(name), graph_of(name, batch=4)
    assert macs(four) == 4 * macs(one)
    assert four.tensors[four.outputs[0]].shape == (4, *one.tensors[one.outputs[0]].shape[1:])

    def operations(graph):
        works = [w for node in graph for w in work_of(node, graph) if isinstance(w, Elementwise)]
        return sum(count for work in works for _, count in work.ops)

    assert operations(four) == 4 * operations(one)


@each
def test_as_int8(name):
    graph = graph_of(name, precision="int8")
    works = [w for node in graph for w in work_of(node, graph) if isinstance(w, Contraction)]
    assert {work.precision for work in works} == {"int8"}
    assert not {tensor.dtype for tensor in graph.tensors.values()}.intersection(FLOATS)
    assert graph.assumptions == (
        "the network file is fp32; it is costed as if quantized to int8 (no accuracy implied)",
    )


def test_the_first_convolution_of_resnet50_holds_its_normalization():
    graph = graph_of("light_resnet50")
    model = onnx.load(LIGHT / "light_resnet50.onnx")
    values = {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}
    fills = [node for node in model.graph.node if node.op_type == "ConstantOfShape"]
    for node in fills:
        values[node.output[0]] = np.full(
            values[node.input[0]], onnx.numpy_helper.to_array(node.attribute[0].t)[0]
        )
    conv, normalization = [
        node for node in model.graph.node if node.op_type in ("Conv", "BatchNormalization")
    ][:2]
    scale, shift, mean, variance = (values[name] for name in normalization.input[1:])
    factor = scale / np.sqrt(variance + 1e-5)
    weight, bias = (graph.tensors[name].constant.array() for name in graph.nodes[0].inputs[1:])
    expected = values[conv.input[1]] * factor.reshape(-1, 1, 1, 1)
    np.testing.assert_allclose(weight, expected, rtol=1e-5)
    np.testing.assert_allclose(bias, shift - mean * factor, rtol=1e-5)
    assert expected.shape == (64, 3, 7, 7)
    assert expected.any()
