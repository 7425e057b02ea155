"""How fast designs are simulated, screened and searched: forms of npu/edge_npu running MobileNet v1.

Rates are per second of CPU time of one process, so that they depend little on other work on the machine. Two
workers against one is wall-clock time and wants the machine for itself; the CPU time beside it (of each
worker, of the parent) shows what the ratio would be on idle processors. Some five minutes on two idle cores.

``--searches`` also measures the searches, on tables of estimates; ``--full`` runs the whole sweep of 2 000
points on two workers (some ten minutes), and takes its tables.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from simulator.experiment.sweep.collect import scores
from simulator.experiment.sweep.evaluate import begin, evaluate
from simulator.experiment.sweep.identity import Keys
from simulator.experiment.sweep.load import Sweep, load_sweep
from simulator.experiment.sweep.progress import Progress
from simulator.experiment.sweep.run import sweep
from simulator.experiment.sweep.screening import Estimator
from simulator.experiment.sweep.search import Guided, draw
from simulator.mapping.remember import forget
from simulator.results.front import hypervolume, pareto
from simulator.results.sensitivity import rank_correlation

HERE = Path(__file__).parent
FILE = HERE / "sweep.yaml"
SEEDS = range(5)
NETWORKS = ("mobilenet_v1", "resnet18.yaml")
#: Filters of the stages of ResNet-18 (He et al., CVPR 2016, table 1), of two blocks each.
STAGES = (64, 128, 256, 512)


def resnet18() -> str:
    """Its convolutions along the main line and its classifier as shapes; shortcuts and sums are left out."""
    lines = ["name: resnet18_shapes", "precision: {weights: int8, activations: int8}", "layers:"]
    lines.append("  - {op: Conv, input: [1, 3, 224, 224], filters: 64, kernel: [7, 7], stride: 2, pad: 3}")
    lines.append("  - {op: MaxPool, kernel: [3, 3], stride: 2, pad: 1}")
    for stage, filters in enumerate(STAGES):
        for block in range(2):
            stride = 2 if stage and not block else 1
            lines.append(f"  - {{op: Conv, filters: {filters}, kernel: [3, 3], stride: {stride}, pad: 1}}")
            lines.append(f"  - {{op: Conv, filters: {filters}, kernel: [3, 3], pad: 1}}")
    lines += ["  - {op: GlobalAveragePool}", "  - {op: Gemm, m: 1, n: 1000, k: 512}"]
    return "\n".join(lines) + "\n"


def variant(folder: Path, name: str, *changes: tuple[str, str]) -> Path:
    """The sweep's file with other text in places."""
    text = FILE.read_text()
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    path = folder / f"{name}.yaml"
    path.write_text(text.replace("name: edge_space", f"name: {name}"))
    return path


def rate(file: Path, points: int, first: int = 0) -> tuple[float, float]:
    """Points per CPU second of one process after one that warms up, and seconds of the slowest.

    Nothing is remembered from before; every point is new.
    """
    asked = load_sweep(file)
    keys = Keys(asked)
    some = list(islice(asked.space.grid(), first, first + points + 1))
    jobs = [job for point in some for job in keys.jobs(point)]
    evaluate(jobs[:1])
    forget()
    began = time.process_time()
    runs = evaluate(jobs[1:])
    spent = time.process_time() - began
    assert all(run.status == "done" for run in runs), runs
    return points / spent, max(run.seconds for run in runs)


