"""A mesh in use: latency alone, turns, multicast, saturation, and what a bus would have taken."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from simulator.base.clock import Clock
from simulator.hw.channel import Channel
from simulator.hw.component import Way
from simulator.hw.links.mesh import Mesh
from simulator.hw.mesh import route_table
from simulator.hw.noc import Noc
from simulator.kernels.noc import MESSAGE
from simulator.kernels.request import READ, REQUEST, WRITE

NS = 10**6


def noc(pairs, sizes, *, width=32, packet=256, header=0, router=2) -> Noc:
    """A network at 1 GHz, a route per pair of place and destinations; message i has ``sizes[i]`` bytes."""
    return Noc(
        clock=Clock.from_hz(10**9), width_bytes=width, packet_bytes=packet, header_bytes=header,
        router_cycles=router, routes=route_table(pairs), nodes=1,
        messages=np.array([(size, 0) for size in sizes], MESSAGE),
    )  # fmt: skip


def run_out(live) -> dict[int, int]:
    """Follow forecasts to the end: id -> cycle of 1 GHz."""
    done: dict[int, int] = {}
    while (ahead := live.forecast()) is not None:
        done.update(live.advance(ahead[1]))
    return {id: instant // NS for id, instant in done.items()}


@pytest.mark.parametrize("goal", [(0, 0), (1, 0), (0, 2), (3, 2)])
@pytest.mark.parametrize("size", [0, 1, 32, 33, 256])
@pytest.mark.parametrize("router", [0, 1, 3])
def test_a_packet_alone_takes_routers_links_and_its_length(goal, size, router):
    """(h + 1) routers, h links of a cycle each, and as many cycles as it has flits: not one cycle earlier."""
    live = noc([((0, 0), [goal])], [size], router=router, header=4)
    live.submit(7 * NS, 5, 0, 0, 1, 0)
    hops = sum(goal)
    done = 7 + (hops + 1) * router + hops + -(-(size + 4) // 32)
    assert live.forecast() == (5, done * NS)
    assert run_out(live) == {5: done}
    assert live.forecast() is None


def test_an_end_is_decided_in_the_cycle_in_which_the_last_port_is_given_and_not_before():
    """3 hops, 2 cycles a router: the head is at the port out at 8 + 3, the tail follows 8 flits later."""
    live = noc([((0, 0), [(3, 0)])], [256])
    live.submit(0, 0, 0, 0, 1, 0)
    assert live.forecast() == (0, 19 * NS)
    assert live.advance(11 * NS) == []
    assert live.advance(12 * NS) == [(0, 19 * NS)]


def test_packets_of_one_message_follow_without_a_gap():
    """10 000 B are 39 packets of 8 flits and one of 1: 313 flits behind the head."""
    live = noc([((0, 0), [(2, 1)])], [10_000])
    live.submit(0, 0, 0, 0, 1, 0)
    assert run_out(live) == {0: 4 * 2 + 3 + 313}


def test_an_endless_width_leaves_the_latency():
    """A packet is one flit; the packets follow in as many cycles."""
    live = noc([((0, 0), [(2, 1)])], [256, 1024], width=2**62)
    live.submit(0, 0, 0, 0, 1, 0)
    assert run_out(live) == {0: 4 * 2 + 3 + 1}
    live.submit(100 * NS, 1, 0, 1, 2, 0)
    assert run_out(live) == {1: 100 + 4 * 2 + 3 + 4}


def test_an_endless_packet_is_one_for_a_message():
    live = noc([((0, 0), [(1, 0)])], [10**6], packet=2**62, header=8)
    live.submit(0, 0, 0, 0, 1, 0)
    assert run_out(live) == {0: 2 * 2 + 1 + (10**6 + 8) // 32 + 1}
    assert live.counts()["byte"][0] == 10**6 + 8


def test_a_single_node_has_no_hops():
    live = noc([((0, 0), [(0, 0)])], [1024])
    live.submit(0, 0, 0, 0, 1, 0)
    assert run_out(live) == {0: 2 + 32}
    assert live.counts()["hop_byte"].tolist() == [0]
    assert live.counts()["byte"].tolist() == [1024]
    assert live.counts()["busy_fs"].tolist() == [32 * NS]


def test_masters_take_turns_where_they_enter():
    """Two masters from one place, 4 packets each: they alternate, and the second ends one packet later."""
    live = noc([((0, 0), [(1, 0)])], [1024])
    live.submit(0, 0, 3, 0, 1, 0)
    live.submit(0, 1, 9, 0, 1, 0)
    assert run_out(live) == {0: 5 + 7 * 8, 1: 5 + 8 * 8}


def test_one_master_is_served_in_its_own_order():
    live = noc([((0, 0), [(1, 0)])], [1024])
    live.submit(0, 0, 3, 0, 1, 0)
    live.submit(0, 1, 3, 0, 1, 0)
    assert run_out(live) == {0: 5 + 4 * 8, 1: 5 + 8 * 8}


def test_masters_with_lower_numbers_join_the_round():
    """Master 1 comes last and is in its place between the others when the round begins anew."""
    live = noc([((0, 0), [(0, 0)])], [512], router=0)
    for id, master in enumerate((4, 7, 1)):
        live.submit(0, id, master, 0, 1, 0)
    assert run_out(live) == {2: 4 * 8, 0: 5 * 8, 1: 6 * 8}


def test_arrivals_may_be_told_in_any_order():
    """Master 0 is told first and arrives at 20, master 1 at 10: packets at 10, 18, then in turn from 26.
    Behind the port they part.
    """
    live = noc([((0, 0), [(1, 0)]), ((0, 0), [(0, 1)])], [1024])
    live.submit(20 * NS, 0, 0, 0, 1, 0)
    live.submit(10 * NS, 1, 1, 0, 1, 1)
    assert run_out(live) == {1: 50 + 5 + 8, 0: 66 + 5 + 8}


def test_a_forecast_is_of_the_end_that_comes_first_not_of_the_one_decided_first():
    """The long packet is given its port at 2 and ends at 10; the short one's, given at 5, ends at 6."""
    live = noc([((0, 0), [(0, 0)]), ((1, 0), [(1, 0)])], [256, 32])
    live.submit(0, 0, 0, 0, 1, 0)
    live.submit(3 * NS, 1, 1, 1, 2, 1)
    assert live.forecast() == (1, 6 * NS)
    assert live.advance(6 * NS) == [(1, 6 * NS), (0, 10 * NS)]


