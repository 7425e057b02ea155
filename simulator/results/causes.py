"""What a layer's time went to: the names of the causes, whole cycles of them, sums over a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from simulator.base.clock import Clock

if TYPE_CHECKING:
    from simulator.results.result import Result

#: Cause -> what it means, in the order of every table. Equations: docs/models/causes.md.
CAUSES: Mapping[str, str] = {
    "compute": "tiles take useful steps in an array; the slowest spiking core works",
    "fill_drain": "arrays and pipelines fill and drain: first shift, skew, latency behind the last tile",
    "weight_wait": "a tile waits for weights",
    "input_wait": "a tile waits for its inputs",
    "output_wait": "results wait to be stored, or a tile for the room that a store has yet to empty",
    "vector": "tiles run on a vector unit, or a mover stands in for one",
    "noc": "the transfer waited for is held up by a bus or mesh; messages of spikes",
    "sync": "waits for tiles or transfers of other layers; barriers of time steps",
    "pim": "a memory computes inside its banks",
}
#: Those in which a core does what it is there for.
USEFUL = ("compute", "vector", "pim")
#: Those in which a core waits for memory.
MEMORY_WAITS = ("weight_wait", "input_wait", "output_wait")


def in_cycles(causes_fs: Mapping[str, int], clock_hz: int) -> dict[str, int]:
    """Causes in whole cycles of a clock that add up to the whole time in cycles, begun ones counted.

    Every cause gets its cycles rounded down; what is then missing goes, one cycle each, to those with the
    largest remainders (Hamilton's method), the earlier of ``CAUSES`` first where they are equal.
    """
    clock = Clock.from_hz(clock_hz)
    total = clock.cycles_of(sum(causes_fs.values()))
    shares = {cause: divmod(causes_fs.get(cause, 0) * clock.den, clock.num) for cause in CAUSES}
    missing = total - sum(whole for whole, _ in shares.values())
    order = sorted(CAUSES, key=lambda cause: -shares[cause][1])  # stable: equal ones keep their order
    lucky = set(order[:missing])
    return {cause: shares[cause][0] + (cause in lucky) for cause in CAUSES if causes_fs.get(cause, 0)}


def run_causes(result: Result) -> dict[str, int]:
    """Cause -> fs of the whole run, from the exposed times of its layers; sums to the latency exactly."""
    found = {cause: sum(row.exposed_causes_fs.get(cause, 0) for row in result.rows) for cause in CAUSES}
    return {cause: time_fs for cause, time_fs in found.items() if time_fs}
