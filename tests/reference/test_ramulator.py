"""DRAM at command level against Ramulator 2.1 (MIT): every run clock for clock, the recorded ones command by command.

Each trace is written as text and goes the way of ``chipsim memory``. Nothing is fitted: preset, mapping and policy
are those of the reference's configuration files.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from simulator.experiment.memory import MemoryResult, memory
from simulator.experiment.memorysetup import choose

#: Standard -> bytes of a request, of the channel, from a row to the next one of its bank (README there).
GEOMETRY = {
    "DDR4": (64, 8 << 30, 128 << 10),
    "DDR5": (64, 8 << 30, 128 << 10),
    "LPDDR5": (32, 1 << 30, 32 << 10),
    "HBM2": (32, 2 << 30, 32 << 10),
    "HBM3": (32, 1 << 30, 64 << 10),
}
#: Configuration, up to the variant -> preset, organisation.
DEVICES = {
    "DDR4_3200AA": ("DDR4_3200AA", "DDR4_8Gb_x8"),
    "DDR5_4800BN": ("DDR5_4800BN", "DDR5_16Gb_x8"),
    "LPDDR5_6400": ("LPDDR5_6400", "LPDDR5_8Gb_x16"),
    "HBM2_2000": ("HBM2_2000Mbps", "HBM2_8Gb"),
    "HBM3_6400": ("HBM3_6400Mbps", "HBM3_16Gb_8hi"),
}
#: Variant -> mapping, controller.
VARIANTS = {
    "frfcfs": ("RoBaRaCoCh", "frfcfs"),
    "rowhit": ("RoBaRaCoCh", "rowhit"),
    "noref": ("RoBaRaCoCh", "noref"),
    "mop4clxor": ("MOP4CLXOR", "frfcfs"),
}
#: Trace -> how the i-th address comes about, every third a write, clocks between requests.
TRACES = {
    "seq_read": ("seq", "R", 0),
    "seq_write": ("seq", "W", 0),
    "row_stride": ("stride", "R", 0),
    "random_read": ("random", "R", 0),
    "random_mix21": ("random", "RRW", 0),
    "random_gap": ("random", "R", 100),
}
#: Lines of ramulator2.csv, the header being the first: cycles_all_done, cycle_last_read, cycle_last_accept, average read
#: latency, row hits, misses, conflicts, forwarded, coalesced, refreshes.
EXCERPT = {
    ("DDR4_3200AA_frfcfs", "seq_read"): (129933, 129932, 129771, 233.8971, 19833, 167, 0, 0, 0, 10),  # line 2
    ("DDR4_3200AA_frfcfs", "random_mix21"): (184951, 184853, 184240, 491.6853, 0, 2212, 17788, 0, 0, 14),  # 6
    ("DDR4_3200AA_mop4clxor", "seq_write"): (85876, 0, 85723, 0.0, 18382, 410, 1208, 0, 0, 6),  # 15
    ("DDR5_4800BN_frfcfs", "random_read"): (261952, 261951, 261390, 498.5199, 0, 477, 19523, 0, 0, 27),  # 23
    ("LPDDR5_6400_frfcfs", "random_gap"): (1999951, 1999950, 1999900, 50.9343, 0, 8853, 11147, 0, 0, 639),  # 31
    ("HBM2_2000_noref", "row_stride"): (959984, 959983, 958417, 1565.708, 0, 1, 19999, 0, 0, 0),  # 46
    ("HBM3_6400_frfcfs", "random_mix21"): (151725, 151722, 151287, 471.4589, 1, 2455, 17544, 0, 0, 24),  # 60
}  # fmt: skip
N = 20000


def splitmix64(state: int) -> Iterator[int]:
    """Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014."""
    mask = 2**64 - 1
    while True:
        state = (state + 0x9E3779B97F4A7C15) & mask
        z = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        yield z ^ (z >> 31)


@cache
def addresses(kind: str, n: int, request: int, capacity: int, stride: int) -> list[int]:
    if kind == "random":
        numbers = splitmix64(42)
        return [next(numbers) % (capacity // request) * request for _ in range(n)]
    step = request if kind == "seq" else stride
    return [i * step % capacity for i in range(n)]


def write_trace(file: Path, trace: str, n: int, geometry: tuple[int, int, int]) -> None:
    """A trace by the rule of the reference, as text."""
    kind, letters, gap = TRACES[trace]
    with file.open("w") as text:
        for i, address in enumerate(addresses(kind, n, *geometry)):
            when = f" {i * gap}" if gap else ""
            text.write(f"{letters[i % len(letters)]} {hex(address) if i % 2 else address}{when}\n")


@pytest.fixture
def serve(tmp_path: Path) -> Callable[..., MemoryResult]:
    """Run one row of the reference."""

    def run(config: str, trace: str, n: int, commands: Path | None = None) -> MemoryResult:
        device, variant = config.rsplit("_", 1)
        standard = config.split("_")[0]
        mapping, controller = VARIANTS[variant]
        preset, organisation = DEVICES[device]
        file = tmp_path / "trace.txt"
        write_trace(file, trace, n, GEOMETRY[standard])
        setup = choose(
            standard, preset=preset, organisation=organisation, mapping=mapping, controller=controller
        )
        return memory(setup, str(file), commands=str(commands) if commands else None)

    return run


def figures(result: MemoryResult) -> tuple[Any, ...]:
    """As in the reference's table."""
    record = result.record()
    names = ("row_hits", "row_misses", "row_conflicts", "forwarded", "coalesced", "refreshes")
    return (
        record["cycles"],
        record["cycle_last_read"] or 0,
        record["cycle_last_accept"],
        round(record["mean_read_latency_cycles"] or 0.0, 4),
        *(record[name] for name in names),
    )


