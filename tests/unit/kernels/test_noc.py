"""The network kernel against a simulator that ticks through every cycle, written from the model's page alone.

The one here routes each packet at each router by coordinates, and keeps plain queues; it shares no table with
the kernel.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.base.clock import Clock
from simulator.hw.mesh import route_table
from simulator.hw.noc import Noc
from simulator.kernels.noc import MESSAGE

NS = 10**6


@dataclass
class Send:
    """A flight: messages of one master from a place to one or more."""

    arrival: int
    master: int
    source: tuple[int, int]
    destinations: tuple[tuple[int, int], ...]
    sizes: tuple[int, ...]


@dataclass(frozen=True)
class Knobs:
    """Parameters of a network."""

    width: int = 8
    packet: int = 32
    header: int = 0
    router: int = 2


def ticked(sends: list[Send], knobs: Knobs) -> list[int]:
    """The cycle at which each flight is done, by brute force."""
    cut: dict[tuple, dict[int, deque]] = {}  # source -> master -> (flight, flits, arrival) of each packet
    missing, done = [0] * len(sends), [0] * len(sends)
    for index, send in enumerate(sends):
        queue = cut.setdefault(send.source, {}).setdefault(send.master, deque())
        for size in send.sizes:
            parts = [min(knobs.packet, size - low) for low in range(0, size, knobs.packet)] or [0]
            for part in parts:
                flits = max(1, -(-(part + knobs.header) // knobs.width))
                queue.append((index, flits, send.arrival))
                missing[index] += len(set(send.destinations))
    port_free = dict.fromkeys(cut, 0)
    port_turn = dict.fromkeys(cut, -1)
    waiting: dict[tuple, list[deque]] = {}  # (node, way out) -> per input, packets
    free: dict[tuple, int] = {}
    turn: dict[tuple, int] = {}
    heads: dict[int, list] = {}  # cycle -> packets whose head comes out of a router's pipeline
    cycle = 0
    while any(missing):
        for source, masters in cut.items():
            ready = sorted(m for m, q in masters.items() if q and q[0][2] <= cycle)
            if ready and port_free[source] <= cycle:
                master = next((m for m in ready if m > port_turn[source]), ready[0])
                flight, flits, _ = masters[master].popleft()
                port_turn[source], port_free[source] = master, cycle + flits
                packet = (flight, flits, frozenset(sends[flight].destinations))
                heads.setdefault(cycle + knobs.router, []).append((source, 0, packet))
        for (x, y), side, (flight, flits, goals) in heads.pop(cycle, []):
            onward: dict[str, set] = {}
            for gx, gy in goals:
                way = (
                    "east"
                    if gx > x
                    else "west"
                    if gx < x
                    else "down"
                    if gy > y
                    else "up"
                    if gy < y
                    else "out"
                )
                onward.setdefault(way, set()).add((gx, gy))
            for way, some in onward.items():
                key = (x, y), way
                waiting.setdefault(key, [deque() for _ in range(5)])[side].append((flight, flits, some))
        for key, sides in waiting.items():
            if free.get(key, 0) > cycle or not any(sides):
                continue
            order = [(turn.get(key, -1) + 1 + i) % 5 for i in range(5)]
            side = next(i for i in order if sides[i])
            flight, flits, goals = sides[side].popleft()
            turn[key], free[key] = side, cycle + flits
            (x, y), way = key
            if way == "out":
                missing[flight] -= 1
                done[flight] = max(done[flight], cycle + flits)
                continue
            dx, dy, into = {"east": (1, 0, 1), "west": (-1, 0, 2), "down": (0, 1, 3), "up": (0, -1, 4)}[way]
            packet = ((x + dx, y + dy), into, (flight, flits, goals))
            heads.setdefault(cycle + 1 + knobs.router, []).append(packet)
        cycle += 1
    return done


def network(sends: list[Send], knobs: Knobs) -> Noc:
    """The network for some flights; flight i is route i and a row of messages of node i % 3."""
    sizes = [(size, i % 3) for i, send in enumerate(sends) for size in send.sizes]
    return Noc(
        clock=Clock.from_hz(10**9),
        width_bytes=knobs.width,
        packet_bytes=knobs.packet,
        header_bytes=knobs.header,
        router_cycles=knobs.router,
        routes=route_table([(send.source, send.destinations) for send in sends]),
        messages=np.array(sizes, MESSAGE),
        nodes=3,
    )


def submit(noc: Noc, sends: list[Send], index: int, at_fs: int) -> None:
    """Submit one of them."""
    first = sum(len(send.sizes) for send in sends[:index])
    noc.submit(at_fs, index, sends[index].master, first, first + len(sends[index].sizes), index)


def run_out(noc: Noc) -> dict[int, int]:
    """Follow forecasts to the end, each of the first flight to end: flight -> instant."""
    done: dict[int, int] = {}
    before = 0
    while (ahead := noc.forecast()) is not None:
        assert ahead[1] >= before
        before = ahead[1]
        ended = noc.advance(ahead[1])
        assert ended[0] == ahead
        done.update(ended)
    return done


places = st.tuples(st.integers(0, 3), st.integers(0, 2))
sends = st.builds(
    Send,
    arrival=st.integers(0, 60),
    master=st.integers(0, 3),
    source=places,
    destinations=st.lists(places, min_size=1, max_size=4).map(tuple),
    sizes=st.lists(st.integers(0, 150), min_size=1, max_size=3).map(tuple),
)
cases = st.lists(sends, min_size=1, max_size=12).map(lambda found: sorted(found, key=lambda s: s.arrival))
knobs = st.builds(
    Knobs,
    width=st.sampled_from([1, 8, 32]),
    packet=st.sampled_from([16, 32, 100]),
    header=st.sampled_from([0, 4]),
    router=st.integers(0, 3),
)


@settings(max_examples=150, deadline=None)
@given(cases, knobs)
def test_every_flight_ends_in_the_cycle_that_brute_force_finds(found, settings):
    noc = network(found, settings)
    for index, send in enumerate(found):
        submit(noc, found, index, send.arrival * NS)
    done = run_out(noc)
    assert [done[i] // NS for i in range(len(found))] == ticked(found, settings)


@settings(max_examples=100, deadline=None)
@given(cases, knobs)
def test_masters_that_submit_apart_equal_one_merged_trace(found, settings):
    """Advancing step by step, with forecasts in between that are dropped, equals all known from the start."""
    merged = network(found, settings)
    for index, send in enumerate(found):
        submit(merged, found, index, send.arrival * NS)
    expected = dict(merged.advance(10**12))
    apart = network(found, settings)
    done: dict[int, int] = {}
    for index, send in enumerate(found):
        while (ahead := apart.forecast()) is not None and ahead[1] <= send.arrival * NS:
            done.update(apart.advance(ahead[1]))
        done.update(apart.advance(send.arrival * NS))
        apart.forecast()
        submit(apart, found, index, send.arrival * NS)
    done.update(run_out(apart))
    assert done == expected
    for action, amount in merged.counts().items():
        np.testing.assert_array_equal(apart.counts()[action], amount)


@settings(max_examples=60, deadline=None)
@given(cases, knobs)
def test_bytes_and_hops_are_conserved_and_no_link_is_faster_than_its_width(found, settings):
    noc = network(found, settings)
    for index, send in enumerate(found):
        submit(noc, found, index, send.arrival * NS)
    end = max(dict(noc.advance(10**12)).values()) // NS
    sent, hops = [0, 0, 0], [0, 0, 0]
    for index, send in enumerate(found):
        packets = sum(max(1, -(-size // settings.packet)) for size in send.sizes)
        size = sum(send.sizes) + packets * settings.header
        reached = {tuple(step) for goal in send.destinations for step in steps(send.source, goal)}
        sent[index % 3] += size
        hops[index % 3] += size * len(reached)
    assert noc.counts()["byte"].tolist() == sent
    assert noc.counts()["hop_byte"].tolist() == hops
    assert noc.busy_cycles().sum(axis=0).max() <= end


def steps(source, goal):
    """Links between a place and another, one after the other: x first."""
    x, y = source
    while (x, y) != goal:
        dx = (goal[0] > x) - (goal[0] < x)
        dy = 0 if dx else (goal[1] > y) - (goal[1] < y)
        yield (x, y), (x + dx, y + dy)
        x, y = x + dx, y + dy


def test_a_backlog_of_many_packets_and_flights_outgrows_the_first_tables():
    """300 flights of 10 packets from 16 places to one: its port out is the limit, to the cycle."""
    found = [Send(0, i % 7, (i % 4, i // 4 % 4), ((0, 0),), (320,)) for i in range(300)]
    noc = network(found, Knobs())
    for index in range(len(found)):
        submit(noc, found, index, 0)
    end = max(run_out(noc).values()) // NS
    assert end == 300 * 10 * 4 + 2, "every flit, one cycle each, behind the first router"
