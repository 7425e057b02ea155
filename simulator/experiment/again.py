"""Finished results at one precision: each is simulated again from what its result.json says was asked.

Counts cannot be converted: another precision is other tiles, other traffic, other cores. So the chip is
built from the resolved one, the network is read anew and must be the one that was simulated, and the run is
repeated with the precision alone changed. What cannot be is kept, with the reason.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from simulator.base.errors import InputError, Problem
from simulator.base.locate import locate
from simulator.base.yamlio import dump
from simulator.experiment.overrides import run_command, split_overrides
from simulator.experiment.quantized import PREFIX, is_quantized
from simulator.experiment.run import run
from simulator.experiment.single import load_network, with_precision
from simulator.hw.chip import Chip, load_chip
from simulator.results.brought import Brought
from simulator.results.result import Result
from simulator.workload.frontends import built
from simulator.workload.graph import Graph
from simulator.workload.op import work_of
from simulator.workload.precision import parse
from simulator.workload.work import Contraction

#: Types to which a network is quantized before it runs; at others it is taken as its file has it.
_QUANTIZED = ("int4", "int8", "int16")
_SETTING = "workload.precision"
_CHIP = "resolved_chip.yaml"


def bring(result: Result, precision: str, say: Callable[[str], None] = lambda text: None) -> Brought:
    """Simulate a result again at a precision, unless it is there already or cannot be.

    Parameters
    ----------
    result
        As ``run`` made it.
    precision
        As ``workload.precision``: ``int8``, ``int4/fp16``, ``w4a8``.
    say
        Told what is simulated.

    Raises
    ------
    InputError
        The precision is none.
    """
    asked = parse(precision)
    settings = _settings(result)
    try:
        types = _types(settings) or _own_types(result)
    except InputError as error:
        return Brought(result, kept=_words(error))
    there = types == asked or (types is None and result.precision == asked[0] == asked[1])
    refused = _refused(result)
    if refused or types == asked:
        return Brought(result, kept="" if there else refused)
    try:
        chip = _chip(result)
        before, batch = _simulated(result, chip, settings)
    except InputError as error:  # all that is known is what the result says of itself
        return Brought(result, kept="" if there else _words(error))
    try:
        after = _network(result, chip, _at(settings, precision), batch)
        if after.digest == before.digest:
            return Brought(result)
        _check_arrays(chip, after)
        say(f"{result.chip} {result.network} at {precision}")
        return _again(result, chip, settings, precision, batch)
    except InputError as error:
        return Brought(result, kept=_words(error))


def _words(error: InputError) -> str:
    """Problems without what stands in no file of the reader's: the chip, and settings that nobody typed."""
    said = []
    for problem in error.problems:
        file = problem.file or _CHIP
        named = problem.path if file.endswith(_CHIP) or file.startswith("--set") else file
        named = "" if named.endswith("precision") else named
        said.append(f"{named}: {problem.message}" if named else problem.message)
    return "; ".join(said)


def _settings(result: Result) -> dict[str, Any]:
    """What was set for a run."""
    stated = result.resolved.get("experiment", {}).get("set", {})
    return {str(path): value for path, value in stated.items()} if isinstance(stated, dict) else {}


def _refused(result: Result) -> str:
    """Why a result has no precision to change, or does not say what was simulated; empty where it does."""
    if result.spiking is not None:
        return "spikes are added, not multiplied: there is no precision of products"
    if result.matching is not None:
        return "its neurons compare, they multiply nothing"
    experiment = result.resolved.get("experiment", {})
    if not experiment.get("network"):
        return "the result does not say which network was simulated"
    if not result.resolved.get("chip"):
        return "the result does not hold its chip"
    try:
        path = locate(str(experiment["network"]), "workloads")
    except InputError:
        return f"its network is not found from here: {experiment['network']}"
    if path.suffix in (".yaml", ".yml") and built.is_built(path, "llm"):
        types = _own_types(result)
        stated = f", here {types[0]} and {types[1]}" if types else ""
        return (
            "a language model has its types from its own settings: run it with others of --set "
            f"workload.weights and --set workload.activations{stated}"
        )
    return ""


def _own_types(result: Result) -> tuple[str, str] | None:
    """Types of weights and activations of a language model that a result states."""
    arguments = result.resolved.get("experiment", {}).get("args")
    if not isinstance(arguments, dict) or not {"weights", "activations"} <= set(arguments):
        return None
    return str(arguments["weights"]), str(arguments["activations"])


def _types(settings: Mapping[str, Any]) -> tuple[str, str] | None:
    """Types of weights and activations that settings state; None where they state none."""
    _, workload = split_overrides(settings)
    if is_quantized(workload):
        weights, activations = (
            workload.get(f"{PREFIX}{what}", "int8") for what in ("weights", "activations")
        )
        return (weights, activations.removeprefix("u")) if f"{PREFIX}rules" not in workload else ("", "")
    stated = workload.get("precision", "auto")
    return None if stated == "auto" else parse(stated)


