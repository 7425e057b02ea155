"""What consecutive tasks read and write if they were a chain: streams of rows, and operands needed whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from simulator.mapping.chain import ChainForm, Stream
from simulator.mapping.piece import Piece
from simulator.mapping.remember import Remembered
from simulator.mapping.rowform import RowForm
from simulator.mapping.schedule import Task
from simulator.mapping.storages import Storages
from simulator.mapping.weigh import Apart, Parts, Way
from simulator.workload.work import Contraction

Forms = Sequence[RowForm | None]


@dataclass(frozen=True)
class Outline:
    """A chain as far as it follows from its tasks and from what stays on chip, however fast anything is.

    Attributes
    ----------
    form
        Streams of rows.
    apart, ways
        As those of ``Parts``.
    least_bytes
        Traffic if everything that it needs comes once.
    number
        Equal outlines have the same, and equal tasks.
    """

    form: ChainForm
    apart: tuple[tuple[Apart, ...], ...]
    ways: Mapping[str, Way]
    least_bytes: int
    number: int


_STRUCTURES: Remembered[tuple, int] = Remembered(2000)
_OUTLINES: Remembered[tuple, Outline | None] = Remembered()
_NUMBERS: Remembered[tuple, int] = Remembered()
_COUNT = count()


class Outlines:
    """Outlines of the chains of one list of tasks, remembered: most designs differ in speeds alone.

    Parameters
    ----------
    storages
        Knows lifetimes, homes and routes.
    forms, pieces
        Of all tasks.
    """

    def __init__(self, storages: Storages, forms: Forms, pieces: Sequence[Piece | None]) -> None:
        self.storages, self.forms, self.pieces = storages, forms, pieces
        self._touched = [tuple(dict.fromkeys((*task.reads, *task.writes))) for task in storages.tasks]
        self._works = [
            (t.work, t.core, t.ops, t.epilogue, t.bias_bytes, t.density, piece.bits if piece else None)
            for t, piece in zip(storages.tasks, pieces, strict=True)
        ]
        key = (
            tuple(self._works), tuple(forms), tuple((t.reads, t.writes) for t in storages.tasks),
            tuple(sorted(storages.list.sizes.items())), tuple(sorted(storages.home.items())),
            tuple(sorted(storages.outputs)),
            tuple((way, r.memory, r.link, r.far) for way, r in storages.routes.items()),
        )  # fmt: skip
        if key not in _STRUCTURES:
            _STRUCTURES[key] = next(_COUNT)
        self._structure = _STRUCTURES[key]
        routes = tuple(storages.routes.items())
        if routes not in _NUMBERS:
            _NUMBERS[routes] = next(_COUNT)
        self.routes = _NUMBERS[routes]  # equal ones have the same number

    def stays_of(self, stays: Mapping[str, str]) -> list[tuple[str | None, ...]]:
        """Of each task, where the storages that it touches stay."""
        return [tuple(map(stays.get, names)) for names in self._touched]

    def stays_at(self, task: int, stays: Mapping[str, str]) -> tuple[str | None, ...]:
        """Where the storages that a task touches stay."""
        return tuple(map(stays.get, self._touched[task]))

    def at(
        self, ends: tuple[int, int], stays: Mapping[str, str], stays_of: Sequence[tuple[str | None, ...]]
    ) -> Outline | None:
        """Consecutive tasks as a chain; None where they cannot be one.

        Parameters
        ----------
        ends
            First and last task of the chain.
        stays, stays_of
            Storage -> memory in which it stays whole; and the same by task.
        """
        key = self._structure, ends, tuple(stays_of[ends[0] : ends[1] + 1])
        if key not in _OUTLINES:
            _OUTLINES[key] = self._find(ends, stays)
        return _OUTLINES[key]

    def _find(self, ends: tuple[int, int], stays: Mapping[str, str]) -> Outline | None:
        i, j = ends
        mine = [form for form in self.forms[i : j + 1] if form is not None]
        if len(mine) != j + 1 - i or len({form.images for form in mine}) != 1:
            return None
        uses = _Uses(self.storages, self.forms, ends, stays)
        if not uses.collect():
            return None
        cores = tuple(self.storages.tasks[k].core for k in range(i, j + 1))
        form = ChainForm(i, tuple(mine), cores, tuple(uses.streams))
        rows = sum(
            stream.height * form.images * stream.row_bytes * (stream.loaded + stream.stored)
            for stream in form.streams
        )
        whole = sum(apart.bytes for aparts in uses.apart for apart in aparts)
        key = (tuple(self._works[i : j + 1]), i, form.forms, form.streams, tuple(uses.apart))
        if key not in _NUMBERS:
            _NUMBERS[key] = next(_COUNT)
        return Outline(form, tuple(uses.apart), uses.ways, rows + whole, _NUMBERS[key])

    def parts(self, outline: Outline) -> Parts:
        """The chain with its pieces."""
        form = outline.form
        pieces = tuple(piece for piece in self.pieces[form.first : form.last + 1] if piece is not None)
        return Parts(form, pieces, outline.apart, outline.ways)


class _Uses:
    """What tasks ``i`` to ``j`` read and write: streams of rows, and operands that they need whole."""

    def __init__(
        self, storages: Storages, forms: Forms, ends: tuple[int, int], stays: Mapping[str, str]
    ) -> None:
        self.storages, self.forms, self.stays = storages, forms, stays
        self.i, self.j = ends
        self.streams: list[Stream] = []
        self.apart: list[tuple[Apart, ...]] = []
        self.ways: dict[str, Way] = {}

    def collect(self) -> bool:
        """Fill in; False where the tasks cannot be a chain."""
        readers: dict[str, list[tuple[int, int]]] = {}
        makers: dict[str, list[int]] = {}
        whole: set[str] = set()
        for k in range(self.i, self.j + 1):
            task, form = self.storages.tasks[k], self.forms[k]
            assert form is not None
            aparts = []
            for operand, (name, window) in enumerate(zip(task.reads, form.reads, strict=True)):
                if window is not None:
                    readers.setdefault(name, []).append((k - self.i, operand))
                else:
                    whole.add(name)
                    aparts.append(self._apart(task, operand, name))
            self.apart.append(tuple(aparts))
            makers.setdefault(task.writes[0], []).append(k - self.i)
        if whole & set(makers):
            return False
        for name in dict.fromkeys((*readers, *makers)):
            stream = self._stream(name, tuple(readers.get(name, ())), tuple(makers.get(name, ())))
            if stream is None:
                return False
            self.streams.append(stream)
        return True

    def _apart(self, task: Task, operand: int, name: str) -> Apart:
        role = self.storages.read_role(task, name)
        local = self.storages.is_local(task, name, role, self.stays)
        size = 0 if local else self.storages.list.sizes[name]
        weight, way = isinstance(task.work, Contraction), (task.core, role)
        memory = self.storages.routes[way].memory
        return Apart("weight" if weight else f"in{operand}", size, way, memory, not weight)

    def _stream(
        self, name: str, readers: tuple[tuple[int, int], ...], makers: tuple[int, ...]
    ) -> Stream | None:
        """A storage's rows; None where its users want them in different places or at odds with each other."""
        storages = self.storages
        elsewhere = bool(makers) and (makers[0] in {k for k, _ in readers})  # written in place over what was
        if not self._in_turn(readers, makers, elsewhere):
            return None
        keys = [(storages.tasks[self.i + k].core, "ifmap") for k, _ in readers]
        keys += [(storages.tasks[self.i + k].core, "ofmap") for k in makers]
        ways = [storages.routes[key] for key in keys]
        memory = ways[0].memory
        height, row_bytes = self._extent(readers, makers)
        if any(way.memory != memory for way in ways) or not row_bytes:
            return None
        loaded = not makers or elsewhere
        ends_here = storages.dies[name] <= self.j and name not in storages.outputs
        stored = bool(makers) and not ends_here
        if (loaded or stored) and self.stays.get(name, storages.home[name]) == memory:
            return Stream(name, memory, height, row_bytes, makers, readers, False, False, False)
        if loaded or stored:
            if not all(way.link and way.far == storages.home[name] for way in ways):
                return None
            self.ways[name] = keys[0]
        return Stream(name, memory, height, row_bytes, makers, readers, loaded, stored, True)

    @staticmethod
    def _in_turn(readers: tuple[tuple[int, int], ...], makers: tuple[int, ...], elsewhere: bool) -> bool:
        """Whether each task that writes over rows is the only one to read what was there."""
        before = -1
        for number, maker in enumerate(makers):
            taken = [k for k, _ in readers if before < k <= maker]
            before = maker
            if (number or elsewhere) and taken != [maker]:
                return False
        return True

    def _extent(self, readers: tuple[tuple[int, int], ...], makers: tuple[int, ...]) -> tuple[int, int]:
        """Rows of an image and bytes of a row, (0, 0) where users see them differently."""
        seen = set()
        for k, operand in readers:
            form = self.forms[self.i + k]
            window = form.reads[operand] if form is not None else None
            assert window is not None
            seen.add((window.height, window.row_bytes))
        for k in makers:
            form = self.forms[self.i + k]
            assert form is not None
            seen.add((form.height, form.row_bytes))
        return seen.pop() if len(seen) == 1 else (0, 0)
