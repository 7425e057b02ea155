"""A trace of requests through DRAM channels, with nothing else around them: reading, serving, counting.

Every channel has a stream of its own requests in the order of the trace, and offers the next one in every
clock as soon as its cycle has come; one that finds its queue full holds up those behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, prod
from typing import TYPE_CHECKING

from simulator.hw.addressing import Addressing
from simulator.hw.controller import Controller
from simulator.hw.device import Device, DeviceError
from simulator.hw.standard import COMMANDS

if TYPE_CHECKING:
    import numpy as np

    from simulator.kernels.dramstate import State, Tables
else:
    from simulator.base.lazy import numpy as np

#: Latencies from here on are counted together.
LONG_CYCLES = 65535
PERCENTILES = (50, 95, 99)
#: Clocks between two calls of ``progress``; commands that are kept until they are handed over.
STRIDE_CYCLES, LOG_COMMANDS = 1 << 20, 1 << 16


@dataclass(frozen=True)
class Setup:
    """Channels of one device, each behind a controller of its own."""

    device: Device
    controller: Controller
    addressing: Addressing
    channels: int

    @property
    def capacity_bytes(self) -> int:
        """Of all channels."""
        return self.channels * self.device.capacity_bytes

    @property
    def peak_bytes_per_s(self) -> Fraction:
        """Of all channels."""
        return self.channels * self.device.peak_bytes_per_s

    @property
    def ranks(self) -> int:
        """Ranks of all channels: what an all-bank refresh takes."""
        return self.channels * prod(self.device.counts[: self.device.refresh_level + 1])


@dataclass(frozen=True)
class Trace:
    """Requests, those of one channel together, each channel's in the order of the trace.

    Attributes
    ----------
    pool
        int64, shape (1, requests): twice the address, plus 1 of a write.
    arrivals
        int64, as ``pool``: clock before which a request is not offered; (1, 0): all as soon as can be.
    first
        int64, shape (channels + 1,): where each channel's requests begin.
    """

    pool: np.ndarray
    arrivals: np.ndarray
    first: np.ndarray


@dataclass(frozen=True)
class ReadLatency:
    """From the clock in which a read is taken in to the end of its data, in clocks.

    A percentile is the least latency that so many per cent of the reads do not exceed; LONG_CYCLES stands for
    all from there on.
    """

    mean_cycles: Fraction
    percentiles_cycles: Mapping[int, int]
    max_cycles: int

    def at_least(self) -> list[int]:
        """Percentiles that are among the latencies counted together: they may be longer than is said."""
        long = self.max_cycles > LONG_CYCLES
        return [p for p, cycles in self.percentiles_cycles.items() if long and cycles == LONG_CYCLES]


@dataclass(frozen=True)
class Served:
    """What became of a trace. Clocks are those of the controller.

    Attributes
    ----------
    cycles
        Until everything is done: writes with their WR, reads with the end of their data.
    cycle_last_read, cycle_last_accept
        Clocks, numbered from 0, in which the data of the last read end and the last request is taken in.
    reads, writes
        Requests, with those that never reached the DRAM: ``forwarded`` reads, answered by a waiting write,
        and ``coalesced`` writes, merged into one.
    row_hits, row_misses, row_conflicts
        What the others found: their row open, the bank closed, another row open.
    read_latency
        None: there are no reads.
    commands
        Command -> how often; all that the standard has.
    background_cycles
        Summed over all ranks: in standby with a row open or refreshing (``standby_active``), without
        (``standby_idle``), and powered down in either state (``down_active``, ``down_idle``).
    requests_per_channel
        As the trace has them.
    """

    cycles: int
    cycle_last_read: int
    cycle_last_accept: int
    reads: int
    writes: int
    forwarded: int
    coalesced: int
    row_hits: int
    row_misses: int
    row_conflicts: int
    read_latency: ReadLatency | None
    commands: Mapping[str, int]
    background_cycles: Mapping[str, int]
    requests_per_channel: tuple[int, ...]

    @property
    def refreshes(self) -> int:
        """All-bank and per-bank refreshes."""
        return sum(self.commands.get(name, 0) for name in ("REFab", "REFpb"))

    @property
    def accesses(self) -> tuple[int, int]:
        """Reads and writes that the DRAM did."""
        return self.reads - self.forwarded, self.writes - self.coalesced


def check_controller(device: Device, controller: Controller) -> None:
    """Refuse what a controller asks of a device that cannot do it, and what contradicts itself.

    Raises
    ------
    DeviceError
        ``where`` is ``controller.FIELD``.
    """
    if controller.refresh == "per_bank" and not device.standard.refresh_banks:
        raise DeviceError("controller.refresh", f"{device.standard.name} has no per-bank refresh")
    if controller.write_low >= controller.write_high:
        raise DeviceError(
            "controller.write_low",
            f"expected less than write_high ({controller.write_high:g}), got {controller.write_low:g}",
        )


def serve_trace(
    setup: Setup,
    trace: Trace,
    *,
    progress: Callable[[float], None] = lambda share: None,
    log: Callable[[np.ndarray], None] | None = None,
    stride_cycles: int = STRIDE_CYCLES,
) -> Served:
    """Serve a trace to its end.

    Parameters
    ----------
    setup, trace
        What serves what.
    progress
        Called now and then with the share of requests that are done.
    log
        Called with commands, LOGGED of ``dramstate``, in the order of their clocks; not kept.
    stride_cycles
        Clocks between two calls of ``progress``; changes nothing else.
    """
    from simulator.hw.drampack import make_state, make_tables
    from simulator.kernels import dramstate as k
    from simulator.kernels.dram import serve  # numba: only when something is simulated

    n = trace.pool.size
    parts = np.zeros((setup.channels, 1), k.PART)
    parts["first"], parts["last"], parts["follow"] = trace.first[:-1, None], trace.first[1:, None], -1
    tables = make_tables(
        setup.device, setup.controller, setup.addressing, trace.pool, trace.arrivals, parts, posted=False
    )
    state = make_state(
        setup.device, setup.controller, setup.channels, flights=1, masters=1, nodes=1,
        latencies=LONG_CYCLES + 1, log=0 if log is None else LOG_COMMANDS,
    )  # fmt: skip
    _begin(state, tables)
    if log is not None:  # no clock has more than two commands per channel
        stride_cycles = min(stride_cycles, LOG_COMMANDS // (2 * setup.channels))

    def hand_over() -> None:
        if log is not None:
            log(state.log[: state.total["logged"][0]])
            state.total["logged"] = 0

    ended = np.zeros((1, 2), np.int64)
    while not serve(_soonest(state) + stride_cycles - 1, True, tables, state, ended):
        hand_over()
        progress(float(1 - state.total["pending"][0] / n))
    hand_over()
    serve(int(ended[0, 1]), False, tables, state, ended)  # while the last data are on their way
    hand_over()
    return _served(setup, trace, tables, state)


def _begin(state: State, tables: Tables) -> None:
    """Let every channel offer the first of its requests; all of them are one flight."""
    n = tables.pool.size
    state.flights[0] = (0, 0, n, 0, 0, 1)
    state.total["pending"] = n
    for c, (first, last, _) in enumerate(tables.parts[:, 0].tolist()):
        if first < last:
            state.streams[c, 0] = (0, first, 0)
            state.channels[c]["offers"] = tables.arrivals[0, first] if tables.arrivals.size else 0


def _soonest(state: State) -> int:
    tick = int(state.channels["tick"].min())
    if tick >= 1 << 61:
        raise RuntimeError(f"the DRAM stands still with {state.total['pending'][0]} requests waiting")
    return tick


def _served(setup: Setup, trace: Trace, tables: Tables, state: State) -> Served:
    from simulator.hw.drampack import background_ticks
    from simulator.kernels.dramstate import N_CONFLICT, N_HIT, N_MISS

    total = {name: int(state.total[name][0]) for name in state.total.dtype.names or ()}
    counts, end = state.counts[0].tolist(), total["last_done"]
    issued = state.commands.sum(axis=0).tolist()
    return Served(
        cycles=end,
        cycle_last_read=total["last_read"] - 1,
        cycle_last_accept=total["last_accept"],
        reads=total["reads"],
        writes=total["writes"] + total["coalesced"],
        forwarded=total["forwarded"],
        coalesced=total["coalesced"],
        row_hits=counts[N_HIT],
        row_misses=counts[N_MISS],
        row_conflicts=counts[N_CONFLICT],
        read_latency=_read_latency(state.latencies, total) if total["reads"] else None,
        commands={
            name: issued[i] for i, name in enumerate(COMMANDS) if name in setup.device.standard.commands
        },
        background_cycles=background_ticks(state, tables, end),
        requests_per_channel=tuple(np.diff(trace.first).tolist()),
    )


def _read_latency(histogram: np.ndarray, total: Mapping[str, int]) -> ReadLatency:
    up_to = np.cumsum(histogram)
    return ReadLatency(
        mean_cycles=Fraction(total["latency"], total["reads"]),
        percentiles_cycles={
            p: int(np.searchsorted(up_to, ceil(Fraction(p * total["reads"], 100)))) for p in PERCENTILES
        },
        max_cycles=total["worst_latency"],
    )
