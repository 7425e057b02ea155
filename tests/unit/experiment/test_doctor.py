"""doctor: what is not right is named with what to do, and the exit status says whose it is to mend."""

from __future__ import annotations

import os
import shutil
from collections import namedtuple

import pytest

from simulator.experiment import doctor
from simulator.experiment.doctor import Check, diagnose, exit_status

GOOD, MACHINE, OURS = Check("a", True, ""), Check("b", False, "", "do"), Check("c", False, "", "do", True)


@pytest.mark.parametrize(
    ("checks", "status"),
    [((), 0), ((GOOD,), 0), ((GOOD, MACHINE), 2), ((MACHINE, OURS), 1), ((OURS, GOOD), 1)],
)
def test_status(checks, status):
    assert exit_status(checks) == status


def found(name: str) -> Check:
    return next(check for check in diagnose() if check.name == name)


def test_it_looks_at_all_of_it():
    names = [check.name for check in diagnose()]
    assert names[:10] == [
        "Python", "packages", "chips", "networks", "kernels", "simulation", "cache", "disk", "memory",
        "terminal",
    ]  # fmt: skip
    assert {"optuna", "browser"} <= set(names)
    assert all(check.ok for check in diagnose())


def test_a_full_disk(monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(1 << 40, 1 << 40, 100 << 20))
    assert found("disk") == Check(
        "disk", False, "100 MiB free in the current folder",
        "free some space here, or write reports elsewhere with --out",
    )  # fmt: skip


def test_a_missing_package(monkeypatch):
    there = doctor.find_spec
    monkeypatch.setattr(doctor, "find_spec", lambda name: None if name in ("yaml", "rich") else there(name))
    check = found("packages")
    assert (check.ok, check.found, check.defect) == (False, "missing: pyyaml, rich", False)
    assert check.hint == "pip install --upgrade chipsim"


def test_a_cache_that_cannot_be_written(monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    check = found("cache")
    assert not check.ok
    assert check.found.endswith("is not writable: kernels are compiled anew in every run")
    assert check.hint.startswith("make the folder writable, or point XDG_CACHE_HOME")


def test_a_cache_that_stays_empty(monkeypatch, tmp_path):
    from simulator.kernels import jit

    monkeypatch.setattr(jit, "CACHE_FOLDER", tmp_path)
    assert found("cache").found.endswith("holds no compiled kernel: they are compiled anew in every run")


def test_a_narrow_terminal(monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setattr(shutil, "get_terminal_size", lambda: os.terminal_size((80, 24)))
    check = found("terminal")
    assert (check.ok, check.found) == (False, "80 columns: tables fold")
    assert "100 columns" in check.hint


def test_wrong_cycles_are_a_defect(monkeypatch):
    class Wrong:
        cycles = compute_cycles = 1761

    monkeypatch.setattr("simulator.experiment.gemm.gemm", lambda *_: [Wrong()])
    check = found("simulation")
    assert (check.ok, check.defect) == (False, True)
    assert check.found == (
        "ArithmeticError: a 64 x 64 x 64 product took 1761 cycles on a bare 16 x 16 array, expected 1760"
    )


def test_the_command_exits_with_the_status(chipsim, monkeypatch):
    assert chipsim("doctor").code == 0
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(1, 1, 0))
    outcome = chipsim("doctor")
    assert outcome.code == 2
    assert "FAIL disk: 0 MiB free in the current folder" in outcome.out.splitlines()
