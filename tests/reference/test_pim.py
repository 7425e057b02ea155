"""Cycles of HBM-PIM and GDDR6-AiM against the tables of their public simulators. With -s, a table of errors."""

from __future__ import annotations

import csv
import re
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent / "golden"))
from pimrows import aim_cycles, hbm_cycles, hbm_plain

from simulator.experiment.gemm import gemm
from simulator.experiment.single import finish, prepare
from simulator.workload.graph import Graph, Node
from simulator.workload.tensor import Tensor


def rows(path: Path) -> list[dict[str, str]]:
    with path.open() as lines:
        return list(csv.DictReader(lines))


def told(what: str, wanted: int, got: int) -> float:
    error = got / wanted - 1
    print(f"{what:<36} {wanted:>8} {got:>8} {error:+7.2%}")
    return abs(error)


def test_hbm_pim(reference: Path):
    wrong = []
    for row in rows(reference / "pim" / "hbm_pim.csv"):
        kernel, batch = row["kernel"], int(row["batch"])
        first, second = int(row["outputs_or_channels"]), int(row["inputs_or_bytes"])
        what = f"{kernel} {first} {second} {batch}"
        if row["pim_cycles"]:
            near = 0.10 if kernel != "GEMV" else 0.03 if second >= 1024 else 0.15
            if told(what, int(row["pim_cycles"]), hbm_cycles(kernel, first, second, batch)) > near:
                wrong.append(what)
        if row["plain_hbm2_cycles"]:
            error = told(f"{what}, plain", int(row["plain_hbm2_cycles"]), hbm_plain(kernel, first, second, batch))
            if error > 0.10:
                wrong.append(f"{what}, plain")
    assert not wrong


def test_gddr6_aim(reference: Path):
    wrong = []
    for row in rows(reference / "pim" / "gddr6_aim.csv"):
        near = 0.0 if row["trace"].startswith("gemv") else 0.02
        if told(row["trace"], int(row["cycles"]), aim_cycles(row["trace"])) > near:
            wrong.append(row["trace"])
    assert not wrong


def test_gemv_of_a_chip_with_hbm_pim(reference: Path):
    """The command `chipsim gemm pim/hbm_pim` on every GEMV of the table: its core alone."""
    wrong = []
    for row in rows(reference / "pim" / "hbm_pim.csv"):
        if row["kernel"] != "GEMV" or not row["pim_cycles"]:
            continue
        n, k = int(row["outputs_or_channels"]), int(row["inputs_or_bytes"])
        (found,) = gemm("pim/hbm_pim", int(row["batch"]), n, k)
        assert found.core == "pim"
        what = f"gemm pim/hbm_pim, {n} x {k}, batch {row['batch']}"
        if told(what, int(row["pim_cycles"]), found.compute_cycles) > (0.03 if k >= 1024 else 0.15):
            wrong.append(what)
    assert not wrong


def test_elements_of_a_chip_with_hbm_pim(reference: Path):
    """ADD and RELU as networks of one node that `pim` does: what the plan takes for it, and the run.

    The run begins with an interval until its first refresh, the plan in the middle of one: a refresh less.
    """
    wrong = []
    for row in rows(reference / "pim" / "hbm_pim.csv"):
        if row["kernel"] not in ("ADD", "RELU"):
            continue
        names = ("a", "b") if row["kernel"] == "ADD" else ("a",)
        shape = (int(row["outputs_or_channels"]),)
        tensors = {name: Tensor(name, shape, "fp16") for name in (*names, "y")}
        graph = Graph("one", (Node("one", row["kernel"].title(), names, ("y",)),), tensors, names, ("y",))
        chip, schedule = prepare("pim/hbm_pim", graph, overrides={"mapping.cores.pim": "prefer"})
        assert [plan.task.core for plan in schedule.tasks] == ["pim"]
        expected = round(schedule.tasks[0].expected_fs * 1e-6)
        what = f"{row['kernel']} {shape[0]} as a network"
        if told(what, int(row["pim_cycles"]), expected) > 0.10:
            wrong.append(what)
        taken = round(finish(chip, schedule, beside=False).metrics.latency_s * 1e9)
        device = chip.memories["dram"].device
        assert 0 <= expected - taken <= device.timing["nRFC"] + 2 * device.timing["nRC"]
    assert not wrong


def test_gemv_of_a_chip_with_aim(reference: Path):
    """The command `chipsim gemm pim/gddr6_aim` without refresh, as the table's simulator runs: exactly."""
    wrong = []
    for row in rows(reference / "pim" / "gddr6_aim.csv"):
        shape = re.match(r"gemv_(\d+)x(\d+)_(\d+)ch", row["trace"])
        if shape is None:
            continue
        n, k, channels = map(int, shape.groups())
        overrides = {
            "memories.dram.channels": channels,
            "memories.dram.capacity": f"{512 * channels} MiB",
            "memories.dram.controller.refresh": "none",
        }
        (found,) = gemm("pim/gddr6_aim", 1, n, k, overrides=overrides)
        if told(f"gemm pim/gddr6_aim, {row['trace']}", int(row["cycles"]), found.compute_cycles):
            wrong.append(row["trace"])
    assert not wrong
