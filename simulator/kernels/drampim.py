"""PIM streams in a DRAM channel: transactions in order, through the channel's banks, refresh and timing.

Semantics: docs/models/pim.md. A stream has the channel for itself while it runs: ordinary requests that
arrived before it go first, those that come later wait until it ends or yields. Arrays: ``dramstate``,
``drampimstate``.
"""

from __future__ import annotations

import numpy as np

from simulator.kernels.dram import _close, _log, _open, _owe_refresh, _refresh, serve
from simulator.kernels.drampimstate import (
    ACT_S,
    P_ACT,
    P_COMMANDS,
    P_IO,
    P_OPS,
    P_READ,
    P_REGISTER,
    P_WRITE,
    PRE_S,
    PimState,
    PimTables,
)
from simulator.kernels.dramqueue import finish, next_offer
from simulator.kernels.dramscan import _refresh as next_refresh
from simulator.kernels.dramstate import ACT, CLOSED, FOREVER, PREPB, State, Tables
from simulator.kernels.dramtime import book
from simulator.kernels.jit import lean, part

#: What a bank set needs before its column: nothing, an activate, a precharge.
OPENED, SHUT, OTHER = 0, 1, 2


@lean
def serve_pim(
    until: int, first_only: bool, tables: Tables, state: State, pim_tables: PimTables, pim: PimState,
    ended: np.ndarray, some: np.ndarray,
) -> int:  # fmt: skip
    """``dram.serve`` where channels may have PIM streams; ``some`` is room, of the shape of ``ended``."""
    shape, rules, rule_first, _, pool, arrivals, parts = tables
    channels, banks, ranks, ready, ring, queue, length, slots, due = state[:9]
    flights, streams, total, commands, _, _, _, log = state[9:]
    effects, steps = pim_tables
    engines, counts = pim
    found = 0
    while True:
        o, c, waits, soonest = 0, -1, False, FOREVER
        for other in range(channels.size):
            if engines[other].flight >= 0 and not engines[other].running:
                if channels[other].handed < FOREVER:
                    _begin(other, channels, steps, engines)
                else:
                    waits = True
            if engines[other].running and engines[other].tick < soonest:
                c, soonest = other, engines[other].tick
            if channels[other].tick < channels[o].tick:
                o = other
        tick = channels[o].tick
        if min(tick, soonest) > until:
            break
        if until == FOREVER and total[0].pending == 0 and tick > total[0].last_done:
            break
        if tick <= soonest:
            # one tick at a time while a stream may begin at any
            many = serve(tick if waits else min(until, soonest), first_only, tables, state, some)
            for i in range(many):
                ended[found, 0], ended[found, 1] = some[i, 0], some[i, 1]
                found += 1
                if first_only:
                    until = min(until, some[i, 1])
            continue
        _pim_event(
            soonest, c, shape, rules, rule_first, pool, arrivals, parts, channels, banks, ranks, ready, ring,
            queue, length, slots, due, flights, streams, total, commands, log, effects, steps, engines,
            counts,
        )  # fmt: skip
        if total[0].ended > 0:
            total[0].ended = 0
            for f in range(flights.size):
                if flights[f].live and flights[f].left == 0:
                    flights[f].live = 0
                    ended[found, 0], ended[found, 1] = f, flights[f].done
                    found += 1
                    if first_only:
                        until = min(until, flights[f].done)
    return found


@lean
def enter_pim(
    clock: int, f: int, c: int, first: int, last: int, tables: Tables, state: State, pim: PimState
) -> None:
    """Put a stream, the steps ``first`` to ``last``, behind the others of a channel."""
    shape, _, _, _, pool, arrivals, parts = tables
    channels, queue, length, slots = state[0], state[5], state[6], state[7]
    flights, streams, total = state[9], state[10], state[11]
    mine, engine = parts[c, f], pim[0][c]
    mine.first, mine.last, mine.follow = first, last, -1
    total[0].pending += last - first
    if engine.flight < 0:
        engine.flight, engine.next, engine.running = f, first, 0
        engine.arrival = flights[f].arrival
        channels[c].gate = engine.arrival
        next_offer(clock, c, shape, pool, arrivals, channels, queue, length, slots, flights, streams)
        channels[c].tick = min(channels[c].tick, clock + 1)
    else:
        parts[c, engine.tail].follow = f
    engine.tail = f


