"""Searches: what random and NSGA-II find of a front that is known exhaustively."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import pytest

from simulator.experiment.sweep.load import load_sweep
from simulator.experiment.sweep.screening import Estimator
from simulator.experiment.sweep.search import Guided, draw
from simulator.results.front import hypervolume, pareto

#: 5 x 5 x 4 x 4 x 5 = 2000 points, estimated in closed form: the answers of a search without a simulation.
SPACE = """
name: space
chips: [mini.yaml]
workloads: [pair.yaml]
axes:
  cores.array.rows: [2, 4, 8, 16, 32]
  cores.array.cols: [2, 4, 8, 16, 32]
  memories.sram.capacity: {from: 4 KiB, to: 32 KiB, factor: 2}
  memories.dram.bandwidth: {from: 1 GB/s, to: 8 GB/s, factor: 2}
  cores.array.clock: {from: 400 MHz, to: 1200 MHz, step: 200 MHz}
derived:
  cores.array.area: 500 um2 * cores.array.rows * cores.array.cols
  memories.sram.area: 0.2 mm2 * (memories.sram.capacity / 16 KiB)
  cores.array.leakage: 0.01 mW * cores.array.rows * cores.array.cols
  memories.dram.leakage: 2 mW * (memories.dram.bandwidth / 1 GB/s)
objectives: {latency_s: minimize, energy_j: minimize, area_mm2: minimize}
"""


@pytest.fixture
def problem(write: Callable[[str], str]):
    sweep = load_sweep(write(SPACE))
    estimator = Estimator(sweep.space, sweep.workloads)
    table = {}
    for point in sweep.space.grid():
        found = estimator.estimate(point)
        table[point.identity] = tuple(found[objective.metric] for objective in sweep.objectives)
    return sweep, table


def share(scores, table) -> float:
    """Hypervolume of some points over that of all, objectives scaled to those of the whole space."""
    everything = list(table.values())
    low = [min(column) for column in zip(*everything, strict=True)]
    span = [max(column) - least for column, least in zip(zip(*everything, strict=True), low, strict=True)]
    scale = lambda row: [(x - a) / s for x, a, s in zip(row, low, span, strict=True)]  # noqa: E731
    corner = [1.1] * len(low)
    front = [everything[i] for i in pareto(everything)]
    return hypervolume([scale(r) for r in scores], corner) / hypervolume([scale(r) for r in front], corner)


def search(sweep, table, kind: str, seed: int, evaluations: int = 300) -> list[tuple[float, ...]]:
    guided = Guided(
        sweep.space, sweep.objectives, kind=kind, evaluations=evaluations, population=20, seed=seed
    )
    found = []
    while points := guided.ask():
        answers = [(table[point.identity], ()) for point in points]
        guided.tell(points, answers)
        found += [table[point.identity] for point in points]
    return found


def test_nsga2_finds_nearly_all_of_the_front_in_300_of_2000(problem):
    sweep, table = problem
    assert len(table) == 2000
    guided = [search(sweep, table, "nsga2", seed) for seed in range(5)]
    assert all(len(found) == 300 for found in guided)
    by_nsga2 = statistics.median(share(found, table) for found in guided)
    drawn = [[table[p.identity] for p in draw(sweep.space, 300, seed)] for seed in range(5)]
    by_chance = statistics.median(share(found, table) for found in drawn)
    assert by_nsga2 >= 0.95, (by_nsga2, by_chance)
    assert by_nsga2 > by_chance


def test_the_same_seed_asks_for_the_same_points(problem):
    sweep, table = problem
    for kind in ("nsga2", "tpe"):
        assert search(sweep, table, kind, 3, 60) == search(sweep, table, kind, 3, 60)


def test_no_point_is_asked_for_twice(problem):
    sweep, _ = problem
    guided = Guided(sweep.space, sweep.objectives, kind="nsga2", evaluations=100, population=10, seed=1)
    seen: list[object] = []
    while points := guided.ask():
        seen += [point.identity for point in points]
        guided.tell(points, [((1.0, 1.0, 1.0), ()) for _ in points])
    assert len(seen) == len(set(seen)) == 100


def test_a_space_that_is_exhausted_ends_the_search(write):
    sweep = load_sweep(write())
    guided = Guided(sweep.space, sweep.objectives, kind="nsga2", evaluations=500, population=10, seed=1)
    seen = 0
    while points := guided.ask():
        seen += len(points)
        guided.tell(points, [((1.0, float(i)), ()) for i, _ in enumerate(points)])
    assert seen == 18


@pytest.mark.parametrize("kind", ["random", "tpe"])
def test_a_search_knows_when_there_is_nothing_left(write, kind: str):
    sweep = load_sweep(write())
    began = time.process_time()
    if kind == "random":
        seen = len(draw(sweep.space, 1_000_000, 1))
    else:
        guided = Guided(sweep.space, sweep.objectives, kind=kind, evaluations=500, population=10, seed=1)
        seen = 0
        while points := guided.ask():
            seen += len(points)
            guided.tell(points, [((1.0, float(i)), ()) for i, _ in enumerate(points)])
    assert seen == 18
    assert time.process_time() - began < 20


def test_points_without_figures_do_not_stop_it(problem):
    sweep, table = problem
    guided = Guided(sweep.space, sweep.objectives, kind="nsga2", evaluations=60, population=10, seed=1)
    while points := guided.ask():
        answers = [(None, ()) if i % 2 else (table[p.identity], ()) for i, p in enumerate(points)]
        guided.tell(points, answers)


def test_limits_draw_the_search_to_what_meets_them(problem):
    """Half of the volume of the space is forbidden: after some rounds most points meet the limit."""
    sweep, table = problem
    limit = statistics.median(row[2] for row in table.values())
    guided = Guided(sweep.space, sweep.objectives, kind="nsga2", evaluations=200, population=20, seed=1)
    rounds = []
    while points := guided.ask():
        rows = [table[point.identity] for point in points]
        rounds.append(sum(row[2] <= limit for row in rows) / len(rows))
        guided.tell(points, [(row, (max(0.0, row[2] / limit - 1),)) for row in rows])
    assert statistics.mean(rounds[-3:]) > statistics.mean(rounds[:2])
    assert statistics.mean(rounds[-3:]) > 0.7


def test_draws_are_different_and_repeatable(write):
    space = load_sweep(write()).space
    points = draw(space, 10, 5)
    assert len({point.identity for point in points}) == 10
    assert [p.identity for p in points] == [p.identity for p in draw(space, 10, 5)]
    assert [p.identity for p in points] != [p.identity for p in draw(space, 10, 6)]
    assert len(draw(space, 100, 5)) == 18