@pytest.mark.parametrize(("config", "trace"), EXCERPT)
def test_excerpt(serve: Callable[..., MemoryResult], config: str, trace: str):
    assert figures(serve(config, trace, N)) == EXCERPT[config, trace]


def test_every_row(serve: Callable[..., MemoryResult], reference: Path):
    with (reference / "dram" / "ramulator2.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 66
    for row in rows:
        result = serve(row["config"], row["trace"], int(row["n"]))
        expected = (
            *(int(row[name]) for name in ("cycles_all_done", "cycle_last_read", "cycle_last_accept")),
            float(row["avg_read_latency_cycles"]),
            *(int(row[name]) for name in ("row_hits", "row_misses", "row_conflicts", "forwarded", "coalesced")),
            int(row["refs"]),
        )
        assert figures(result) == expected, (row["config"], row["trace"], row["n"])
        record = result.record()
        assert (record["reads"], record["writes"]) == (int(row["reads"]), int(row["writes"]))
        assert record["tck_ps"] == float(row["tick_ps"])
        assert record["bandwidth_bytes_per_s"] / 1e9 == pytest.approx(float(row["bandwidth_GBps"]), abs=1e-4)


def test_the_excerpt_is_the_reference(reference: Path):
    with (reference / "dram" / "ramulator2.csv").open() as file:
        rows = {(r["config"], r["trace"]): r for r in csv.DictReader(file) if int(r["n"]) == N}
    for key, expected in EXCERPT.items():
        assert rows[key]["cycles_all_done"] == str(expected[0])
        assert float(rows[key]["avg_read_latency_cycles"]) == expected[3]


def test_every_recorded_command(serve: Callable[..., MemoryResult], reference: Path, tmp_path: Path):
    files = sorted((reference / "dram" / "commands").glob("ramulator2_*.cmd.csv.gz"))
    assert len(files) == 24
    for path in files:
        config, trace = path.name.removeprefix("ramulator2_").removesuffix("_2000.cmd.csv.gz").split("_frfcfs_")
        ours = tmp_path / "commands.csv"
        serve(f"{config}_frfcfs", trace, 2000, ours)
        with gzip.open(path, "rt") as file:
            theirs = [their_command(row) for row in csv.DictReader(file)]
        with ours.open() as file:
            rows = [tuple(row.values())[:-1] for row in csv.DictReader(file)]
        assert rows == theirs, path.name


def their_command(row: dict[str, str]) -> tuple[str, ...]:
    """Clock, command, levels, row: its first half of an activate is our ACT, -1 is what we leave empty."""
    place = [value for name, value in row.items() if name not in ("clock", "command", "Column", "type", "source")]
    command = "ACT" if row["command"] == "ACT1" else row["command"]
    return (row["clock"], command, *("" if value == "-1" else value for value in place))
