"""merge: the stores of shards as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from simulator.base.errors import InputError, Problem
from simulator.experiment.sweep.collect import SweepResult, collect
from simulator.experiment.sweep.export import export
from simulator.experiment.sweep.store import Store


def merge(folders: Sequence[str | Path], out: str | Path) -> SweepResult:
    """Join what shards of one sweep have finished; the tables are those of the whole sweep.

    Parameters
    ----------
    folders
        Output folders of ``sweep``.
    out
        Folder of the joined store and its tables; what is there already stays.

    Raises
    ------
    InputError
        A folder has no store, or that of another sweep; the output folder is in use or cannot be written.
    """
    if not folders:
        raise InputError(Problem("expected at least one folder of a sweep", path="merge"))
    there: set[tuple[int, int]] = set()
    whole = False  # whether a folder is that of no shard
    models: dict[str, str] = {}  # of each sweep, the version of the model that its first shard has
    first: tuple[str, str] | None = None
    problems = []
    for folder in folders:
        with Store(folder, write=False) as store:
            latest = store.latest()
        if latest is None:
            problems.append(Problem("no sweep was begun here", str(folder)))
            continue
        digest, name, _, facts = latest
        first = first or (digest, str(folder))
        if digest != first[0]:
            message = f"expected a shard of the sweep in {first[1]}, got another sweep ('{name}')"
            problems.append(Problem(message, str(folder)))
        model = str(facts.get("model", ""))
        if models.setdefault(digest, model) != model:
            message = (
                f"expected runs of chipsim {models[digest]}, as in {first[1]}, got those of {model}; "
                "give this shard's command again with that version"
            )
            problems.append(Problem(message, str(folder)))
        mine = shards_of(facts)
        there |= mine
        whole = whole or not mine
    if problems:
        raise InputError(*problems)
    with Store(out) as joined:
        assert first is not None
        before = joined.latest()
        if before is not None and before[0] == first[0]:  # what is there already counts as well
            mine = shards_of(before[3])
            there, whole = there | mine, whole or not mine
        for folder in folders:
            _add(folder, joined)
        latest = joined.latest()
        others = {} if latest is None else latest[3]
        others = {key: value for key, value in others.items() if key not in ("shards", "missing_shards")}
        joined.state(first[0], others if whole else {**others, **shard_facts(there, told=True)})
        result = collect(joined)
        export(result, Path(out))
    return result


def _add(folder: str | Path, joined: Store) -> None:
    """Everything of one store."""
    if Path(folder).resolve() == joined.folder.resolve():
        return
    with Store(folder, write=False) as store:
        latest = store.latest()
        assert latest is not None
        digest, name, definition, facts = latest
        joined.add(store.runs())
        joined.begin(digest, name, definition)
        joined.add_points(digest, store.points(digest))
        joined.state(digest, facts)


def shards_of(facts: Mapping[str, Any]) -> set[tuple[int, int]]:
    """(i, n) of each shard that a folder holds by the facts of its sweep; none if it is that of the whole."""
    return {(i, parts) for i, parts in facts.get("shards", [])}


def shard_facts(there: set[tuple[int, int]], *, told: bool) -> dict[str, list[Any]]:
    """Facts of shards that are not the whole together: which are there and, where ``told``, which are not."""
    lacking = {
        parts: [f"{i}/{parts}" for i in range(1, parts + 1) if (i, parts) not in there]
        for parts in sorted({n for _, n in there})
    }
    if not all(lacking.values()):
        return {}
    missing = {"missing_shards": [name for names in lacking.values() for name in names]}
    return {"shards": sorted(map(list, there)), **(missing if told else {})}
