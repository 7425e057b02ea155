"""The verb ``compare`` of the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from simulator.experiment import screen
from simulator.experiment.clioptions import NONE, Json, Plugin, Quiet, import_plugins


def compare(
    results: Annotated[
        list[str],
        typer.Argument(
            metavar="RESULT...", help="Folder with a result.json, that file, or an experiment's folder"
        ),
    ],
    per: Annotated[
        str,
        typer.Option(
            metavar="run|inference",
            help="Whole runs, or one inference as well [inference where all did one task in several ways]",
        ),
    ] = "",
    node: Annotated[
        str | None,
        typer.Option(metavar="NM", help="Also energies and areas brought to one process node, such as 7"),
    ] = None,
    precision: Annotated[
        str,
        typer.Option(metavar="TYPE", help="Simulate results of other precisions again at one, such as int8"),
    ] = "",
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Output folder [reports/compare]")] = Path(
        "reports/compare"
    ),
    json_: Json = False,
    quiet: Quiet = False,
    plugin: Plugin = NONE,
) -> None:
    """Finished results side by side, and what of them is not comparable."""
    from simulator.experiment.compare import compare as compare_results
    from simulator.report import compare as page
    from simulator.report import families

    import_plugins(plugin)
    say = screen.teller("simulating again:", quiet)
    found = compare_results(results, per=per, node=node, precision=precision, say=say)
    written = found.write(out)
    if json_:
        screen.emit_json(found.to_dict())
    elif not quiet:
        headers, rows = page.comparison(found.results)
        kept = [j for j, header in enumerate(headers) if header not in LEFT_OUT]
        screen.show_table(
            [headers[j] for j in kept],
            [[row[j] for j in kept] for row in rows],
            2,
            "Runs; in brackets: against the reference",
        )
        if found.per_inference:
            screen.show_table(
                *families.table(found.results), 3, f"One inference. {families.task(found.results)}"
            )
        if found.normals:
            screen.show_table(*found.at_node(), 2, "Energies at one process node; in brackets: the band")
        screen.emit([f"not comparable: {text}" for text in found.not_comparable])
        screen.emit([f"note: {text}" for text in found.notes])
        screen.emit([f"wrote {written[0]} and {len(written) - 1} more files"])


#: Columns of the comparison that a terminal has no room for; the page has all.
LEFT_OUT = ("Achieved", "Peak memory", "Average power", "Energy × delay", "External traffic", "Efficiency")
