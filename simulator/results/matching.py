"""What a run says of neurons that match patterns: what they hold and answered, what operations took."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Operation:
    """One sort of operation of a run: ``count`` times, one after the other.

    ``cycles`` and ``latency_s`` are those of all together; ``energy_j`` is what is known of their energy,
    ``complete`` whether that is all of it.
    """

    name: str
    node: str
    count: int
    cycles: int
    latency_s: float
    energy_j: float | None
    complete: bool

    @property
    def each(self) -> float:
        """Cycles of one."""
        return self.cycles / self.count if self.count else 0.0


@dataclass(frozen=True, slots=True)
class Matching:
    """Settings and operations of a run on neurons: ``capacity`` of them on ``chips`` chips.

    ``matches`` answers are read per vector; ``timing`` is how the core counts cycles.
    """

    norm: str
    mode: str
    matches: int
    components: int
    capacity: int
    chips: int
    clock_hz: int
    timing: str
    operations: tuple[Operation, ...]

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Matching:
        """Inverse of ``asdict``."""
        return cls(**{**data, "operations": tuple(Operation(**each) for each in data["operations"])})


@dataclass(frozen=True, slots=True)
class Learning:
    """What teaching did, over all epochs.

    ``committed`` neurons, epoch by epoch; ``shrunk`` fields; ``refused`` vectors that wanted a neuron when
    none was free.
    """

    taught: int
    committed: tuple[int, ...]
    shrunk: int
    refused: int


@dataclass(frozen=True, slots=True)
class Recognition:
    """Vectors by status: all neurons that answer agree, they do not, none answers."""

    identified: int
    uncertain: int
    unknown: int


@dataclass(frozen=True, slots=True)
class Neurons:
    """Neurons at the end of a run that was executed, and what was taught and recognized; None: nothing was.

    Of ``capacity`` neurons ``committed`` ones hold a prototype; ``degenerate`` ones of these were kept from
    shrinking further.
    """

    capacity: int
    committed: int
    degenerate: int
    learning: Learning | None = None
    recognition: Recognition | None = None

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Neurons:
        """Inverse of ``asdict``."""
        learning, recognition = data["learning"], data["recognition"]
        return cls(
            data["capacity"],
            data["committed"],
            data["degenerate"],
            learning and Learning(**{**learning, "committed": tuple(learning["committed"])}),
            recognition and Recognition(**recognition),
        )