def test_a_link_serves_its_inputs_in_turn():
    """A stream of 16 packets fills the link to the west; a packet from the south waits for one of them, not
    for all that are queued.
    """
    live = noc([((2, 0), [(0, 0)]), ((1, 0), [(0, 0)])], [4096, 256])
    live.submit(0, 0, 0, 0, 1, 0)
    assert live.advance(60 * NS) == []
    live.submit(60 * NS, 1, 1, 1, 2, 1)
    done = run_out(live)
    assert done[1] <= 60 + 5 + 8 + 8
    assert done[0] == 3 * 2 + 2 + 16 * 8 + 8


def test_both_directions_of_a_link_work_side_by_side():
    live = noc([((0, 0), [(1, 0)]), ((1, 0), [(0, 0)])], [2560])
    live.submit(0, 0, 0, 0, 1, 0)
    live.submit(0, 1, 1, 0, 1, 1)
    assert run_out(live) == {0: 85, 1: 85}


def test_crossing_streams_do_not_meet():
    """West to east and north to south through the same router, over links of their own."""
    live = noc([((0, 1), [(2, 1)]), ((1, 0), [(1, 2)])], [2560])
    live.submit(0, 0, 0, 0, 1, 0)
    live.submit(0, 1, 1, 0, 1, 1)
    assert run_out(live) == {0: 88, 1: 88}


def test_a_multicast_passes_each_link_of_its_tree_once():
    """To (2, 1), (2, 0) and (0, 0) from (0, 0): 3 links, 4 ports; done with the farthest."""
    live = noc([((0, 0), [(2, 1), (2, 0), (0, 0)])], [1024])
    live.submit(0, 0, 0, 0, 1, 0)
    assert run_out(live) == {0: 4 * 2 + 3 + 32}
    assert live.counts()["hop_byte"].tolist() == [3 * 1024]
    assert live.counts()["byte"].tolist() == [1024]
    assert live.busy_cycles().tolist() == [[32] * 7]


def test_a_multicast_ends_with_its_slowest_branch():
    """Another stream holds the port out at (1, 0), not the one at (0, 1)."""
    live = noc([((0, 0), [(1, 0), (0, 1)]), ((2, 0), [(1, 0)])], [256, 2560])
    live.submit(0, 0, 0, 1, 2, 1)
    live.submit(20 * NS, 1, 1, 0, 1, 0)
    alone = noc([((0, 0), [(1, 0), (0, 1)])], [256])
    alone.submit(20 * NS, 1, 1, 0, 1, 0)
    assert run_out(alone) == {1: 20 + 5 + 8}
    assert 20 + 5 + 8 < run_out(live)[1] <= 20 + 5 + 8 + 8


def test_a_forecast_changes_nothing():
    live = noc([((0, 0), [(1, 0)])], [2560, 256])
    live.submit(0, 0, 0, 0, 1, 0)
    assert live.forecast() == live.forecast() == (0, 85 * NS)
    live.advance(8 * NS)
    live.submit(8 * NS, 1, 1, 1, 2, 0)
    assert live.forecast() == (1, (8 + 8 + 5 + 8 - 8) * NS)
    assert run_out(live) == {1: 21, 0: 93}


