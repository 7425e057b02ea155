"""A small float network of the MLPerf Tiny kind, trained on pictures that are drawn here: for quantization.

``PYTHONPATH=. python tests/trained_network.py FOLDER`` writes it as shapes.onnx, and 300 pictures with their
classes as shapes.npz.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
from onnx import helper, numpy_helper

from simulator.workload.execute import execute
from simulator.workload.load import load_graph

SIZE = 16
CLASSES = 6
NOISE = 0.15
JITTER = 0.04  # of a place, in sizes of the picture
TRAIN = 2000
RIDGE = 30.0


class Trained(NamedTuple):
    """A network's file, pictures to calibrate on, and pictures with their classes to test on."""

    path: Path
    calibration: np.ndarray
    pictures: np.ndarray
    labels: np.ndarray


def draw(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Noisy pictures (count, 1, SIZE, SIZE) of bars, discs, rings, crosses and checks, and their classes."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, CLASSES, count)
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float64)
    pictures = np.empty((count, 1, SIZE, SIZE), np.float32)
    for i, label in enumerate(labels):
        cy, cx = SIZE * rng.uniform(0.5 - JITTER, 0.5 + JITTER, 2)
        width, size = rng.uniform(1.2, 2.2), rng.uniform(3.5, 5.5)
        away = np.hypot(y - cy, x - cx)
        shape = (
            np.abs(y - cy) < width,
            np.abs(x - cx) < width,
            away < size,
            np.abs(away - size) < width * 0.7,
            (np.abs(y - cy) < width * 0.7) | (np.abs(x - cx) < width * 0.7),
            ((y - cy) // 3 + (x - cx) // 3) % 2 == 0,
        )[label]
        contrast = rng.uniform(0.6, 1.4) * rng.choice([1.0, 0.7])
        pictures[i, 0] = contrast * shape + rng.normal(0, NOISE, (SIZE, SIZE)) + rng.normal(0, 0.1)
    return pictures, labels.astype(np.int64)


class _Builder:
    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.nodes, self.constants = [], {}

    def add(self, op, inputs, name, **attrs):
        self.nodes.append(helper.make_node(op, inputs, [name], name, **attrs))
        return name

    def conv(self, x, name, inputs, filters, kernel=3, stride=1, group=1, relu=True):
        """Convolution, normalization and Relu; gains differ from channel to channel, as trained ones do."""
        fan_in = inputs // group * kernel**2
        weight = self.rng.normal(0, (2 / fan_in) ** 0.5, (filters, inputs // group, kernel, kernel))
        weight *= np.exp(self.rng.normal(0, 0.6, (filters, 1, 1, 1)))
        self.constants[f"{name}.w"] = weight.astype(np.float32)
        pads = [kernel // 2] * 4
        self.add(
            "Conv",
            [x, f"{name}.w"],
            name,
            kernel_shape=[kernel] * 2,
            strides=[stride] * 2,
            pads=pads,
            group=group,
        )
        shapes = {"gamma": np.ones, "beta": np.zeros, "mean": np.zeros, "var": np.ones}
        for part, make in shapes.items():
            self.constants[f"{name}.{part}"] = make(filters, np.float32)
        self.constants[f"{name}.gamma"] = np.exp(self.rng.normal(0, 0.3, filters)).astype(np.float32)
        self.constants[f"{name}.beta"] = self.rng.normal(0.1, 0.3, filters).astype(np.float32)
        parts = [f"{name}.{part}" for part in shapes]
        last = self.add("BatchNormalization", [name, *parts], f"{name}.bn", epsilon=1e-5)
        return self.add("Relu", [last], f"{name}.relu") if relu else last

    def save(self, path, outputs=("y",), also=()):
        value = helper.make_tensor_value_info
        constants = [numpy_helper.from_array(array, name) for name, array in self.constants.items()]
        made = [value(name, 1, None) for name in (*outputs, *also)]
        graph = helper.make_graph(self.nodes, "shapes", [value("x", 1, [1, 1, SIZE, SIZE])], made, constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.save(model, path)
        return path


def train(folder: Path, *, softmax: bool = True) -> Trained:
    """Build, fit and save the network.

    A stem, a residual block, two depthwise separable blocks, mean pooling, a dense layer, Softmax. The
    convolutions are random features; statistics of every normalization are those of its input, layer by layer,
    and the dense layer is fitted by ridge regression: deterministic, and done in seconds.
    """
    pictures, labels = draw(TRAIN, seed=1)
    b = _Builder(seed=7)
    x = b.conv("x", "stem", 1, 16, stride=2)
    y = b.conv(x, "res1", 16, 16)
    y = b.conv(y, "res2", 16, 16, relu=False)
    x = b.add("Relu", [b.add("Add", [x, y], "add")], "add.relu")
    x = b.conv(x, "dw1", 16, 16, group=16)
    x = b.conv(x, "pw1", 16, 32, kernel=1)
    x = b.add("MaxPool", [x], "max", kernel_shape=[2, 2], strides=[2, 2])
    x = b.conv(x, "dw2", 32, 32, group=32)
    x = b.conv(x, "pw2", 32, 64, kernel=1)
    x = b.add("AveragePool", [x], "pool", kernel_shape=[2, 2], strides=[2, 2])
    features = b.add("Flatten", [x], "features")
    for node in [n for n in b.nodes if n.op_type == "BatchNormalization"]:
        _fit_statistics(b, node, folder / "partial.onnx", pictures[:64])
    values = execute(
        load_graph(b.save(folder / "partial.onnx", ["features"])), {"x": pictures}, "onnxruntime"
    )
    matrix = values.outputs["features"].reshape(len(pictures), -1).astype(np.float64)
    b.constants["dense.w"], b.constants["dense.b"] = _ridge(matrix, labels)
    logits = b.add("Gemm", [features, "dense.w", "dense.b"], "logits" if softmax else "y")
    if softmax:
        b.add("Softmax", [logits], "y", axis=1)
    (folder / "partial.onnx").unlink()
    tested, classes = draw(300, seed=2)
    return Trained(b.save(folder / "shapes.onnx"), pictures[:64], tested, classes)


def _fit_statistics(b, node, path, pictures):
    """Mean and variance of a normalization from what it reads."""
    name = node.input[0]
    part = _Builder(0)
    part.nodes, part.constants = b.nodes[: list(b.nodes).index(node)], b.constants
    outputs = execute(load_graph(part.save(path, [name])), {"x": pictures}, "onnxruntime").outputs[name]
    b.constants[f"{name}.mean"] = outputs.mean(axis=(0, 2, 3))
    b.constants[f"{name}.var"] = outputs.var(axis=(0, 2, 3))


def _ridge(matrix, labels):
    """Weights and bias of a least-squares classifier, scaled to logits."""
    center = matrix.mean(axis=0)
    centered = matrix - center
    targets = np.eye(CLASSES)[labels] - 1 / CLASSES
    gram = centered.T @ centered + RIDGE * np.eye(matrix.shape[1])
    weight = 8 * np.linalg.solve(gram, centered.T @ targets)
    return weight.astype(np.float32), (-center @ weight).astype(np.float32)


if __name__ == "__main__":
    trained = train(Path(sys.argv[1]))
    np.savez(trained.path.with_suffix(".npz"), x=trained.pictures, labels=trained.labels)
