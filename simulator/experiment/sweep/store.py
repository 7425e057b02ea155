"""The store of a folder: every run that was ever finished there, and the sweeps that asked for them.

SQLite in WAL mode. A run has a key, the hash of its fully resolved input and of the model; it is kept once,
whoever asked. A transaction is durable against the death of any process; what a dead one left open is rolled
back at the next start. One process writes to a folder at a time, others are refused; anybody may read.
"""

from __future__ import annotations

import fcntl
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from simulator.base.errors import InputError, Problem

FILE = "store.sqlite"
LOCK = "store.lock"
SCHEMA = 1
#: What SQLite keeps in the header of a file to tell whose it is: "CHIP".
_APPLICATION = 0x43484950
_TABLES = """
CREATE TABLE runs (
  key TEXT PRIMARY KEY, status TEXT NOT NULL, figures TEXT NOT NULL, error TEXT NOT NULL, about TEXT NOT NULL,
  seconds REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE sweeps (
  digest TEXT PRIMARY KEY, name TEXT NOT NULL, definition TEXT NOT NULL, facts TEXT NOT NULL,
  started INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE points (
  sweep TEXT NOT NULL, key TEXT NOT NULL, chosen TEXT NOT NULL, chip TEXT NOT NULL, point TEXT NOT NULL,
  runs TEXT NOT NULL, estimate TEXT NOT NULL, PRIMARY KEY (sweep, key)
) WITHOUT ROWID;
"""
#: A statement of SQLite takes so many values at least.
_MOST_VALUES = 500


@dataclass(frozen=True)
class Run:
    """One finished run.

    Attributes
    ----------
    key
        Hash of its input and of the model.
    status
        ``done``; ``refused``, the input cannot be simulated; ``failed``, a defect of ours; ``crashed``, its
        process died.
    figures
        Metrics; empty unless it is done.
    error
        Why it is not done.
    about
        What it was: chip, network, overrides, and what its result leaves out.
    seconds
        What it took.
    """

    key: str
    status: str
    figures: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""
    about: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True)
class KeptPoint:
    """A point of a sweep as the store has it.

    ``chosen`` says by what (grid, random, ..., check, baseline), ``runs`` are the keys of its runs in the
    order of the workloads, ``estimate`` what a screening gave.
    """

    key: str
    chosen: str
    chip: str
    values: Mapping[str, Any]
    runs: tuple[str, ...]
    estimate: Mapping[str, Any] = field(default_factory=dict)


