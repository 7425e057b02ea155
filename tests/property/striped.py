"""Random chains of layers over feature maps, and a replay that knows which row every byte on chip belongs to."""

from __future__ import annotations

import numpy as np
from hypothesis import reject
from hypothesis import strategies as st
from networks import Sketch

from simulator.base.errors import InputError
from simulator.hw.chip import Chip
from simulator.mapping.plan import plan
from simulator.mapping.program import COMPUTE, LOAD, Program
from simulator.mapping.schedule import Schedule
from simulator.workload.graph import Graph
from simulator.workload.window import axes

#: Chips on which few maps stay whole.
TIGHT = {
    "cores.npu.rows": ["4", "16"],
    "cores.npu.cols": ["8", "16"],
    "cores.npu.conv": ["im2col", "channel_first"],
    "cores.vec.contractions": ["false", "true"],
    "memories.sram.capacity": ["4 KiB", "6 KiB", "8 KiB", "12 KiB"],
    "memories.acc.capacity": ["2 KiB", "8 KiB", "32 KiB"],
    "memories.dram.model": ["bandwidth"],
    "memories.dram.bandwidth": ["1 GB/s", "4 GB/s", "12.8 GB/s"],
    "links.dma.engines": ["1", "2"],
}


@st.composite
def tight_chips(draw: st.DrawFn) -> dict[str, str]:
    """Overrides of the edge NPU that leave little memory and a slow DRAM."""
    return {path: draw(st.sampled_from(values)) for path, values in TIGHT.items()}


@st.composite
def deep_networks(draw: st.DrawFn) -> Graph:
    """Three to seven layers over maps: convolutions (also grouped, dilated), poolings, sums, concatenations.

    Sums and concatenations take results of layers before, in the chain or outside; the kernel, stride, padding
    and dilation of rows and columns are drawn apart.
    """
    sketch = Sketch()
    shape = (
        draw(st.integers(1, 2)),
        draw(st.integers(1, 8)),
        draw(st.integers(12, 40)),
        draw(st.integers(8, 24)),
    )
    last = sketch.input(*shape)
    for _ in range(draw(st.integers(3, 7))):
        last = _layer(draw, sketch, last)
    return sketch.graph()


