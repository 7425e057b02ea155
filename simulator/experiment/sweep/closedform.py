"""What a network takes on a chip, in closed form: a roofline per layer, counts times energies.

Equations, and what they leave out: docs/models/sweeps.md. A layer takes its core what the whole layer takes
as one tile, ports included, its links what its bytes take a long stream; cores and links work side by side,
a link one layer ahead (``run_through``). Energy is counts times energy per action, and what is drawn at rest
times the latency. Feature maps stay on chip as the planner's eviction leaves them; what is off chip is read
once, or again for each part of the other operand where neither finds room.

Everything is kept per form of a component, so that a point takes microseconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from simulator.experiment.sweep.variants import Variant
from simulator.hw.chip import Chip
from simulator.hw.component import Component, Core, Link, Memory
from simulator.hw.memories.dram import REFRESHES, Dram
from simulator.hw.tiling import OPERATION_CLASSES, TILE
from simulator.hw.timing import bytes_by_memory, tile_times_fs
from simulator.mapping.operands import operand_bits
from simulator.mapping.place import whole_tile
from simulator.mapping.schedule import Task
from simulator.mapping.storages import Storages
from simulator.mapping.tasks import make_tasks
from simulator.mapping.tile import ENOUGH_PIECES
from simulator.workload.graph import Graph
from simulator.workload.work import Contraction

#: Pieces in which a layer gives its result; the planner prefers tilings of at least so many.
PIECES = ENOUGH_PIECES
#: Share of an on-chip memory that tiles take; the planner tries an eighth, a quarter and a half.
RESERVE = 0.25


@dataclass(frozen=True)
class Ways:
    """Bytes of each layer over one link to and from its far memory, int64, shape (layers,)."""

    link: str
    far: str
    near: str
    read: np.ndarray
    write: np.ndarray

    @cached_property
    def bytes(self) -> tuple[int, int]:
        """All that is read and written."""
        return int(self.read.sum()), int(self.write.sum())


class ClosedForm:
    """One network on all forms of one chip.

    Parameters
    ----------
    graph
        The network, at the precision that it is run in.
    chip
        Any form of the chip: which layers it has, and what each reads and writes, is taken from it.
    """

    def __init__(self, graph: Graph, chip: Chip) -> None:
        self.chip, self.graph = chip, graph
        tasks = make_tasks(graph, chip)
        self.tasks, self.sizes = tasks.tasks, tasks.sizes
        self.storages = Storages(graph, chip, tasks, False)
        self.homes = {task.core for task in self.tasks}
        self._cores: dict[Any, tuple[np.ndarray, np.ndarray]] = {}
        self._tiles: dict[Any, np.ndarray] = {}
        self._ways: dict[Any, list[Ways]] = {}
        self._paths: dict[Any, tuple[float, float, float, float]] = {}
        self._rest: dict[Any, float | None] = {}

    def figures(self, variant: Variant) -> dict[str, float | None]:
        """``latency_s``, ``energy_j``, ``edp_js`` and ``area_mm2`` at a design point; None: not known."""
        busy_fs, cores, active_pj = self._compute(variant)
        links: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        moved_pj = 0.0
        for ways in self._traffic(variant):
            byte_fs, start_fs, read_pj, write_pj = self._path(variant, ways)
            loads = ways.read * byte_fs + np.where(ways.read > 0, start_fs, 0.0)
            stores = ways.write * byte_fs
            before = links.get(ways.link, (0.0, 0.0))
            links[ways.link] = before[0] + loads, before[1] + stores
            moved_pj += ways.bytes[0] * read_pj + ways.bytes[1] * write_pj
        latency_fs = run_through(busy_fs, cores, links.values())
        rest_mw = [self._rest_mw(variant.components[name], key) for name, key in variant.keys.items()]
        areas = [
            component.area_mm2
            for component in variant.components.values()
            if not (isinstance(component, Memory) and component.EXTERNAL)
        ]
        known = not np.isnan(active_pj) and not np.isnan(moved_pj) and None not in rest_mw
        energy_j = None
        if known:
            drawn_pj = sum(power for power in rest_mw if power is not None) * latency_fs * 1e-6
            energy_j = (active_pj + moved_pj + drawn_pj) * 1e-12
        latency_s = latency_fs * 1e-15
        return {
            "latency_s": latency_s,
            "energy_j": energy_j,
            "edp_js": None if energy_j is None else energy_j * latency_s,
            "area_mm2": None if None in areas else float(sum(area for area in areas if area is not None)),
        }

    def _compute(self, variant: Variant) -> tuple[np.ndarray, list[int], float]:
        """Time of each layer on the core that does it soonest, which that is, and pJ of cores and buffers."""
        columns, energies, key = [], [], []
        for name, core in self.chip.cores.items():
            buffers = tuple(variant.keys[memory] for memory in dict.fromkeys(core.buffers.values()))
            key.append((variant.keys[name], buffers))
            if key[-1] not in self._cores:
                self._cores[key[-1]] = self._core(name, variant)
            columns.append(self._cores[key[-1]][0])
            energies.append(self._cores[key[-1]][1])
        table = np.stack(columns)
        soonest = table.argmin(axis=0)
        layers = np.arange(table.shape[1])
        active_pj = float(np.stack(energies)[soonest, layers].sum())
        return table[soonest, layers], soonest.tolist(), active_pj

    def _core(self, name: str, variant: Variant) -> tuple[np.ndarray, np.ndarray]:
        """Time of each layer on a core, infinite where it cannot; energy there in pJ, NaN where unknown."""
        core = variant.components[name]
        assert isinstance(core, Core)
        copies = self.chip.alike(name)
        able = [
            i for i, task in enumerate(self.tasks)
            if (core.accepts(task.work) if isinstance(task.work, Contraction) else task.core in copies)
        ]  # fmt: skip
        busy, energy = np.full(len(self.tasks), np.inf), np.zeros(len(self.tasks))
        if not able:
            return busy, energy
        tiles = self._tiles_of(able, core)
        ports = {memory: self._port(memory, name, variant) for memory in self.chip.memories}
        occupancy, _ = tile_times_fs(core, ports, tiles)
        parts = [min(getattr(self.tasks[i].work, "split", len(copies)), len(copies)) for i in able]
        busy[able] = occupancy / np.array(parts)
        spent = _priced(core.counts(tiles), core, core.ACTIONS)
        for memory, moved in bytes_by_memory(core, tiles).items():
            spent = spent + _priced(moved, variant.components[memory], ("read", "write"))
        energy[able] = spent
        return busy, energy

    def _tiles_of(self, layers: list[int], core: Core) -> np.ndarray:
        """Layers as one tile each with the operations that join it, TILE, shape (layers,)."""
        works = ((i, self.tasks[i].work) for i in layers)
        inner = [
            core.inner(work.c, work.fy * work.fx) if isinstance(work, Contraction) else i for i, work in works
        ]
        key = tuple(layers), tuple(inner)  # all that a layer's tile has from the core
        if key not in self._tiles:
            self._tiles[key] = np.concatenate([self._tile(i, core) for i in layers])
        return self._tiles[key]

    def _tile(self, i: int, core: Core) -> np.ndarray:
        """A layer as one tile with the operations that join it, TILE, shape (1,)."""
        task = self.tasks[i]
        tile: np.ndarray = whole_tile(task.work, core, task.density)
        assert tile.dtype == TILE
        if isinstance(task.work, Contraction):
            bits = operand_bits(task, self.graph)
            tile["ifmap_bits"], tile["weight_bits"], tile["ofmap_bits"] = bits
            tile["requant"] = "requant" in task.epilogue
        elements = self.graph.results(self.graph.nodes[task.node])[0].elements
        for operation, times in task.ops:
            tile["ops"][:, OPERATION_CLASSES.index(operation)] += times * elements
        return tile

    def _port(self, memory: str, core: str, variant: Variant) -> float | None:
        """Bytes per second that the ports of a memory give a core; copies share them."""
        part = variant.components[memory]
        assert isinstance(part, Memory)
        peak = part.peak_bytes_per_s()
        users = sum(memory in self.chip.cores[other].buffers.values() for other in self.chip.alike(core))
        return None if peak is None else peak / max(users, 1)

    def _traffic(self, variant: Variant) -> list[Ways]:
        """Bytes of each layer over each link, for what on-chip memories hold."""
        key = tuple(self._capacity(variant, name) for name, m in self.chip.memories.items() if not m.EXTERNAL)
        if key not in self._ways:
            self._ways[key] = self._moved(variant)
        return self._ways[key]

    @staticmethod
    def _capacity(variant: Variant, memory: str) -> int:
        part = variant.components[memory]
        assert isinstance(part, Memory)
        return part.capacity_bytes

    def _moved(self, variant: Variant) -> list[Ways]:
        storages = self.storages
        stays = {name: memory for name, memory in storages.can_stay().items() if name in storages.born}
        whole = dict(stays)
        for memory in sorted(set(stays.values())):
            limit = int(self._capacity(variant, memory) * (1 - RESERVE))
            storages.evict_to(stays, memory, limit)
            stays |= self._passed(memory, limit, stays, whole)
        table: dict[tuple[str, str, str], np.ndarray] = {}
        for i, task in enumerate(self.tasks):
            operands = []  # (route, bytes, way)
            for name in task.reads:
                role = storages.read_role(task, name)
                if not storages.is_local(task, name, role, stays):
                    operands.append((storages.operand_route(task, role), self.sizes[name], 0))
            if len(operands) == 2 and isinstance(task.work, Contraction):
                (way, ifmap, _), (other, weight, _) = operands
                held = storages.live_bytes(stays, way.memory, i)
                room = max((self._capacity(variant, way.memory) - held) // 2, 1)
                ifmap, weight = _reread(ifmap, weight, room)
                operands = [(way, ifmap, 0), (other, weight, 0)]
            for name in task.writes:
                if not storages.is_local(task, name, "ofmap", stays):
                    operands.append((storages.operand_route(task, "ofmap"), self.sizes[name], 1))
            for way, size, direction in operands:
                if way.link:
                    key = (way.link, way.far, way.memory)
                    rows = table.setdefault(key, np.zeros((len(self.tasks), 2), np.int64))
                    rows[i, direction] += size
        return [Ways(*key, rows[:, 0], rows[:, 1]) for key, rows in table.items()]

    def _passed(
        self, memory: str, limit: int, stays: Mapping[str, str], whole: Mapping[str, str]
    ) -> dict[str, str]:
        """Maps that do not stay whole but go from one layer to the next row by row, in a chain.

        A chain holds all its weights, and of each map the rows that the next layer's kernel covers, and one.
        """
        if self.chip.rules.fuse == "off":
            return {}
        storages, found, held = self.storages, {}, 0
        for i, (task, after) in enumerate(pairwise(self.tasks)):
            name = task.writes[0]
            alone = storages.dies[name] == i + 1 and storages.born[name] == i and name not in storages.outputs
            work = after.work
            weights = [self._weights(each) for each in (task, after)]
            rows = -(-self.sizes[name] * (work.fy + 1) // work.oy) if isinstance(work, Contraction) else 0
            held = held or weights[0]
            more = held + weights[1] + rows
            if (
                whole.get(name) == memory
                and alone
                and rows
                and more <= limit - storages.live_bytes(stays, memory, i)
            ):
                held = more
                if name not in stays:
                    found[name] = memory
            else:
                held = 0
        return found

    def _weights(self, task: Task) -> int:
        """Bytes of the second operand of a contraction."""
        return self.sizes[task.reads[1]] if isinstance(task.work, Contraction) else 0

    def _path(self, variant: Variant, ways: Ways) -> tuple[float, float, float, float]:
        """Of a link and its far memory: fs per byte, fs of a start, pJ per byte read and written."""
        via = self.chip.links[ways.link].transport
        passed = (ways.link, ways.far, ways.near, *(via.via if via else ()))
        key = tuple(variant.keys[name] for name in passed)
        if key not in self._paths:
            self._paths[key] = self._find_path(variant, ways)
        return self._paths[key]

    def _find_path(self, variant: Variant, ways: Ways) -> tuple[float, float, float, float]:
        link, far, near = (variant.components[name] for name in (ways.link, ways.far, ways.near))
        assert isinstance(link, Link)
        assert isinstance(far, Memory)
        transport = link.transport
        assert transport is not None
        rates = [link.peak_bytes_per_s(), far.stream_bytes_per_s(1 << 20)]
        shared = [variant.components[name] for name in transport.via]
        rates += [other.peak_bytes_per_s() for other in shared if isinstance(other, Link)]
        byte_fs = max(1e15 / rate for rate in rates if rate)
        service = far.service()
        start_fs = float(transport.start_fs + (service.latency_fs if service else 0))
        around = _price(link, "byte") + sum(_price(other, "byte") for other in shared if other.ACTIONS)
        rows = _price(far, "activate") / service.page_bytes if service and "activate" in far.ACTIONS else 0.0
        passing = _price(far, "io") if "io" in far.actions() else 0.0
        read = around + rows + passing + _price(far, "read") + _price(near, "write")
        write = around + rows + passing + _price(far, "write") + _price(near, "read")
        return byte_fs, start_fs, read, write

    def _rest_mw(self, component: Component, key: tuple[Any, ...]) -> float | None:
        """What a component draws whether it works or not, in mW; None where that is not known."""
        if key not in self._rest:
            self._rest[key] = _rest_mw(component)
        return self._rest[key]


def run_through(
    busy_fs: np.ndarray, cores: Sequence[int], links: Iterable[tuple[np.ndarray, np.ndarray]]
) -> float:
    """Time of all layers on cores and links that work side by side.

    A layer gives its result in ``PIECES`` pieces, and the next one, on another core, follows a piece behind;
    layers of one core follow each other. A link loads for a layer while the one before computes, not earlier,
    and stores what a layer made before it loads for the next but one.

    Parameters
    ----------
    busy_fs
        Time of each layer on its core, float64, shape (layers,).
    cores
        Number of each layer's core.
    links
        Of each link, its time for the loads and for the stores of each layer, shape (layers,) each.
    """
    ways = [(loads.tolist(), stores.tolist(), [0.0, 0.0]) for loads, stores in links]
    free = dict.fromkeys(cores, 0.0)
    begun = first = done = last = (
        0.0  # of the layer before: start, first piece, end; end of the one before that
    )
    for i, (time_fs, core) in enumerate(zip(busy_fs.tolist(), cores, strict=True)):
        piece = time_fs / PIECES
        begun = max(free[core], first)
        end = max(begun + time_fs, done + piece)
        for loads, stores, state in ways:
            loaded = max(state[0], last) + loads[i]
            end = max(end, loaded)
            state[0], state[1] = loaded + state[1], stores[i]
        last, done, first = done, end, begun + piece
        free[core] = end
    return float(max([done, *(max(state[0], done) + state[1] for _, _, state in ways)]))


def _rest_mw(component: Component) -> float | None:
    if not component.BACKGROUND:
        return component.leakage_mw
    if not isinstance(component, Dram):
        return component.leakage_mw or 0.0
    ranks = component.channels * component.device.ranks
    standby = component.energy.get("standby_active")
    if standby is None or standby.pj is None:
        return None
    total_mw = standby.pj * 1e3 * ranks  # pJ per ps is W
    service = component.service()
    refresh = component.energy.get(REFRESHES.get(component.controller.refresh, ""))
    if service.refresh_interval_fs and refresh is not None and refresh.pj is not None:
        times = component.device.refresh_turns if component.controller.refresh == "per_bank" else 1
        total_mw += refresh.pj * ranks * times / service.refresh_interval_fs * 1e6
    return total_mw + (component.leakage_mw or 0.0)


def _reread(ifmap: int, weight: int, room: int) -> tuple[int, int]:
    """Bytes of two operands off chip: each once if one of them finds room, else one of them repeatedly."""
    if min(ifmap, weight) <= room:
        return ifmap, weight
    again = (ifmap * -(-weight // room), weight), (ifmap, weight * -(-ifmap // room))
    return min(again, key=sum)


def _priced(counts: np.ndarray, component: Component, actions: tuple[str, ...]) -> np.ndarray:
    """Energy of rows of counts in pJ, float64, shape (rows,); NaN where one that occurred is unknown."""
    prices = np.array([_price(component, action) for action in actions])
    return np.where(counts > 0, counts * prices, 0.0).sum(axis=1)


def _price(component: Component, action: str) -> float:
    energy = component.energy.get(action)
    return float("nan") if energy is None or energy.pj is None else energy.pj
