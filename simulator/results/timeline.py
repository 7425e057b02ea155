"""What a run did over time, coarse enough to draw: spans of units, bytes and room per bin. Plain numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

#: Instants at which a timeline is sampled: about the pixels of a small screen.
BINS = 400


@dataclass(frozen=True, slots=True)
class Lane:
    """Spans of one kind on one unit, by start; column i of the tuples is span i.

    Commands of one node whose gap is below one bin are one span; ``busy_fs`` is for how long of it the unit
    was busy with them. Spans of different nodes may overlap where the unit serves them in turn.
    """

    unit: str
    unit_kind: str  # of the component: systolic, vector, dma, ...
    kind: str  # compute, load, store
    total_fs: int  # for how long the unit was busy with any of them
    node: tuple[int, ...]  # row of the result
    start_fs: tuple[int, ...]
    end_fs: tuple[int, ...]
    busy_fs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """One memory over time, a value per bin.

    ``read_bytes`` and ``write_bytes`` sum to the ledger's counts exactly. ``maps_bytes`` (tensors that lie
    there) and ``buffers_bytes`` (tiles passing through) are the room taken at the fullest instant of the bin;
    both are empty for external memories. ``hits``, ``misses`` and ``conflicts`` are accesses that found their
    row open, the bank closed, another row open; empty where the memory is not simulated by its commands.
    """

    memory: str
    read_bytes: tuple[int, ...]
    write_bytes: tuple[int, ...]
    maps_bytes: tuple[int, ...] = ()
    buffers_bytes: tuple[int, ...] = ()
    hits: tuple[int, ...] = ()
    misses: tuple[int, ...] = ()
    conflicts: tuple[int, ...] = ()

    @property
    def room_bytes(self) -> tuple[int, ...]:
        """Room taken at the fullest instant of each bin."""
        return tuple(a + b for a, b in zip(self.maps_bytes, self.buffers_bytes, strict=True))


@dataclass(frozen=True, slots=True)
class Together:
    """Cores of one kind: ``time_fs[n]`` is for how long ``n`` of them were busy; it sums to the latency."""

    kind: str
    cores: tuple[str, ...]
    busy_fs: tuple[int, ...]  # per core
    time_fs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Timeline:
    """A run over time, from 0 to ``end_fs``, which is its latency.

    Bin i lasts from ``end_fs * i // bins`` to ``end_fs * (i + 1) // bins``; a run without time has no bins.
    """

    end_fs: int
    bins: int
    lanes: tuple[Lane, ...]
    memories: tuple[MemoryUse, ...]
    together: tuple[Together, ...]  # of kinds of which the chip has several cores

    def edges_fs(self) -> list[int]:
        """Ends of the bins in fs, ``bins + 1`` of them."""
        return edges(self.end_fs, self.bins)

    def to_dict(self) -> dict[str, Any]:
        """Plain form."""
        return {
            "end_fs": self.end_fs,
            "bins": self.bins,
            "lanes": [asdict(lane) for lane in self.lanes],
            "memories": [asdict(memory) for memory in self.memories],
            "together": [asdict(each) for each in self.together],
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Timeline:
        """Inverse of ``to_dict``."""
        return cls(
            end_fs=data["end_fs"],
            bins=data["bins"],
            lanes=tuple(Lane(**_frozen(lane)) for lane in data["lanes"]),
            memories=tuple(MemoryUse(**_frozen(memory)) for memory in data["memories"]),
            together=tuple(Together(**_frozen(each)) for each in data["together"]),
        )


def edges(end_fs: int, bins: int) -> list[int]:
    """Ends of ``bins`` bins over 0 to ``end_fs`` in fs."""
    return [end_fs * i // bins for i in range(bins + 1)] if bins else [0]


def _frozen(record: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(v) if isinstance(v, Sequence) and not isinstance(v, str) else v
            for key, v in record.items()}  # fmt: skip
