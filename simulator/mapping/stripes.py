"""The commands of a chain: stripe by stripe, what each of its tasks does, over line buffers.

A row of a storage (counted over all images) lies at row modulo rows of its line buffer. Dependencies follow
from the bytes, as everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

from simulator.mapping.builder import Builder, Span
from simulator.mapping.chain import Chain, Stream, Timetable, line_role
from simulator.mapping.piece import Piece
from simulator.mapping.route import Route, route
from simulator.mapping.runs import weight_span
from simulator.mapping.schedule import Place, Schedule
from simulator.mapping.shape import spans
from simulator.workload.work import Contraction


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows of a storage on chip: the first ``rows`` lie one after the other, the next ones in their place."""

    memory: str
    address: int
    rows: int
    row_bytes: int

    def spans(self, first: int, end: int) -> list[tuple[int, int, int]]:
        """(row, low, high) of the pieces that lie together, of rows ``first`` to ``end``."""
        pieces = []
        while first < end:
            at = first % self.rows
            count = min(end - first, self.rows - at)
            low = self.address + at * self.row_bytes
            pieces.append((first, low, low + count * self.row_bytes))
            first += count
        return pieces

    def bytes(self, first: int, end: int) -> list[Span]:
        """Bytes of rows ``first`` to ``end``."""
        return [(self.memory, low, high) for _, low, high in self.spans(first, end)]

    def part(self, first: int, end: int, of: tuple[int, int], whole: int) -> list[Span]:
        """Of rows ``first`` to ``end``, the channels ``of`` some ``whole`` number; all are one run."""
        if of == (0, whole):
            return self.bytes(first, end)
        low, high = (self.row_bytes * channel // whole for channel in of)
        starts = (self.address + row % self.rows * self.row_bytes for row in range(first, end))
        return [(self.memory, start + low, start + high) for start in starts]


class Stripes:
    """Loads, tiles and stores of one chain."""

    def __init__(self, schedule: Schedule, chain: Chain, builder: Builder) -> None:
        self.schedule, self.chain, self.builder = schedule, chain, builder
        self.table = Timetable(chain.form, chain.rows)
        self.delays = chain.form.delays(chain.pace)
        self.plans = schedule.tasks[chain.first : chain.last + 1]
        self.pieces = [self._piece(k) for k in range(len(self.plans))]
        self.rows = {stream.storage: self._lay(stream) for stream in chain.form.streams}
        self.loads = {s.storage: self.table.loads(s) for s in chain.form.streams if s.loaded}
        self.there: set[tuple] = set()  # resident weights and other whole operands that are on chip
        self.streamed: list[tuple] = [()] * len(self.plans)  # streamed weights that came last
        self.turns = [0] * len(self.plans)  # of the copies that streamed weights take in turn

    def _piece(self, k: int) -> Piece:
        graph, task = self.schedule.graph, self.plans[k].task
        result = graph.results(graph.nodes[task.node])[0]
        reads = [graph.tensors[n].bits if n in graph.tensors else result.bits for n in task.reads[:2]]
        core = self.schedule.chip.cores[task.core]
        return Piece(
            task, self.chain.form.forms[k], (reads[0], reads[-1], result.bits), core, self.schedule.chip
        )

    def _lay(self, stream: Stream) -> _Rows:
        """Where a stream's rows lie on chip; its users may touch its line buffer."""
        images = self.chain.form.images
        if not stream.rolling:
            place = self.schedule.places[stream.storage]
            return _Rows(place.memory, place.address, images * stream.height, stream.row_bytes)
        owner = self.chain.first + self.chain.form.owner(stream)
        place = self.schedule.buffers[owner, line_role(stream.storage)]
        for k in dict.fromkeys((*stream.makers, *(k for k, _ in stream.readers))):
            self.builder.allow(self.plans[k].task.node, place.memory, place.address, place.end)
        return _Rows(place.memory, place.address, place.bytes // stream.row_bytes, stream.row_bytes)

    def emit(self) -> None:
        """Walk the steps: first what the next step needs, then each task's piece."""
        stripes = self.table.stripes * self.chain.form.images
        for step in range(-1, self.table.steps(self.delays)):
            for stream in self.chain.form.streams:
                ahead = step - self.table.first_use(stream, self.delays) + 1 if stream.loaded else -1
                if 0 <= ahead < stripes:
                    self._load_rows(stream, ahead)
            for k, delay in enumerate(self.delays):
                stripe = step - delay
                if 0 <= stripe < stripes:
                    first, end = (int(at[k][stripe]) for at in (self.table.starts, self.table.ends))
                    if end > first:
                        self._do(k, first, end)

    def _do(self, k: int, first: int, end: int) -> None:
        """A task's piece, and its rows stored where they are needed elsewhere."""
        if isinstance(self.plans[k].task.work, Contraction):
            self._contract(k, first, end)
        else:
            self._slice(k, first, end)
        stream = self.chain.form.writes[k]
        if stream.stored and k == stream.makers[-1]:
            way, node = self._way(k, "ofmap"), self.plans[k].task.node
            home = self.schedule.places[stream.storage]
            for row, low, high in self.rows[stream.storage].spans(first, end):
                runs = [(home.address + row * stream.row_bytes, high - low)]
                self.builder.store(way.link, home, node, runs, [(way.memory, low)])

    def _load_rows(self, stream: Stream, stripe: int) -> None:
        starts, ends = self.loads[stream.storage]
        k = self.chain.form.owner(stream)
        way, home = self._way(k, "ifmap"), self.schedule.places[stream.storage]
        for row, low, high in self.rows[stream.storage].spans(int(starts[stripe]), int(ends[stripe])):
            runs = [(home.address + row * stream.row_bytes, high - low)]
            self.builder.load(way.link, home, self.plans[k].task.node, runs, [(way.memory, low)])

    def _way(self, k: int, role: str) -> Route:
        return route(self.schedule.chip, self.schedule.chip.cores[self.plans[k].task.core], role)

    def _contract(self, k: int, first: int, end: int) -> None:
        work, t = self.plans[k].task.work, self.plans[k].tiling
        assert isinstance(work, Contraction)
        rows = [(first + low, first + high) for low, high in spans(end - first, t.rows)]
        channels = spans(work.k, t.n)
        for group in spans(work.groups, t.groups):
            if t.order == "mn":
                order = [(m, n) for m in rows for n in channels]
            else:
                order = [(m, n) for n in channels for m in rows]
            for m, n in order:
                self._tile(k, work, m, group, n)

    def _tile(
        self, k: int, work: Contraction, m: tuple[int, int], group: tuple[int, int], n: tuple[int, int]
    ) -> None:
        task, form = self.plans[k].task, self.chain.form
        ifmap, ofmap = self.rows[task.reads[0]], self.rows[task.writes[0]]
        low, high = self.table.inputs((k, 0), *m)
        reads = ifmap.part(low, high, group, work.groups)
        weights = self._weights(k, work, group, n)
        written = (group[0] * work.k + n[0], (group[1] - 1) * work.k + n[1])
        writes = ofmap.part(*m, written, work.groups * work.k)
        tile = self.pieces[k].contraction_row(m[1] - m[0], n[1] - n[0], group[1] - group[0])
        self.builder.compute(task.core, task.node, tile, [*reads, weights], writes)
        assert form.writes[k].row_bytes == ofmap.row_bytes

    def _weights(self, k: int, work: Contraction, group: tuple[int, int], n: tuple[int, int]) -> Span:
        """Make sure that a tile's weights are on chip; where they are."""
        task, bits = self.plans[k].task, self.pieces[k].bits[1]
        way, home = self._way(k, "weight"), self.schedule.places[task.reads[1]]
        low, high = weight_span(work, bits, task.bias_bytes, home, group, n, (0, work.c))
        if home.memory == way.memory:
            return way.memory, low, high
        room = self.schedule.buffers[self.chain.first + k, "weight"]
        if self.chain.resident[k]:
            address, new = room.address + low - home.address, (k, group, n) not in self.there
            self.there.add((k, group, n))
        else:
            new = self.streamed[k] != (group, n)
            self.streamed[k] = group, n
            self.turns[k] += new
            buffer = next(b for b in self.plans[k].buffers if b.role == "weight")
            address = room.address + self.turns[k] % buffer.copies * buffer.bytes
        if new:
            self.builder.load(
                way.link, home, task.node, [(low, high - low)], [(way.memory, address)], "weight"
            )
        return way.memory, address, address + high - low

    def _slice(self, k: int, first: int, end: int) -> None:
        """Element-wise work or a move: one tile."""
        task, form = self.plans[k].task, self.chain.form.forms[k]
        reads: list[Span] = []
        for operand, name in enumerate(task.reads):
            if form.reads[operand] is None:
                reads.append(self._whole(k, operand))
            else:
                reads += self.rows[name].bytes(*self.table.inputs((k, operand), first, end))
        writes = self.rows[task.writes[0]].bytes(first, end)
        tile = self.pieces[k].sliced_row(first, end, sum(high - low for _, low, high in reads))
        self.builder.compute(task.core, task.node, tile, reads, writes)

    def _whole(self, k: int, operand: int) -> Span:
        """Make sure that a broadcast operand is on chip; where it is."""
        task = self.plans[k].task
        way, home = self._way(k, "ifmap"), self.schedule.places[task.reads[operand]]
        if home.memory == way.memory:
            return way.memory, home.address, home.end
        room: Place = self.schedule.buffers[self.chain.first + k, f"in{operand}"]
        if (k, operand) not in self.there:
            self.there.add((k, operand))
            runs = [(home.address, home.bytes)]
            self.builder.load(way.link, home, task.node, runs, [(way.memory, room.address)])
        return way.memory, room.address, room.address + home.bytes