def _at(settings: Mapping[str, Any], precision: str) -> dict[str, Any]:
    """Settings of a run at a precision: quantized as before but to other types, or taken as if."""
    weights, activations = parse(precision)
    kept = {path: value for path, value in settings.items() if path != _SETTING}
    prefix = f"workload.{PREFIX}"
    if any(path.startswith(prefix) for path in kept):
        if weights in _QUANTIZED and activations in _QUANTIZED:
            kept.pop(f"{prefix}rules", None)
            unsigned = "u" if str(kept.get(f"{prefix}activations")).startswith("u") else ""
            return {**kept, f"{prefix}weights": weights, f"{prefix}activations": f"{unsigned}{activations}"}
        kept = {path: value for path, value in kept.items() if not path.startswith(prefix)}
    return {**kept, _SETTING: precision}


def _chip(result: Result) -> Chip:
    """The chip that was simulated, from what its result says of it."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / _CHIP
        file.write_text(dump(result.resolved["chip"]), encoding="utf-8")
        chip = load_chip(file)
    if chip.digest != result.provenance.get("chip_sha256"):
        raise InputError(Problem("its chip is another one here than it was: another version made the result"))
    return chip


def _simulated(result: Result, chip: Chip, settings: Mapping[str, Any]) -> tuple[Graph, int | None]:
    """The network that was simulated, and the batch that was bound; raise if it is another one here.

    A run in Python does not say whether it bound one: then whichever gives the network.
    """
    stated = _count(_options(result).get("batch"))
    graph = _network(result, chip, settings, stated)
    if graph.digest == result.provenance.get("network_sha256"):
        return graph, stated
    if not result.provenance.get("command"):
        with suppress(InputError):
            graph = _network(result, chip, settings, result.batch)
            if graph.digest == result.provenance.get("network_sha256"):
                return graph, result.batch
    raise InputError(Problem("its network is another one here than it was: the file has changed"))


def _network(result: Result, chip: Chip, settings: Mapping[str, Any], batch: int | None) -> Graph:
    """The network of a result as settings have it."""
    _, workload = split_overrides(settings)
    graph = load_network(result.resolved["experiment"]["network"], workload, batch, chip)
    return with_precision(graph, chip, workload.get("precision"))


def _check_arrays(chip: Chip, graph: Graph) -> None:
    """Raise unless the chip's arrays have the precision."""
    there = {name for core in chip.cores.values() for name in core.precisions()}
    works = [work for node in graph.nodes for work in work_of(node, graph)]
    lacking = sorted({work.precision for work in works if isinstance(work, Contraction)} - there)
    if there and lacking:
        raise InputError(Problem(f"no array of {chip.name} multiplies {', '.join(lacking)}"))


def _options(result: Result) -> dict[str, str]:
    """Options with a value of the command that made a result; empty for one that Python made."""
    try:
        words = shlex.split(str(result.provenance.get("command", "")))
    except ValueError:  # not a command line: somebody wrote it
        words = []
    return {
        word.removeprefix("--"): value
        for word, value in zip(words, words[1:], strict=False)
        if word.startswith("--") and word != "--set"
    }


def _count(value: object) -> int | None:
    """A whole number that a result states; None where it states none."""
    return int(str(value)) if str(value).isdecimal() else None


def _again(
    result: Result, chip: Chip, settings: Mapping[str, Any], precision: str, batch: int | None
) -> Brought:
    """Repeat a run at a precision."""
    experiment, options = result.resolved["experiment"], _options(result)
    network, called = str(experiment["network"]), str(experiment.get("chip", result.chip))
    chosen = _at(settings, precision)
    workload = {path: value for path, value in chosen.items() if path.startswith("workload.")}
    stream = _count(experiment.get("stream")) or 1
    repeated = {"batch": batch or None, "stream": stream if stream > 1 else None}
    asked = {**{name: value for name, value in options.items() if name not in repeated}, **repeated}
    found = run(
        chip,
        network,
        inputs=options.get("inputs"),
        golden=options.get("golden"),
        profile=options.get("profile"),
        overrides=workload,
        batch=batch,
        stream=stream,
        command=run_command(called, network, chosen, asked),
        seed=_count(experiment.get("seed")) or 0,
    )
    if (found.values is None) != (result.values is None) or found.batch != result.batch:
        raise InputError(Problem("what it was executed on is not in the result: arrays that Python gave it"))
    if found.values and result.values and found.values.source != result.values.source:
        raise InputError(Problem(f"its samples are not found from here: {result.values.source or 'arrays'}"))
    same = {**found.resolved["experiment"], "chip": called, "set": chosen}
    return Brought(replace(found, resolved={**found.resolved, "experiment": same}), before=result)
