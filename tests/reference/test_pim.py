"""Cycles of HBM-PIM and GDDR6-AiM against the tables of their public simulators. With -s, a table of errors."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent / "golden"))
from pimrows import aim_cycles, hbm_cycles, hbm_plain


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
