"""Verbs of the command line that compute values: no time, no chip."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simulator.base.errors import InputError, Problem
from simulator.experiment import screen
from simulator.experiment.clioptions import NONE, Json, Plugin, Quiet, Set, import_plugins, read_overrides

if TYPE_CHECKING:
    from simulator.experiment.spikes import Stimulus


def execute(
    network: Annotated[
        str, typer.Argument(metavar="NETWORK", help="Network: path, or name under workloads/")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="G.npz", help="Where the outputs go, by name")],
    inputs: Annotated[
        str | None,
        typer.Option(metavar="F.npz", help="An array per input, under its name [samples that it carries]"),
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(metavar="P", help="How it rounds [tflite_ref for .tflite, onnxruntime for others]"),
    ] = None,
    compare: Annotated[
        str | None,
        typer.Option(metavar="P,Q,...", help="Further profiles: what differs, and where it begins"),
    ] = None,
    all_tensors: Annotated[
        bool, typer.Option("--all-tensors", help="Write every computed tensor, not the outputs alone")
    ] = False,
    set_: Set = NONE,
    steps: Annotated[
        int | None, typer.Option(metavar="T", help="Spiking networks: time steps [as inputs or network say]")
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(metavar="R", help="Spiking networks: random spikes per step and input"),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="S", min=0, help="Of the random spikes")] = 0,
    dt: Annotated[str | None, typer.Option(metavar="TIME", help=".nir: length of a step [100 us]")] = None,
    soft_reset: Annotated[
        bool, typer.Option("--soft-reset", help=".nir: a spike subtracts the threshold from v")
    ] = False,
    least_delay: Annotated[
        int,
        typer.Option(metavar="N", min=0, max=1023, help="Spiking networks: steps a synapse takes at least"),
    ] = 0,
    precision: Annotated[
        str, typer.Option(metavar="P", help="Spiking networks: float64 or float32")
    ] = "float64",
    json_: Json = False,
    quiet: Quiet = False,
    plugin: Plugin = NONE,
) -> None:
    """What a network computes, without any timing: quantized bit for bit, spiking spike for spike."""
    import_plugins(plugin)
    from simulator.experiment.spikes import Stimulus
    from simulator.workload.load import is_spiking

    stimulus = Stimulus(inputs, rate, seed, steps, dt, soft_reset, least_delay)
    if is_spiking(network):
        _refuse({"--profile": profile, "--compare": compare}, "networks without spikes")
        _execute_spikes(network, stimulus, precision, out, all_tensors, json_, quiet)
        return
    given = {"--steps": steps, "--rate": rate, "--dt": dt, "--soft-reset": soft_reset or None}
    given["--least-delay"] = least_delay or None
    _refuse(given, "spiking networks")
    from simulator.experiment.differencetext import difference_lines
    from simulator.experiment.execute import compare_files, execute_files, summary, write_arrays
    from simulator.experiment.matching import execute_matching

    others = [name.strip() for name in compare.split(",")] if compare is not None else []
    with screen.progress(f"executing {network} ...", quiet):
        document = None
        if inputs is not None:
            document = execute_matching(network, inputs, out, read_overrides(set_), profile, compare)
        if document is not None:
            found = []
        else:
            activity, right = execute_files(network, inputs, profile, all_tensors=all_tensors)
            found = compare_files(network, inputs, activity.profile, others) if others else []
            write_arrays(activity.tensors if all_tensors else activity.outputs, out)
            document = summary(activity, right, found)
    if json_:
        screen.emit_json(document)
    elif not quiet:
        screen.show_activity(document, out)
        for difference in found:
            screen.emit(difference_lines(difference))


def _refuse(given: Mapping[str, object], of: str) -> None:
    """Options that another kind of network has."""
    problems = [Problem(f"is for {of}", option) for option, value in given.items() if value is not None]
    if problems:
        raise InputError(*problems)


def _execute_spikes(
    network: str, stimulus: Stimulus, precision: str, out: Path, all_states: bool, json_: bool, quiet: bool
) -> None:
    from simulator.experiment.execute import write_arrays
    from simulator.experiment.spikes import execute_spiking_files, spiking_arrays, spiking_summary

    with screen.progress(f"executing {network} ...", quiet):
        read, activity = execute_spiking_files(network, stimulus, precision=precision, all_states=all_states)
    write_arrays(spiking_arrays(activity), out)
    document = spiking_summary(read, activity)
    if json_:
        screen.emit_json(document)
    elif not quiet:
        screen.show_spikes(document, out)
