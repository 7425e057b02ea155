"""How fast designs are simulated, screened and searched: 2 000 forms of npu/edge_npu running MobileNet v1.

Rates are per second of CPU time, so that they hold beside other work on the machine; that of two workers over
one is wall-clock time and wants the machine for itself. ``--full`` also runs the whole sweep on two workers,
and measures the searches on its tables.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import Any

from simulator.experiment.sweep.collect import scores
from simulator.experiment.sweep.evaluate import begin, evaluate
from simulator.experiment.sweep.identity import Keys
from simulator.experiment.sweep.load import Sweep, load_sweep
from simulator.experiment.sweep.run import sweep
from simulator.experiment.sweep.screening import Estimator
from simulator.experiment.sweep.search import Guided, draw
from simulator.results.front import hypervolume, pareto
from simulator.results.sensitivity import rank_correlation

HERE = Path(__file__).parent
FILE = HERE / "sweep.yaml"
SEEDS = range(5)


def variant(folder: Path, name: str, *changes: tuple[str, str]) -> Path:
    """The sweep's file with other text in places."""
    text = FILE.read_text()
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    path = folder / f"{name}.yaml"
    path.write_text(text.replace("name: edge_space", f"name: {name}"))
    return path


def rate(file: Path, points: int, first: int = 0) -> float:
    """Points per CPU second of one process, after one that warms up; every point is new to it."""
    asked = load_sweep(file)
    keys = Keys(asked)
    some = list(islice(asked.space.grid(), first, first + points + 1))
    jobs = [job for point in some for job in keys.jobs(point)]
    runs = evaluate(jobs[:1])
    began = time.process_time()
    runs += evaluate(jobs[1:])
    spent = time.process_time() - began
    assert all(run.status == "done" for run in runs), runs
    return points / spent


def simulated(folder: Path) -> None:
    """Rates of one core, by what changes from point to point."""
    commands = variant(folder, "commands", ("model: bandwidth", "model: commands"),
                       ("memories.dram.bandwidth: [3.2 GB/s, 6.4 GB/s, 9.6 GB/s, 12.8 GB/s, 19.2 GB/s]",
                        "memories.dram.controller.read_queue: [16, 32, 64]"))  # fmt: skip
    print("simulated, points per second of one core")
    print(f"  the space in its order, by bandwidth   {rate(FILE, 100, 700):8.2f} (goal 5)")
    print(f"  the same, every DRAM command           {rate(commands, 30, 100):8.2f}")


def remembered(folder: Path) -> None:
    """The rate where a plan is there already: what changes does not enter into it."""
    file = folder / "energies.yaml"
    file.write_text(
        "name: energies\nchips: [npu/edge_npu]\nworkloads: [mobilenet_v1]\n"
        "set: {memories.dram.model: bandwidth}\n"
        "axes: {cores.npu.energy.mac_int8: {from: 0.1 pJ, to: 0.4 pJ, count: 101}}\n"
    )
    print(f"  energies alone change, plan remembered {rate(file, 100):8.2f} (goal 5)")


def screened(table: dict[Any, dict[str, float]] | None = None) -> Sweep:
    """Points per second in closed form, and how near it comes."""
    asked = load_sweep(FILE)
    points = list(asked.space.grid())
    estimator = Estimator(asked.space, asked.workloads)
    estimator.estimate(points[0])
    began = time.process_time()
    found = [estimator.estimate(point) for point in points]
    spent = time.process_time() - began
    print(f"screened: {len(points)} points, {len(points) / spent:.0f} per second of one core (goal 2000)")
    if table is not None:
        for metric in ("latency_s", "energy_j", "area_mm2"):
            pairs = [(e[metric], table[p.identity][metric]) for p, e in zip(points, found, strict=True) if e]
            ratios = sorted(a / b for a, b in pairs)
            at = [ratios[round(q * (len(ratios) - 1))] for q in (0.05, 0.5, 0.95)]
            rank = rank_correlation(*zip(*pairs, strict=True))
            print(f"  {metric:<12} rank correlation {rank:.4f}, estimate / simulated 5 % {at[0]:.3f}, "
                  f"median {at[1]:.3f}, 95 % {at[2]:.3f}")  # fmt: skip
    return asked


