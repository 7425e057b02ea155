"""Verbs of the command line that say what there is: names, a chip, fields of files, the installation."""

from __future__ import annotations

from typing import Annotated

import typer

from simulator.experiment import screen
from simulator.experiment.clioptions import (
    NONE,
    Chip,
    Json,
    Plugin,
    Quiet,
    Set,
    import_plugins,
    read_overrides,
)


def list_(
    what: Annotated[
        str, typer.Argument(metavar="chips|workloads|cores|memories|links|operators|reports|profiles")
    ],
    json_: Json = False,
    quiet: Quiet = False,
    plugin: Plugin = NONE,
) -> None:
    """What there is: names, each with a line about it."""
    import_plugins(plugin)
    from simulator.experiment.catalogue import listing

    rows = listing(what)
    if json_:
        screen.emit_json([{"name": name, "description": text} for name, text in rows])
        return
    width = max((len(name) for name, _ in rows), default=0)
    screen.emit([f"{name:<{width}}  {text}".rstrip() for name, text in rows])


def describe(
    chip: Chip, set_: Set = NONE, json_: Json = False, quiet: Quiet = False, plugin: Plugin = NONE
) -> None:
    """A chip in plain words; with --json, every field with its default filled in."""
    import_plugins(plugin)
    from simulator.experiment.describe import describe_chip
    from simulator.hw.chip import load_chip

    built = load_chip(chip, {path: str(value) for path, value in read_overrides(set_).items()})
    if json_:
        screen.emit_json(dict(built.resolved))
        return
    screen.emit(describe_chip(built))


def schema(
    kind: Annotated[
        str, typer.Argument(metavar="KIND", help="chip, experiment, mapping, or a kind of component")
    ] = "",
    json_: Json = False,
    quiet: Quiet = False,
    plugin: Plugin = NONE,
) -> None:
    """Fields of YAML files with unit, default and meaning; with --json, JSON Schema for editors."""
    import_plugins(plugin)
    from simulator.experiment.schema import schema_fields, schema_json, schema_kinds

    if not kind:
        if json_:
            screen.emit_json({name: schema_json(name) for name in schema_kinds()})
        else:
            screen.emit(["kinds (chipsim schema KIND):", *(f"  {name}" for name in schema_kinds())])
        return
    if json_:
        screen.emit_json(schema_json(kind))
        return
    rows = [[f.name, f.unit, "required" if f.required else f.default, f.meaning] for f in schema_fields(kind)]
    screen.show_table(["field", "unit", "default", "meaning"], rows, text_columns=4, title=kind)


def doctor(json_: Json = False, quiet: Quiet = False, plugin: Plugin = NONE) -> None:
    """Check the installation and say what to do."""
    import_plugins(plugin)
    from simulator.experiment.doctor import diagnose, exit_status

    checks = diagnose()
    if json_:
        screen.emit_json([{"name": c.name, "ok": c.ok, "found": c.found, "hint": c.hint} for c in checks])
    else:
        for check in checks:
            screen.emit([f"{'ok  ' if check.ok else 'FAIL'} {check.name}: {check.found}"])
            if check.hint:
                screen.emit([f"     {check.hint}"])
    raise typer.Exit(exit_status(checks))
