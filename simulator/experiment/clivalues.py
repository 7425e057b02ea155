"""Verbs of the command line that compute values: no time, no chip."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from simulator.experiment import screen
from simulator.experiment.clioptions import NONE, Json, Plugin, Quiet, import_plugins


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
    all_tensors: Annotated[
        bool, typer.Option("--all-tensors", help="Write every computed tensor, not the outputs alone")
    ] = False,
    json_: Json = False,
    quiet: Quiet = False,
    plugin: Plugin = NONE,
) -> None:
    """What a quantized network computes, bit for bit, without any timing."""
    import_plugins(plugin)
    from simulator.experiment.execute import execute_files, summary, write_arrays

    with screen.progress(f"executing {network} ...", quiet):
        activity = execute_files(network, inputs, profile, all_tensors=all_tensors)
    write_arrays(activity.tensors if all_tensors else activity.outputs, out)
    if json_:
        screen.emit_json(summary(activity))
    elif not quiet:
        screen.show_activity(summary(activity), out)
