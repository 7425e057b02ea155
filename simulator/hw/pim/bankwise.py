"""Microkernels of memories that compute column by column: HBM-PIM and LPDDR5-PIM, as streams of one channel.

The units of a channel run the same instruction in lockstep, one per column command. A unit lies between as
many banks as there are to a unit; where these are two, even and odd banks are a set each.
"""

from __future__ import annotations

from math import ceil
from typing import Literal

from simulator.hw.device import Device
from simulator.hw.pim.stream import Banks, Stream

#: Rows that stand for modes, beyond those of data: all-bank and single-bank.
RESERVED_ROWS = 2
#: Instructions of a microkernel that fit into one register write (32 bit each), and those of each
#: microkernel: MAC, results, jumps, exit; loads, operation, store, jump, exit.
PER_WRITE, INSTRUCTIONS = 8, 6
#: What an element-wise microkernel does with how many operands.
OPERANDS = {"add": 2, "mul": 2, "relu": 1}


class Bankwise(Stream):
    """A stream of all-bank columns and register writes."""

    def __init__(self, device: Device) -> None:
        super().__init__(device)
        each = self.all_banks.many // self.pim.units
        self.sets = [Banks(i, each, self.pim.units) for i in range(each)]
        self.row_columns = device.row_bytes // device.access_bytes
        self.reserved = device.rows - RESERVED_ROWS

    def enter(self) -> Bankwise:
        """From single-bank mode to all-bank mode with PIM: rows that stand for it, then registers."""
        with self.undisturbed():
            self._touch(self.all_banks.many, self.reserved)
            self.registers(ceil(INSTRUCTIONS / PER_WRITE))
        return self.switch()

    def switch(self) -> Bankwise:
        """From all-bank mode to that with PIM (the microkernel begins, accumulators are 0) or back."""
        with self.undisturbed():
            self.registers(1)
        return self

    def leave(self) -> Bankwise:
        """From all-bank mode to single-bank mode."""
        with self.undisturbed():
            self._touch(1, self.reserved + 1)
        return self

    def registers(self, many: int) -> None:
        """Write registers of all units, between fences."""
        self.fence().add("REG", many)
        self.fence()

    def _touch(self, banks: int, row: int) -> None:
        """Open a reserved row in so many banks; then the mode is another after its time."""
        self.fence()
        for b in range(banks):
            self.add("RD", 1, Banks(self._spread(b), 1, 1), row)
        self.fence().add("TMOD")
        self.fence()

    def _spread(self, i: int) -> int:
        """Banks in an order in which bank groups alternate."""
        counts = self.device.counts
        groups, each = counts[-2], counts[-1]
        return i % groups * each + i // groups % each


def gemv(
    device: Device, outputs: int, inputs: int, channels: int, batch: int = 1, lanes: int = 0
) -> Bankwise:
    """Multiply a matrix with vectors: 16-lane partial sums of 8 outputs per unit, which the host adds up.

    Per tile of inputs (register file x lanes) the inputs go into one register file, then as many columns as
    two register files have pairs accumulate into the other; tiles of even banks first. Then the sums go to
    the banks.

    Parameters
    ----------
    device
        A channel whose units step by columns.
    outputs, inputs
        Shape of the matrix.
    channels
        Over which the outputs are spread evenly.
    batch
        Vectors, one after the other.
    lanes
        Products of a column in each unit; absent: those of 16 bit.
    """
    _check(outputs=outputs, inputs=inputs, channels=channels, batch=batch)
    stream = Bankwise(device)
    pim, sets = stream.pim, stream.sets
    files, lanes = pim.registers, lanes or pim.lanes
    passes = ceil(outputs / (pim.units * files * channels))
    tiles = ceil(inputs / (files * lanes))
    columns = files * files
    deepest = ceil(tiles / len(sets))
    results = passes * deepest * columns
    stream.enter()
    for i in range(passes):
        for vector in range(batch):
            if i or vector:
                stream.switch().switch()
            for j, banks in enumerate(sets):
                for tile in range(len(range(j, tiles, len(sets)))):
                    stream.registers(files)
                    start = (i * deepest + tile) * columns
                    stream.columns("RD_S", start, columns, banks, 0, 2 * lanes).fence()
            stream.columns("WR_S", results + (i * batch + vector) * files, files, sets[-1], 0).fence()
    stream.switch().leave()
    return stream


def elementwise(
    device: Device, kind: Literal["add", "mul", "relu"], elements: int, channels: int
) -> Bankwise:
    """Add or multiply two vectors, or take the positive part of one.

    A register file of each operand is loaded, the operation done while the second one is read (or the only
    one), and the results are stored; operands and results lie in rows of their own; even and odd banks take
    turns.
    """
    _check(elements=elements, channels=channels)
    stream = Bankwise(device)
    pim, sets = stream.pim, stream.sets
    files = pim.registers
    rounds = ceil(elements / (files * pim.lanes * pim.units * channels))
    rows = ceil(ceil(rounds / len(sets)) * files / stream.row_columns)
    operands = OPERANDS[kind]
    stream.enter()
    for i in range(rounds):
        banks, start = sets[i % len(sets)], i // len(sets) * files
        for operand in range(operands):
            last = operand == operands - 1
            stream.columns("RD_S", start, files, banks, operand * rows, pim.lanes if last else 0)
        stream.columns("WR_S", start, files, banks, operands * rows)
    stream.switch().leave()
    return stream


def _check(**sizes: int) -> None:
    wrong = [f"{name} {size}" for name, size in sizes.items() if size < 1]
    if wrong:
        raise ValueError(f"expected at least 1 of each, got {', '.join(wrong)}")