def _layer(draw: st.DrawFn, sketch: Sketch, last: str) -> str:
    images, channels, *plane = sketch.tensors[last].shape
    maps = [t for t in sketch.tensors.values() if t.constant is None and t.shape[2:] == tuple(plane)]
    kind = draw(st.sampled_from(["Conv", "Conv", "Conv", "Depthwise", "Add", "Relu", "MaxPool", "Concat"]))
    if kind == "Add":
        same = [t.name for t in maps if t.shape[1] == channels]
        return sketch.add("Add", [last, draw(st.sampled_from(same))], {}, ("requant",))
    if kind == "Relu":
        return sketch.add("Relu", [last])
    if kind == "Concat":
        other = draw(st.sampled_from(maps))
        return (
            sketch.add("Concat", [last, other.name], {"axis": 1}) if other.shape[1] + channels < 40 else last
        )
    steps = [draw(st.sampled_from([1, 1, 1, 1, 2, 3])) for _ in plane]
    dilations = [draw(st.sampled_from([1, 1, 2])) if kind != "MaxPool" else 1 for _ in plane]
    kernel = [
        draw(st.integers(1, max(1, min(5, (size - 1) // dilation + 1))))
        for size, dilation in zip(plane, dilations, strict=True)
    ]
    pads = [draw(st.integers(0, k - 1)) for k in (*kernel, *kernel)]
    attrs = {"strides": tuple(steps), "pads": tuple(pads), "kernel_shape": tuple(kernel)}
    if kind == "MaxPool":
        return sketch.add("MaxPool", [last], attrs)
    whole = channels if kind == "Depthwise" else draw(st.sampled_from([1, 1, 2]))
    groups = whole if channels % whole == 0 else 1
    filters = channels if kind == "Depthwise" else groups * draw(st.integers(1, 24 // groups))
    operands = [last, sketch.constant(filters, channels // groups, *kernel)]
    epilogue = draw(st.sampled_from([("requant",), ("requant", "relu"), ("sigmoid", "requant")]))
    if draw(st.booleans()):
        operands, epilogue = [*operands, sketch.constant(filters, dtype="int32")], ("bias", *epilogue)
    return sketch.add("Conv", operands, {**attrs, "dilations": tuple(dilations), "group": groups}, epilogue)


class RowReplay:
    """Every byte on chip with the storage, the version and the row that it belongs to, command by command.

    A byte that tasks write is written once per turn of its line buffer, so the number of times that it has
    been written says which row it holds; nothing here asks the planner which rows a stripe has.
    """

    def __init__(self, schedule: Schedule, program: Program) -> None:
        self.schedule, self.program = schedule, program
        self.memory = {name: i for i, name in enumerate(program.memories)}
        sram = program.capacity[self.memory["sram"]]
        self.row, self.maker = np.full(sram, -1), np.full(sram, -1)  # row, and task (or -2: loaded)
        self.turns: dict[tuple[str, int], np.ndarray] = {}  # (storage, maker) -> writes of each byte
        self.done: dict[int, set[int]] = {}  # task -> rows of its result that are there
        rows = program.accesses
        self.first = np.searchsorted(rows["command"], np.arange(program.size + 1))
        self.lines: dict[str, tuple[int, int, int]] = {}  # storage -> address, rows, bytes of a row
        self.chain_of: dict[tuple[int, int], int] = {}  # (node, unit) -> task of a chain
        self.nodes: list[set[int]] = []  # of each chain
        for chain in schedule.chains:
            tasks = [schedule.tasks[k].task for k in range(chain.first, chain.last + 1)]
            self.nodes.append({task.node for task in tasks})
            for k, task in enumerate(tasks, chain.first):
                self.chain_of[task.node, program.units.index(task.core)] = k
        chained = [p.task.node for p in schedule.tasks if any(p.task.node in nodes for nodes in self.nodes)]
        tasks_of_chains = sum(chain.last - chain.first + 1 for chain in schedule.chains)
        apart = sum(map(len, self.nodes)) == len(set().union(*self.nodes))
        #: Whether a command's node and unit tell its task and its chain.
        self.told_apart = apart and len(chained) == len(self.chain_of) == tasks_of_chains

    def check(self) -> None:
        """Run all commands; each piece of a chain reads exactly the rows that its windows cover."""
        now = None
        for at, command in enumerate(self.program.commands):
            node = int(command["node"])
            chain = next((i for i, nodes in enumerate(self.nodes) if node in nodes), None)
            if chain != now:
                now = chain
                self._lay(chain)
            if now is not None and command["kind"] == LOAD:
                self._loaded(at)
            elif now is not None and command["kind"] == COMPUTE:
                self._computed(at, self.chain_of[node, int(command["unit"])])
        for chain in self.schedule.chains:
            for k in range(chain.first, chain.last + 1):
                images, height = self._extent(k)
                assert self.done[k] == set(range(images * height)), "rows of a result are missing"

    def _lay(self, number: int | None) -> None:
        """The streams of a chain that begins: where their rows lie; nothing in line buffers is there yet."""
        self.lines = {}
        if number is None:
            return
        chain = self.schedule.chains[number]
        for stream in chain.form.streams:
            if stream.rolling:
                owner = chain.first + chain.form.owner(stream)
                place = self.schedule.buffers[owner, f"line {stream.storage}"]
                assert place.bytes % stream.row_bytes == 0
                self.row[place.address : place.end] = -1
            else:
                place = self.schedule.places[stream.storage]
                every = np.arange(place.bytes) // stream.row_bytes
                self.row[place.address : place.end], self.maker[place.address : place.end] = every, -2
            self.lines[stream.storage] = place.address, place.bytes // stream.row_bytes, stream.row_bytes

    def _extent(self, k: int) -> tuple[int, int]:
        """Images and rows of each of a task's result."""
        graph, task = self.schedule.graph, self.schedule.tasks[k].task
        shape = graph.results(graph.nodes[task.node])[0].shape
        return shape[0], shape[2]

    def _stamp(self, storage: str, maker: int, low: int, high: int) -> np.ndarray:
        """Rows that bytes of a line hold when they have been written once more."""
        address, rows, row_bytes = self.lines[storage]
        turns = self.turns.setdefault((storage, maker), np.zeros(rows * row_bytes, np.int64))
        part = slice(low - address, high - address)
        slots = np.arange(low - address, high - address) // row_bytes
        held = slots + turns[part] * rows
        turns[part] += 1
        self.row[low:high], self.maker[low:high] = held, maker
        return held

    def _accesses(self, at: int, write: bool) -> list[np.void]:
        table = self.program.accesses[self.first[at] : self.first[at + 1]]
        return [row for row in table if bool(row["write"]) == write and row["memory"] == self.memory["sram"]]

    def _storage_at(self, row: np.void) -> str | None:
        for name, (address, rows, row_bytes) in self.lines.items():
            if address <= row["low"] and row["high"] <= address + rows * row_bytes:
                return name
        return None

    def _loaded(self, at: int) -> None:
        """A load into a line: the bytes are those of the rows that the line then holds."""
        move = self.program.moves[self.program.commands[at]["work"]]
        requests = self.program.requests[move["first"] : move["last"]]
        for row in self._accesses(at, True):
            storage = self._storage_at(row)
            if storage is None:
                continue
            low, high, (address, rows, row_bytes) = int(row["low"]), int(row["high"]), self.lines[storage]
            far = np.concatenate([np.arange(r["addr"], r["addr"] + r["bytes"]) for r in requests])
            held, column = np.divmod(far - self.schedule.places[storage].address, row_bytes)
            slot = address + held % rows * row_bytes + column
            assert (slot == np.arange(low, high)).all(), f"{storage} is loaded into the place of other rows"
            self.row[low:high], self.maker[low:high] = held, -2

    def _computed(self, at: int, k: int) -> None:
        task = self.schedule.tasks[k].task
        made: set[int] = set()
        taken: dict[str, set[int]] = {}
        for row in self._accesses(at, False):
            storage = self._storage_at(row)
            if storage not in task.reads:
                continue
            part = slice(int(row["low"]), int(row["high"]))
            taken.setdefault(storage, set()).update(np.unique(self.row[part]).tolist())
            assert (self.maker[part] == self._maker_of(storage, k)).all(), (
                f"{task.name} reads another version"
            )
        for row in self._accesses(at, True):
            storage = self._storage_at(row)
            assert storage == task.writes[0], f"{task.name} writes elsewhere"
            made.update(np.unique(self._stamp(storage, k, int(row["low"]), int(row["high"]))).tolist())
        self.done.setdefault(k, set()).update(made)
        for operand, name in enumerate(task.reads):
            if name in taken:
                needed, hull = self._reached(k, operand, made)
                assert needed <= taken[name], f"{task.name} reads too few rows of {name}"
                assert taken[name] <= hull, f"{task.name} reads too many rows of {name}"

    def _maker_of(self, storage: str, k: int) -> int:
        """Task whose version of a storage another has to read; -2: what was there before the chain."""
        first = next(c.first for c in self.schedule.chains if c.first <= k <= c.last)
        writers = [i for i in range(first, k) if storage in self.schedule.tasks[i].task.writes]
        return writers[-1] if writers else -2

    def _reached(self, k: int, operand: int, made: set[int]) -> tuple[set[int], set[int]]:
        """Rows of an operand that the windows of some rows of the result cover, and all from first to last."""
        graph, task = self.schedule.graph, self.schedule.tasks[k].task
        node = graph.nodes[task.node]
        if task.name != node.name or node.op not in ("Conv", "MaxPool") or operand:
            return made, made
        kernel = node.attrs.get("kernel_shape") or graph.tensors[node.inputs[1]].shape[2:]
        axis = axes(graph.tensors[node.inputs[0]].shape[2:], kernel, node.attrs)[0]
        needed, hull = set(), set()
        for row in made:
            image, y = divmod(row, axis.out)
            rows = [y * axis.stride - axis.begin + i * axis.dilation for i in range(axis.kernel)]
            needed |= {image * axis.size + r for r in rows if 0 <= r < axis.size}
            first = min(max(rows[0], 0), axis.size - 1)  # a window wholly in the padding reads a row at least
            hull |= {
                image * axis.size + r for r in range(first, max(min(rows[-1] + 1, axis.size), first + 1))
            }
        return needed, set(range(min(hull), max(hull) + 1))


def planned(graph: Graph, chip: Chip) -> Schedule:
    """The schedule; an example whose smallest tile has no room is drawn again."""
    try:
        return plan(graph, chip)
    except InputError:
        reject()


def dram_requests(schedule: Schedule, program: Program) -> set[str]:
    """Storages that transfers touch in the memory off chip."""
    places = sorted((p.address, p.end, name) for name, p in schedule.places.items() if p.memory == "dram")
    touched = set()
    for request in program.requests:
        touched |= {name for low, high, name in places if low <= request["addr"] < high}
    return touched
