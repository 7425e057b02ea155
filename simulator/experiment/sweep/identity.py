"""What a run is, as a key: two runs with the same key give the same figures, byte for byte."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import simulator
from simulator.base import yamlio
from simulator.base.errors import InputError
from simulator.base.locate import locate
from simulator.experiment.overrides import split_overrides
from simulator.experiment.sweep.evaluate import Job
from simulator.experiment.sweep.load import Sweep, Workload
from simulator.experiment.sweep.space import Point
from simulator.hw.chip import load_chip

#: Parts of the package that what a run gives depends on.
_MODEL = ("base", "kernels", "workload", "hw", "results", "mapping", "engine")
_ALSO = (
    "experiment/execute.py", "experiment/language.py", "experiment/matching.py", "experiment/run.py",
    "experiment/single.py", "experiment/spikingrun.py", "experiment/values.py",
    "experiment/sweep/evaluate.py", "experiment/sweep/measures.py",
)  # fmt: skip


@cache
def model_version(plugins: tuple[str, ...] = ()) -> str:
    """Version of the package and a digest of the code of the models, plug-ins among them."""
    home = Path(simulator.__file__).parent
    digest = hashlib.sha256()
    files = [file for part in _MODEL for file in sorted((home / part).rglob("*.py"))]
    for file in [*files, *(home / name for name in _ALSO)]:
        digest.update(file.relative_to(home).as_posix().encode() + b"\0" + file.read_bytes())
    for name in plugins:
        found = find_spec(name)
        source = Path(found.origin) if found and found.origin else None
        digest.update(name.encode() + b"\0" + (source.read_bytes() if source and source.is_file() else b""))
    return f"{simulator.__version__}+{digest.hexdigest()[:12]}"


class Keys:
    """Keys of the runs of a sweep; what several points share is read once.

    A chip that cannot be built at a point has no resolved form: then the key is that of what is set.
    """

    def __init__(self, sweep: Sweep, plugins: Sequence[str] = ()) -> None:
        self.sweep, self.model = sweep, model_version(tuple(plugins))
        self._chips: dict[tuple[str, tuple[tuple[str, str], ...]], tuple[str, str]] = {}
        self._networks: dict[str, str] = {}

    def jobs(self, point: Point) -> list[Job]:
        """The runs of a point, in the order of the workloads."""
        for_chip, settings = split_overrides(self.sweep.space.overrides(point))
        chip, cores = self._chip(point.chip, for_chip)
        return [self._job(point.chip, chip, cores, for_chip, settings, w) for w in self.sweep.workloads]

    def _job(
        self, name: str, chip: str, cores: str, for_chip: Mapping[str, str], settings: Mapping[str, str],
        own: Workload,
    ) -> Job:  # fmt: skip
        asked = {**settings, **split_overrides(own.settings)[1]}
        what = {
            "model": self.model,
            "chip": chip,
            "network": self._network(own.network),
            "settings": {key: str(value) for key, value in sorted(asked.items())},
            "given": {key: _file_digest(value) for key, value in sorted(own.given.items())},
            "seed": self.sweep.seed,
        }
        overrides = {**for_chip, **{f"workload.{key}": str(value) for key, value in asked.items()}}
        return Job(
            _digest(what), name, own.network, tuple(overrides.items()), tuple(own.given.items()),
            self.sweep.seed, _digest([cores, own.network, what["settings"]]),
        )  # fmt: skip

    def _chip(self, name: str, overrides: Mapping[str, str]) -> tuple[str, str]:
        """Key of a chip, and one of its cores: of all that the times of tiles depend on."""
        key = name, tuple(sorted(overrides.items()))
        if key not in self._chips:
            try:
                chip = load_chip(name, overrides)
                cores = _digest([chip.core_digest(core) for core in chip.cores])
                self._chips[key] = chip.digest, cores
            except InputError:
                broken = _digest(["broken", locate(name, "hwconfigs").read_text(), *key[1]])
                self._chips[key] = broken, name
        return self._chips[key]

    def _network(self, name: str) -> str:
        if name not in self._networks:
            self._networks[name] = _digest([_file_digest(str(f)) for f in network_files(name)])
        return self._networks[name]


def point_key(chip: str, values: Mapping[str, Any], runs: Sequence[Job]) -> str:
    """Key of a design point: of its runs, and of what tells it from another that comes to the same."""
    stated = sorted((path, str(value)) for path, value in values.items())
    return _digest([chip, stated, [job.key for job in runs]])


def network_files(name: str) -> list[Path]:
    """The file of a network, and the one that it points to."""
    from simulator.workload.frontends.packaged import packaged_file

    file = locate(name, "workloads")
    data = yamlio.load(file).data if file.suffix in (".yaml", ".yml") else {}
    there = packaged_file(file) if isinstance(data, dict) and "package" in data else None
    return [file] if there is None else [file, there]


@cache
def _bytes_digest(path: str, size: int, changed_ns: int) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def _file_digest(path: str) -> str:
    """Digest of a file's bytes; of the word itself where it is none."""
    file = Path(path)
    if not file.is_file():
        return path
    stat = file.stat()
    return _bytes_digest(str(file), stat.st_size, stat.st_mtime_ns)


def _digest(what: Any) -> str:
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:32]
