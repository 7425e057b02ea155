"""Verbs of the command line that compute values: no time, no chip."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from simulator.experiment import screen
from simulator.experiment.clioptions import NONE, Json, Plugin, Quiet, Set, import_plugins, read_overrides


def execute(
    network: Annotated[
        str, typer.Argument(metavar="NETWORK", help="Network: path, or name under workloads/")
    ],
    inputs: Annotated[str, typer.Option(metavar="F.npz", help="An array per input, under its name")],
    out: Annotated[Path, typer.Option("--out", metavar="G.npz", help="Where the outputs go, by name")],
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
    json_: Json = False,
    quiet: Quiet = False,
    plugin: Plugin = NONE,
) -> None:
    """What a quantized network computes, bit for bit, without any timing."""
    import_plugins(plugin)
    from simulator.experiment.differencetext import difference_lines
    from simulator.experiment.execute import compare_files, execute_files, summary, write_arrays
    from simulator.experiment.matching import execute_matching

    others = [name.strip() for name in compare.split(",")] if compare is not None else []
    with screen.progress(f"executing {network} ...", quiet):
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
