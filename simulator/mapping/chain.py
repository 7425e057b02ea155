"""A chain: consecutive tasks that are done together, stripe by stripe of rows, and its timetable.

Equations: docs/models/mapping.md. Shared by the planner, which weighs chains, and by the lowering.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from simulator.mapping.rowform import RowForm, RowWindow

#: When tasks of a chain work on a stripe: every task one step after what it reads, so that nothing in a step
#: waits for anything in it; or all in the same step, with the least room.
Pace = Literal["apart", "together"]
PACES: tuple[Pace, ...] = ("apart", "together")


@dataclass(frozen=True, slots=True)
class Stream:
    """Rows of one storage that pass through a chain.

    ``makers`` are the tasks (counted from the chain's first) that write it, the later ones in place;
    ``readers`` are (task, operand). ``loaded``: it is made elsewhere and lies off chip; ``stored``: it is
    needed elsewhere, off chip. ``rolling``: it has a line buffer in ``memory``, else it lies there whole.
    """

    storage: str
    memory: str
    height: int
    row_bytes: int
    makers: tuple[int, ...]
    readers: tuple[tuple[int, int], ...]
    loaded: bool
    stored: bool
    rolling: bool

    @property
    def inner(self) -> bool:
        """Whether it never leaves the chip, and no more than its line buffer is ever there."""
        return self.rolling and not self.loaded and not self.stored


@dataclass(frozen=True)
class ChainForm:
    """What is known of a chain before its stripes are chosen: tasks ``first`` to ``last`` of the list."""

    first: int
    forms: tuple[RowForm, ...]
    cores: tuple[str, ...]
    streams: tuple[Stream, ...]

    @cached_property
    def last(self) -> int:
        """Last task of the list that belongs to it."""
        return self.first + len(self.forms) - 1

    @cached_property
    def inner(self) -> tuple[str, ...]:
        """Storages that never leave the chip, of which no more than some rows are ever there."""
        return tuple(stream.storage for stream in self.streams if stream.inner)

    @cached_property
    def line_memories(self) -> frozenset[str]:
        """Memories with line buffers."""
        return frozenset(stream.memory for stream in self.streams if stream.rolling)

    @property
    def images(self) -> int:
        """Images, done one after the other."""
        return self.forms[0].images

    @cached_property
    def reads(self) -> dict[tuple[int, int], Stream]:
        """(task, operand) -> stream."""
        return {reader: stream for stream in self.streams for reader in stream.readers}

    @cached_property
    def writes(self) -> dict[int, Stream]:
        """Task -> stream."""
        return {maker: stream for stream in self.streams for maker in stream.makers}

    def window(self, reader: tuple[int, int]) -> RowWindow:
        """Rows that a reader needs."""
        window = self.forms[reader[0]].reads[reader[1]]
        assert window is not None
        return window

    def readers_of(self, maker: int) -> list[tuple[int, int]]:
        """Who reads a task's result before another task writes over it; that task included."""
        stream = self.writes[maker]
        until = min((m for m in stream.makers if m > maker), default=len(self.forms))
        return [reader for reader in stream.readers if maker < reader[0] <= until]

    def readers_of_loaded(self, stream: Stream) -> list[tuple[int, int]]:
        """Who reads what was loaded, before a task writes over it; that task included."""
        until = min(stream.makers, default=len(self.forms))
        return [reader for reader in stream.readers if reader[0] <= until]

    def owner(self, stream: Stream) -> int:
        """Task (counted from the chain's first) that fills a stream's line buffer, or first reads it."""
        made = () if stream.loaded else stream.makers
        return min(made or [k for k, _ in stream.readers])

    def delays(self, pace: Pace) -> tuple[int, ...]:
        """By how many steps each task is behind the chain's first."""
        behind = int(pace == "apart")
        delays: list[int] = []
        for k in range(len(self.forms)):
            before = [
                delays[m] + behind
                for operand in range(len(self.forms[k].reads))
                if (k, operand) in self.reads
                for m in self.reads[k, operand].makers
                if m < k
            ]
            delays.append(max(before, default=0))
        return tuple(delays)


@dataclass(frozen=True)
class Chain:
    """A chain as it is to be run.

    ``rows`` rows of the last task's result make a stripe; ``lines`` are (storage, rows that its line buffer
    holds); ``resident`` says of each task whether its weights stay for the whole chain or come again for
    every stripe. ``traffic_bytes`` and ``unfused_bytes`` are what goes to and from the memories behind with
    it and without, ``expected_fs`` and ``unfused_fs`` how long it is expected to take; all are the planner's.
    """

    form: ChainForm
    rows: int
    stripes: int
    pace: Pace
    lines: tuple[tuple[str, int], ...]
    resident: tuple[bool, ...]
    traffic_bytes: int
    expected_fs: int
    unfused_bytes: int = 0
    unfused_fs: int = 0

    @property
    def first(self) -> int:
        """First task of the list that belongs to it."""
        return self.form.first

    @property
    def last(self) -> int:
        """Last task of the list that belongs to it."""
        return self.form.last

    def inner(self) -> list[str]:
        """Storages that never leave the chip, of which no more than some rows are ever there."""
        return list(self.form.inner)

    def line_bytes(self) -> int:
        """Bytes of all line buffers."""
        row_bytes = {stream.storage: stream.row_bytes for stream in self.form.streams}
        return sum(rows * row_bytes[name] for name, rows in self.lines)

    def words(self, names: Sequence[str]) -> str:
        """How it runs, for printing; ``names`` of all tasks of the list."""
        row_bytes = {stream.storage: stream.row_bytes for stream in self.form.streams}
        pace = {"apart": "a step apart", "together": "in the same step"}
        lines = ", ".join(f"{name} {rows} rows of {row_bytes[name]} B" for name, rows in self.lines)
        again = [names[self.first + k] for k, stays in enumerate(self.resident) if not stays]
        weights = f"; weights of {', '.join(again)} for every stripe" if again else ""
        images = f"{self.form.images} images of " if self.form.images > 1 else ""
        return (
            f"{names[self.first]} to {names[self.last]}: {images}{self.stripes} stripes of {self.rows} rows, "
            f"tasks {pace[self.pace]}; line buffers: {lines}{weights}; {self.traffic_bytes} B to and "
            f"from the memories behind instead of {self.unfused_bytes} B; "
            f"expected {self.expected_fs / 1e9:.3f} us instead of {self.unfused_fs / 1e9:.3f} us"
        )


def line_role(storage: str) -> str:
    """Role of a line buffer among the buffers of its task."""
    return f"line {storage}"


def stretched(first: int, last: int, chains: tuple[Chain, ...]) -> tuple[int, int]:
    """Life of something needed from one task to another: tasks of a chain live all at the same time."""
    for chain in chains:
        if first <= chain.last and last >= chain.first:
            first, last = min(first, chain.first), max(last, chain.last)
    return first, last


class Timetable:
    """Rows that each task of a chain makes in each stripe, over all images.

    Rows are counted over all images. A stripe of the last task is ``rows`` rows (the last of an image fewer);
    every other task makes, in each stripe, exactly the rows that others need and that are not there yet. The
    last stripe of an image completes all.

    Attributes
    ----------
    stripes
        Stripes of an image.
    ends, starts
        Per task, int64, shape (images * stripes,): rows done after and before each stripe.
    """

    def __init__(self, form: ChainForm, rows: int) -> None:
        self.form, self.rows = form, rows
        height = form.forms[-1].height
        self.stripes = -(-height // rows)
        own = [np.empty(0, np.int64)] * len(form.forms)
        for k in reversed(range(len(form.forms))):
            own[k] = self._needed(form.readers_of(k), own, form.forms[k].height)
            own[k][-1] = form.forms[k].height
        self._own = own
        self.ends = [self._over_images(end, f.height) for end, f in zip(own, form.forms, strict=True)]
        self.starts = [_before(end) for end in self.ends]
        self._loads: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self._tops: dict[tuple[int, int], np.ndarray] = {}
        self._line_rows: dict[tuple[str, tuple[int, ...]], int] = {}

    @cached_property
    def counts(self) -> list[np.ndarray]:
        """Rows that each task makes in each stripe, int64, shape (images * stripes,)."""
        return [end - start for end, start in zip(self.ends, self.starts, strict=True)]

    @cached_property
    def counted(self) -> list[list[tuple[int, int]]]:
        """Of each task, numbers of rows that it makes in a stripe, and in how many stripes."""
        return [sorted(Counter(counts.tolist()).items()) for counts in self.counts]

    def _needed(self, readers: list[tuple[int, int]], own: list[np.ndarray], height: int) -> np.ndarray:
        """Rows of an image that must be there after each stripe; in equal steps where nobody reads them."""
        if not readers:
            steps = np.arange(1, self.stripes + 1)
            if height == self.form.forms[-1].height:
                return np.minimum(steps * self.rows, height)
            return -(-height * steps // self.stripes)
        return np.max([self.form.window(reader).bottom(own[reader[0]]) for reader in readers], axis=0)

    def _over_images(self, own: np.ndarray, height: int) -> np.ndarray:
        if self.form.images == 1:
            return own
        return (np.arange(self.form.images)[:, None] * height + own).reshape(-1)

    def loads(self, stream: Stream) -> tuple[np.ndarray, np.ndarray]:
        """Rows (start, end) of a loaded stream that each stripe brings, int64, shape (images * stripes,)."""
        if stream.storage not in self._loads:
            own = self._needed(self.form.readers_of_loaded(stream), self._own, stream.height)
            over = self._over_images(_before(own), stream.height), self._over_images(own, stream.height)
            self._loads[stream.storage] = over
        return self._loads[stream.storage]

    def tops(self, reader: tuple[int, int]) -> np.ndarray:
        """First row that a reader needs in each stripe and after, int64, shape (images * stripes,)."""
        if reader not in self._tops:
            window, height = self.form.window(reader), self.form.forms[reader[0]].height
            image, row = np.divmod(self.starts[reader[0]], height)
            self._tops[reader] = image * window.height + window.top(row)
        return self._tops[reader]

    def inputs(self, reader: tuple[int, int], first: int, end: int) -> tuple[int, int]:
        """Rows that a reader takes in for rows ``first`` to ``end`` of its result, all of one image."""
        window, height = self.form.window(reader), self.form.forms[reader[0]].height
        image = first // height
        first, end = first - image * height, end - image * height
        base = image * window.height
        low = min(max(first * window.stride - window.pad, 0), window.height - 1)  # as ``top`` and ``bottom``
        reached = min((end - 1) * window.stride - window.pad + window.reach, window.height)
        return base + low, base + max(reached, low + 1)

    def first_use(self, stream: Stream, delays: tuple[int, ...]) -> int:
        """Step in which the first stripe of a loaded stream is needed."""
        return min(delays[k] for k, _ in self.form.readers_of_loaded(stream))

    def line_rows(self, stream: Stream, delays: tuple[int, ...]) -> int:
        """Rows that must be there at once: exactly what its line buffer holds.

        A row is needed from the step in which it is written (loaded: one step before the first task needs its
        stripe) to that of its last reader; stored rows one step longer, so that they leave while others are
        made. Within a step tasks follow each other.
        """
        key = stream.storage, delays
        if key not in self._line_rows:
            self._line_rows[key] = self._rows_at_once(stream, delays)
        return self._line_rows[key]

    def _rows_at_once(self, stream: Stream, delays: tuple[int, ...]) -> int:
        count = self.form.images * self.stripes
        total = self.form.images * stream.height
        if stream.loaded:
            ends, at = self.loads(stream)[1], self.first_use(stream, delays) - 1
        else:
            ends, at = self.ends[stream.makers[0]], delays[stream.makers[0]]
        low = np.full(count, total)
        for reader in stream.readers:
            _lower(low, self.tops(reader), at - delays[reader[0]])
        if stream.stored:
            maker = stream.makers[-1]
            _lower(low, self.starts[maker], at - delays[maker] - 1)
        return int(min(max((ends - low).max(), 1), total))

    def steps(self, delays: tuple[int, ...]) -> int:
        """Steps from the first stripe of the first task to the last of the last."""
        return self.form.images * self.stripes + max(delays)


def _before(ends: np.ndarray) -> np.ndarray:
    """Rows done before each stripe."""
    starts = np.empty_like(ends)
    starts[0], starts[1:] = 0, ends[:-1]
    return starts


def _lower(low: np.ndarray, values: np.ndarray, ahead: int) -> None:
    """Lower bounds to the values of stripes that are so far ahead; the first's before it, none after all."""
    if ahead >= 0:
        low = low[: max(low.size - ahead, 0)]
        np.minimum(low, values[ahead:], out=low)
        return
    np.minimum(low[:-ahead], values[0], out=low[:-ahead])
    np.minimum(low[-ahead:], values[:ahead], out=low[-ahead:])
