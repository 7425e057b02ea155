"""What a run says of the numbers that it was given, where it was given some."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from simulator.results.matching import Neurons


@dataclass(frozen=True, slots=True)
class Agreement:
    """One output beside what was expected of it.

    ``elements`` over all samples, of which ``differing`` are not equal; ``largest`` is the largest difference
    as stored, ``deciding`` how many samples have their largest element elsewhere (None: of one element).
    """

    output: str
    elements: int
    differing: int
    largest: float
    deciding: int | None


@dataclass(frozen=True, slots=True)
class Values:
    """How a network was executed beside being timed.

    ``correct`` of ``labelled`` samples have their largest output where the label says; None without labels.
    ``density`` maps a tensor to the share of its elements that are not zero, over all samples. ``neurons``
    are those that match patterns; None where there are none. ``source`` is the name of the file that the
    samples are of, without its folder; "" where they were arrays.
    """

    profile: str
    samples: int
    density: dict[str, float] = field(default_factory=dict)
    labelled: int | None = None
    correct: int | None = None
    agreement: tuple[Agreement, ...] = ()
    neurons: Neurons | None = None
    source: str = ""

    @property
    def accuracy(self) -> float | None:
        """Share of labelled samples that are right."""
        return self.correct / self.labelled if self.labelled and self.correct is not None else None

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Values:
        """Inverse of ``asdict``."""
        agreement = tuple(Agreement(**each) for each in data["agreement"])
        neurons = Neurons.from_dict(data["neurons"]) if data.get("neurons") else None
        return cls(**{**data, "agreement": agreement, "neurons": neurons})
