"""A piece: what one task of a chain does in one stripe. Its tiles, their time, and room for its sums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from simulator.hw.chip import Chip
from simulator.hw.component import Core
from simulator.hw.tiling import TILE
from simulator.hw.timing import tile_times_fs
from simulator.mapping.remember import Remembered
from simulator.mapping.route import align
from simulator.mapping.rowform import RowForm
from simulator.mapping.schedule import Task, Tiling
from simulator.mapping.shape import span_sizes
from simulator.mapping.tilerows import contraction_row, sliced_row
from simulator.workload.work import Contraction

Bits = tuple[int, int, int]

#: Core and row of TILE -> time that the tile takes, and by how much later its result is out.
_REMEMBERED: Remembered[tuple[str, tuple], tuple[int, int]] = Remembered()


@dataclass(frozen=True)
class Piece:
    """One task of a chain, cut into pieces of at most ``rows`` result rows.

    ``bits`` are those of ifmap, weight and ofmap of a contraction.
    """

    task: Task
    form: RowForm
    bits: Bits
    core: Core
    chip: Chip

    def tiling(self, rows: int, sums_bytes: int, streamed: bool) -> Tiling | None:
        """Tiles of a piece: whole depth, and as many channels or groups as there is room for their sums.

        Parameters
        ----------
        rows
            Result rows of the largest piece.
        sums_bytes
            Room for partial sums; two tiles' worth is needed.
        streamed
            Whether weights come again for each stripe: then channels are the outer loop and tiles as narrow
            as the core, so that two of them take little room.

        Returns
        -------
        The tiling, None if not even the smallest tile fits.
        """
        key = rows, sums_bytes, streamed
        if key not in self._tilings:
            self._tilings[key] = self._tiling(*key)
        return self._tilings[key]

    def _tiling(self, rows: int, sums_bytes: int, streamed: bool) -> Tiling | None:
        work = self.task.work
        if not isinstance(work, Contraction):
            return Tiling(rows)
        most = sums_bytes * 8 // (2 * self.core.sum_bits()) if self.core.sum_bits() else 1 << 62
        narrow = min(work.k, self.core.granule(work).n)
        deep = rows
        while deep > 1 and deep * work.ox * narrow > most:
            deep = -(-deep // 2)
        if deep * work.ox * narrow > most:
            return None
        channels = most // (deep * work.ox)
        order: Literal["mn", "nm"] = "nm" if streamed else "mn"
        if work.groups > 1 and channels >= work.k and not streamed:
            parts = -(-work.groups // min(work.groups, channels // work.k))
            return Tiling(deep, -(-work.groups // parts), work.k, work.c, order)
        n = narrow if streamed else min(work.k, max(channels // narrow, 1) * narrow)
        return Tiling(deep, 1, n, work.c, order)

    def tiles(self, tiling: Tiling, rows: int) -> int:
        """Tiles of a piece of so many rows."""
        work = self.task.work
        if not isinstance(work, Contraction):
            return 1
        return -(-work.groups // tiling.groups) * -(-work.k // tiling.n) * -(-rows // tiling.rows)

    def sums_bytes(self, tiling: Tiling, rows: int, tiles: int) -> int:
        """Room for the partial sums of two tiles, of one if there is but one."""
        work = self.task.work
        if not isinstance(work, Contraction) or not self.core.sum_bits():
            return 0
        sums = min(tiling.rows, rows) * work.ox * tiling.n * tiling.groups
        return align(-(-sums * self.core.sum_bits() // 8)) * (2 if tiles > 1 else 1)

    def weight_tile_bytes(self, tiling: Tiling) -> int:
        """Bytes of the weights of one tile, with what rides with them."""
        work = self.task.work
        assert isinstance(work, Contraction)
        channels = tiling.n * tiling.groups
        bits = channels * (work.K * self.bits[1] + 8 * self.task.bias_bytes)
        return align(-(-bits // 8) + (2 if self.bits[1] < 8 else 0))

    def times_fs(self, tiling: Tiling, rows: Sequence[int]) -> tuple[list[int], int]:
        """Time of the core for pieces of each of some numbers of rows, and the latency of a tile's result."""
        mine = self._times.setdefault(tiling, {})
        if not all(count in mine for count in rows):
            self._find_times(tiling, rows, mine)
        found = [mine[count] for count in rows]
        return [busy for busy, _ in found], max((late for _, late in found), default=0)

    def _find_times(self, tiling: Tiling, rows: Sequence[int], mine: dict[int, tuple[int, int]]) -> None:
        """Add times of some numbers of rows to those of a tiling."""
        digest = self.chip.core_digest(self.task.core)
        kinds = {count: self._kinds(tiling, count) for count in rows if count not in mine}
        times = {row: _REMEMBERED.get((digest, row)) for kind in kinds.values() for row, _ in kind}
        unknown = [row for row, known in times.items() if known is None]
        if unknown:
            found = tile_times_fs(self.core, self.chip.ports(self.task.core), np.array(unknown, TILE))
            for row, known in zip(unknown, zip(*(each.tolist() for each in found), strict=True), strict=True):
                times[row] = _REMEMBERED[digest, row] = known
        for count, kind in kinds.items():
            each = [(times[row] or (0, 0), many) for row, many in kind]
            busy = sum(occupancy * many for (occupancy, _), many in each)
            mine[count] = busy, max((late for (_, late), _ in each), default=0)

    @cached_property
    def _times(self) -> dict[Tiling, dict[int, tuple[int, int]]]:
        return {}

    @cached_property
    def _tilings(self) -> dict[tuple[int, int, bool], Tiling | None]:
        return {}

    def _kinds(self, tiling: Tiling, rows: int) -> list[tuple[tuple, int]]:
        """Tiles of a piece that differ, and how many there are of each."""
        if not rows:
            return []
        work = self.task.work
        if not isinstance(work, Contraction):
            taken = sum(
                min((rows - 1) * read.stride + read.reach, read.height) * read.row_bytes
                for read in self.form.reads
                if read is not None
            )
            return [(self.sliced_row(0, rows, taken), 1)]
        return [
            (self.contraction_row(deep, n, g), many_m * many_n * many_g)
            for deep, many_m in span_sizes(rows, tiling.rows)
            for n, many_n in span_sizes(work.k, tiling.n)
            for g, many_g in span_sizes(work.groups, tiling.groups)
        ]

    def contraction_row(self, rows: int, channels: int, groups: int) -> tuple:
        """A tile of a contraction as a row of TILE."""
        key = rows, channels, groups
        if key not in self._contraction_rows:
            work = self.task.work
            assert isinstance(work, Contraction)
            pixels = rows * work.ox
            self._contraction_rows[key] = contraction_row(
                self.task, self.core, self.bits, pixels=pixels, channels=channels, groups=groups, c=work.c
            )
        return self._contraction_rows[key]

    @cached_property
    def _contraction_rows(self) -> dict[tuple[int, int, int], tuple]:
        return {}

    def sliced_row(self, first: int, end: int, taken_bytes: int) -> tuple:
        """Rows ``first`` to ``end`` (over all images) of element-wise work or a move as a row of TILE."""
        every = self.form.images * self.form.height
        elements = self.form.row_bytes * every * 8 // self.bits[2]
        moved = taken_bytes, (end - first) * self.form.row_bytes
        return sliced_row(self.task, (first, end), every, elements, moved)
