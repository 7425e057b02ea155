"""Chains that run stripe by stripe: the same work, less traffic, the right rows; on random deep networks."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, given, settings
from replay import check_conflicts_are_ordered, check_one_tile_at_a_time, play
from striped import RowReplay, deep_networks, dram_requests, planned, tight_chips

from simulator.engine.simulate import simulate
from simulator.hw.chip import load_chip
from simulator.mapping.lower import lower
from simulator.mapping.plan import plan
from simulator.workload.graph import Graph

CHIP = "npu/edge_npu"
STEADY = settings(
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)


@settings(STEADY, max_examples=40)
@given(deep_networks(), tight_chips())
def test_a_chain_does_the_same_work_with_less_traffic(graph: Graph, overrides: dict[str, str]):
    """MACs and operations are equal; DRAM moves fewer bytes, none of them of what passes inside a chain.

    It takes no longer, but for 1 % that the estimate cannot tell.
    """
    chip = load_chip(CHIP, overrides)
    schedule = planned(graph, chip)
    if not schedule.chains:
        return
    program = lower(schedule)  # proved by its check: capacity, rooms, read after write
    fused = simulate(program, chip)
    alone = load_chip(CHIP, {**overrides, "mapping.fuse": "off"})
    unfused = simulate(lower(plan(graph, alone)), alone)
    assert fused.metrics.macs == unfused.metrics.macs
    for core in ("npu", "vec"):
        for action in chip.cores[core].ACTIONS:
            if not action.startswith("requant"):
                assert fused.ledger.total(core, action) == unfused.ledger.total(core, action), action
    assert fused.metrics.latency_s <= 1.01 * unfused.metrics.latency_s
    moved = [sum(r.metrics.traffic_bytes["dram"].values()) for r in (fused, unfused)]
    assert moved[0] <= moved[1]
    inner = {name for chain in schedule.chains for name in chain.inner()}
    assert all(schedule.places[name].memory == "sram" for name in inner)
    assert not inner & dram_requests(schedule, program)


@settings(STEADY, max_examples=40)
@given(deep_networks(), tight_chips())
def test_every_row_is_the_right_one(graph: Graph, overrides: dict[str, str]):
    """Each tile of a chain reads exactly the rows that its windows cover, as the last task left them."""
    schedule = planned(graph, load_chip(CHIP, overrides))
    if not schedule.chains:
        return
    replay = RowReplay(schedule, lower(schedule))
    if replay.told_apart:
        replay.check()


@settings(STEADY, max_examples=25)
@given(deep_networks(), tight_chips())
def test_commands_of_chains_keep_their_order(graph: Graph, overrides: dict[str, str]):
    """In the simulated spans conflicting accesses to a byte are ordered."""
    chip = load_chip(CHIP, overrides)
    planned(graph, chip)
    played = play(graph, chip)
    check_one_tile_at_a_time(played)
    check_conflicts_are_ordered(played)
