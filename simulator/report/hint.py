"""One sentence about a result that says where to look next; from the result alone."""

from __future__ import annotations

from simulator.report.energy import unknown_actions
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
    """What takes most of the time, in which layers, and what to ask next; "" where no time passes.

    A run that mostly computes has little to gain there: then an unknown energy is named, if there is one.
    """
    causes = run_causes(result)
    if not causes:
        return ""
    total = sum(causes.values())
    most = max(causes, key=lambda cause: causes[cause])
    unknown = unknown_actions(result)
    if most in ("compute", "vector") and unknown:
        name, more = unknown[0][0], f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        component, action = name.rsplit(".", 1)
        return (
            f"the energy of {name}{more} is unknown, so energy is a lower bound; state it: "
            f"--set 'X.{component}.energy.{action}=... pJ'"
        )
    ranked = sorted(result.rows, key=lambda row: -row.exposed_causes_fs.get(most, 0))
    counted, sum_fs = 0, 0
    while sum_fs < MOST * causes[most]:
        sum_fs += ranked[counted].exposed_causes_fs.get(most, 0)
        counted += 1
    where = ranked[0].node if counted == 1 else f"{counted} of {len(ranked)} layers, {ranked[0].node} first"
    return (
        f"{_SAYS[most]} {percent(causes[most] / total)} of the time, most of it in {where}; "
        f"`chipsim explain {_asked(result)} {ranked[0].node}` shows what would help"
    )


def _asked(result: Result) -> str:
    """Chip and network as the run named them, with its overrides."""
    asked = result.resolved.get("experiment", {})
    chosen = "".join(f" --set {path}={value}" for path, value in asked.get("set", {}).items())
    return f"{asked.get('chip', result.chip)} {asked.get('network', result.network)}{chosen}"
