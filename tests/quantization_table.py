"""Methods and element types on one trained network: the table of docs/models/quantization.md.

``PYTHONPATH=. python tests/quantization_table.py`` prints it.
"""

from __future__ import annotations

import itertools
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
from trained_network import Trained, train

from simulator.workload.execute import execute
from simulator.workload.load import load_graph
from simulator.workload.quantization.quantize import quantize

METHODS = ("minmax", "percentile", "mse")
TYPES = (("int8", "int8"), ("int4", "int8"), ("int8", "int16"))
PERCENTILE = 99.9


class Row(NamedTuple):
    """One line of the table; noise on the calibration pictures, accuracy on those set apart."""

    method: str
    scales: str
    weights: str
    activations: str
    output_db: float
    worst_db: float
    accuracy: float
    constant_bytes: int

    def markdown(self) -> str:
        method = f"percentile {PERCENTILE}" if self.method == "percentile" else self.method
        return (
            f"| {method} | {self.scales} | {self.weights} | {self.activations} | {self.output_db:.1f} "
            f"| {self.worst_db:.1f} | {100 * self.accuracy:.1f} | {self.constant_bytes} |"
        )


def accuracy(path: Path, net: Trained) -> float:
    """Share of the pictures set apart that a network is right about."""
    outputs = execute(load_graph(path), {"x": net.pictures}, "onnxruntime").outputs["y"]
    return float(np.mean(outputs.reshape(len(net.labels), -1).argmax(axis=1) == net.labels))


def row(net: Trained, folder: Path, method: str, scales: str, weights: str, activations: str) -> Row:
    """One combination: quantized on the calibration pictures, tested on the others."""
    made = quantize(
        net.path, {"x": net.calibration}, weights=weights, activations=activations,
        per_channel=scales == "channel", method=method, percentile=PERCENTILE,
    )  # fmt: skip
    made.write(folder / "q.onnx")
    worst = min(layer.sqnr_db for layer in made.layers)
    right = accuracy(folder / "q.onnx", net)
    return Row(method, scales, weights, activations, made.outputs["y"], worst, right, made.constant_bytes[1])


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        net = train(folder)
        sys.stdout.write(f"float: accuracy {100 * accuracy(net.path, net):.1f} %\n\n")
        sys.stdout.write(
            "| method | scales per | weights | activations | SQNR of the output, dB | worst layer, dB "
            "| accuracy, % | constants, bytes |\n|---|---|---|---|---|---|---|---|\n"
        )
        for method, scales, types in itertools.product(METHODS, ("tensor", "channel"), TYPES):
            sys.stdout.write(row(net, folder, method, scales, *types).markdown() + "\n")


if __name__ == "__main__":
    main()
