"""stream: a schedule run for several inferences back to back."""

from __future__ import annotations

import numpy as np

from simulator.engine.collect import energy_entries, make_ledger
from simulator.engine.finished import run_on
from simulator.mapping.lower import lower
from simulator.mapping.schedule import Schedule
from simulator.results.ledger import Ledger
from simulator.results.stream import Stream

#: At most so many inferences are simulated before the stream runs dry, and at most so many commands; the
#: second half of them counts as steady.
MOST_INFERENCES = 8
MOST_COMMANDS = 60_000


def stream(schedule: Schedule, inferences: int) -> Stream:
    """Run a schedule several times back to back.

    The last inferences have less and less beside them and are faster: the stream runs dry (a stage is at most
    two inferences ahead of the next). The second half of the others is taken as steady: the mean interval and
    the energy and traffic of its last inference stand for all that are not simulated. A short stream is
    followed by more for the interval.

    Parameters
    ----------
    schedule
        Planned with ``stream=True``, so that weights may stay.
    inferences
        How many; at least 1.
    """
    chip, nodes = schedule.chip, len(schedule.graph.nodes)
    stages = max(schedule.stages, default=0) + 1
    ahead = 2 * stages - 1
    least = ahead + 2
    affordable = MOST_COMMANDS // max(lower(schedule).size, 1)
    simulated = max(min(max(inferences, least), MOST_INFERENCES + ahead, affordable), least)
    ends, ledger = _run_of(schedule, simulated)
    end = simulated - ahead
    first = max(end // 2, 1)
    intervals = np.diff(ends, prepend=0)[first:end]
    interval = round(int(intervals.sum()) / intervals.size)
    last = slice((end - 1) * nodes, end * nodes)
    steady = Ledger(ledger.nodes[last], ledger.columns, ledger.counts[last])
    alone = ends if inferences >= simulated else _run_of(schedule, inferences)[0]
    latency_fs = int(alone[-1]) + max(inferences - simulated, 0) * interval
    return Stream(
        inferences=inferences,
        simulated=min(simulated, inferences),
        latency_fs=latency_fs,
        interval_fs=interval,
        spread_fs=int(intervals.max() - intervals.min()),
        energy_j=_energy_j(steady, schedule, interval),
        traffic_bytes={
            name: {way: steady.total(name, way) for way in ("read", "write")} for name in chip.memories
        },
        resident_bytes=sum(place.bytes for place in schedule.sources.values()),
        stages=stages,
        energy_complete=all(price is not None for _, price in _priced(steady, schedule, interval)),
    )


def _run_of(schedule: Schedule, inferences: int) -> tuple[np.ndarray, Ledger]:
    """When each of some inferences was done, and those before it, in fs, int64; and what they counted."""
    program = lower(schedule, inferences)
    ran = run_on(program, schedule.chip)
    ledger = make_ledger(ran, ran.nodes.exposed)
    ends = np.zeros(inferences, np.int64)
    np.maximum.at(ends, program.commands["node"] // len(schedule.graph.nodes), ran.spans[:, 1])
    return np.maximum.accumulate(ends), ledger


def _priced(ledger: Ledger, schedule: Schedule, interval_fs: int) -> list[tuple[int, float | None]]:
    """(count, energy each in pJ) of what a ledger counts, with static power during one interval."""
    price = {(entry.component, entry.action): entry.pj for entry in energy_entries(schedule.chip)}
    return [
        (interval_fs // 1000 if action == "static" else count, price.get((component, action)))
        for component, action, count in ledger.totals()
    ]


def _energy_j(ledger: Ledger, schedule: Schedule, interval_fs: int) -> float | None:
    """Known energy of what a ledger counts, and of static power during one interval."""
    known = [count * pj for count, pj in _priced(ledger, schedule, interval_fs) if pj is not None]
    return sum(known) * 1e-12 if known else None
