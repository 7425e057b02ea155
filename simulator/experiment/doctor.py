"""doctor: whether the installation works, and what to do where it does not."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from simulator.base.locate import Family, names, roots

_MODULES = {"pyyaml": "yaml"}  # imported under another name
#: Less than this, and reports or a large network may not find room.
LEAST_DISK_BYTES = 256 << 20
LEAST_MEMORY_BYTES = 1 << 30
#: A layer table needs so many columns to be read without folding.
COLUMNS = 100
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "firefox")


class Lacking(Exception):
    """The machine lacks something that its user can give it; the text says what was found."""


@dataclass(frozen=True)
class Check:
    """One thing that was looked at; ``hint`` says what to do if it is not ok.

    ``defect``: chipsim itself gives no or wrong results; else what is not ok is the machine's to mend.
    """

    name: str
    ok: bool
    found: str
    hint: str = ""
    defect: bool = False


def diagnose() -> list[Check]:
    """Look at everything; nothing is changed but the kernels' cache."""
    probes: list[tuple[str, Callable[[], str], str]] = [
        ("Python", _python, "install Python 3.11 or later"),
        ("packages", _packages, "pip install --upgrade chipsim"),
        ("chips", lambda: _named("hwconfigs"), "reinstall, or run from a folder with hwconfigs/"),
        ("networks", lambda: _named("workloads"), "reinstall, or run from a folder with workloads/"),
        ("kernels", _kernels, "check that numba matches numpy: pip install --upgrade numba numpy"),
        ("simulation", _simulation, "report this with the message"),
        ("cache", _cache, "make the folder writable, or point XDG_CACHE_HOME at one that is"),
        ("disk", _disk, "free some space here, or write reports elsewhere with --out"),
        ("memory", _memory, "close other programs; a large network needs a few hundred MiB"),
        ("terminal", _terminal, f"widen it to {COLUMNS} columns, or use --json and the files"),
    ]
    return [_probe(name, probe, hint) for name, probe, hint in probes] + _extras() + [_browser()]


def exit_status(checks: Sequence[Check]) -> int:
    """0 where all is well, 1 where chipsim itself fails, 2 where the machine needs something."""
    wrong = [check for check in checks if not check.ok]
    return (1 if any(check.defect for check in wrong) else 2) if wrong else 0


def _probe(name: str, probe: Callable[[], str], hint: str) -> Check:
    try:
        return Check(name, True, probe())
    except Lacking as error:
        return Check(name, False, str(error), hint)
    except Exception as error:
        return Check(name, False, f"{type(error).__name__}: {error}", hint, defect=True)


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
        "tflite",
        "matplotlib",
        "h5py",
    )
    missing = [name for name in required if find_spec(_MODULES.get(name, name)) is None]
    if missing:
        raise Lacking(f"missing: {', '.join(missing)}")
    return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in required)


def _named(family: Family) -> str:
    found = names(family)
    if not found:
        raise Lacking(f"no {family} in {', '.join(map(str, roots(family)))}")
    return f"{len(found)} under {', '.join(map(str, roots(family)))}"


def _kernels() -> str:
    started = time.process_time()
    from simulator.kernels import channel, jit, systolic  # numba: it is what is examined

    del channel, systolic
    return f"imported in {time.process_time() - started:.1f} s CPU, cache in {jit.CACHE_FOLDER}"


def _simulation() -> str:
    """Two products whose cycles are known: a bare array, and an NPU with DMA and DRAM as far as its array."""
    from simulator.experiment.gemm import gemm  # numba: it is what is examined

    started = time.process_time()
    cycles = gemm("npu/systolic_16x16", 64, 64, 64)[0].cycles
    if cycles != 16 * (2 * 16 + 16 + 64 - 2):  # F (2R + C + M - 2), docs/models/systolic.md
        raise ArithmeticError(
            f"a 64 x 64 x 64 product took {cycles} cycles on a bare 16 x 16 array, expected 1760"
        )
    edge = gemm("npu/edge_npu", 64, 64, 32)[0]
    if edge.compute_cycles != 64 + 63 + 94 or edge.cycles < edge.compute_cycles:  # max(M, R) + 2R-1 + R+C-2
        raise ArithmeticError(f"a 64 x 64 x 32 product took {edge.compute_cycles} cycles on edge_npu's array")
    return f"64 x 64 x 64 on a bare 16 x 16 array: {cycles} cycles, {time.process_time() - started:.1f} s CPU"


def _cache() -> str:
    """Whether compiled kernels are kept: after the simulation above, there is something to keep."""
    from simulator.kernels import jit  # numba: it is what is examined

    if not os.access(jit.CACHE_FOLDER, os.W_OK):
        raise Lacking(f"{jit.CACHE_FOLDER} is not writable: kernels are compiled anew in every run")
    kept = sum(1 for file in jit.CACHE_FOLDER.rglob("*.nbi"))
    if not kept:
        raise Lacking(f"{jit.CACHE_FOLDER} holds no compiled kernel: they are compiled anew in every run")
    return f"{kept} kernels compiled and kept in {jit.CACHE_FOLDER}"


def _disk() -> str:
    free = shutil.disk_usage(".").free
    if free < LEAST_DISK_BYTES:
        raise Lacking(f"{free >> 20} MiB free in the current folder")
    return f"{free / 2**30:.1f} GiB free in the current folder"


def _memory() -> str:
    if "SC_AVPHYS_PAGES" not in getattr(os, "sysconf_names", {}):  # Windows
        return "not stated by this system"
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:  # what Linux would free for the asking counts as well
        lines = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
        free = int(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        pass
    if free < LEAST_MEMORY_BYTES:
        raise Lacking(f"{free >> 20} MiB free")
    return f"{free / 2**30:.1f} GiB free"


def _terminal() -> str:
    if not sys.stdout.isatty():
        return "output goes to a file or pipe"
    width = shutil.get_terminal_size().columns
    if width < COLUMNS:
        raise Lacking(f"{width} columns: tables fold")
    return f"{width} columns"


def _browser() -> Check:
    """Pages open in any browser, also elsewhere: none here is fine."""
    found = next((name for name in BROWSERS if shutil.which(name)), "none here; report.html opens anywhere")
    return Check("browser", True, found)


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
