"""Instructions of GDDR6-AiM and its GEMV, as streams of one channel.

A stream is written instruction by instruction; the register mode is entered and left where an instruction
needs it. ``finish`` appends the end of compute, which tells the host that all is done.
"""

from __future__ import annotations

from math import ceil

from simulator.hw.device import Device
from simulator.hw.pim.stream import Banks, Stream

#: Instructions that reach accumulators and buffer: the channel is in register mode for them.
REGISTER_MODE = ("WR_GB", "WR_MAC", "RD_MAC")
#: Banks that copies alternate between: of two bank groups.
SOURCE, TARGET = Banks(0, 1, 1), Banks(4, 1, 1)


class Aim(Stream):
    """A stream of AiM instructions."""

    def __init__(self, device: Device) -> None:
        super().__init__(device)
        self.in_registers = False

    @property
    def row_columns(self) -> int:
        """Accesses of a row."""
        return self.device.row_bytes // self.device.access_bytes

    def mac_abk(self, row: int, columns: int) -> Aim:
        """Multiply a row's columns of all banks with the buffer's, into the accumulators."""
        return self._do("MAC_S", columns, None, row, 2 * self.pim.lanes)

    def mac_sbk(self, row: int, columns: int, bank: int = 0) -> Aim:
        """Do the same in one bank."""
        return self._do("MAC_B", columns, Banks(bank, 1, 1), row, 2 * self.pim.lanes)

    def wr_gb(self, columns: int) -> Aim:
        """Write so many accesses into the buffer."""
        return self._do("WR_GB", columns)

    def ewmul(self, row: int, columns: int) -> Aim:
        """Multiply two banks of each bank group element by element into a third: four products of 16 lanes.

        Per bank of the channel a quarter of the lanes counts.
        """
        return self._do("MUL_S", columns, None, row, self.pim.lanes // 4)

    def select(self) -> Aim:
        """Write a mode register: which activation function, which operand."""
        return self._do("MRS")

    def af(self, row: int) -> Aim:
        """Look the accumulators up in the table of the activation function, which lies in a row."""
        return self._do("AF_S", 1, None, row, 1)

    def rd_mac(self) -> Aim:
        """Read the accumulators of all banks."""
        return self._do("RD_MAC")

    def wr_bias(self) -> Aim:
        """Write the accumulators of all banks."""
        return self._do("WR_MAC")

    def copy_bkgb(self, row: int, columns: int, bank: int = SOURCE.first) -> Aim:
        """Copy a row's columns into the buffer."""
        return self._do("RD_CP", columns, Banks(bank, 1, 1), row)

    def copy_gbbk(self, row: int, columns: int, bank: int = TARGET.first) -> Aim:
        """Copy the buffer into a row's columns."""
        return self._do("WR_CP", columns, Banks(bank, 1, 1), row)

    def wr_abk(self, row: int) -> Aim:
        """Write one access into all banks and close their rows."""
        return self._do("WRA_S", 1, None, row)

    def finish(self) -> Aim:
        """End of compute; the stream is complete."""
        return self._plain("EOC")

    def _do(
        self, command: str, many: int = 1, banks: Banks | None = None, row: int = -1, ops: int = 0
    ) -> Aim:
        needed = command in REGISTER_MODE
        if command != "MRS" and needed != self.in_registers:
            self._plain("TMOD")
            self.in_registers = needed
        self.add(command, many, banks, row, ops)
        return self

    def _plain(self, command: str) -> Aim:
        self.add(command)
        return self


def gemv(
    device: Device, outputs: int, inputs: int, channels: int, batch: int = 1, activated: bool = False
) -> Aim:
    """Multiply a matrix, whose rows lie across banks and channels, with vectors.

    A tile of 16 outputs per channel: the bias; per row of inputs the buffer, then MACs in all banks; the
    results.

    Parameters
    ----------
    device
        A GDDR6-AiM channel.
    outputs, inputs
        Shape of the matrix, BF16.
    channels
        Over which the outputs are spread evenly.
    batch
        Vectors, one after the other.
    activated
        Look the results up in the table of an activation function before they are read.
    """
    _check(outputs=outputs, inputs=inputs, channels=channels, batch=batch)
    stream = Aim(device).select()
    tiles = ceil(outputs / (stream.pim.units * channels))
    columns = ceil(inputs / stream.pim.lanes)
    groups = ceil(columns / stream.row_columns)
    for _ in range(batch):
        for tile in range(tiles):
            stream.wr_bias()
            for group in range(groups):
                some = min(columns - group * stream.row_columns, stream.row_columns)
                stream.wr_gb(some).mac_abk(tile * groups + group, some)
            if activated:
                stream.af(device.rows - 1)
            stream.rd_mac()
    return stream.finish()


def products(device: Device, elements: int, channels: int) -> Aim:
    """Multiply two vectors element by element; operands and results lie in rows of three banks of a group.

    A column of a bank group is one access of 16 elements.
    """
    _check(elements=elements, channels=channels)
    stream = Aim(device).select()
    groups = device.counts[-2]
    columns = ceil(elements / (stream.pim.lanes * groups * channels))
    for first in range(0, columns, stream.row_columns):
        stream.ewmul(first // stream.row_columns, min(columns - first, stream.row_columns))
    return stream.finish()


def single_bank_accesses(device: Device, many: int, write: bool) -> list[tuple[int, bool]]:
    """RD_SBK or WR_SBK of one access each: ordinary requests (``plain.move``), one bank after the other.

    The end of compute comes a clock after the last is done.
    """
    return [(i * device.access_bytes, write) for i in range(many)]


SINGLE_BANK_MAPPING = "RoCoRaBaCh"  # banks lowest, so that consecutive accesses take turns among them


def _check(**sizes: int) -> None:
    wrong = [f"{name} {size}" for name, size in sizes.items() if size < 1]
    if wrong:
        raise ValueError(f"expected at least 1 of each, got {', '.join(wrong)}")
