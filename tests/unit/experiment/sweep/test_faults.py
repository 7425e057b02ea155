"""Sweeps that are killed, interrupted, doubled or run out of disk: nothing finished is lost, nothing is done
twice, and resumed they end in the very bytes of an undisturbed run."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator.base.errors import InputError
from simulator.experiment import single
from simulator.experiment.sweep.run import sweep

#: Slows every run down, and dies of one point, as the environment says.
PLUGIN = """
import os, time
from simulator.base.errors import InputError
from simulator.experiment import single

finish = single.finish

def slow(chip, schedule, **options):
    time.sleep(float(os.environ.get("PAUSE", "0")))
    if f"{chip.cores['array'].rows}x{chip.cores['array'].cols}" == os.environ.get("DEADLY"):
        os.kill(os.getpid(), 9)
    return finish(chip, schedule, **options)

single.finish = slow
"""
POINTS = 12


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with chip, network, plug-in and sweep, and in `whole` what an undisturbed run leaves."""
    folder = tmp_path_factory.mktemp("faults")
    text = (Path(__file__).parent / "conftest.py").read_text()
    for name, file in (("CHIP", "mini.yaml"), ("NETWORK", "pair.yaml"), ("SWEEP", "study.yaml")):
        (folder / file).write_text(text.split(f'{name} = """', 1)[1].split('"""', 1)[0].removeprefix("\\\n"))
    study = (folder / "study.yaml").read_text()
    study = study.replace("cols: [4, 8, 16]", "cols: [8, 16]").replace("[16 KiB, 64 KiB]", "[32 KiB, 64 KiB]")
    (folder / "study.yaml").write_text(study)
    pair = (folder / "pair.yaml").read_text().replace("64", "16").replace("128", "16")
    (folder / "pair.yaml").write_text(pair)
    (folder / "slow_plugin.py").write_text(PLUGIN)
    finish(folder, "whole")
    return folder


def finish(place: Path, out: str, retry: bool = False) -> None:
    """The same sweep from this process, undisturbed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.syspath_prepend(place)
        patch.setattr(single, "finish", single.finish)  # the plug-in's takes its place here as well
        sweep("study.yaml", workers=2, out=out, plugins=["slow_plugin"], retry=retry)


def start(place: Path, out: str, *more: str, disk: int | None = None, **env: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "simulator", "sweep", "study.yaml", "--out", out, "--workers", "2"]
    paths = os.pathsep.join([str(place), os.environ.get("PYTHONPATH", ""), str(Path(__file__).parents[4])])

    def limit() -> None:
        if disk is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (disk, resource.RLIM_INFINITY))

    return subprocess.Popen(
        [*command, "--plugin", "slow_plugin", "--quiet", *more], cwd=place, text=True, preexec_fn=limit,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": paths, **env},
        start_new_session=True,
    )  # fmt: skip


def count(place: Path, out: str) -> int:
    """Finished runs in a store that may be in use, or not there yet."""
    try:
        database = sqlite3.connect(f"file:{place / out / 'store.sqlite'}?mode=ro", uri=True, timeout=5)
        with database:
            found = database.execute("SELECT count(*) FROM runs").fetchone()[0]
        database.close()
    except sqlite3.OperationalError:
        return 0
    return int(found)


def wait_for(place: Path, out: str, runs: int) -> None:
    ends = time.monotonic() + 60
    while count(place, out) < runs:
        assert time.monotonic() < ends, "nothing gets finished"
        time.sleep(0.01)


def below(parent: int) -> Iterator[int]:
    """Processes that a process started, and those that these started."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            if int(stat.rpartition(")")[2].split()[1]) == parent:
                yield int(entry.name)
                yield from below(int(entry.name))


def workers(parent: int) -> list[int]:
    """Those below the parent's children: what the fork server forked."""
    return [worker for child in below(parent) for worker in below(child)]


def assert_whole(place: Path, out: str) -> None:
    assert count(place, out) == POINTS
    for name in ("points.csv", "pareto.csv"):
        assert (place / out / name).read_bytes() == (place / "whole" / name).read_bytes(), name


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_killed_worker_and_the_end_of_a_job(place: Path, how: signal.Signals):
    """A batch system that ends a job, and a terminal, send their signal to every process of it."""
    running = start(place, "worker", PAUSE="0.1")
    if how == signal.SIGINT:
        wait_for(place, "worker", count(place, "worker") + 1)
        end(running, how)
        assert start(place, "worker").wait(60) == 0
        assert_whole(place, "worker")
        return
    wait_for(place, "worker", 3)
    victims = workers(running.pid)
    assert victims
    os.kill(victims[0], signal.SIGKILL)
    reached = count(place, "worker")
    wait_for(place, "worker", reached + 2)
    end(running, how)
    kept = count(place, "worker")
    assert reached + 2 <= kept < POINTS
    assert len((place / "worker" / "points.csv").read_text().splitlines()) == 1 + kept


def end(running: subprocess.Popen[str], how: signal.Signals) -> None:
    """Signal a sweep and all of its processes; it ends as by Ctrl-C."""
    os.killpg(running.pid, how)
    out, err = running.communicate(timeout=30)
    assert (running.returncode, out) == (130, "")
    assert "Traceback" not in err


def test_a_killed_parent_and_a_second_one_beside_it(place: Path):
    running = start(place, "parent", PAUSE="2")
    wait_for(place, "parent", 1)
    with pytest.raises(InputError) as refused:
        finish(place, "parent")
    message = "parent: another sweep is writing to this folder; wait for it, or give another --out"
    assert str(refused.value) == message
    children = workers(running.pid)
    kept = count(place, "parent")
    running.kill()
    running.communicate()
    ends = time.monotonic() + 30
    while any(Path(f"/proc/{child}").exists() for child in children):
        assert time.monotonic() < ends, "workers outlive their parent"
        time.sleep(0.05)
    assert count(place, "parent") >= kept
    finish(place, "parent")
    assert_whole(place, "parent")


def test_a_point_that_kills_its_process(place: Path):
    running = start(place, "deadly", DEADLY="8x16")
    _, err = running.communicate(timeout=60)
    assert (running.returncode, err) == (0, "")
    lines = (place / "deadly" / "points.csv").read_text().splitlines()
    crashed = [line for line in lines if ",crashed," in line]
    assert len(lines) == 1 + POINTS
    assert len(crashed) == 2  # both sizes of the memory
    assert all("8,16," in line and "its process died" in line for line in crashed)
    finish(place, "deadly")  # a crash is kept ...
    assert (place / "deadly" / "points.csv").read_text().splitlines() == lines
    finish(place, "deadly", retry=True)  # ... until somebody asks to try again
    assert_whole(place, "deadly")


def test_a_full_disk(place: Path):
    running = start(place, "full", disk=80_000)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 2
    assert "Traceback" not in err
    assert "what is finished is kept, the same command resumes" in err
    assert count(place, "full") < POINTS
    finish(place, "full")
    assert_whole(place, "full")
