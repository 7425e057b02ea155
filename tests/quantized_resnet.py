"""ResNet-50 as the onnx package carries it, with seeded weights, quantized by onnxruntime's own tool.

For tests and benchmarks; needs onnxruntime.
"""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnx_saturation import saturates

LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light" / "light_resnet50.onnx"
#: Name -> (format, type of activations) of the four ways to quantize; weights are always int8.
WAYS = {
    "QDQ s8": ("QDQ", "QInt8"),
    "QDQ u8": ("QDQ", "QUInt8"),
    "QOperator s8": ("QOperator", "QInt8"),
    "QOperator u8": ("QOperator", "QUInt8"),
}


def real_network(seed: int = 1) -> onnx.ModelProto:
    """The float network: normalizations folded away, weights drawn so that no layer dies out.

    The last layers are those of the file written anew: a mean over all pixels, a Gemm, a Softmax.
    """
    rng = np.random.default_rng(seed)
    light = onnx.load(LIGHT)
    shapes = {fixed.name: numpy_helper.to_array(fixed) for fixed in light.graph.initializer}
    extents = {
        node.output[0]: shapes[node.input[0]].tolist()
        for node in light.graph.node
        if node.op_type == "ConstantOfShape"
    }
    constants: dict[str, np.ndarray] = {}
    nodes: list[onnx.NodeProto] = []
    renamed: dict[str, str] = {}
    filters, last = 3, ""
    kept = [node for node in light.graph.node if node.op_type != "ConstantOfShape"]
    end = next(i for i, node in enumerate(kept) if node.op_type == "AveragePool")
    for node in kept[:end]:
        inputs = [renamed.get(name, name) for name in node.input]
        if node.op_type == "BatchNormalization":
            renamed[node.output[0]] = inputs[0]
            continue
        if node.op_type == "Conv":
            weight = extents[node.input[1]]
            filters = weight[0]
            spread = 0.7 * np.sqrt(2 / np.prod(weight[1:]))
            constants[node.input[1]] = rng.normal(0, spread, weight).astype(np.float32)
            constants[f"{node.output[0]}_bias"] = rng.normal(0, 0.1, filters).astype(np.float32)
            inputs = [*inputs[:2], f"{node.output[0]}_bias"]
        op = "Add" if node.op_type == "Sum" else node.op_type
        made = helper.make_node(op, inputs, list(node.output), name=f"n{len(nodes)}")
        made.attribute.extend(attr for attr in node.attribute if attr.name != "consumed_inputs")
        nodes.append(made)
        last = node.output[0]
    constants["classes"] = rng.normal(0, 1 / np.sqrt(filters), (1000, filters)).astype(np.float32)
    constants["classes_bias"] = rng.normal(0, 0.1, 1000).astype(np.float32)
    nodes += [
        helper.make_node("AveragePool", [last], ["mean"], name="mean", kernel_shape=[7, 7]),
        helper.make_node("Flatten", ["mean"], ["flat"], name="flatten"),
        helper.make_node("Gemm", ["flat", "classes", "classes_bias"], ["scores"], name="gemm", transB=1),
        helper.make_node("Softmax", ["scores"], ["chances"], name="softmax"),
    ]
    graph = helper.make_graph(
        nodes,
        "resnet50",
        [helper.make_tensor_value_info(kept[0].input[0], 1, (1, 3, 224, 224))],
        [helper.make_tensor_value_info("chances", 1, (1, 1000))],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def quantized(way: str, folder: Path) -> Path:
    """File of the quantized network, scales from two seeded inputs."""
    from onnxruntime import quantization

    form, kind = WAYS[way]
    source, target = folder / "real.onnx", folder / f"{way.replace(' ', '_')}.onnx"
    if not source.is_file():
        onnx.save(real_network(), source)

    class Reader(quantization.CalibrationDataReader):
        def __init__(self) -> None:
            self.feeds = iter([{network_input(source): picture(seed)} for seed in (1, 2)])

        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(self.feeds, None)

    logging.disable(logging.WARNING)  # it recommends its own preparation of float networks
    quantization.quantize_static(
        source,
        target,
        Reader(),
        quant_format=getattr(quantization.QuantFormat, form),
        activation_type=getattr(quantization.QuantType, kind),
        weight_type=quantization.QuantType.QInt8,
        per_channel=True,
        reduce_range=saturates(),
    )
    logging.disable(logging.NOTSET)
    return target


def network_input(path: Path) -> str:
    """Name of the one input."""
    return onnx.load(path).graph.input[0].name


def picture(seed: int) -> np.ndarray:
    """A seeded input."""
    return np.random.default_rng(seed).normal(size=(1, 3, 224, 224)).astype(np.float32)
