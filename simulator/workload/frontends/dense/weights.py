"""Layers of a fully connected network from text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simulator.base.errors import InputError, Problem

HEADER = "layer NAME INPUTS OUTPUTS [relu]"


@dataclass(frozen=True, eq=False)
class DenseLayer:
    """One layer: y = x · weight + bias, rectified or not.

    Attributes
    ----------
    name
        No other layer has it.
    weight : (inputs, outputs) float32
    bias : (outputs,) float32
    rectified
        Whether max(y, 0) is its result.
    """

    name: str
    weight: np.ndarray
    bias: np.ndarray
    rectified: bool


def read_layers(path: str | Path) -> list[DenseLayer]:
    """Layers of a file: a header, as many rows of weights as there are inputs, a row of biases, and so on.

    Numbers are apart by blanks; what follows a ``#`` says nothing.

    Raises
    ------
    InputError
        The file cannot be read, or a line is not as it should be; with its place.
    """
    file = str(path)
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(Problem(f"cannot read the weights: {reason}", file)) from error
    lines = ((i, line.partition("#")[0].split()) for i, line in enumerate(text.split("\n"), 1))
    filled = iter([(i, words) for i, words in lines if words])
    layers: list[DenseLayer] = []
    for number, words in filled:
        layers.append(_layer(number, words, filled, layers, file))
    if not layers:
        raise InputError(Problem(f"expected layers, each with a header `{HEADER}`", file))
    return layers


def _layer(
    number: int, words: list[str], lines: Iterator[tuple[int, list[str]]], before: list[DenseLayer], file: str
) -> DenseLayer:
    """The layer whose header stands at a line."""
    sized = words[0] == "layer" and len(words) in (4, 5) and all(word.isdecimal() for word in words[2:4])
    if not sized or words[4:] not in ([], ["relu"]):
        text = f"expected a header `{HEADER}`, got '{' '.join(words)[:40]}'"
        raise InputError(Problem(text, file, number))
    name, inputs, outputs = words[1], int(words[2]), int(words[3])
    if name in [layer.name for layer in before]:
        raise InputError(Problem(f"there is a layer '{name}' already", file, number))
    if before and inputs != before[-1].bias.size:
        text = f"layer '{name}' has {inputs} inputs, the layer before it {before[-1].bias.size} outputs"
        raise InputError(Problem(text, file, number))
    rows = np.zeros((inputs + 1, outputs), np.float32)
    for row in range(inputs + 1):
        what = "biases" if row == inputs else f"weights of input {row}"
        at, numbers = next(lines, (number, []))
        if len(numbers) != outputs:
            text = f"layer '{name}': expected {outputs} {what}, got {len(numbers)}"
            raise InputError(Problem(text, file, at))
        rows[row] = _numbers(numbers, at, f"layer '{name}', {what}", file)
    return DenseLayer(name, rows[:-1], rows[-1], bool(words[4:]))


def _numbers(words: list[str], line: int, what: str, file: str) -> np.ndarray:
    try:
        found = np.array(words, np.float64)
    except ValueError as error:
        raise InputError(Problem(f"{what}: expected numbers; {error}", file, line)) from error
    if not np.isfinite(found).all():
        raise InputError(Problem(f"{what}: expected finite numbers", file, line))
    return found.astype(np.float32)
