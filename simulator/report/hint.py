"""One sentence about a result that says where to look next; from the result alone."""

from __future__ import annotations

from shlex import join, quote, split

from simulator.report.rounding import percent
from simulator.report.spiking import hint as spiking_hint
from simulator.results.causes import USEFUL, run_causes
from simulator.results.result import NodeRow, Result

_SAYS = {
    "compute": "arrays compute for",
    "fill_drain": "arrays and pipelines fill and drain for",
    "weight_wait": "cores wait for weights for",
    "input_wait": "cores wait for inputs for",
    "output_wait": "results wait to be stored for",
    "vector": "vector units work for",
    "pim": "memory computes for",
    "noc": "transfers wait for the interconnect for",
    "sync": "layers wait for each other for",
}
#: A layer is named for what can be gained in it from this share of the run's time on.
WORTH = 0.005
#: Time in which nothing can be gained by a layer's own doing: useful steps, and other layers' time.
_NOT_EXPLAINED = ("--stream", "--inputs", "--golden", "--profile")
_NO_GAIN = (*USEFUL, "sync")


def hint(result: Result) -> str:
    """What takes most of the time, the layer to look at, and what to ask next; "" where no time passes.

    The layer is the one that spends most of its exposed time neither on useful steps nor behind other layers;
    where that is next to nothing in any, the one with most exposed time.
    """
    if result.spiking is not None:
        return spiking_hint(result)
    causes = run_causes(result)
    if not causes or result.metrics.ttft_s is not None:  # several graphs in one: none of them is explained
        return ""
    total = sum(causes.values())
    most = max(causes, key=lambda cause: causes[cause])
    row = max(result.rows, key=_idle_fs)
    idle_fs = _idle_fs(row)
    if idle_fs >= WORTH * total:
        share = percent(idle_fs / total)
        where = f"most can be gained in {row.node}, {share} of the run's time without useful steps"
    else:
        row = max(result.rows, key=lambda row: sum(row.exposed_causes_fs.values()))
        share = percent(sum(row.exposed_causes_fs.values()) / total)
        where = f"the costliest layer is {row.node} with {share} of the run's time"
    return (
        f"{_SAYS[most]} {percent(causes[most] / total)} of the run's time; {where}; "
        f"`{_asked(result)} {quote(row.node)}` shows what would help"
    )


def _idle_fs(row: NodeRow) -> int:
    return sum(time_fs for cause, time_fs in row.exposed_causes_fs.items() if cause not in _NO_GAIN)


def _asked(result: Result) -> str:
    """The command that explains the run as it was asked for; streams and values are not explained."""
    command = str(result.provenance.get("command", ""))
    if not command.startswith("chipsim run "):
        return f"chipsim explain {quote(result.chip)} {quote(result.network)}"
    words = split(command)
    for option in _NOT_EXPLAINED:
        if option in words:
            at = words.index(option)
            del words[at : at + 2]
    return join(["chipsim", "explain", *words[2:]])
