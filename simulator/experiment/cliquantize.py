"""The verb ``quantize`` of the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from simulator.experiment import screen
from simulator.experiment.clioptions import NONE, Json, Plugin, Quiet, import_plugins


def quantize(
    network: Annotated[
        str, typer.Argument(metavar="NETWORK.onnx", help="Float network: path, or name under workloads/")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="Q.onnx", help="Where the quantized network goes")],
    inputs: Annotated[
        str | None,
        typer.Option(
            metavar="F.npz",
            help="Samples of each input, under its name; and labels [those to train on that it carries]",
        ),
    ] = None,
    weights: Annotated[str, typer.Option(metavar="TYPE", help="int8, int4, int16 or float")] = "int8",
    activations: Annotated[
        str, typer.Option(metavar="TYPE", help="int8, uint8, int16, uint16 or float")
    ] = "int8",
    per_channel: Annotated[
        bool, typer.Option("--per-channel", help="A weight scale per output channel, not one per tensor")
    ] = False,
    symmetric: Annotated[
        bool, typer.Option("--symmetric", help="Activations with the zero point in the middle")
    ] = False,
    method: Annotated[
        str, typer.Option(metavar="M", help="Range of a tensor: minmax, percentile or mse")
    ] = "minmax",
    percentile: Annotated[
        float, typer.Option(metavar="P", help="Percentage of values that percentile keeps")
    ] = 99.99,
    rules: Annotated[
        str | None, typer.Option(metavar="RULES.yaml", help="Types by node name or operator")
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Array of F.npz with the class of each sample [labels]"),
    ] = None,
    json_: Json = False,
    quiet: Quiet = False,
    plugin: Plugin = NONE,
) -> None:
    """Quantize a float network after training, and say what that costs, layer by layer."""
    import_plugins(plugin)
    from simulator.workload.quantization.rules import Settings

    Settings(weights, activations, per_channel, symmetric, method, percentile).check()
    # after the settings are known to be right: wrong ones are answered without loading the readers
    from simulator.experiment.quantize import HEADERS, layer_rows, quantize_files, summary_lines

    with screen.progress(f"quantizing {network} ...", quiet):
        quantized = quantize_files(
            network, inputs, out, lambda text: screen.note(text, quiet), weights=weights,
            activations=activations, per_channel=per_channel, symmetric=symmetric, method=method,
            percentile=percentile, rules=rules or (), labels=labels,
        )  # fmt: skip
    if json_:
        screen.emit_json({**quantized.record(), "file_bytes": len(quantized.model)})
    elif not quiet:
        title = f"{quantized.network}, {quantized.samples} samples, most noise first"
        screen.show_table(HEADERS, layer_rows(quantized), 5, title)
        screen.emit(summary_lines(quantized, out))
