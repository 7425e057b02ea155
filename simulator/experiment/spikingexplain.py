"""explain, of spiking networks: what a run's time goes to, and which parameter would help most."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from simulator.base import units
from simulator.base.errors import InputError, Problem
from simulator.experiment.explain import cost_of, ranked_hints
from simulator.experiment.overrides import run_command
from simulator.experiment.spikingrun import run_spiking
from simulator.experiment.whatif import Change, Outcome, changes
from simulator.hw.chip import Chip
from simulator.hw.spiking import spiking_parts
from simulator.results.causes import run_causes
from simulator.results.explanation import Explanation
from simulator.results.result import Result
from simulator.results.spiking import Spiking


def explain_spiking(
    chip: Chip,
    name: str,
    network: str,
    layer: str | None = None,
    *,
    overrides: Mapping[str, object] | None = None,
    hints: bool = True,
    progress: Callable[[str], None] | None = None,
) -> Explanation:
    """Explain a run of a spiking network.

    Parameters
    ----------
    chip, name
        The chip as it is with the overrides, and what it was asked for by.
    network
        Path or name.
    layer
        Not to be given: populations run side by side.
    overrides
        As for ``run``.
    hints
        Whether to change every parameter of the chip in turn, map and simulate anew.
    progress
        Called with a line of text for each change that is through.

    Raises
    ------
    InputError
        As ``run`` does; a layer is asked for.
    """
    if layer is not None:
        text = "populations of a spiking network run side by side: it is explained as a whole, without LAYER"
        raise InputError(Problem(text, network, path=layer))
    asked, say = dict(overrides or {}), progress or (lambda text: None)
    result = run_spiking(name, network, overrides=asked)
    tried = [*changes(chip), *_further(chip, result)] if hints else []
    found: list[Outcome] = []
    for change in tried:
        found.append(_outcome(name, network, {**asked, change.path: change.after}))
        say(f"{len(found)}/{len(tried)} {change.path}={change.after}")
    given, refused = ranked_hints(tried, found, result, None)
    return Explanation(
        chip=result.chip,
        network=result.network,
        command=run_command(name, network, asked),
        latency_fs=sum(row.exposed_fs for row in result.rows),
        causes_fs=run_causes(result),
        layers=tuple(sorted((cost_of(row) for row in result.rows), key=lambda cost: -cost.exposed_fs)),
        layer=None,
        hints=given,
        refused=refused,
    )


def _further(chip: Chip, result: Result) -> list[Change]:
    """The barrier, half as long, and twice as many tiles where the mapper has the choice."""
    mesh, name = spiking_parts(chip).mesh, spiking_parts(chip).mesh_name
    spiking = result.spiking
    assert isinstance(spiking, Spiking)
    key = max(known for known in mesh.barrier_fs if known <= len(spiking.tiles))
    before = mesh.barrier_fs[key]
    written = [units.format(fs, "fs").replace(" ", "") for fs in (before, before // 2)]
    found = [Change(f"links.{name}.barrier.{key}", *written)]
    if 2 * len(spiking.tiles) <= mesh.tiles and any(
        each.placed_by == "mapper" for each in spiking.populations
    ):
        found.append(Change("mapping.tiles", str(chip.rules.tiles), str(2 * len(spiking.tiles))))
    return found


def _outcome(chip: str, network: str, overrides: Mapping[str, object]) -> Outcome:
    try:
        result = run_spiking(chip, network, overrides=overrides)
    except InputError as error:
        return Outcome(refused=error.problems[0].message)
    rows = tuple(row.exposed_fs for row in result.rows)
    metrics = result.metrics
    latency_fs = sum(rows)
    return Outcome(latency_fs, rows, energy_j=metrics.energy_j, area_mm2=metrics.area_mm2)