class Store:
    """The store of one folder; a context manager that lets go of it.

    Parameters
    ----------
    folder
        Made if it is missing, where ``write``.
    write
        Whether runs are added: then nobody else may, until this one is closed.

    Raises
    ------
    InputError
        Somebody else writes to it, there is none to read, it is of another version, it is damaged, or the
        folder cannot be written.
    """

    def __init__(self, folder: str | Path, *, write: bool = True) -> None:
        self.folder, self.path = Path(folder), Path(folder) / FILE
        self._lock: Any = None
        self._before: dict[str, dict[tuple[str, str], str]] = {}  # points that were there when it was opened
        if write:
            self._lock_folder()
        elif not self.path.is_file():
            raise InputError(Problem(f"no such store; expected a folder with {FILE}", str(self.folder)))
        try:
            with self._guarded():
                self._database = self._open(write)
        except BaseException:
            self._unlock()
            raise

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the folder."""
        try:
            with self._guarded():
                self._database.close()
        finally:
            self._unlock()

    def known(self, keys: Sequence[str]) -> dict[str, Run]:
        """Those of some runs that are there."""
        found: dict[str, Run] = {}
        with self._guarded():
            for i in range(0, len(keys), _MOST_VALUES):
                some = list(keys[i : i + _MOST_VALUES])
                marks = ",".join("?" * len(some))
                for row in self._database.execute(
                    f"SELECT key, status, figures, error, about, seconds FROM runs WHERE key IN ({marks})",
                    some,
                ):
                    found[row[0]] = self._run(row)
        return found

    def runs(self) -> Iterator[Run]:
        """Every run, by key."""
        with self._guarded():
            for row in self._database.execute(
                "SELECT key, status, figures, error, about, seconds FROM runs ORDER BY key"
            ):
                yield self._run(row)

    def add(self, runs: Iterable[Run]) -> None:
        """Keep runs; one that is there already stays as it is, unless it is done now and was not."""
        rows = [
            (run.key, run.status, _text(run.figures), run.error, _text(run.about), run.seconds)
            for run in runs
        ]
        with self._guarded(), self._database:
            self._database.executemany(
                "INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET "
                "status = excluded.status, figures = excluded.figures, error = excluded.error, "
                "about = excluded.about, seconds = excluded.seconds "
                "WHERE runs.status != 'done' AND excluded.status = 'done'",
                rows,
            )

    def forget(self, keys: Iterable[str]) -> None:
        """Take runs out, so that they are tried again."""
        with self._guarded(), self._database:
            self._database.executemany("DELETE FROM runs WHERE key = ?", [(key,) for key in keys])

    def begin(self, digest: str, name: str, definition: Mapping[str, Any]) -> None:
        """Make a sweep the folder's latest; its points stay if it was there before."""
        with self._guarded(), self._database:
            last = self._database.execute("SELECT coalesce(max(started), 0) FROM sweeps").fetchone()[0]
            self._database.execute(
                "INSERT INTO sweeps VALUES (?, ?, ?, '{}', ?) ON CONFLICT (digest) DO UPDATE SET "
                "name = excluded.name, started = excluded.started",
                (digest, name, _text(definition), last + 1),
            )

    def state(self, digest: str, facts: Mapping[str, Any]) -> None:
        """Say more about a sweep: what its screening found, for example."""
        with self._guarded(), self._database:
            self._database.execute("UPDATE sweeps SET facts = ? WHERE digest = ?", (_text(facts), digest))

    def latest(self) -> tuple[str, str, dict[str, Any], dict[str, Any]] | None:
        """(digest, name, definition, facts) of the sweep that was started last; None where there is none."""
        with self._guarded():
            row = self._database.execute(
                "SELECT digest, name, definition, facts FROM sweeps ORDER BY started DESC LIMIT 1"
            ).fetchone()
        if row is None:
            return None
        return row[0], row[1], self._json(row[2]), self._json(row[3])

    def add_points(self, digest: str, points: Iterable[KeptPoint]) -> None:
        """Keep points of a sweep; one that is there already stays as it is.

        A point that was there with other runs, of another version of its chip, network or model, is replaced.
        """
        rows = [
            (digest, p.key, p.chosen, p.chip, _text(p.values), _text(list(p.runs)), _text(p.estimate))
            for p in points
        ]
        with self._guarded(), self._database:
            if digest not in self._before:
                before = self._database.execute(
                    "SELECT chip, point, key FROM points WHERE sweep = ?", (digest,)
                )
                self._before[digest] = {(chip, point): key for chip, point, key in before}
            known = self._before[digest]
            old = [
                (digest, known[chip, point])
                for _, key, _, chip, point, _, _ in rows
                if known.get((chip, point), key) != key
            ]
            self._database.executemany("DELETE FROM points WHERE sweep = ? AND key = ?", old)
            self._database.executemany("INSERT OR IGNORE INTO points VALUES (?, ?, ?, ?, ?, ?, ?)", rows)

    def points(self, digest: str) -> list[KeptPoint]:
        """Points of a sweep, by key."""
        with self._guarded():
            rows = self._database.execute(
                "SELECT key, chosen, chip, point, runs, estimate FROM points WHERE sweep = ? ORDER BY key",
                (digest,),
            ).fetchall()
        return [
            KeptPoint(
                key, chosen, chip, self._json(point), tuple(self._json(runs, list)), self._json(estimate)
            )
            for key, chosen, chip, point, runs, estimate in rows
        ]

    def _run(self, row: Sequence[Any]) -> Run:
        return Run(row[0], row[1], self._json(row[2]), row[3], self._json(row[4]), row[5])

    def _json(self, text: str, kind: type = dict) -> Any:
        try:
            found = json.loads(text)
        except (ValueError, TypeError, RecursionError):
            raise self.damaged("a row is no JSON") from None
        if not isinstance(found, kind):
            raise self.damaged("a row is of another form")
        return found

    def _lock_folder(self) -> None:
        """Take the folder; the lock goes with the process, however that ends."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = (self.folder / LOCK).open("a+")
        except OSError as error:
            raise InputError(Problem(f"cannot be written: {error.strerror}", str(self.folder))) from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._unlock()
            message = "another sweep is writing to this folder; wait for it, or give another --out"
            raise InputError(Problem(message, str(self.folder))) from None

    def _unlock(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _open(self, write: bool) -> sqlite3.Connection:
        """The checked database; a new one where there is none."""
        database = self._connect("mode=rwc" if write else self._reading())
        try:
            self._check(database)
            if write:
                database.execute("PRAGMA journal_mode = WAL")
                database.execute("PRAGMA synchronous = NORMAL")
                if not database.execute("PRAGMA application_id").fetchone()[0]:
                    database.executescript(
                        f"BEGIN; {_TABLES} PRAGMA application_id = {_APPLICATION}; "
                        f"PRAGMA user_version = {SCHEMA}; COMMIT;"
                    )
        except BaseException:
            database.close()
            raise
        return database

    def _connect(self, options: str) -> sqlite3.Connection:
        uri = f"{self.path.absolute().as_uri()}?{options}"
        return sqlite3.connect(uri, uri=True, timeout=30, check_same_thread=False)

    def _reading(self) -> str:
        """How to open the file to read it: as one that nobody changes, where its folder cannot be written."""
        log = self.path.with_name(f"{FILE}-wal")
        if log.exists() and log.stat().st_size:
            return "mode=ro"
        try:
            with closing(self._connect("mode=ro")) as database:
                database.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.OperationalError:  # it needs files beside it, and cannot make them
            return "mode=ro&immutable=1"
        return "mode=ro"

    def _check(self, database: sqlite3.Connection) -> None:
        """Refuse what is no store of ours."""
        sound = database.execute("PRAGMA quick_check(1)").fetchone()[0]
        if sound != "ok":
            raise self.damaged(sound)
        application = database.execute("PRAGMA application_id").fetchone()[0]
        version = database.execute("PRAGMA user_version").fetchone()[0]
        tables = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        if application not in (0, _APPLICATION) or (application == 0 and tables):
            message = "this is another program's database, no store of a sweep; give another --out"
            raise InputError(Problem(message, str(self.path)))
        if application and version != SCHEMA:
            message = (
                f"expected a store of version {SCHEMA}, got version {version}, of another chipsim; "
                "give another --out"
            )
            raise InputError(Problem(message, str(self.path)))
        lacking = [name for name in ("runs", "sweeps", "points") if name not in tables]
        if application and lacking:
            raise self.damaged(f"it lacks the table {lacking[0]}")
        if not application and self._lock is None:
            raise InputError(Problem("no sweep was begun here", str(self.folder)))

    def damaged(self, why: str) -> InputError:
        """The problem that what is kept is no longer what was put there."""
        message = f"the store is damaged ({why}); move it away and start anew, or restore a copy"
        return InputError(Problem(message, str(self.path)))

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """What goes wrong with the file is told as its problem."""
        try:
            yield
        except sqlite3.OperationalError as error:
            kept = "; what is finished is kept, the same command resumes" if self._lock is not None else ""
            message = f"cannot be written or read: {error}{kept}"
            raise InputError(Problem(message, str(self.path))) from None
        except sqlite3.DatabaseError as error:
            raise self.damaged(str(error)) from None


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
