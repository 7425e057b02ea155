"""Where named configurations and networks are found."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from simulator.base.errors import InputError, Problem, did_you_mean

Family = Literal["hwconfigs", "workloads"]
SUFFIXES: dict[Family, tuple[str, ...]] = {
    "hwconfigs": (".yaml",),
    "workloads": (".yaml", ".onnx", ".tflite", ".nir", ".npz"),
}
_PACKAGE = Path(__file__).resolve().parent.parent


def roots(family: Family) -> list[Path]:
    """Folders that are searched, in order: the current one's, the package's data, the repository's."""
    places = (Path.cwd() / family, _PACKAGE / "data" / family, _PACKAGE.parent / family)
    return [place for i, place in enumerate(places) if place.is_dir() and place not in places[:i]]


def names(family: Family) -> dict[str, Path]:
    """Every name that can be used without a path, such as ``npu/edge_npu``, and its file; sorted."""
    found: dict[str, Path] = {}
    for root in roots(family):
        for file in sorted(root.rglob("*")):
            name = file.relative_to(root).with_suffix("").as_posix()
            if file.suffix in SUFFIXES[family] and not name.startswith("parts/"):
                found.setdefault(name, file)
    return dict(sorted(found.items()))


def locate(name: str, family: Family) -> Path:
    """The file that a path or a name means.

    A path comes first, then a name under ./hwconfigs or ./workloads, then what ships with the package.

    Raises
    ------
    InputError
        There is no such file; the message lists what comes near.
    """
    for candidate in _candidates(name, family):
        if candidate.is_file():
            return candidate
    what, listing = ("chip", "chips") if family == "hwconfigs" else ("network", "workloads")
    hint = did_you_mean(name, list(names(family))) or f"; `chipsim list {listing}` shows the names"
    raise InputError(Problem(f"no such {what}: expected a path, or a name under {family}/{hint}", name))


def _candidates(name: str, family: Family) -> Iterator[Path]:
    yield Path(name)
    for root in roots(family):
        for suffix in ("", *SUFFIXES[family]):
            yield root / f"{name}{suffix}"
