"""The live side of a DRAM that is known by its bandwidth alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from simulator.hw.channel import Channel
from simulator.hw.device import Device
from simulator.hw.drampack import ranks_of
from simulator.hw.memories.bandwidth import Bandwidth


@dataclass
class DramChannel(Channel):
    """A channel that also counts what its device does beside: it refreshes, and its ranks stand by.

    Which rows are open is not known here; every rank is taken to have one open.
    """

    ranks: int = 1
    refresh_interval_fs: int = 0
    refresh: tuple[str, int] = ("refresh", 1)
    end_fs: int = 0

    @classmethod
    def of(
        cls, memory: Bandwidth, device: Device, channels: int, refresh: tuple[str, int],
        requests: np.ndarray, nodes: int,
    ) -> Self:  # fmt: skip
        """The channel of such devices; ``refresh``: which action, how often in an interval."""
        ranks = channels * ranks_of(device)
        return cls(
            **memory.channel_fields(),
            requests=requests,
            nodes=nodes,
            ranks=ranks,
            refresh_interval_fs=memory.refresh_interval_fs,
            refresh=refresh,
        )

    def finish(self, end_fs: int) -> None:
        """The run is over."""
        super().finish(end_fs)
        self.end_fs = end_fs

    def counts(self) -> dict[str, np.ndarray]:
        """As of a channel, and what passes the interface."""
        counts = super().counts()
        return {**counts, "io": counts["read"] + counts["write"]}

    def background(self) -> dict[str, int]:
        """Refreshes, and picoseconds that ranks stood by."""
        action, times = self.refresh
        every_fs = self.refresh_interval_fs
        refreshes = self.ranks * times * (self.end_fs // every_fs) if every_fs else 0
        return {action: refreshes, "standby_active": self.ranks * self.end_fs // 1000}
