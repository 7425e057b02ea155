"""stream: a schedule run for several inferences back to back."""

from __future__ import annotations

import numpy as np

from simulator.engine.collect import energy_entries, exposed_times, make_ledger
from simulator.engine.machine import build_machine
from simulator.engine.run import run
from simulator.mapping.lower import lower
from simulator.mapping.schedule import Schedule
from simulator.results.ledger import Ledger
from simulator.results.stream import Stream

#: At most so many inferences are simulated, and at most so many commands; the second half of them counts as
#: steady.
MOST_INFERENCES = 8
MOST_COMMANDS = 60_000


def stream(schedule: Schedule, inferences: int) -> Stream:
    """Run a schedule several times back to back.

    The second half of what is simulated is taken as steady: the mean interval and the energy and traffic of
    its last inference stand for all that follow.

    Parameters
    ----------
    schedule
        Planned with ``stream=True``, so that weights may stay.
    inferences
        How many; at least 1.
    """
    chip, nodes = schedule.chip, len(schedule.graph.nodes)
    simulated = min(inferences, MOST_INFERENCES)
    one = lower(schedule)
    simulated = max(min(simulated, MOST_COMMANDS // max(one.size, 1)), min(inferences, 3))
    program = lower(schedule, simulated)
    machine = build_machine(program, chip)
    spans = run(program, machine)
    ledger = make_ledger(program, chip, machine, exposed_times(program, spans)[2])
    inference = program.commands["node"] // nodes
    ends = np.zeros(simulated, np.int64)
    np.maximum.at(ends, inference, spans[:, 1])
    ends = np.maximum.accumulate(ends)
    intervals = np.diff(ends, prepend=0)[simulated // 2 :]
    interval = round(int(intervals.sum()) / intervals.size)
    last = slice((simulated - 1) * nodes, simulated * nodes)
    steady = Ledger(ledger.nodes[last], ledger.columns, ledger.counts[last])
    return Stream(
        inferences=inferences,
        simulated=simulated,
        latency_fs=int(ends[-1]) + (inferences - simulated) * interval,
        interval_fs=interval,
        spread_fs=int(intervals.max() - intervals.min()),
        energy_j=_energy_j(steady, schedule),
        traffic_bytes={
            name: {way: steady.total(name, way) for way in ("read", "write")} for name in chip.memories
        },
        resident_bytes=sum(place.bytes for place in schedule.sources.values()),
        stages=max(schedule.stages, default=0) + 1,
    )


def _energy_j(ledger: Ledger, schedule: Schedule) -> float | None:
    """Known energy of what a ledger counts."""
    price = {(entry.component, entry.action): entry.pj for entry in energy_entries(schedule.chip)}
    known = [count * pj for c, a, count in ledger.totals() if (pj := price.get((c, a))) is not None]
    return sum(known) * 1e-12 if known else None