def uniform(size: int, each: int, rng: np.random.Generator) -> float:
    """Flits per cycle and node that a full size x size mesh delivers: every node to all, alike often."""
    places = list(product(range(size), range(size)))
    live = noc([(a, [b]) for a in places for b in places], [256], router=1)
    id = 0
    for source in range(len(places)):
        for _ in range(each):
            for goal in rng.permutation(len(places)).tolist():
                live.submit(0, id, source, 0, 1, source * len(places) + goal)
                id += 1
    end = max(done for _, done in live.advance(10**15)) // NS
    return id * 8 / len(places) / end


@pytest.mark.parametrize("size", [4, 6])
def test_uniform_traffic_saturates_at_the_bisection(size, rng):
    """Half of what size² / 2 nodes send crosses size links to the other half: 4 / size flits per node, but not
    more than a port takes. The mesh comes near to it, never above.
    """
    bound = min(4 / size, 1.0)
    assert 0.8 * bound < uniform(size, 6, rng) <= bound


def test_one_row_with_the_memory_at_its_end_is_a_bus_with_a_latency():
    """Loads of two masters to the same place, aligned to packets: the bus's instants plus 3 hops."""
    sizes = [2560, 1024, 512]
    rows = [(4096 * i, size, READ, 0) for i, size in enumerate(sizes)]
    bus = Channel(
        clock=Clock.from_hz(10**9), burst_bytes=32, page_bytes=256, row_slots=0, refresh_every=0,
        refresh_slots=0, latency_fs=0, requests=np.array(rows, REQUEST), nodes=1,
    )  # fmt: skip
    live = noc([((0, 0), [(3, 0)])], sizes)
    for instant, id, master in ((0, 0, 0), (5, 1, 1), (40, 2, 0)):
        for unit in (bus, live):
            unit.advance(instant * NS)
            unit.submit(instant * NS, id, master, id, id + 1, 0)
    latency = 4 * 2 + 3
    assert run_out(live) == {id: cycle + latency for id, cycle in run_out(bus).items()}


def mesh(**fields) -> Mesh:
    """4 x 2 nodes of 16 B per cycle at 500 MHz; the DRAM at two corners."""
    at = {"dram": [[0, 0], [3, 0]], "a": [1, 0], "b": [2, 1], "c": [2, 1]}
    known = {
        "columns": 4,
        "rows": 2,
        "width_bytes_per_cycle": 16,
        "clock_hz": 500_000_000,
        "router_cycles": 1,
    }
    return Mesh(kind="mesh", **{**known, "at": at, **fields})


def ended(live, way: int, first: int) -> float:
    """Cycles of 500 MHz that a transfer of one request takes along a way."""
    live.submit(0, 0, 0, first, first + 1, way)
    ahead = live.forecast()
    live.advance(ahead[1])
    return ahead[1] / (2 * NS)


def test_a_load_comes_from_the_far_memory_and_a_store_goes_to_it():
    """From the nearest corner; to the memory ``b`` that is 2 hops from the right one, 160 B in 10 cycles."""
    requests = np.array([(0, 160, READ, 0), (0, 160, WRITE, 1)], REQUEST)
    ways = [Way("dram", ("b",)), Way("elsewhere", ("a",)), Way("dram", ("a",))]
    for way, hops in ((0, 2), (2, 1)):
        for first in (0, 1):
            live = mesh().shared_unit(requests, ways, 2)
            assert ended(live, way, first) == (hops + 1) * 1 + hops + 10
            assert live.counts()["hop_byte"].tolist() == [
                160 * hops * (first == 0),
                160 * hops * (first == 1),
            ]
    live = mesh().shared_unit(requests, ways, 2)
    live.submit(0, 0, 0, 1, 2, 2)
    live.forecast()
    busy = {link for link, n in zip(live.routes.links, live.busy_cycles().sum(axis=0), strict=True) if n}
    assert busy == {("in", (1, 0), (1, 0)), ("link", (1, 0), (0, 0)), ("out", (0, 0), (0, 0))}


def test_a_load_into_several_memories_is_a_multicast_and_a_store_from_them_comes_from_the_nearest():
    requests = np.array([(0, 160, READ, 0), (0, 160, WRITE, 0)], REQUEST)
    ways = [Way("dram", ("a", "b", "c"))]
    live = mesh(at={"dram": [0, 0], "a": [1, 0], "b": [2, 1], "c": [2, 1]}).shared_unit(requests, ways, 1)
    assert ended(live, 0, 0) == 4 * 1 + 3 + 10
    assert live.counts()["hop_byte"].tolist() == [160 * 3], "b and c share their node and its port"
    live = mesh(at={"dram": [0, 0], "a": [1, 0], "b": [2, 1], "c": [2, 1]}).shared_unit(requests, ways, 1)
    assert ended(live, 0, 1) == 2 * 1 + 1 + 10


def test_what_the_planner_and_describe_are_told():
    link = mesh()
    assert link.transport is None
    assert link.peak_bytes_per_s() == 16 * 500e6
    assert link.traits() == (
        "4 x 2 nodes, links of 16 B/cycle",
        "1 cycle per router",
        "dram at (0, 0) and (3, 0)",
        "a at (1, 0)",
        "b at (2, 1)",
        "c at (2, 1)",
    )
