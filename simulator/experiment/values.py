"""Inputs of a run: executed in the chip's arithmetic, compared with labels and with what was expected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from simulator.base.errors import InputError, Problem, did_you_mean
from simulator.experiment.execute import check_finite, checked_profile
from simulator.hw.chip import Chip
from simulator.results.values import Agreement, Values
from simulator.workload.arrays import Split, read_arrays
from simulator.workload.density import declared, of_weights, with_densities
from simulator.workload.execute import Activity, execute
from simulator.workload.graph import Graph
from simulator.workload.labels import count_right, split_labels
from simulator.workload.numerics import PROFILES, Numerics, profile


@dataclass(frozen=True)
class Given:
    """What a run is given to execute: arrays by name, with ``labels`` among them or without.

    ``golden`` has expected outputs by name. ``numerics`` names a profile; None: the chip's. ``files`` says
    where they come from, for messages: part of the input -> file.
    """

    inputs: Mapping[str, np.ndarray]
    golden: Mapping[str, np.ndarray] | None = None
    numerics: str | None = None
    files: Mapping[str, str] = field(default_factory=dict)


Source = Mapping[str, object] | str | Path
Carried = tuple[Split, str]


def read_given(
    inputs: Source | None, golden: Source | None, numerics: str | None, carried: Carried | None = None
) -> Given | None:
    """What a run is given, arrays as they are and paths read; None without inputs.

    ``carried`` are samples that the network carries, and their file: they stand in for inputs.

    Raises
    ------
    InputError
        A file cannot be read; something beside the inputs is given without them; there is no such profile.
    """
    if inputs is None and carried is None:
        for name, there in (("golden", golden), ("profile", numerics)):
            if there is not None:
                raise InputError(Problem("only inputs can be executed; give --inputs as well", f"--{name}"))
        return None
    if numerics is not None:
        checked_profile(numerics, "--profile")
    files = {
        name: str(source)
        for name, source in (("inputs", inputs), ("golden", golden))
        if isinstance(source, str | Path)
    }
    expected = None if golden is None else _arrays(golden, "expected outputs", "output")
    if expected is not None and not expected:
        where = files.get("golden", "golden")
        raise InputError(Problem("expected an array for an output of the network, got none", where))
    if inputs is None:
        assert carried is not None
        return Given(carried[0].test, expected, numerics, {**files, "inputs": carried[1]})
    return Given(_arrays(inputs), expected, numerics, files)


def _arrays(source: Source, what: str = "inputs", each: str = "input") -> Mapping[str, np.ndarray]:
    if isinstance(source, str | Path):
        return read_arrays(str(source), what, each)
    return {name: np.asarray(array) for name, array in source.items()}


def execute_on(
    chip: Chip, graph: Graph, given: Given, pim: Mapping[str, str] | None = None
) -> tuple[Activity, Values]:
    """Execute a network as a chip rounds; what it did, and what a result says of it.

    ``pim``: node -> memory that computes it, as ``execute`` takes it.

    Raises
    ------
    InputError
        Inputs, labels or expected outputs do not fit the network, or a node cannot be executed.
    """
    numerics = chip.requant.numerics(graph.native) if given.numerics is None else profile(given.numerics)
    arrays = {name: np.asarray(array) for name, array in given.inputs.items()}
    arrays, labels = split_labels(arrays, graph)
    _check_outputs(graph, given.golden or {})
    check_finite(arrays, graph)
    activity = execute(graph, arrays, numerics, pim=pim)
    values = Values(
        profile=described(numerics, graph, pim or {}),
        samples=activity.samples,
        density={name: activity.density(name) for name in activity.elements},
        labelled=None if labels is None else int(labels.size),
        correct=None if labels is None else count_right(labels, graph, activity),
        agreement=tuple(
            compare(name, activity.outputs[name], expected, activity.samples)
            for name, expected in (given.golden or {}).items()
        ),
        source=Path(given.files.get("inputs", "")).name,
    )
    return activity, values


def described(numerics: Numerics, graph: Graph, pim: Mapping[str, str]) -> str:
    """A profile in words: what was changed of it, or that nothing in the network is for it to round.

    Then, how many nodes are in the arithmetic of which memory.
    """
    said = _rounded(numerics, graph)
    for device in sorted(set(pim.values())):
        nodes = sum(each == device for each in pim.values())
        said += f"; {nodes} node{'s' * (nodes != 1)} as {device} computes"
    return said


def _rounded(numerics: Numerics, graph: Graph) -> str:
    if numerics.pim is None and not any(tensor.quant is not None for tensor in graph.tensors.values()):
        return "the network's real numbers (nothing in it is quantized)"
    known, said = PROFILES.get(numerics.name), numerics.name
    if known is not None and numerics.accumulator_bits != known.accumulator_bits:
        said += f", sums of 8-bit products in {numerics.accumulator_bits} bits"
    if known is not None and numerics.overflow != known.overflow:
        said += f", sums that {numerics.overflow}"
    return said


def compare(name: str, found: np.ndarray, expected: np.ndarray, samples: int) -> Agreement:
    """One output beside what was expected of it; NaN equals NaN.

    Raises
    ------
    InputError
        They differ in shape beside axes of one element, or no numbers are expected.
    """
    if [n for n in found.shape if n != 1] != [n for n in expected.shape if n != 1]:
        text = f"output '{name}': expected shape {list(found.shape)}, got {list(expected.shape)}"
        raise InputError(Problem(text, path="golden"))
    if expected.dtype.kind not in "biuf":
        text = f"output '{name}': expected numbers such as {found.dtype}, got {expected.dtype}"
        raise InputError(Problem(text, path="golden"))
    expected = np.reshape(expected, found.shape)
    floats = found.dtype.kind == "f"
    same = (found == expected) | (floats & (found != found) & (expected != expected))
    apart = np.abs(np.where(same, 0, found).astype(np.float64) - np.where(same, 0, expected))
    per_sample = found.reshape(samples, -1)
    deciding = None
    if per_sample.shape[1] > 1:
        there = expected.reshape(samples, -1)
        deciding = int((per_sample.argmax(axis=1) != there.argmax(axis=1)).sum())
    differing = int(same.size - np.count_nonzero(same))
    return Agreement(name, int(found.size), differing, float(apart.max(initial=0.0)), deciding)


def with_zeros(
    graph: Graph, chip: Chip, settings: Mapping[str, str], activity: Activity | None
) -> tuple[Graph, tuple[str, ...]]:
    """The graph with the densities that are known or declared, and sentences that say so.

    Nothing is counted for a chip on which zeros change nothing.

    Raises
    ------
    InputError
        A density that is no share; densities are declared and measured at once.
    """
    maps, weights = (_share(settings, name) for name in ("density", "weight_density"))
    if maps is not None and activity is not None:
        text = "the density of feature maps is measured from the inputs; leave one of the two out"
        raise InputError(Problem(text, "--set workload.density", path="workload.density"))
    if not chip.follows_zeros():
        declared_some = maps is not None or weights is not None
        return graph, (
            (f"{chip.name} makes nothing of zeros: declared densities change nothing",)
            if declared_some
            else ()
        )
    shares, said = {}, []
    if activity is not None:
        shares = {name: activity.density(name) for name in activity.elements}
    elif maps is not None:
        shares = declared(graph, maps)
        said.append(f"{maps:g} of the elements of every feature map are not zero, as declared")
    try:
        shares |= of_weights(graph, weights)
        if weights is not None:
            said.append(f"{weights:g} of the elements of all weights are not zero, as declared")
    except InputError:
        said.append("weights have no values: all are taken as not zero")
    return with_densities(graph, shares), tuple(said)


def _share(settings: Mapping[str, str], name: str) -> float | None:
    if name not in settings:
        return None
    try:
        share = float(settings[name])
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        text = f"expected a share between 0 and 1, got {settings[name]}"
        raise InputError(Problem(text, f"--set workload.{name}={settings[name]}", path=f"workload.{name}"))
    return share


def _check_outputs(graph: Graph, golden: Mapping[str, np.ndarray]) -> None:
    names = ", ".join(f"'{name}'" for name in graph.outputs)
    problems = [
        Problem(f"expected outputs {names}, got '{name}'{did_you_mean(name, graph.outputs)}", path="golden")
        for name in golden
        if name not in graph.outputs
    ]
    if problems:
        raise InputError(*problems)
