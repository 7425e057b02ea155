"""Why a layer, or a network, takes what it takes, and what would help. Plain data; JSON both ways."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class LayerCost:
    """One layer of a network by what it adds to the run; ``causes_fs`` sum to ``exposed_fs``."""

    node: str
    op: str
    core: str
    bound: str
    exposed_fs: int
    latency_fs: int
    causes_fs: dict[str, int]


@dataclass(frozen=True, slots=True)
class Limit:
    """A time below which a layer cannot come: ``what`` limits it, in words, and cycles of its core."""

    what: str
    cycles: int


@dataclass(frozen=True, slots=True)
class Alternative:
    """A tiling that was considered, what it was expected to cost, and why it was not taken.

    The one that was taken has ``lost`` = "".
    """

    tiling: str
    buffer_bytes: int
    expected_cycles: int
    traffic_bytes: int | None
    tiles: int
    lost: str


@dataclass(frozen=True, slots=True)
class TaskView:
    """One piece of a layer's work on one core, as the planner decided it.

    ``operands`` are (storage, memory, bytes, read or written); ``buffers`` (operand, memory, copies, bytes
    of one). ``beside`` says who does the other parts, where several cores share it.
    """

    name: str
    core: str
    beside: str
    work: str
    tiling: str
    operands: tuple[tuple[str, str, int, str], ...]
    buffers: tuple[tuple[str, str, int, int], ...]
    alternatives: tuple[Alternative, ...]


@dataclass(frozen=True, slots=True)
class LayerView:
    """One layer in full; ``causes_cycles`` sum to ``cycles``, both of the clock of ``core``.

    ``limiter`` is the resource that worked for it most of its time, for ``limiter_cycles``; none: "" and 0.
    """

    node: str
    index: int
    op: str
    core: str
    shape: str
    bound: str
    clock_hz: int
    cycles: int
    latency_fs: int
    exposed_fs: int
    utilization: float
    causes_cycles: dict[str, int]
    limits: tuple[Limit, ...]
    tasks: tuple[TaskView, ...]
    limiter: str = ""
    limiter_cycles: int = 0


@dataclass(frozen=True, slots=True)
class Hint:
    """A parameter of the chip, changed, and the latencies that a run with it has.

    ``layer_fs`` are the latencies of the layer before and after, None where no layer was asked for;
    ``energy_j`` is the run's (as far as it is known) before and after, ``area_mm2`` the chip's, None where
    unknown.
    """

    path: str
    before: str
    after: str
    latency_fs: tuple[int, int]
    layer_fs: tuple[int, int] | None = None
    energy_j: tuple[float, float] | None = None
    area_mm2: tuple[float, float] | None = None

    @property
    def set(self) -> str:
        """What to write behind ``--set``."""
        return f"{self.path}={self.after}"

    @property
    def gain(self) -> float:
        """Share of the latency that it takes off: the layer's, or the network's where none was asked for."""
        before, after = self.layer_fs or self.latency_fs
        return 1 - after / before if before else 0.0


@dataclass(frozen=True)
class Explanation:
    """What `chipsim explain` says.

    Attributes
    ----------
    chip, network
        Their own names.
    command
        The run that is explained; a hint is tried by adding its ``--set`` to it.
    latency_fs, causes_fs
        Of the whole run; the causes sum to the latency.
    layers
        All layers, by exposed time, the largest first.
    layer
        The layer that was asked for.
    hints
        Every parameter that was tried, by gain, the best first; empty if none was tried.
    refused
        (``--set``, why) of changes under which the network does not run.
    """

    chip: str
    network: str
    command: str
    latency_fs: int
    causes_fs: dict[str, int]
    layers: tuple[LayerCost, ...]
    layer: LayerView | None
    hints: tuple[Hint, ...]
    refused: tuple[tuple[str, str], ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain form, JSON-ready; hints also say their ``set`` and ``gain``."""
        plain = asdict(self)
        for record, hint in zip(plain["hints"], self.hints, strict=True):
            record.update(set=hint.set, gain=hint.gain)
        return plain

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Explanation:
        """Inverse of ``to_dict``, also of what JSON made of it."""
        return cls(
            chip=data["chip"],
            network=data["network"],
            command=data["command"],
            latency_fs=data["latency_fs"],
            causes_fs=dict(data["causes_fs"]),
            layers=tuple(LayerCost(**layer) for layer in data["layers"]),
            layer=None if data["layer"] is None else _layer(data["layer"]),
            hints=tuple(_hint(record) for record in data["hints"]),
            refused=tuple((change, why) for change, why in data["refused"]),
        )


def _layer(data: dict[str, Any]) -> LayerView:
    limits = tuple(Limit(**limit) for limit in data["limits"])
    return LayerView(**{**data, "limits": limits, "tasks": tuple(_task(task) for task in data["tasks"])})


def _task(data: dict[str, Any]) -> TaskView:
    lists = {name: tuple(tuple(item) for item in data[name]) for name in ("operands", "buffers")}
    considered = tuple(Alternative(**alternative) for alternative in data["alternatives"])
    return TaskView(**{**data, **lists, "alternatives": considered})


def _hint(data: dict[str, Any]) -> Hint:
    before, after = data["latency_fs"]
    layer = data["layer_fs"]
    energy, area = data["energy_j"], data["area_mm2"]
    return Hint(
        data["path"], data["before"], data["after"], (before, after), layer and (layer[0], layer[1]),
        energy and (energy[0], energy[1]), area and (area[0], area[1]),
    )  # fmt: skip
