"""One channel that is simulated for all of a memory: what each transfer is in it, and counts for all.

Model
-----
Channels are alike, and a mapping that alternates between them gives each the same work up to a few accesses.
So one is simulated. Of a transfer with ``n[c]`` accesses on channel ``c`` it serves ``m`` of the channel that
would be done last; bank, row and column follow from their addresses. Let ``B`` accesses wait in the simulated
channel and ``b[c]``, of which only the number is kept, in channel ``c``:

    b[c] <- max(0, B - a[c]) + n[c]
    m     = max(1, max over c with n[c] > 0 of b[c] - B)
    a[c] <- B + m - b[c]

``a[c]``, by how many the simulated channel is ahead of ``c``, stays until it has drained. A transfer that
comes alone thus takes what its fullest channel takes; one that finds others fills the channels that have less
to do before the simulated one gets more, so that in the long run each has its own share. What the fullest
channel has beyond ``m`` bounds the end of the transfer by the channel's peak rate.

Counts of a node are those of the simulated channel times accesses asked for / accesses served, to whole
numbers. A PIM stream is served once; its counts are times the channels that it is for.

Not modelled
------------
Which rows the accesses of other channels meet, and that reads and writes of different channels do not disturb
each other; a stream on some channels holds up transfers on all. How far off: docs/models/dram.md.
"""

from __future__ import annotations

from math import floor

import numpy as np

from simulator.hw.device import Device
from simulator.kernels import drampimstate as p
from simulator.kernels import dramstate as k
from simulator.kernels.dramenter import fold

#: Columns of ``dramstate`` counts in proportion to accesses of both kinds.
_OTHERS = (k.N_MISS, k.N_CONFLICT, k.N_ACT, k.N_BUSY)


class Fold:
    """How much less than the simulated channel each has to do, and how much the simulated one stands for.

    Parameters
    ----------
    device, channels
        One of them, and how many there are.
    nodes
        Nodes of the graph, for the counts.
    """

    def __init__(self, device: Device, channels: int, nodes: int) -> None:
        self.nodes = nodes
        self._access_fs = device.access_bytes * 10**15 / device.peak_bytes_per_s
        self._ahead = np.zeros(channels, np.int64)
        self._entered = 0
        self._asked = np.zeros((nodes, 2), np.int64)  # accesses of transfers: reads, writes
        self._served = np.zeros((nodes, 2), np.int64)  # of those, what the simulated channel was given
        self._widths: list[int] = []  # numbers of channels that PIM streams were for

    def choose(
        self, sizes: np.ndarray, words: np.ndarray, node: int, total: np.ndarray
    ) -> tuple[np.ndarray, int]:
        """Of a transfer's words, as ``spread`` makes them, leave at the front those that are simulated.

        Returns
        -------
        sizes : int64, shape (1,)
            How many they are.
        left_fs : int
            What the fullest channel has beyond them takes it at its peak rate.
        """
        asked, served = self._asked[node], self._served[node]
        many, left = fold(sizes, self._ahead, self._entered, total, words, asked, served)
        self._entered += many
        return np.array([many], np.int64), floor(left * self._access_fs) if left else 0

    def counts(self, counts: np.ndarray) -> np.ndarray:
        """``dramstate`` counts of all channels from those of the simulated one; int64, shape (nodes, COUNTS).

        As many accesses as hits, misses and conflicts; everything else to the next lower whole number.
        """
        found = np.zeros_like(counts)
        for i, column in enumerate((k.N_READ, k.N_WRITE)):
            asked, served = self._asked[:, i], self._served[:, i]
            found[:, column] = np.where(served > 0, counts[:, column] * asked // np.maximum(served, 1), asked)
        asked, served = self._asked.sum(axis=1), np.maximum(self._served.sum(axis=1), 1)
        for column in _OTHERS:
            found[:, column] = counts[:, column] * asked // served
        missed = found[:, k.N_MISS] + found[:, k.N_CONFLICT]
        found[:, k.N_HIT] = found[:, k.N_READ] + found[:, k.N_WRITE] - missed
        return found

    def bins(self, bins: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """``dramstate`` bins that sum to the counts of all channels; int64, as ``bins``."""
        passed = np.cumsum(bins, axis=0)
        passed = np.where(passed[-1] > 0, passed, passed[:, k.N_READ, None] + passed[:, k.N_WRITE, None])
        totals = self.counts(counts).sum(axis=0)[: k.BINS]
        return np.diff(passed * totals // np.maximum(passed[-1], 1), axis=0, prepend=0)

    def widen(self, pim: p.PimState, node: int, width: int) -> tuple[p.PimState, int]:
        """The state with room for the counts of streams on so many channels, and the row of a node's."""
        if width not in self._widths:
            self._widths.append(width)
            if len(self._widths) > 1:
                more = np.zeros((self.nodes, pim.counts.shape[1]), np.int64)
                pim = pim._replace(counts=np.vstack([pim.counts, more]))
        return pim, node + self.nodes * self._widths.index(width)

    def pim(self, pim: p.PimState) -> p.PimState:
        """The state with the counts of all channels, int64, shape (nodes, PIM_COUNTS)."""
        each = pim.counts.reshape(-1, self.nodes, pim.counts.shape[1])
        widths = np.array(self._widths or [0], np.int64)
        return pim._replace(counts=np.tensordot(widths, each, 1))
