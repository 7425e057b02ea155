"""An interpreter that says whether a Graph still computes what its file does: numpy, for tests alone."""

from math import erf

import numpy as np
from onnx import helper
from onnx.reference import ReferenceEvaluator

from simulator.workload.op import NUMPY, OPS

OPSET = 21


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def evaluate(op, operands, attrs, results):
    """One standard operator by the reference evaluator."""
    names = [f"x{i}" if value is not None else "" for i, value in enumerate(operands)]
    node = helper.make_node(op, names, [f"y{i}" for i in range(results)], **attrs)
    used = [name for name in names if name]
    function = helper.make_function(
        "t", "f", used, list(node.output), [node], [helper.make_opsetid("", OPSET)]
    )
    feeds = {name: value for name, value in zip(names, operands, strict=True) if name}
    return ReferenceEvaluator(function).run(None, feeds, {})


def lstm_cell(x, hr, c, p=None, **attrs):
    i, o, f, g = np.split(x + hr, 4, axis=-1)
    if p is not None:
        pi, po, pf = np.split(p, 3)
        i, f = i + pi * c, f + pf * c
    new = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    if p is not None:
        o = o + po * new
    return sigmoid(o) * np.tanh(new), new


def gru_cell(x, hr, h):
    (xz, xr, xn), (hz, hr_, hn) = np.split(x, 3, axis=-1), np.split(hr, 3, axis=-1)
    z, r = sigmoid(xz + hz), sigmoid(xr + hr_)
    return ((1 - z) * np.tanh(xn + r * hn) + z * h,)


def gru_reset(x, hr, h):
    (xz, xr, _), (hz, hr_) = np.split(x, 3, axis=-1), np.split(hr, 2, axis=-1)
    return sigmoid(xz + hz), sigmoid(xr + hr_) * h


def gru_update(x, hn, z, h):
    return ((1 - z) * np.tanh(np.split(x, 3, axis=-1)[2] + hn) + z * h,)


CELLS = {"LSTMCell": lstm_cell, "GRUCell": gru_cell, "GRUReset": gru_reset, "GRUUpdate": gru_update}

EPILOGUES = {
    "relu": lambda y, p: np.maximum(y, 0),
    "clip": lambda y, p: np.clip(y, *p),
    "leaky_relu": lambda y, p: np.where(y > 0, y, p[0] * y),
    "elu": lambda y, p: np.where(y > 0, y, p[0] * (np.exp(y) - 1)),
    "sigmoid": lambda y, p: sigmoid(y),
    "hard_sigmoid": lambda y, p: np.clip(p[0] * y + p[1], 0, 1),
    "hard_swish": lambda y, p: y * np.clip(y / 6 + 0.5, 0, 1),
    "silu": lambda y, p: y * sigmoid(y),
    "tanh": lambda y, p: np.tanh(y),
    "gelu": lambda y, p: y / 2 * (1 + np.vectorize(erf)(y / np.sqrt(2))),
    "requant": lambda y, p: y,
    "dequant": lambda y, p: y,
}


def spread(quant, values, rank):
    values = np.asarray(values)
    return (
        values if quant.axis is None else values.reshape([-1 if i == quant.axis else 1 for i in range(rank)])
    )


class Interpreter:
    """Values by tensor, stored as the tensor's element type says."""

    def __init__(self, graph, feeds):
        self.graph, self.values = graph, dict(feeds)
        for node in graph:
            results = self.results(node)
            for name, value in zip(node.outputs, results, strict=False):
                if name:
                    self.values[name] = self.stored(name, value)

    def real(self, name):
        tensor = self.graph.tensors[name]
        value = self.values[name] if name in self.values else tensor.constant.array()
        assert value.shape == tensor.shape, name
        if tensor.quant is None:
            return value
        scale = spread(tensor.quant, np.float32(tensor.quant.scale), value.ndim)
        zero = spread(tensor.quant, tensor.quant.zero_point, value.ndim)
        return ((value.astype(np.int32) - zero) * scale).astype(np.float32)

    def stored(self, name, value):
        tensor = self.graph.tensors[name]
        assert value.shape == tensor.shape, name
        if tensor.quant is None:
            return value.astype(NUMPY[tensor.dtype])
        scale = spread(tensor.quant, np.float32(tensor.quant.scale), value.ndim)
        zero = spread(tensor.quant, tensor.quant.zero_point, value.ndim)
        limits = np.iinfo(NUMPY[tensor.dtype])
        whole = np.rint(value.astype(np.float32) / scale) + zero
        return np.clip(whole, limits.min, limits.max).astype(NUMPY[tensor.dtype])

    def results(self, node):
        operands = [self.real(name) if name else None for name in node.inputs]
        if node.op in ("QuantizeLinear", "DequantizeLinear", "Identity") and len(operands) == 1:
            return operands
        bias = operands.pop() if "bias" in node.epilogue else None
        attrs = {k: v for k, v in node.attrs.items() if k not in EPILOGUES}
        if node.op in CELLS:
            results = CELLS[node.op](*operands)
        elif node.op == "Silu":
            results = [operands[0] * sigmoid(operands[0])]
        else:
            results = self.standard(node, operands, attrs)
        y = results[0]
        for name in node.epilogue:
            if name == "bias":
                y = y + bias.reshape([-1] + [1] * (y.ndim - 2) if "Conv" in node.op else [-1]).astype(y.dtype)
            else:
                y = EPILOGUES[name](y, node.attrs.get(name)).astype(y.dtype)
        return [y, *results[1:]]

    def standard(self, node, operands, attrs):
        """Operators of ONNX, with what the reader made attributes as operands again."""
        if attrs.pop("coerce", 0):
            axis = attrs.pop("axis", 1)
            flat = operands[0].reshape(int(np.prod(operands[0].shape[:axis])), -1)
            return [evaluate(node.op, [flat], {"axis": 1}, 1)[0].reshape(operands[0].shape)]
        if node.op == "Split" and len(operands) > 1 and operands[1] is None:
            operands = operands[:1]
        for index, name in OPS[node.op].parameters.items():
            if name not in attrs or (index < len(operands) and operands[index] is not None):
                continue
            kind = np.float32 if name in ("scales", "min", "max", "value") else np.int64
            operands += [None] * (index + 1 - len(operands))
            operands[index] = np.asarray(attrs.pop(name), kind)
        if node.op == "Split" and len(operands) > 1:
            attrs.pop("num_outputs", None)
        return evaluate(node.op, operands, attrs, len(node.outputs))
