"""A DMA's side of the contract of links: between which memories, how fast, how many at once."""

from __future__ import annotations

import numpy as np

from simulator.hw.component import Transport
from simulator.hw.links.bus import Bus
from simulator.hw.links.dma import Dma


def dma(via: str = "", start_cycles: int = 0) -> Dma:
    """Two engines of 32 B per cycle at 900 MHz, three transfers each."""
    return Dma(
        kind="dma", outer="dram", inner="sram", via=via, engines=2, outstanding=3,
        width_bytes_per_cycle=32, clock_hz=900_000_000, start_cycles=start_cycles,
    )  # fmt: skip


def test_transport_has_ends_slots_and_start():
    """18 cycles of 900 MHz are 20 ns."""
    assert dma(start_cycles=18).transport == Transport("dram", "sram", (), 2, 6, 20 * 10**6)
    assert dma(via="noc").transport.via == ("noc",)


def test_a_transfer_takes_its_start_and_whole_cycles():
    sizes = np.array([0, 1, 32, 33, 6400])
    assert dma(start_cycles=18).cycles(sizes).tolist() == [18, 19, 19, 20, 218]


def test_engines_work_side_by_side():
    assert dma().peak_bytes_per_s() == 2 * 32 * 900e6


def test_a_bus_copies_nothing_by_itself():
    bus = Bus(kind="bus", width_bytes_per_cycle=8, clock_hz=700_000_000)
    assert bus.transport is None
    assert bus.peak_bytes_per_s() == 8 * 700e6
