"""Spike mesh: tiles of spiking cores in rows and columns, messages between them, a barrier per step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field

from simulator.base.units import format
from simulator.hw import scaling
from simulator.hw.component import LINKS, Flaw, Link, Way

#: How time is found: the slowest core alone; messages in the order of sending; every event.
Timing = Literal["simple", "detailed", "events"]


@LINKS.register("spike_mesh")
class SpikeMesh(Link):
    """A 2-D mesh of tiles; a spike is one message per destination core, along the row first.

    Model
    -----
    A hop takes ``hop_ew`` along a row and ``hop_ns`` along a column, the way from core to router to core
    ``within_tile``; a link lets a message pass every ``occupancy``. In front of every link and core is a
    queue of ``queue`` messages; where it is full, what comes waits in its own queue, at last in its core.
    After each step all tiles with neurons wait for each other: ``barrier`` of the largest number of tiles
    listed that is not above theirs. Of ``timing``: ``simple`` is the slowest core and the barrier;
    ``detailed`` sends every message along its path, in the order in which they are ready; ``events`` decides
    every link and core event by event.

    Not modelled
    ------------
    Contents of messages and their length in flits: all are alike. Several meshes side by side.

    Source
    ------
    The chip's own; docs/models/spiking_chips.md.
    """

    ACTIONS: ClassVar = ("hop_ew", "hop_ns", "barrier")
    SPENT_IN: ClassVar = {"*": scaling.LOGIC, **dict.fromkeys(ACTIONS, scaling.WIRE)}
    CLOCKED: ClassVar = False
    BETTER: ClassVar = {"clock_hz": "", "columns": "", "rows": "", "cores_per_tile": ""}

    clock_hz: int = Field(10**15, description="Grid of times; such links need no clock", gt=0)
    columns: int = Field(description="Tiles in a row", gt=0)
    rows: int = Field(description="Rows of tiles", gt=0)
    cores_per_tile: int = Field(description="Cores of a tile; core c is on tile c // cores_per_tile", gt=0)
    numbering: Literal["by_column", "by_row"] = Field(
        "by_column", description="Whether tile 1 is next to tile 0 in its column, or in its row"
    )
    hop_ew_fs: int = Field(description="Time of a hop along a row", ge=0)
    hop_ns_fs: int = Field(description="Time of a hop along a column", ge=0)
    within_tile_fs: int = Field(0, description="Time of a message from core to router to core", ge=0)
    occupancy_fs: int = Field(description="Time for which a message holds a link", ge=0)
    queue: int = Field(description="Messages that wait in front of a link, or of a core", gt=0, le=65536)
    entry: list[int] = Field(
        [0, 0], description="Tile [column, row] at which spikes of a network's inputs enter"
    )
    entry_time_fs: int = Field(description="Time between two messages that enter there", ge=0)
    barrier_fs: dict[int, int] = Field(description="Tiles with neurons -> time of the barrier of a step")
    timing: Timing = Field("detailed", description="How the time of a step is found")

    @property
    def tiles(self) -> int:
        """How many there are."""
        return self.columns * self.rows

    @property
    def cores(self) -> int:
        """How many there are on all tiles."""
        return self.tiles * self.cores_per_tile

    def place(self, core: int) -> tuple[int, int]:
        """Column and row of a core's tile."""
        tile = core // self.cores_per_tile
        by_column = self.numbering == "by_column"
        return divmod(tile, self.rows) if by_column else divmod(tile, self.columns)[::-1]

    def barrier_of(self, tiles: int) -> int:
        """Time of the barrier of so many tiles, fs: of the largest number listed that is not above."""
        return self.barrier_fs[max((known for known in self.barrier_fs if known <= tiles), default=0)]

    def flaws(self, ways: Sequence[Way]) -> list[Flaw]:
        """A barrier that a single tile has no time for, and an entry that is no tile."""
        found = []
        if min(self.barrier_fs, default=2) > 1:
            found.append(Flaw(("barrier",), "expected the time of a barrier of 1 tile: `1: ...`"))
        found += [
            Flaw(("barrier", known), f"expected a number of tiles of at least 1, got {known}")
            for known in self.barrier_fs
            if known < 1
        ]
        x, y = self.entry if len(self.entry) == 2 else (-1, -1)
        if not (0 <= x < self.columns and 0 <= y < self.rows):
            wanted = f"[column, row] from [0, 0] to [{self.columns - 1}, {self.rows - 1}]"
            found.append(Flaw(("entry",), f"expected {wanted}, got {self.entry}"))
        if ways:
            found.append(Flaw((), "is for spikes; transfers between memories need a mesh or a bus"))
        return found

    def traits(self) -> tuple[str, ...]:
        """Size, hops, queues, barrier and how time is found."""
        barriers = [format(each, "fs") for each in (self.barrier_of(1), self.barrier_of(self.tiles))]
        return (
            f"{self.columns} x {self.rows} tiles of {self.cores_per_tile} cores",
            f"hops of {format(self.hop_ew_fs, 'fs')} in a row, {format(self.hop_ns_fs, 'fs')} in a column",
            f"queues of {self.queue} messages",
            f"barrier {' to '.join(dict.fromkeys(barriers))} per time step",
            f"timing {self.timing}",
        )
