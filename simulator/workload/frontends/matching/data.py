"""Vectors, labels and knowledge of pattern matching: from files and arrays to what the neurons take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from simulator.base.errors import InputError, Problem, did_you_mean
from simulator.workload import neurons
from simulator.workload.arrays import read_arrays
from simulator.workload.frontends.matching.args import Matching

#: What is off a whole number by less is taken as one: 0.1 times 10 in float32.
NEAR = 1e-5


@dataclass(frozen=True)
class Samples:
    """Vectors as components, uint8 (rows, components), and their categories, int32 (rows,); None: unknown.

    ``file`` is where they come from, for messages.
    """

    vectors: np.ndarray
    categories: np.ndarray | None
    file: str | None = None


def make_samples(args: Matching, arrays: Mapping[str, np.ndarray], file: str | None) -> Samples:
    """Components and categories of named arrays.

    Raises
    ------
    InputError
        An array is missing, has another shape, or holds what no component or category can be: the first
        place of each.
    """
    if args.vectors not in arrays:
        raise InputError(_missing("vectors", args.vectors, arrays, file))
    vectors = np.asarray(arrays[args.vectors])
    if vectors.ndim < 2 or not vectors.size:
        text = f"'{args.vectors}': expected a row of components per vector, got shape {list(vectors.shape)}"
        raise InputError(Problem(text, file))
    vectors = vectors.reshape(len(vectors), -1)
    components, problem = _whole(vectors, args.scale, 0, 0, 255, f"'{args.vectors}'", "components")
    problems = [problem] if problem else []
    categories = None
    if args.labels in arrays:
        labels = np.asarray(arrays[args.labels])
        if labels.size != len(vectors) or labels.ndim < 1:
            text = f"expected one per vector, {len(vectors)}, got shape {list(labels.shape)}"
            problems.append(f"'{args.labels}': {text}")
        else:
            name, least, most = f"'{args.labels}'", neurons.COUNTEREXAMPLE, neurons.LARGEST_CATEGORY
            flat = labels.reshape(-1)
            categories, problem = _whole(flat, 1, args.shift, least, most, name, "categories")
            problems += [problem] if problem else []
    elif args.learn:
        raise InputError(_missing("labels", args.labels, arrays, file))
    if problems:
        raise InputError(*(Problem(text, file) for text in problems))
    known = None if categories is None else categories.astype(np.int32)
    return Samples(components.astype(np.uint8), known, file)


def _missing(what: str, name: str, arrays: Mapping[str, np.ndarray], file: str | None) -> Problem:
    there = ", ".join(f"'{other}'" for other in arrays) or "none"
    hint = did_you_mean(name, arrays)
    text = f"no array '{name}' with {what}; there is {there}{hint}; name it with --set workload.{what}=NAME"
    return Problem(text, file)


def _whole(
    array: np.ndarray, scale: float, shift: int, least: int, most: int, name: str, what: str
) -> tuple[np.ndarray, str]:
    """Whole numbers ``array * scale + shift``, and what is wrong with the first that is none of those."""
    if array.dtype.kind not in "biuf":
        return array, f"{name}: expected numbers, got {array.dtype}"
    with np.errstate(invalid="ignore", over="ignore"):
        values = array.astype(np.float64) * scale + shift
        rounded = np.rint(values)
        right = (np.abs(values - rounded) < NEAR) & (rounded >= least) & (rounded <= most)
    if right.all():
        return rounded, ""
    at = np.argwhere(~right)[0].tolist()
    got, value = array[tuple(at)], values[tuple(at)]
    made = f" x {scale:g}" * (scale != 1) + f" {shift:+d}" * (shift != 0)
    became = f"{got}{made} = {value:g}" if made and np.isfinite(value) else f"{got}"
    zero = " (0: a counterexample)" if what == "categories" else ""
    bounds = f"whole numbers from {least} to {most}{zero}"
    hint = _whole_by(array) if what == "components" and scale == 1 else ""
    return array, f"{name}: expected {what} as {bounds}, got {became} at {at}{hint}"


def _whole_by(array: np.ndarray) -> str:
    """Say by what real numbers are whole numbers of a byte; "" where nothing makes them so."""
    if array.dtype.kind != "f" or not np.isfinite(array).all() or array.min() < 0:
        return ""
    steps = range(2, int(min(255 / max(float(array.max()), 1.0), 255)) + 1)
    found = (n for n in steps if (np.abs(array * float(n) - np.rint(array * float(n))) < NEAR).all())
    step = next(found, None)
    return "" if step is None else f"; times {step} all are whole: --set workload.scale={step}"


def read_knowledge(path: str, stored: int, components: int) -> tuple[np.ndarray, np.ndarray]:
    """Committed neurons of a file that was saved: (prototypes, registers), as ``neurons`` lays them out.

    Parameters
    ----------
    path
        An .npz file with ``prototypes`` and ``registers``.
    stored, components
        Neurons that there are, and components of a vector.

    Raises
    ------
    InputError
        It holds no such arrays, other components, more neurons, or registers that no neuron has.
    """
    arrays = read_arrays(path, "knowledge", "name")
    lacking = [name for name in ("prototypes", "registers") if name not in arrays]
    if lacking:
        there = ", ".join(f"'{name}'" for name in arrays) or "none"
        text = f"expected arrays 'prototypes' and 'registers' as `execute` writes them, there is {there}"
        raise InputError(Problem(text, path))
    prototypes, registers = arrays["prototypes"], arrays["registers"]
    text = _misshapen(prototypes, registers, components)
    if text:
        raise InputError(Problem(text, path))
    held = registers[:, neurons.CATEGORY] != 0
    prototypes, registers = prototypes[held], registers[held].astype(np.int32)
    if len(registers) > stored:
        text = f"it holds {len(registers)} neurons, there are {stored} to restore to"
        raise InputError(Problem(text, path))
    limits = (0xFF, 0xFFFF, neurons.LARGEST_FIELD, neurons.LARGEST_FIELD)
    wrong = np.argwhere((registers < 0) | (registers > limits))
    if wrong.size:
        row, column = wrong[0].tolist()
        which = ("context", "category", "influence field", "least influence field")[column]
        got = registers[row, column]
        text = f"neuron {row + 1}: expected its {which} from 0 to {limits[column]}, got {got}"
        raise InputError(Problem(text, path))
    all_prototypes, all_registers = neurons.blank(stored, components)
    all_prototypes[: len(prototypes)], all_registers[: len(registers)] = prototypes, registers
    return all_prototypes, all_registers


def _misshapen(prototypes: np.ndarray, registers: np.ndarray, components: int) -> str:
    """What is wrong with the shapes and types of what a file holds; "" if nothing is."""
    if prototypes.dtype != np.uint8 or prototypes.ndim != 2:
        return f"'prototypes': expected uint8 in rows, got {prototypes.dtype} {list(prototypes.shape)}"
    if registers.dtype.kind not in "iu" or registers.shape != (len(prototypes), neurons.REGISTERS):
        expected = f"integers of shape {[len(prototypes), neurons.REGISTERS]}"
        return f"'registers': expected {expected}, got {registers.dtype} {list(registers.shape)}"
    if prototypes.shape[1] != components:
        return f"its prototypes have {prototypes.shape[1]} components, the vectors have {components}"
    return ""
