"""Arguments and options of the command line that a verb declares by their names."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from simulator.base.errors import InputError, Problem
from simulator.base.registry import import_plugin

NONE: list[str] = []
Set = Annotated[
    list[str],
    typer.Option(
        "--set", metavar="PATH=VALUE", help="Override one value of the chip, the mapping or the workload"
    ),
]
Out = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help="Output folder [reports/<chip>__<network>]")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout and nothing else there")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress on stderr; after a run, no tables")]
Plugin = Annotated[
    list[str],
    typer.Option("--plugin", metavar="MODULE", help="Import a Python module that registers kinds of its own"),
]
Chip = Annotated[
    str, typer.Argument(metavar="CHIP", help="Path, or name under hwconfigs/ such as npu/edge_npu")
]

Inputs = Annotated[
    str | None,
    typer.Option(
        "--inputs", metavar="F.npz", help="Execute the network as well: an array per input, `labels` if any"
    ),
]
Golden = Annotated[
    str | None, typer.Option("--golden", metavar="G.npz", help="Expected outputs, by name, to compare with")
]
Profile = Annotated[
    str | None, typer.Option("--profile", metavar="P", help="How it rounds [as the chip states]")
]

Standard = Annotated[
    str,
    typer.Argument(metavar="STANDARD", help="ddr3, ddr4, ddr5, gddr6, hbm2, hbm3, lpddr4, lpddr5"),
]
TraceFile = Annotated[
    str | None,
    typer.Option(
        "--trace",
        metavar="FILE",
        help="Requests, one a line: `R address [cycle]` or `W address [cycle]`; also gzipped; - is stdin",
    ),
]
Preset = Annotated[str, typer.Option(metavar="P", help="Speed grade [the first of the standard]")]
Organisation = Annotated[
    str, typer.Option(metavar="O", help="Device: its density and width [the first that goes with the preset]")
]
Channels = Annotated[int, typer.Option(metavar="N", min=1, max=1024, help="Channels side by side")]
Ranks = Annotated[
    int | None, typer.Option(metavar="N", min=1, max=64, help="Ranks of a channel [the device's]")
]
Mapping = Annotated[
    str,
    typer.Option(metavar="M", help="Address bits such as RoBaRaCoCh, MOP4CLXOR, or a letter per bit"),
]
Controller = Annotated[
    str,
    typer.Option(metavar="C", help="frfcfs, rowhit, fcfs, closed (page), noref (no refresh), or a YAML file"),
]
SetMemory = Annotated[
    list[str],
    typer.Option(
        "--set",
        metavar="PATH=VALUE",
        help="Other values: controller.read_queue=64, timing.nRC=80 (clocks), timing.tRC='46 ns'",
    ),
]
Commands = Annotated[
    str | None,
    typer.Option("--commands", metavar="FILE.csv", help="Also write every DRAM command with its clock"),
]


def import_plugins(modules: list[str]) -> None:
    """Import what ``--plugin`` names."""
    for module in modules:
        import_plugin(module)


def read_overrides(texts: list[str], example: str = "cores.npu.rows=64") -> dict[str, object]:
    """PATH=VALUE pairs as a mapping; all malformed ones are reported.

    Raises
    ------
    InputError
        A text has no ``=``.
    """
    problems = []
    overrides: dict[str, object] = {}
    for text in texts:
        path, equals, value = text.partition("=")
        if not equals or not path:
            problems.append(Problem(f"expected PATH=VALUE such as {example}, got '{text}'", "--set"))
        overrides[path.strip()] = value.strip()
    if problems:
        raise InputError(*problems)
    return overrides
