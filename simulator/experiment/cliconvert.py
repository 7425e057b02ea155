"""The verb ``convert`` of the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from simulator.base.errors import InputError, Problem
from simulator.experiment import screen
from simulator.experiment.clioptions import NONE, Json, Plugin, Quiet, import_plugins


def convert(
    network: Annotated[
        str, typer.Argument(metavar="NETWORK.onnx", help="Network: path, or name under workloads/")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="S.npz", help="Where the spiking network goes")],
    inputs: Annotated[
        str | None, typer.Option(metavar="F.npz", help="Samples of each input, under its name; and labels")
    ] = None,
    steps: Annotated[
        str, typer.Option(metavar="T,...", help="After how many steps to compare")
    ] = "4,8,16,32",
    percentile: Annotated[
        float, typer.Option(metavar="P", help="Percentage of a ReLU's values below its threshold")
    ] = 99.9,
    json_: Json = False,
    quiet: Quiet = False,
    plugin: Plugin = NONE,
) -> None:
    """Make a spiking network of one with ReLU, clipped or staircase activations, and say how well it does."""
    import_plugins(plugin)
    counts = _counts(steps)
    from simulator.experiment.convert import convert_files, convert_record, layer_rows, step_rows

    with screen.progress(f"converting {network} ...", quiet):
        converted, compared = convert_files(network, inputs, out, steps=counts, percentile=percentile)
    record = convert_record(converted, compared)
    if json_:
        screen.emit_json(record)
    elif not quiet:
        headers = ["layer", "neurons", "threshold", "amplitude", "levels", "from"]
        screen.show_table(headers, layer_rows(record), 1, f"{record['network']} as a spiking network")
        if compared is not None:
            headers = ["steps", "correct", "agree", "spikes", "synaptic operations"]
            title = f"{record['samples']} samples, each a current that stays"
            screen.show_table(headers, step_rows(record), 0, title)
        if record.get("correct") is not None:
            share = 100 * record["correct"] / record["samples"]
            screen.emit([f"the network itself: {share:.2f} % as the labels say"])
        screen.emit(f"assumed: {sentence}" for sentence in record["assumptions"])
        screen.emit([f"wrote {out}"])


def _counts(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError as error:
        raise InputError(Problem(f"expected numbers such as 4,8,16, got '{text}'", "--steps")) from error
