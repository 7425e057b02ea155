"""The store: what is put in stays, once, against deaths, damage, other writers and other versions."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from simulator.base.errors import InputError
from simulator.experiment.sweep.collect import read_sweep
from simulator.experiment.sweep.store import KeptPoint, Run, Store

DONE = Run("a", "done", {"latency_s": 0.5, "energy_j": None}, "", {"chip": "c"}, 1.5)


def refused(folder: Path, **options: bool) -> str:
    with pytest.raises(InputError) as error:
        Store(folder, **options)
    return str(error.value)


def test_what_goes_in_comes_out(tmp_path: Path):
    with Store(tmp_path / "deep" / "s") as store:
        store.add([DONE, Run("b", "refused", {}, "too small")])
    with Store(tmp_path / "deep" / "s", write=False) as store:
        assert store.known(["a", "b", "c"]) == {"a": DONE, "b": Run("b", "refused", {}, "too small")}
        assert [run.key for run in store.runs()] == ["a", "b"]


def test_floats_come_back_to_the_last_digit(tmp_path: Path):
    with Store(tmp_path) as store:
        store.add([Run("a", "done", {"x": 0.1 + 0.2, "y": 5e-324, "z": 10**17})])
        assert store.known(["a"])["a"].figures == {"x": 0.1 + 0.2, "y": 5e-324, "z": 10**17}


def test_a_run_is_kept_once_and_only_a_better_one_replaces_it(tmp_path: Path):
    with Store(tmp_path) as store:
        store.add([Run("a", "crashed", {}, "died")])
        store.add([Run("a", "refused", {}, "no")])
        assert store.known(["a"])["a"].status == "crashed"
        store.add([DONE])
        store.add([Run("a", "done", {"latency_s": 9.0})])
        assert store.known(["a"])["a"] == DONE


def test_more_keys_than_a_statement_takes(tmp_path: Path):
    keys = [f"{i:04}" for i in range(1700)]
    with Store(tmp_path) as store:
        store.add(Run(key, "done", {"i": i}) for i, key in enumerate(keys))
        assert len(store.known(keys)) == 1700


def test_points_and_sweeps(tmp_path: Path):
    point = KeptPoint("p", "grid", "chip", {"rows": 4}, ("a", "b"), {"latency_s": 1.0})
    with Store(tmp_path) as store:
        assert store.latest() is None
        store.begin("one", "first", {"axes": []})
        store.begin("two", "second", {"axes": [1]})
        store.add_points("two", [point, point])
        store.state("two", {"model": "x"})
        assert store.points("two") == [point]
        assert store.points("one") == []
        assert store.latest() == ("two", "second", {"axes": [1]}, {"model": "x"})
        store.begin("one", "first", {"axes": []})
        assert store.latest()[0] == "one"


def test_a_second_writer_is_refused_and_readers_are_not(tmp_path: Path):
    with Store(tmp_path) as store:
        assert refused(tmp_path) == (
            f"{tmp_path}: another sweep is writing to this folder; wait for it, or give another --out"
        )
        store.add([DONE])
        with Store(tmp_path, write=False) as reader:
            assert reader.known(["a"]) == {"a": DONE}
    Store(tmp_path).close()


def test_a_folder_without_a_store(tmp_path: Path):
    assert refused(tmp_path, write=False).endswith("no such store; expected a folder with store.sqlite")


def test_a_store_of_another_version(tmp_path: Path):
    Store(tmp_path).close()
    with sqlite3.connect(tmp_path / "store.sqlite") as database:
        database.execute("PRAGMA user_version = 7")
    database.close()
    for write in (True, False):
        assert refused(tmp_path, write=write).endswith(
            "expected a store of version 1, got version 7, of another chipsim; give another --out"
        )


def test_a_database_of_somebody_else(tmp_path: Path):
    with sqlite3.connect(tmp_path / "store.sqlite") as database:
        database.execute("CREATE TABLE mine (x)")
    database.close()
    assert "this is another program's database, no store of a sweep" in refused(tmp_path)


@pytest.mark.parametrize("damage", ["text", "page", "cut"])
def test_a_damaged_store(tmp_path: Path, damage: str):
    with Store(tmp_path) as store:
        store.add(Run(f"{i:04}", "done", {"figure": "x" * 200}) for i in range(400))
    path = tmp_path / "store.sqlite"
    data = path.read_bytes()
    if damage == "text":
        path.write_text("key,status\n" * 1000)
    elif damage == "page":
        path.write_bytes(data[:4096] + os.urandom(8192) + data[12288:])
    else:
        path.write_bytes(data[: len(data) // 2])
    before = path.read_bytes()
    assert "the store is damaged" in refused(tmp_path)
    assert path.read_bytes() == before


def test_a_row_that_is_no_json(tmp_path: Path):
    with Store(tmp_path) as store:
        store.add([DONE])
    with sqlite3.connect(tmp_path / "store.sqlite") as database:
        database.execute("UPDATE runs SET figures = '__import__(1)'")
    database.close()
    with Store(tmp_path) as store, pytest.raises(InputError, match="the store is damaged"):
        store.known(["a"])


@pytest.mark.parametrize(
    "change",
    ["DROP TABLE points", "UPDATE runs SET figures = '[1]'", "UPDATE sweeps SET definition = '{}'"],
)
def test_what_is_of_another_form_is_damaged(tmp_path: Path, change: str):
    asked = {
        "chips": [],
        "axes": [],
        "workloads": [{"name": "n", "weight": 1}],
        "objectives": {},
        "limits": [],
    }
    with Store(tmp_path) as store:
        store.add([DONE])
        store.begin("one", "first", asked)
        store.add_points("one", [KeptPoint("p", "grid", "chip", {}, ("a",))])
    with sqlite3.connect(tmp_path / "store.sqlite") as database:
        database.execute(change)
    database.close()
    with pytest.raises(InputError, match="the store is damaged"):
        read_sweep(tmp_path)


def test_a_store_without_a_beginning_has_no_sweep(tmp_path: Path):
    (tmp_path / "store.sqlite").write_bytes(b"")
    assert refused(tmp_path, write=False) == f"{tmp_path}: no sweep was begun here"


def test_a_store_is_read_where_nothing_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with Store(tmp_path) as store:
        store.add([DONE])
    connect = Store._connect

    def forbidden(self: Store, options: str) -> sqlite3.Connection:
        """As SQLite does: a log beside the file is needed unless nobody can change it."""
        if "immutable" not in options:
            raise sqlite3.OperationalError("unable to open database file")
        return connect(self, options)

    monkeypatch.setattr(Store, "_connect", forbidden)
    with Store(tmp_path, write=False) as reader:
        assert reader.known(["a"]) == {"a": DONE}


def test_a_folder_that_cannot_be(tmp_path: Path):
    (tmp_path / "file").write_text("")
    assert "cannot be written" in refused(tmp_path / "file")
    assert "cannot be written" in refused(tmp_path / "file" / "below")


WRITER = """
import sys
from simulator.experiment.sweep.collect import read_sweep
from simulator.experiment.sweep.store import Run, Store
store = Store(sys.argv[1])
for i in range(10**9):
    key = f"{sys.argv[2]}-{i:06}"
    store.add([Run(key, "done", {"figure": i, "text": "x" * 500})])
    sys.stdout.write(key + "\\n"); sys.stdout.flush()
