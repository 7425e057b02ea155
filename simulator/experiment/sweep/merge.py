"""merge: the stores of shards as one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

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
    shards: list[list[int]] = []
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
        shards += [facts["shard"]] if "shard" in facts else []
    if problems:
        raise InputError(*problems)
    with Store(out) as joined:
        for folder in folders:
            _add(folder, joined, shards)
        result = collect(joined)
        export(result, Path(out))
    return result


def _add(folder: str | Path, joined: Store, shards: Sequence[Sequence[int]]) -> None:
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
        others = {key: value for key, value in facts.items() if key != "shard"}
        joined.state(digest, {**others, **_lacking(shards)})


def _lacking(shards: Sequence[Sequence[int]]) -> dict[str, list[str]]:
    """Shards that nobody brought."""
    there = {tuple(shard) for shard in shards}
    lacking = [
        f"{i}/{parts}"
        for parts in {n for _, n in there}
        for i in range(1, parts + 1)
        if (i, parts) not in there
    ]
    return {"missing_shards": lacking} if lacking else {}
