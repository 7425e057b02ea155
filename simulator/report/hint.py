"""One sentence about a result that says where to look next; from the result alone."""

from __future__ import annotations

from shlex import quote

from simulator.report.rounding import percent
from simulator.results.causes import run_causes
from simulator.results.result import Result

_SAYS = {
    "compute": "arrays compute for",
    "fill_drain": "arrays and pipelines fill and drain for",
    "weight_wait": "cores wait for weights for",
    "input_wait": "cores wait for inputs for",
    "output_wait": "results wait to be stored for",
    "vector": "vector units work for",
    "noc": "transfers wait for the interconnect for",
    "sync": "layers wait for each other for",
}
#: Layers that together have this share of a cause are "most of it".
MOST = 0.5


def hint(result: Result) -> str:
    """What takes most of the time, in which layers, and what to ask next; "" where no time passes."""
    causes = run_causes(result)
    if not causes:
        return ""
    most = max(causes, key=lambda cause: causes[cause])
    ranked = sorted(result.rows, key=lambda row: -row.exposed_causes_fs.get(most, 0))
    counted, sum_fs = 0, 0
    while sum_fs < MOST * causes[most]:
        sum_fs += ranked[counted].exposed_causes_fs.get(most, 0)
        counted += 1
    first = ranked[0].node
    where = first if counted == 1 else f"{counted} of {len(ranked)} layers, {first} first"
    return (
        f"{_SAYS[most]} {percent(causes[most] / sum(causes.values()))} of the time, most of it in {where}; "
        f"`{_asked(result)} {quote(first)}` shows what would help"
    )


def _asked(result: Result) -> str:
    """The command that explains the run as it was asked for."""
    command = str(result.provenance.get("command", ""))
    if not command.startswith("chipsim run "):
        return f"chipsim explain {result.chip} {result.network}"
    return command.replace("run", "explain", 1)