"""


def test_nothing_that_was_kept_is_lost_when_the_writer_is_killed(tmp_path: Path):
    told: list[str] = []
    for attempt, pause in enumerate((0.0, 0.01, 0.03, 0.07)):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), str(attempt)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        told.append(writer.stdout.readline().strip())
        time.sleep(pause)
        writer.send_signal(signal.SIGKILL)
        told += [
            line.strip() for line in writer.stdout.read().splitlines(keepends=True) if line.endswith("\n")
        ]
        writer.wait()
        with Store(tmp_path) as store:  # nobody holds it any more
            known = store.known(told)
    assert set(known) == set(told)
    assert len(told) > 8
    assert all(run.figures["figure"] == int(key[2:]) for key, run in known.items())


FILLER = """
import resource, sys
from simulator.base.errors import InputError
from simulator.experiment.sweep.collect import read_sweep
from simulator.experiment.sweep.store import Run, Store
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
kept = 0
try:
    with Store(sys.argv[1]) as store:
        for i in range(2000):
            store.add([Run(f"{i:06}", "done", {"text": "x" * 500})])
            kept = i + 1
except InputError as error:
    sys.stdout.write(f"{kept} {error}")
"""


def test_a_full_disk_costs_nothing_that_was_kept(tmp_path: Path):
    found = subprocess.run(
        [sys.executable, "-c", FILLER, str(tmp_path)], capture_output=True, text=True, check=True
    )
    kept, _, message = found.stdout.partition(" ")
    assert int(kept) > 10
    assert "what is finished is kept, the same command resumes" in message
    with Store(tmp_path) as store:
        assert len(list(store.runs())) in (int(kept), int(kept) + 1)
