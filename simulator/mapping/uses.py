"""What consecutive tasks read and write if they were a chain: streams of rows, and operands needed whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from simulator.mapping.chain import ChainForm, Stream
from simulator.mapping.piece import Piece
from simulator.mapping.route import Route
from simulator.mapping.rowform import RowForm
from simulator.mapping.schedule import Task
from simulator.mapping.storages import Storages
from simulator.mapping.weigh import Apart, Parts
from simulator.workload.work import Contraction

Forms = Sequence[RowForm | None]


def make_parts(
    storages: Storages,
    forms: Forms,
    pieces: Sequence[Piece | None],
    ends: tuple[int, int],
    stays: Mapping[str, str],
) -> Parts | None:
    """Consecutive tasks as a chain; None where they cannot be one.

    Parameters
    ----------
    storages
        Knows lifetimes, homes and routes.
    forms, pieces
        Of all tasks.
    ends
        First and last task of the chain.
    stays
        Storage -> memory in which it stays whole.
    """
    i, j = ends
    mine = [form for form in forms[i : j + 1] if form is not None]
    if len(mine) != j + 1 - i or len({form.images for form in mine}) != 1:
        return None
    uses = _Uses(storages, forms, ends, stays)
    if not uses.collect():
        return None
    cores = tuple(storages.tasks[k].core for k in range(i, j + 1))
    form = ChainForm(i, tuple(mine), cores, tuple(uses.streams))
    its_pieces = tuple(piece for piece in pieces[i : j + 1] if piece is not None)
    return Parts(form, its_pieces, tuple(uses.apart), uses.routes)


class _Uses:
    """What tasks ``i`` to ``j`` read and write: streams of rows, and operands that they need whole."""

    def __init__(
        self, storages: Storages, forms: Forms, ends: tuple[int, int], stays: Mapping[str, str]
    ) -> None:
        self.storages, self.forms, self.stays = storages, forms, stays
        self.i, self.j = ends
        self.streams: list[Stream] = []
        self.apart: list[tuple[Apart, ...]] = []
        self.routes: dict[str, Route] = {}

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
        way = self.storages.operand_route(task, role)
        local = self.storages.is_local(task, name, role, self.stays)
        size = 0 if local else self.storages.list.sizes[name]
        weight = isinstance(task.work, Contraction)
        return Apart("weight" if weight else f"in{operand}", size, way, not weight)

    def _stream(
        self, name: str, readers: tuple[tuple[int, int], ...], makers: tuple[int, ...]
    ) -> Stream | None:
        """A storage's rows; None where its users want them in different places or at odds with each other."""
        storages = self.storages
        elsewhere = bool(makers) and (makers[0] in {k for k, _ in readers})  # written in place over what was
        if not self._in_turn(readers, makers, elsewhere):
            return None
        ways = [storages.operand_route(storages.tasks[self.i + k], "ifmap") for k, _ in readers]
        ways += [storages.operand_route(storages.tasks[self.i + k], "ofmap") for k in makers]
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
            far = [way for way in ways if way.link and way.far == storages.home[name]]
            if len(far) != len(ways):
                return None
            self.routes[name] = far[0]
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
