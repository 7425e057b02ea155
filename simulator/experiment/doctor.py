"""doctor: whether the installation works, and what to do where it does not."""

from __future__ import annotations

import importlib.metadata
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from simulator.base.locate import Family, names, roots


@dataclass(frozen=True)
class Check:
    """One thing that was looked at; ``hint`` says what to do if it is not ok."""

    name: str
    ok: bool
    found: str
    hint: str = ""


def diagnose() -> list[Check]:
    """Look at everything; nothing is changed but the kernels' cache."""
    probes: list[tuple[str, Callable[[], str], str]] = [
        ("Python", _python, ""),
        ("packages", _packages, "pip install --upgrade chipsim"),
        ("chips", lambda: _named("hwconfigs"), "reinstall, or run from a folder with hwconfigs/"),
        ("networks", lambda: _named("workloads"), "reinstall, or run from a folder with workloads/"),
        ("kernels", _kernels, "check that ~/.cache (or XDG_CACHE_HOME) is writable and numba matches numpy"),
        ("simulation", _simulation, "report this with the message"),
    ]
    return [_probe(name, probe, hint) for name, probe, hint in probes] + _extras()


def _probe(name: str, probe: Callable[[], str], hint: str) -> Check:
    try:
        return Check(name, True, probe())
    except Exception as error:
        return Check(name, False, f"{type(error).__name__}: {error}", hint)


def _python() -> str:
    return f"{sys.version.split()[0]}, {os.cpu_count()} processors"


def _packages() -> str:
    required = (
        "numpy",
        "numba",
        "simpy",
        "pyyaml",
        "pydantic",
        "typer",
        "rich",
        "jinja2",
        "onnx",
        "matplotlib",
    )
    return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in required)


def _named(family: Family) -> str:
    found = names(family)
    if not found:
        raise FileNotFoundError(f"no {family} in {', '.join(map(str, roots(family)))}")
    return f"{len(found)} under {', '.join(map(str, roots(family)))}"


def _kernels() -> str:
    started = time.process_time()
    from simulator.kernels import channel, jit, systolic  # numba: it is what is examined

    del channel, systolic
    return f"imported in {time.process_time() - started:.1f} s CPU, cache in {jit.CACHE_FOLDER}"


def _simulation() -> str:
    from simulator.experiment.gemm import gemm  # numba: it is what is examined

    started = time.process_time()
    cycles = gemm("npu/systolic_16x16", 64, 64, 64)[0].cycles
    if cycles != 16 * (2 * 16 + 16 + 64 - 2):  # F (2R + C + M - 2), docs/models/systolic.md
        raise ArithmeticError(
            f"a 64 x 64 x 64 product took {cycles} cycles on a bare 16 x 16 array, expected 1760"
        )
    return f"64 x 64 x 64 on a bare 16 x 16 array: {cycles} cycles, {time.process_time() - started:.1f} s CPU"


def _extras() -> list[Check]:
    """Optional packages: absent is fine."""
    found = []
    for name, use in (
        ("optuna", "search in sweeps"),
        ("distributed", "sweeps on a cluster"),
        ("onnxruntime", "golden tests"),
    ):
        try:
            found.append(Check(name, True, importlib.metadata.version(name)))
        except importlib.metadata.PackageNotFoundError:
            found.append(Check(name, True, f"not installed (only for {use})"))
    return found