def simulated(folder: Path, points: int) -> None:
    """Rates of one core, by what changes from point to point."""
    (folder / "resnet18.yaml").write_text(resnet18())
    print("simulated, points per second of one core; every point has a plan of its own")
    for network in NETWORKS:
        where = str(folder / network) if network.endswith(".yaml") else network
        file = variant(folder, "fresh", ("[mobilenet_v1]", f"[{where}]"))
        found, slowest = rate(file, points, 700)
        said = f"(goal 5; {points} points of the space in its order, the slowest {slowest:.1f} s)"
        text = f"  {Path(network).stem:<14} DRAM by bandwidth, plans new"
        print(f"{text:<48} {found:8.2f} {said}", flush=True)
    commands = variant(folder, "commands", ("model: bandwidth", "model: commands"),
                       ("memories.dram.bandwidth: [3.2 GB/s, 6.4 GB/s, 9.6 GB/s, 12.8 GB/s, 19.2 GB/s]",
                        "memories.dram.controller.read_queue: [16, 32, 64]"))  # fmt: skip
    found, _ = rate(commands, points // 3, 420)
    print("  mobilenet_v1   every DRAM command, plans new".ljust(48) + f" {found:8.2f}", flush=True)
    for model in ("bandwidth", "commands"):
        file = folder / f"energies_{model}.yaml"
        file.write_text(
            f"name: energies\nchips: [npu/edge_npu]\nworkloads: [mobilenet_v1]\n"
            f"set: {{memories.dram.model: {model}}}\n"
            "axes: {cores.npu.energy.mac_int8: {from: 0.1 pJ, to: 0.4 pJ, count: 301}}\n"
        )
        found, _ = rate(file, points if model == "bandwidth" else points // 3)
        what, goal = (
            ("DRAM by bandwidth", " (goal 5)") if model == "bandwidth" else ("every DRAM command", "")
        )
        print(f"  mobilenet_v1   {what}, plan kept".ljust(48) + f" {found:8.2f}{goal}", flush=True)


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


def below(parent: int) -> Iterator[tuple[int, float]]:
    """Processes that a process started, those that these started, and their CPU seconds so far (Linux)."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(stat[1]) == parent:
                yield int(entry.name), (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")
                yield from below(int(entry.name))


def two_workers(folder: Path, blocks: int) -> None:
    """A part of the space on one process and on two, with all that a sweep does."""
    clocks = f"to: {400 + 200 * (min(blocks, 8) // 2 - 1)} MHz"
    cols = "cols: [32, 64]" if blocks > 8 else "cols: [32]"
    part = variant(folder, "part", ("rows: [16, 24, 32, 48, 64]", "rows: [24, 48]"),
                   ("cols: [16, 32, 64, 128]", cols), ("to: 1 GHz", clocks))  # fmt: skip
    wall, most = {}, {}
    print("workers: the same points, with all that a sweep does (imports, keys, store, tables, page)")
    for workers in (1, 2):
        seen: dict[int, float] = {}
        before = dict(below(os.getpid()))

        def watch(progress: Progress, seen: dict[int, float] = seen) -> None:
            if progress.total and progress.known + progress.done >= progress.total:
                seen.update(below(os.getpid()))

        began, own = time.perf_counter(), time.process_time()
        result = sweep(part, workers=workers, out=folder / f"on{workers}", watch=watch)
        wall[workers], own = time.perf_counter() - began, time.process_time() - own
        assert not result.failed
        count = len(result.records)
        theirs = sorted((cpu for pid, cpu in seen.items() if pid not in before and cpu > 1), reverse=True)
        theirs = theirs[:workers]
        most[workers] = theirs[0]
        idle = wall[workers] - theirs[0]
        each = " + ".join(f"{cpu:.1f}" for cpu in theirs)
        print(f"  {workers}: {count} points in {wall[workers]:.1f} s, {count / wall[workers]:.2f}/s; "
              f"the busiest worker did not run for {idle:.1f} s\n"
              f"     CPU s of workers {each} = {1e3 * sum(theirs) / count:.0f} ms a point; "
              f"of the parent {own:.1f} = {1e3 * own / count:.1f} ms a point")  # fmt: skip
    print(f"  two are {wall[1] / wall[2]:.2f} times one by the clock (goal 1.8), "
          f"{most[1] / most[2]:.2f} times by the CPU time of the busiest worker", flush=True)  # fmt: skip


def whole(folder: Path) -> dict[Any, dict[str, float]]:
    """All 2 000 points on two workers; their figures by identity."""
    began = time.perf_counter()
    result = sweep(FILE, workers=2, out=folder / "whole")
    spent = time.perf_counter() - began
    found = f"{len(result.records)} points, {len(result.failed)} failed, {len(result.front)} on the front"
    print(f"the whole sweep on two workers: {found}, {spent:.0f} s", flush=True)
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
    parser.add_argument("--searches", action="store_true", help="also the searches")
    parser.add_argument(
        "--full", action="store_true", help="also the whole sweep, and searches on its tables"
    )
    parser.add_argument("--points", type=int, default=100, help="of each rate [100]")
    parser.add_argument(
        "--blocks",
        type=int,
        default=16,
        choices=(2, 4, 6, 8, 16),
        help="of 25 points, for one and two workers [16]",
    )
    parser.add_argument("--out", type=Path, help="keep the stores here, to resume")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.out or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        table = whole(folder) if arguments.full else None
        two_workers(folder, arguments.blocks)
        begin()
        simulated(folder, arguments.points)
        asked = screened(table)
        if arguments.full or arguments.searches:
            if table is None:
                estimator = Estimator(asked.space, asked.workloads)
                table = {p.identity: estimator.estimate(p) or {} for p in asked.space.grid()}
            searched(asked, table)


if __name__ == "__main__":
    main()