@part
def _begin(c: int, channels: np.ndarray, steps: np.ndarray, engines: np.ndarray) -> None:
    """Let the stream run for which a channel is free."""
    engine, channel = engines[c], channels[c]
    tick = channel.handed
    channel.handed, channel.gate = FOREVER, -1
    engine.running, engine.tick, engine.hold, engine.done = 1, tick, tick, tick
    engine.left = steps[engine.next].many


@part
def _pim_event(
    tick, c, shape, rules, rule_first, pool, arrivals, parts, channels, banks, ranks, ready, ring,
    queue, length, slots, due, flights, streams, total, commands, log, effects, steps, engines, counts,
):  # fmt: skip
    """What a channel does at a tick in which a stream runs: owe refreshes, issue the next command."""
    channel, engine = channels[c], engines[c]
    while tick >= channel.refresh_at:
        _owe_refresh(c, shape, channels, due)
    if channel.due > 0 and not steps[engine.next].holds:
        at, first, command = next_refresh(tick, c, shape, channels, banks, ready, due)
        if at == tick:
            commands[c, command] += 1
            _log(tick, c, command, first, -1, -1, total, log)
            _refresh(
                tick, c, command, first, shape, rules, rule_first, channels, banks, ranks, ready, ring, due
            )  # fmt: skip
            channel.quiet_since = tick + shape[0].refresh_time
            at = tick + 1
        engine.tick = max(min(at, channel.refresh_at), tick + 1)
        return
    at, s, command = _next(tick, c, parts, banks, ready, effects, steps, engines)
    if at > tick:
        engine.tick = min(at, channel.refresh_at)
        return
    step = steps[s]
    commands[c, command] += 1
    channel.quiet_since = tick + shape[0].read_latency
    row = step.row if effects[step.command].row else -1
    _log(tick, c, command, step.first, row, step.banks << 16 | step.stride, total, log)
    if step.banks == 1:
        book(tick, command, c, step.first, step.first + 1, rules, rule_first, ready, ring)
    else:
        _book_set(tick, command, c, step, rules, rule_first, ready)
    node = flights[engine.flight].node
    counts[node, P_COMMANDS] += 1
    engine.tick = tick + 1
    if command == step.command:
        _column(
            tick, c, shape, parts, pool, arrivals, channels, banks, ranks, queue, length, slots, flights,
            streams, total, effects, steps, engines, counts,
        )  # fmt: skip
        return
    for i in range(step.banks):
        b = step.first + i * step.stride
        if command in (ACT, ACT_S):
            _open(tick, c, b, shape, banks, ranks)
            banks[c, b].row = step.row
        elif banks[c, b].stage != CLOSED:
            _close(tick, c, b, shape, banks, ranks)
    if command in (ACT, ACT_S):
        counts[node, P_ACT] += step.banks


@part
def _next(tick, c, parts, banks, ready, effects, steps, engines):
    """The next command: (tick, its transaction, command). A row of the next transaction may be opened ahead.

    That is one in banks that the present transaction, whose rows are open, does not use, and without a fence.
    """
    engine = engines[c]
    s = engine.next
    at, command, needs = _needed(max(tick, engine.hold), c, s, banks, ready, effects, steps)
    after = s + 1
    if engine.ahead and needs == OPENED and at > tick and after < parts[c, engine.flight].last:
        then = steps[after]
        apart = effects[then.command].row and not then.fence
        if apart and (not effects[steps[s].command].row or not _meet(steps[s], then)):
            early, row_command, lacks = _needed(tick, c, after, banks, ready, effects, steps)
            if lacks != OPENED and early < at:
                return early, after, row_command
    return at, s, command


