"""A stream: inferences back to back, measured where they have become steady."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stream:
    """What back-to-back inferences did.

    Attributes
    ----------
    inferences, simulated
        Asked for, and simulated command by command; the rest is taken to take ``interval_fs`` each.
    latency_fs
        From the first byte in to the last byte out of all ``inferences``.
    interval_fs
        From the end of one inference to the end of the next, the mean over the steady ones.
    spread_fs
        Longest less shortest of the intervals that the mean is over.
    energy_j
        Known energy of a steady inference, static included. None: nothing known.
    traffic_bytes
        Bytes of a steady inference per memory, reads and writes apart.
    resident_bytes
        Weights that stay on chip from one inference to the next.
    stages
        Groups of cores that work on inferences of their own at the same time; 1 where all share each layer.
    energy_complete
        Every action of the steady inference has a known energy.
    """

    inferences: int
    simulated: int
    latency_fs: int
    interval_fs: int
    spread_fs: int
    energy_j: float | None
    traffic_bytes: dict[str, dict[str, int]]
    resident_bytes: int
    stages: int = 1
    energy_complete: bool = True

    @property
    def throughput_per_s(self) -> float:
        """Inferences per second once steady."""
        return 1e15 / self.interval_fs if self.interval_fs else 0.0
