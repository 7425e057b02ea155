"""A float ONNX network made ready: names, operator set 21, constants as arrays, scales per channel folded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from simulator.base.errors import InputError, Problem
from simulator.base.locate import locate
from simulator.workload.frontends import built
from simulator.workload.frontends.onnx.evaluate import evaluate
from simulator.workload.frontends.onnx.read import name_nodes
from simulator.workload.load import load_graph

OPSET = 21  # the first whose QuantizeLinear knows 16 and 4 bits
_IR_VERSION = 10
_DOMAINS = ("", "ai.onnx")
_QUANTIZED = ("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "ConvInteger", "MatMulInteger")
_KEPT = ("If", "Loop", "Scan", "RandomNormal", "RandomUniform", "Multinomial", "Bernoulli")


@dataclass
class Network:
    """A float network between its file and the quantized one.

    Attributes
    ----------
    path
        Of the file.
    model
        ModelProto without nodes and initializers.
    nodes
        NodeProtos in topological order, each with a name of its own.
    constants
        Tensor -> value.
    floats
        Tensors known to be float32.
    folded
        Node of the file that is no more -> the node that it became part of.
    """

    path: Path
    model: Any
    nodes: list[Any]
    constants: dict[str, np.ndarray]
    floats: set[str] = field(default_factory=set)
    folded: dict[str, str] = field(default_factory=dict)

    @property
    def outputs(self) -> list[str]:
        """Results of the network."""
        return [value.name for value in self.model.graph.output]

    @property
    def inputs(self) -> list[str]:
        """Inputs of the network, without constants."""
        return [value.name for value in self.model.graph.input]

    def uses(self) -> Counter[str]:
        """How often each tensor is read, subgraphs and being a result of the network included."""
        count = Counter(name for node in self.nodes for name in reads(node))
        count.update(self.outputs)
        return count

    def write(self, nodes: list[Any], constants: dict[str, np.ndarray], also: list[str]) -> Any:
        """ModelProto of nodes and constants that they read; float tensors ``also`` are results as well."""
        from onnx import TensorProto, helper, numpy_helper  # heavy: needed for ONNX files alone

        model = type(self.model)()
        model.CopyFrom(self.model)
        model.graph.node.extend(nodes)
        used = {name for node in nodes for name in reads(node)} | set(self.outputs)
        for name, array in constants.items():
            if name in used:
                model.graph.initializer.append(numpy_helper.from_array(array, name))
        for name in also:
            if name not in self.outputs:
                model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
        return model


def reads(node: Any) -> list[str]:
    """Names of the tensors that a node reads, and those that its subgraphs take from outside."""
    names = [name for name in node.input if name]
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs):
            own = {name for inner in graph.node for name in inner.output}
            names += [name for inner in graph.node for name in reads(inner) if name not in own]
            names += [value.name for value in graph.output if value.name not in own]
    return names


def is_standard(node: Any) -> bool:
    """Whether a node's operator is one of ONNX's own."""
    return node.domain in _DOMAINS


def read_network(name: str | Path, arguments: Mapping[str, str] | None = None) -> Network:
    """Read a float network and make it ready.

    Constant expressions are evaluated; factors of a Gemm, and a BatchNormalization or constant scales and
    shifts per channel behind a convolution or Gemm, become part of its weights and bias.

    Parameters
    ----------
    name
        Path, or name under workloads/, of an .onnx file, or of the .yaml of a builder that gives values.
    arguments
        Arguments of the builder, as YAML, in place of those in its file.

    Raises
    ------
    InputError
        It is none, is damaged, is quantized already, or cannot be brought to operator set 21.
    """
    path = locate(str(name), "workloads")
    import onnx  # heavy: needed for ONNX files alone

    model = built.float_model(path, arguments) if path.suffix in (".yaml", ".yml") else None
    if model is None:
        if path.suffix.lower() != ".onnx":
            text = f"expected a float network as an .onnx file, got suffix '{path.suffix}'"
            raise InputError(Problem(text, str(path)))
        load_graph(path)  # what is wrong with the file is said by its reader
        model = onnx.load(str(path))
    name_nodes(model.graph)
    _check_float(model, path)
    model = _raised(model, path)
    name_nodes(model.graph)  # the converter adds nodes without one
    constants = {each.name: onnx.numpy_helper.to_array(each) for each in model.graph.initializer}
    model.ir_version = max(_IR_VERSION, onnx.helper.find_min_ir_version_for(list(model.opset_import), True))
    types = onnx.shape_inference.infer_shapes(model).graph
    kinds = (*types.input, *types.output, *types.value_info)
    network = Network(path, model, [], constants)
    network.floats = {
        value.name for value in kinds if value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    }
    _take_apart(network)
    _fold_factors(network)
    _fold_affine(network)
    ranks = {v.name: len(v.type.tensor_type.shape.dim) for v in kinds if v.type.tensor_type.HasField("shape")}
    _added_as_rows(network, ranks)
    network.floats |= {name for name, array in network.constants.items() if array.dtype == np.float32}
    return network


def _check_float(model: Any, path: Path) -> None:
    for node in model.graph.node:
        if node.op_type in _QUANTIZED or node.op_type.startswith(("QLinear", "QGemm", "MatMulNBits")):
            text = f"expected a float network, this one is quantized already: node '{node.name}' is "
            raise InputError(Problem(f"{text}{node.op_type}", str(path)))


def _raised(model: Any, path: Path) -> Any:
    """Model of at least operator set 21."""
    from onnx import version_converter  # heavy: loaded with the file

    version = max((item.version for item in model.opset_import if item.domain in _DOMAINS), default=1)
    if version >= OPSET:
        return model
    try:
        return version_converter.convert_version(model, OPSET)
    except Exception as error:  # whatever the onnx package raises
        text = f"cannot be brought from operator set {version} to {OPSET}: {error}"
        raise InputError(Problem(text, str(path))) from error


def _take_apart(network: Network) -> None:
    """Move nodes and constants out of the model; evaluate what depends on constants alone."""
    from onnx import numpy_helper  # heavy: loaded with the file

    graph, constants = network.model.graph, network.constants
    version = max(item.version for item in network.model.opset_import if item.domain in _DOMAINS)
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            constants[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
        elif _is_constant(node, constants):
            operands = [constants[name] for name in node.input if name]
            values = evaluate(node, version, operands)
            constants.update({name: value for name, value in zip(node.output, values, strict=True) if name})
        else:
            network.nodes.append(node)
    network.nodes = [type(node).FromString(node.SerializeToString()) for node in network.nodes]
    inputs = [value for value in graph.input if value.name not in constants]
    for part in (graph.node, graph.initializer, graph.input):
        del part[:]
    graph.input.extend(inputs)


def _is_constant(node: Any, constants: dict[str, np.ndarray]) -> bool:
    known = all(name in constants for name in node.input if name)
    return known and is_standard(node) and node.op_type not in _KEPT


def attribute(node: Any, name: str, default: Any) -> Any:
    """Value of an attribute, or its default."""
    from onnx import helper  # heavy: loaded with the file

    found = next((each for each in node.attribute if each.name == name), None)
    return default if found is None else helper.get_attribute_value(found)


def _fold_factors(network: Network) -> None:
    """Gemm: alpha · A · B + beta · C with the factors in the constants B and C."""
    for node in network.nodes:
        if node.op_type != "Gemm":
            continue
        for name, index in (("alpha", 1), ("beta", 2)):
            factor = attribute(node, name, 1.0)
            operand = node.input[index] if index < len(node.input) else ""
            if factor == 1.0 or operand not in network.constants:
                continue
            scaled = f"{node.name}.{name}"
            network.constants[scaled] = network.constants[operand] * np.float32(factor)
            node.input[index] = scaled
            kept = [each for each in node.attribute if each.name != name]
            del node.attribute[:]
            node.attribute.extend(kept)


def _added_as_rows(network: Network, ranks: dict[str, int]) -> None:
    """Give a vector that is added to a MatMul of matrices the shape of one row.

    onnxruntime 1.32 fuses an addition of a vector behind a MatMul of three dimensions, and then fails on the
    conversions around it; one of a row it leaves alone.
    """
    products = {node.output[0] for node in network.nodes if node.op_type == "MatMul"}
    for node in network.nodes:
        made = next((name for name in node.input if name in products), "")
        if node.op_type != "Add" or ranks.get(made, 0) < 2:
            continue
        for i, name in enumerate(node.input):
            value = network.constants.get(name)
            if value is not None and value.ndim == 1:
                row = f"{node.name}.row"
                network.constants[row] = value.reshape(1, -1)
                node.input[i] = row


def _fold_affine(network: Network) -> None:
    """Put normalizations and constant scales and shifts per channel into the product before them."""
    maker = {name: node for node in network.nodes for name in node.output}
    uses = network.uses()
    kept = []
    for node in network.nodes:
        names = [name for name in node.input if name in maker]
        before = maker[names[0]] if len(names) == 1 else None
        affine = _affine(before, node, network) if before and _can_fold(before, network, uses) else None
        if before is None or affine is None:
            kept.append(node)
            continue
        _fold_into(before, *affine, network)
        before.output[0] = node.output[0]
        maker[node.output[0]] = before
        network.folded[node.name] = before.name
    network.nodes = kept


def _can_fold(before: Any, network: Network, uses: Counter[str]) -> bool:
    """Whether a node is a product with constant weights and bias whose result is read once."""
    if before.op_type not in ("Conv", "ConvTranspose", "Gemm") or uses[before.output[0]] != 1:
        return False
    if attribute(before, "alpha", 1.0) != 1.0 or attribute(before, "beta", 1.0) != 1.0:
        return False
    known = all(name in network.constants for name in list(before.input)[1:] if name)
    bias = network.constants.get(before.input[2]) if len(before.input) > 2 else None
    return known and (bias is None or bias.ndim <= 1)


def _affine(before: Any, node: Any, network: Network) -> tuple[np.ndarray, np.ndarray] | None:
    """Factor and shift per channel that a node is to the result of a product; None if it is none.

    float64, of one element or one per channel.
    """
    result = before.output[0]
    if not is_standard(node) or result not in network.floats:
        return None
    if node.op_type == "BatchNormalization":
        constants = [network.constants.get(name) for name in list(node.input)[1:5]]
        if node.input[0] != result or len(node.output) != 1 or any(each is None for each in constants):
            return None
        gamma, beta, mean, variance = (np.asarray(each, np.float64) for each in constants)
        factor = gamma / np.sqrt(variance + attribute(node, "epsilon", 1e-5))
        return factor, beta - mean * factor
    if node.op_type not in ("Mul", "Add", "Div", "Sub"):
        return None
    at = 1 if node.input[0] == result else 0
    vector = _vector(network.constants.get(node.input[at]), before, network)
    if vector is None or (at == 0 and node.op_type in ("Div", "Sub")):
        return None
    one, zero = np.ones(1), np.zeros(1)
    if node.op_type == "Div":
        return (1 / vector, zero) if vector.all() else None
    return {"Mul": (vector, zero), "Add": (one, vector), "Sub": (one, -vector)}[node.op_type]


def _vector(value: np.ndarray | None, before: Any, network: Network) -> np.ndarray | None:
    """A constant that broadcasts along the channels of a result alone, flat; None if it does not."""
    weight = network.constants[before.input[1]]
    if value is None or value.ndim > weight.ndim:
        return None
    groups = attribute(before, "group", 1) if before.op_type == "ConvTranspose" else 1
    channels = weight.shape[output_axis(before)] * groups
    shape = (1,) * (weight.ndim - value.ndim) + value.shape
    fits = all(extent == 1 or (i == 1 and extent == channels) for i, extent in enumerate(shape))
    return value.astype(np.float64).reshape(-1) if fits else None


def _fold_into(before: Any, factor: np.ndarray, shift: np.ndarray, network: Network) -> None:
    """Weights times the factor, bias times the factor plus the shift, in float64, stored as float32."""
    constants = network.constants
    weight = constants[before.input[1]].astype(np.float64)
    axis = output_axis(before)
    groups = attribute(before, "group", 1) if before.op_type == "ConvTranspose" else 1
    channels = weight.shape[axis] * groups
    factor = np.broadcast_to(factor, (channels,))
    if before.op_type == "ConvTranspose":  # (inputs, filters of a group, ...): groups lie along the inputs
        split = weight.reshape(groups, -1, *weight.shape[1:])
        scaled = split * factor.reshape(groups, 1, -1, *[1] * (weight.ndim - 2))
    else:
        scaled = weight * factor.reshape([-1 if i == axis else 1 for i in range(weight.ndim)])
    bias = constants[before.input[2]].astype(np.float64) if len(before.input) > 2 and before.input[2] else 0.0
    names = [f"{before.name}.folded.weight", f"{before.name}.folded.bias"]
    constants[names[0]] = scaled.reshape(weight.shape).astype(np.float32)
    constants[names[1]] = np.broadcast_to(bias * factor + shift, (channels,)).astype(np.float32)
    ifmap = before.input[0]
    del before.input[:]
    before.input.extend([ifmap, *names])


def output_axis(node: Any) -> int:
    """Axis of the weights of a product that counts its output channels (of a group, for ConvTranspose)."""
    if node.op_type == "Gemm":
        return 0 if attribute(node, "transB", 0) else 1
    return 0 if node.op_type == "Conv" else 1