@part
def _needed(tick, c, s, banks, ready, effects, steps):
    """What a transaction needs next: (tick, command, OPENED, SHUT or OTHER)."""
    step = steps[s]
    command, needs = step.command, OPENED
    if effects[command].row:
        for i in range(step.banks):
            bank = banks[c, step.first + i * step.stride]
            if bank.stage == CLOSED:
                needs = max(needs, SHUT)
            elif bank.row != step.row:
                needs = OTHER
        if needs == SHUT:  # some are open with the row, others shut: begin anew
            for i in range(step.banks):
                if banks[c, step.first + i * step.stride].stage != CLOSED:
                    needs = OTHER
        if needs == SHUT:
            command = ACT if step.banks == 1 else ACT_S
        elif needs == OTHER:
            command = PREPB if step.banks == 1 else PRE_S
    at = tick
    for i in range(step.banks):
        at = max(at, ready[c, command, step.first + i * step.stride])
    return at, command, needs


@part
def _meet(one, other):
    """Whether two transactions have a bank in common."""
    for i in range(one.banks):
        b = one.first + i * one.stride - other.first
        if b >= 0 and b % other.stride == 0 and b // other.stride < other.banks:
            return True
    return False


@part
def _book_set(tick, command, c, step, rules, rule_first, ready):
    """Enter a command on a set of banks: once for each node of a rule's level in which the set has a bank.

    No window and no sibling binds such commands (``drampimpack`` refuses a table with one).
    """
    for i in range(rule_first[command], rule_first[command + 1]):
        rule = rules[i]
        node = -1
        for j in range(step.banks):
            low = (step.first + j * step.stride) & -rule.span
            if low == node:
                continue
            node = low
            for b in range(low, low + rule.span):
                ready[c, rule.after, b] = max(ready[c, rule.after, b], tick + rule.latency)


@part
def _column(
    tick, c, shape, parts, pool, arrivals, channels, banks, ranks, queue, length, slots, flights,
    streams, total, effects, steps, engines, counts,
):  # fmt: skip
    """A column or register command was issued: count it, and go on to what follows."""
    channel, engine = channels[c], engines[c]
    f = engine.flight
    step = steps[engine.next]
    effect, node = effects[step.command], flights[f].node
    done = (max(tick, engine.done) if effect.waits else tick) + effect.done
    engine.done = max(engine.done, done)
    counts[node, P_READ] += effect.reads * step.banks
    counts[node, P_WRITE] += effect.writes * step.banks
    counts[node, P_REGISTER] += effect.registers
    counts[node, P_IO] += effect.io
    counts[node, P_OPS] += step.ops * step.banks
    if effect.closes:
        for i in range(step.banks):
            _close(tick, c, step.first + i * step.stride, shape, banks, ranks)
    engine.left -= 1
    if engine.left > 0:
        return
    total[0].pending -= 1
    engine.next += 1
    finish(engine.done, f, flights, total)
    if engine.next < parts[c, f].last:
        engine.left = steps[engine.next].many
        if steps[engine.next].fence:
            engine.hold = max(engine.hold, engine.done)
        if not step.yields:
            return
        engine.arrival = tick
    else:
        engine.flight = parts[c, f].follow
        if engine.flight >= 0:
            engine.next, engine.arrival = parts[c, engine.flight].first, flights[engine.flight].arrival
        else:
            engine.tail = -1
    engine.running = 0
    channel.tick = tick + 1
    channel.gate = FOREVER if engine.flight < 0 else engine.arrival
    channel.dirty, channel.hits = 1, 0
    channel.column_tick = channel.row_tick = FOREVER
    next_offer(tick, c, shape, pool, arrivals, channels, queue, length, slots, flights, streams)