def two_workers(folder: Path) -> None:
    """Wall-clock time of 200 points on one process and on two, with all that a sweep does."""
    part = variant(folder, "part", ("rows: [16, 24, 32, 48, 64]", "rows: [24, 48]"),
                   ("cols: [16, 32, 64, 128]", "cols: [32]"))  # fmt: skip
    spent = {}
    for workers in (1, 2):
        began = time.perf_counter()
        result = sweep(part, workers=workers, out=folder / f"on{workers}")
        spent[workers] = time.perf_counter() - began
        assert not result.failed
        print(f"  {workers} workers: {len(result.records)} points in {spent[workers]:.1f} s")
    print(f"  two are {spent[1] / spent[2]:.2f} times one (goal 1.8)")


def whole(folder: Path) -> dict[Any, dict[str, float]]:
    """All 2 000 points on two workers; their figures by identity."""
    began = time.perf_counter()
    result = sweep(FILE, workers=2, out=folder / "whole")
    spent = time.perf_counter() - began
    found = f"{len(result.records)} points, {len(result.failed)} failed, {len(result.front)} on the front"
    print(f"the whole sweep on two workers: {found}, {spent:.0f} s")
    return {(r["chip"], tuple(sorted((axis, str(r[axis])) for axis in result.axes))): r for r in result.done}


def searched(asked: Sweep, table: dict[Any, dict[str, float]]) -> None:
    """Share of the hypervolume of the whole front that searches find in 300 points, median of five seeds."""
    objectives = dict(asked.definition["objectives"])
    rows = {identity: scores(figures, objectives) for identity, figures in table.items()}
    everything = list(rows.values())
    low = [min(column) for column in zip(*everything, strict=True)]
    high = [max(column) for column in zip(*everything, strict=True)]

    def volume(some: list[tuple[float, ...]]) -> float:
        """With every objective scaled to the space, up to 1.1."""
        scaled = [[(x - a) / (b - a) for x, a, b in zip(row, low, high, strict=True)] for row in some]
        return hypervolume(scaled, [1.1] * len(low))

    front = volume([everything[i] for i in pareto(everything)])
    print(f"searched: {len(rows)} points, {len(pareto(everything))} on the front; hypervolume of 300 of them")
    for kind in ("nsga2", "tpe", "random"):
        shares = []
        for seed in SEEDS:
            if kind == "random":
                found = [rows[p.identity] for p in draw(asked.space, 300, seed)]
            else:
                found = []
                guided = Guided(
                    asked.space, asked.objectives, kind=kind, evaluations=300, population=20, seed=seed
                )
                while points := guided.ask():
                    guided.tell(points, [(rows[p.identity], ()) for p in points])
                    found += [rows[p.identity] for p in points]
            shares.append(volume(found) / front)
        goal = " (goal 0.95)" if kind == "nsga2" else ""
        print(f"  {kind:<7} median {statistics.median(shares):.4f}, least {min(shares):.4f}{goal}")


def main() -> None:
    """All of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--full", action="store_true", help="also the whole sweep, and searches on its tables"
    )
    parser.add_argument("--out", type=Path, help="keep the stores here, to resume")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.out or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        table = None
        if arguments.full:
            table = whole(folder)
        two_workers(folder)
        begin()
        simulated(folder)
        remembered(folder)
        asked = screened(table)
        if table is None:
            estimator = Estimator(asked.space, asked.workloads)
            table = {p.identity: estimator.estimate(p) or {} for p in asked.space.grid()}
        searched(asked, table)


if __name__ == "__main__":
    main()
