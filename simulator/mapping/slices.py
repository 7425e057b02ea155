"""Tilings of element-wise work and moves: how many slices at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from simulator.base.errors import InputError
from simulator.hw.chip import Chip
from simulator.hw.timing import tile_times_fs
from simulator.mapping.place import whole_tile
from simulator.mapping.route import ALONE, Beside, align, route
from simulator.mapping.schedule import Buffer, Task, Tiling
from simulator.mapping.shape import spans
from simulator.mapping.tile import Choice, remembered
from simulator.workload.work import Contraction, Elementwise, Match, Move, Window

#: Element-wise work is cut at most so often: enough for neighbours to overlap, few enough for the engine.
MOST_SLICES = 64
#: So many let a task overlap with the ones before and after it; preferred among tilings of about the same
#: time.
ENOUGH_SLICES = 8


@dataclass(frozen=True, slots=True)
class Operand:
    """One tensor of a sliced task.

    Its bytes, whether it lies where the core wants it, whether slices cut it.
    """

    storage: str
    bytes: int
    local: bool
    sliced: bool


def slice_span(size: int, split: int, first: int, last: int) -> tuple[int, int]:
    """Byte range of slices ``first`` to ``last`` of a tensor of ``size`` bytes."""
    return size * first // split, size * last // split


def window_span(size: int, window: Window, split: int, first: int, last: int) -> tuple[int, int]:
    """Byte range of the input rows that output rows ``first`` to ``last`` of a pooling read."""
    images = max(1, split // window.oy)
    row_bytes = size / (images * window.iy)
    first_image, top = divmod(first, window.oy)
    last_image, bottom = divmod(last - 1, window.oy)
    low = first_image * window.iy + max(0, min(top * window.stride - window.pad, window.iy - 1))
    high_row = min(window.iy, max(bottom * window.stride - window.pad + window.kernel, 1))
    high = last_image * window.iy + high_row
    return int(low * row_bytes), min(size, -int(-high * row_bytes // 1))


def make_operand(task: Task, index: int, sizes: Sequence[int], elements: int | None, local: bool) -> Operand:
    """Input ``index`` of a task whose inputs have ``sizes`` bytes; ``elements`` of this one, None: unknown.

    A move may read less than its tensors hold (Slice, Gather): each input gives its share, from its start. Of
    arithmetic, an input that the slices do not divide (a broadcast one) is read whole, once.
    """
    name, size = task.reads[index], sizes[index]
    if isinstance(task.work, Move):
        share = size * task.work.bytes_read // max(sum(sizes), 1)
        return Operand(name, min(size, share), local, True)
    if isinstance(task.work, Match):  # vectors pass one by one, by all that is stored
        return Operand(name, size, local, index == 0)
    windowed = index == 0 and isinstance(task.work, Elementwise) and task.work.window is not None
    return Operand(name, size, local, windowed or elements is None or elements % split_of(task) == 0)


def slice_spans(task: Task, rows: int) -> list[tuple[int, int]]:
    """Tiles of ``rows`` slices: (first, end). Rows of a window stay inside one image, or are whole images.

    Of a part, those that lie in it.
    """
    part = task.part
    if part is None:
        return _all_spans(task, rows)
    if rows >= split_of(task):
        return [(part.first, part.end)]
    cuts = ((max(first, part.first), min(end, part.end)) for first, end in _all_spans(task, rows))
    return [(first, end) for first, end in cuts if end > first]


def _all_spans(task: Task, rows: int) -> list[tuple[int, int]]:
    split = split_of(task)
    window = task.work.window if isinstance(task.work, Elementwise) else None
    if window is None:
        return spans(split, rows)
    if rows >= window.oy:
        return spans(split, rows // window.oy * window.oy)
    images = range(0, split, window.oy)
    return [(image + first, image + end) for image in images for first, end in spans(window.oy, rows)]


def operand_span(operand: Operand, task: Task, index: int, first: int, last: int) -> tuple[int, int]:
    """Byte range of an input that slices ``first`` to ``last`` read."""
    split = split_of(task)
    if not operand.sliced:
        return 0, operand.bytes
    window = task.work.window if isinstance(task.work, Elementwise) else None
    if window is not None and index == 0:
        return window_span(operand.bytes, window, split, first, last)
    return slice_span(operand.bytes, split, first, last)


def split_of(task: Task) -> int:
    """Number of independent slices of a task that is no contraction."""
    assert not isinstance(task.work, Contraction)
    return max(1, task.work.split)


def slice_tiling(
    task: Task,
    inputs: list[Operand],
    outputs: list[Operand],
    chip: Chip,
    room: Mapping[str, int],
    beside: Beside = ALONE,
) -> Choice:
    """Slices per tile of the least expected time that fits; within 1 % of it, near ``ENOUGH_SLICES`` tiles.

    Parameters as for ``slice_choices``.

    Raises
    ------
    InputError
        One slice does not fit.
    """
    free = room[chip.cores[task.core].buffer("ifmap")]
    key = (chip.timing_digest, task.core, task.work, task.part, tuple(inputs), tuple(outputs), beside, free)

    def find() -> Choice:
        """The choice among all."""
        choices = slice_choices(task, inputs, outputs, chip, room, beside)
        least = min(choice.expected_fs for choice in choices)
        near = [choice for choice in choices if choice.expected_fs <= least * 1.01]
        return min(near, key=lambda choice: (abs(choice.tiles - ENOUGH_SLICES), choice.tiles))

    return remembered(key, find)


def slice_choices(
    task: Task, inputs: list[Operand], outputs: list[Operand], chip: Chip, room: Mapping[str, int],
    beside: Beside,
) -> list[Choice]:  # fmt: skip
    """All numbers of slices per tile that are worth trying and fit, the largest tiles first.

    Parameters
    ----------
    task, inputs, outputs
        The task on its core, and its operands.
    chip, room
        The chip, and free bytes per memory for the parts of the task together.
    beside
        What does other parts of the task at the same time.

    Raises
    ------
    InputError
        One slice does not fit.
    """
    core = chip.cores[task.core]
    routed = route(chip, core, "ifmap", beside.cores)
    free = room[routed.memory] // beside.users(chip, "ifmap", routed.memory)
    split = split_of(task)
    parts = sorted(
        {min(split, p) for p in (1, 2, 4, 8, 16, 32, MOST_SLICES, 4 * MOST_SLICES, 16 * MOST_SLICES, split)}
    )
    occupancy, latency = tile_times_fs(core, chip.ports(task.core), whole_tile(task.work, core))
    mine = split if task.part is None else task.part.end - task.part.first
    busy_fs, start_fs = int(occupancy[0]) * mine // split, int(latency[0])
    moved = sum(o.bytes * mine // split if o.sliced else o.bytes for o in (*inputs, *outputs) if not o.local)
    per_byte_fs = 1e15 / routed.bytes_per_s if routed.bytes_per_s else 0.0
    choices: list[Choice] = []
    for part in parts:
        rows = -(-split // part)
        tiles = len(slice_spans(task, rows))
        if choices and tiles > MOST_SLICES:
            break
        buffers = _buffers(task, inputs, outputs, rows, routed.memory)
        if sum(b.total for b in buffers) > free:
            continue
        linked_fs = moved * per_byte_fs + tiles * routed.start_fs
        time = int(max(busy_fs + tiles * start_fs, linked_fs) + moved * per_byte_fs / tiles)
        bound = core.BOUND if busy_fs >= linked_fs else routed.far
        choices.append(Choice(Tiling(rows), tuple(buffers), time, bound, tiles, len(parts), moved))
    if not choices:
        need = sum(b.total for b in _buffers(task, inputs, outputs, 1, routed.memory))
        message = (
            f"too small for node '{task.name}': its smallest tile needs {need} B of buffers there, "
            f"{free} B are free; enlarge the memory"
        )
        raise InputError(chip.problem(message, f"memories.{routed.memory}.capacity"))
    return choices


def _buffers(
    task: Task, inputs: list[Operand], outputs: list[Operand], rows: int, memory: str
) -> list[Buffer]:
    split = split_of(task)
    cuts = _all_spans(task, rows)  # those of a part lie inside them
    twice = 2 if len(slice_spans(task, rows)) > 1 else 1
    buffers = []
    for i, operand in enumerate(inputs):
        if not operand.local:
            ranges = (operand_span(operand, task, i, first, end) for first, end in cuts)
            size = align(max(max(high - low for low, high in ranges), 1))
            buffers.append(Buffer(f"in{i}", memory, size, twice if operand.sliced else 1))
    for i, operand in enumerate(outputs):
        if not operand.local:
            ranges = (slice_span(operand.bytes, split, first, end) for first, end in cuts)
            size = align(max(max(high - low for low, high in ranges), 1))
            buffers.append(Buffer(f"out{i}", memory, size, twice))
    return buffers
