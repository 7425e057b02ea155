"""execute: from files of a network and of inputs to what the network computes."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from simulator.base.errors import InputError, Problem
from simulator.base.files import write_atomic
from simulator.base.locate import locate
from simulator.experiment.overrides import ARGUMENTS
from simulator.workload.arrays import Split, read_arrays
from simulator.workload.difference import Difference, compare_profiles
from simulator.workload.execute import Activity, execute
from simulator.workload.frontends import built
from simulator.workload.graph import Graph
from simulator.workload.labels import count_right, split_labels
from simulator.workload.load import load_graph
from simulator.workload.numerics import Numerics, profile


def carried_samples(network: object, settings: Mapping[str, str]) -> tuple[Split, str] | None:
    """Samples that a network carries, and the file that they are of; None where it carries none.

    Raises
    ------
    InputError
        The network's file, or that of the samples, is not as it should be.
    """
    if not isinstance(network, str | Path):
        return None
    path = locate(str(network), "workloads")
    if path.suffix not in (".yaml", ".yml"):
        return None
    arguments = {name: text for name, text in settings.items() if name in ARGUMENTS}
    return built.carried(path, arguments)


def arrays_for(network: str, inputs: str | None) -> tuple[dict[str, np.ndarray], str]:
    """Arrays of a file, else the samples to test on that a network carries; and the file that they are of.

    Raises
    ------
    InputError
        There are neither, or a file is not as it should be.
    """
    if inputs is not None:
        return read_arrays(inputs), inputs
    carried = carried_samples(network, {})
    if carried is None:
        raise InputError(Problem("missing; expected an .npz file with an array per input", "--inputs"))
    return dict(carried[0].test), carried[1]


def execute_files(
    network: str, inputs: str | None, numerics: str | None, *, all_tensors: bool = False
) -> tuple[Activity, int | None]:
    """Put the inputs of a file through the network of another.

    Returns
    -------
    activity : Activity
    right : int or None
        Samples that come out as their labels say; None where the file has no labels.

    Parameters
    ----------
    network
        Path, or name under workloads/.
    inputs
        Path of an .npz file: an array for each input, under its name. None: what the network carries.
    numerics
        Name of a profile; None: tflite_ref for .tflite, onnxruntime for others.
    all_tensors
        Keep every computed tensor.

    Raises
    ------
    InputError
        A file is not as it should be, with its name, or a node cannot be executed.
    """
    chosen = None if numerics is None else checked_profile(numerics, "--profile")
    given, source = arrays_for(network, inputs)
    graph = load_graph(network)
    arrays, labels = split_labels(given, graph)
    try:
        check_finite(arrays, graph)
        activity = execute(graph, arrays, chosen or graph.native, all_tensors=all_tensors)
        return activity, None if labels is None else count_right(labels, graph, activity)
    except InputError as error:
        raise located(error, {"inputs": source}, network) from error


def compare_files(network: str, inputs: str | None, base: str, others: Sequence[str]) -> list[Difference]:
    """Further profiles beside one, on the inputs of a file; errors as for ``execute_files``."""
    for other in others:
        checked_profile(other, "--compare")
    given, source = arrays_for(network, inputs)
    graph = load_graph(network)
    arrays = split_labels(given, graph)[0]
    try:
        return compare_profiles(graph, arrays, base, others)
    except InputError as error:
        raise located(error, {"inputs": source}, network) from error


def located(error: InputError, files: Mapping[str, str], network: str) -> InputError:
    """The error with the file that each problem is in: some parts are the user's, nodes the network's.

    ``files`` maps a part of the input (``inputs``, ``golden``) to its file.
    """
    return InputError(*(_located(problem, files, network) for problem in error.problems))


def _located(problem: Problem, files: Mapping[str, str], network: str) -> Problem:
    if problem.path in files:
        return replace(problem, file=files[problem.path], path="")
    return problem if problem.file else replace(problem, file=network)


def checked_profile(name: str, option: str) -> Numerics:
    """Profile of a name; what is wrong is said of the option that brought it."""
    try:
        return profile(name)
    except InputError as error:
        raise InputError(*(replace(problem, file=option, path="") for problem in error.problems)) from error


def check_finite(arrays: Mapping[str, np.ndarray], graph: Graph) -> None:
    """Refuse infinity and NaN where they are to be quantized: what they become there is no one's rule.

    Raises
    ------
    InputError
        With the first place in each input.
    """
    if not any(tensor.quant is not None for tensor in graph.tensors.values()):
        return
    problems = []
    for name, array in arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            at = np.argwhere(~np.isfinite(array))[0].tolist()
            text = f"input '{name}': expected finite numbers, got {array[tuple(at)]} at {at}"
            problems.append(Problem(text, path="inputs"))
    if problems:
        raise InputError(*problems)


def write_arrays(arrays: Mapping[str, np.ndarray], path: Path) -> None:
    """Write arrays by name as .npz; the same arrays give the same bytes.

    Raises
    ------
    InputError
        The place cannot be written.
    """
    buffer = io.BytesIO()
    contiguous: dict[str, Any] = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    np.savez(buffer, **contiguous)
    write_atomic(path, buffer.getvalue())


def summary(
    activity: Activity, right: int | None = None, differences: Sequence[Difference] = ()
) -> dict[str, Any]:
    """What was executed: samples, outputs with shape and type, density of every tensor, other profiles."""
    outputs = {
        name: {"shape": list(array.shape), "dtype": str(array.dtype)}
        for name, array in activity.outputs.items()
    }
    tensors = {
        name: {"elements": elements, "nonzeros": activity.nonzeros[name], "density": activity.density(name)}
        for name, elements in activity.elements.items()
    }
    return {
        "network": activity.network,
        "profile": activity.profile,
        "samples": activity.samples,
        "correct": right,
        "accuracy": None if right is None else right / activity.samples,
        "outputs": outputs,
        "tensors": tensors,
        "compared": [asdict(difference) for difference in differences],
    }
