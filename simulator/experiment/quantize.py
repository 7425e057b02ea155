"""quantize: from files of a network and of samples to a quantized network."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from simulator.base.errors import InputError, Problem
from simulator.experiment.execute import carried_samples, located
from simulator.workload.arrays import read_arrays
from simulator.workload.quantization.quantize import Quantized, quantize

#: Columns of the table of layers; the last one is a number.
HEADERS = ("layer", "operator", "weights", "results", "range", "scale", "zero", "SQNR dB")


def quantize_files(
    network: str, inputs: str | None, out: Path, say: Callable[[str], None], **settings: Any
) -> Quantized:
    """Quantize the network of a file on the samples of another and write the result.

    Parameters
    ----------
    network
        Path, or name under workloads/, of an .onnx file, or of the .yaml of a builder that gives values.
    inputs
        Path of an .npz file: samples of each input, under its name, and labels if there are any. None: those
        to train on that the network carries.
    out
        Where the quantized network goes.
    say
        Is told what is being done.
    **settings
        As ``simulator.quantize`` takes them.

    Raises
    ------
    InputError
        A file is not as it should be, with its name, or what is asked for does not exist.
    """
    if out.suffix.lower() != ".onnx":
        raise InputError(Problem(f"expected a file name that ends in .onnx, got '{out.name}'", "--out"))
    if out.exists() and Path(network).exists() and out.samefile(network):
        raise InputError(Problem("is the network to be quantized; write to another file", "--out"))
    arrays, source = _samples(network, inputs)
    try:
        quantized = quantize(network, arrays, say=say, **settings)
    except InputError as error:
        raise located(error, {"inputs": source}, network) from error
    quantized.write(out)
    return quantized


def _samples(network: str, inputs: str | None) -> tuple[Mapping[str, np.ndarray], str]:
    """Samples to calibrate on, and the file that they are of."""
    if inputs is not None:
        return read_arrays(inputs), inputs
    carried = carried_samples(network, {})
    if carried is None:
        raise InputError(Problem("missing; expected an .npz file of samples", "--inputs"))
    return carried[0].train, carried[1]


def layer_rows(quantized: Quantized) -> list[list[str]]:
    """Layers as text, the one with the most noise first."""
    order = sorted(quantized.layers, key=lambda layer: (layer.sqnr_db is None, layer.sqnr_db or 0.0))
    return [
        [
            layer.node,
            layer.op,
            layer.weights or "-",
            layer.activations,
            "-" if layer.low is None else f"{layer.low:.4g} .. {layer.high:.4g}",
            "-" if layer.scale is None else f"{layer.scale:.4g}",
            "-" if layer.zero_point is None else str(layer.zero_point),
            _db(layer.sqnr_db),
        ]
        for layer in order
    ]


def summary_lines(quantized: Quantized, out: Path) -> Sequence[str]:
    """What it came to, in a few lines."""
    before, after = quantized.constant_bytes
    lines = [f"output '{name}': SQNR {_db(value)} dB" for name, value in quantized.outputs.items()]
    if quantized.accuracy is not None:
        was, now = (100 * share for share in quantized.accuracy)
        lines.append(f"accuracy: {was:.2f} % before, {now:.2f} % after, {quantized.samples} samples")
    lines.append(f"constants: {before} bytes before, {after} after ({before / max(after, 1):.2f} times less)")
    return [*lines, f"wrote {out}, {len(quantized.model)} bytes"]


def _db(value: float | None) -> str:
    return "exact" if value is None else f"{value:.2f}"
