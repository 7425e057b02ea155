"""Candidates in the pipeline: tables for ``kernels.search``, which runs their tiles and transfers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.base.clock import Clock
from simulator.hw.component import Core
from simulator.mapping.builder import MOST_RUNS, PIECE_BYTES
from simulator.mapping.cost import Candidates, CoreTimes, Operands, Trips
from simulator.mapping.remember import Remembered
from simulator.mapping.shape import extent_x, extent_y, input_rows, row_tiles
from simulator.mapping.transfers import Passage, Rates
from simulator.workload.work import Contraction

#: A run is left off after so many tiles and transfers in all; then the best so far is taken.
MOST_STEPS = 400_000
#: Work -> rows of a tile -> ROWS of its tiles: the same for every core and chip.
_ROWS: Remembered[Contraction, dict[int, np.ndarray]] = Remembered(1000)


@dataclass(frozen=True)
class Pipeline:
    """Tables of candidates, as the kernel takes them.

    ``least_fs`` is what each cannot beat, ``finish_fs`` (the last table) when each ended that was run; int64,
    shape (candidates,).
    """

    tables: tuple[np.ndarray, ...]
    least_fs: np.ndarray
    finish_fs: np.ndarray

    def run(
        self, which: np.ndarray, *, slack: float = 1.0, limit: int | None = None, first_only: bool = False
    ) -> tuple[int, int]:
        """Run candidates in an order.

        Parameters
        ----------
        which
            int64, shape (any,): who, in which order.
        slack
            Who cannot end before ``slack`` times the best so far is left out.
        limit
            Only who ends by then counts, fs.
        first_only
            Stop at the first that does.

        Returns
        -------
        best, done : int
            Who ended first (``first_only``: the first that ended in time; -1: none), and how many were run.
        """
        from simulator.kernels.pipeline import NEVER  # numba: only when something is planned
        from simulator.kernels.search import finish_times  # likewise

        until = NEVER - 1 if limit is None else limit
        return finish_times(
            np.ascontiguousarray(which, np.int64), self.least_fs, slack, until, first_only, MOST_STEPS,
            *self.tables,
        )  # fmt: skip


@dataclass(frozen=True)
class Tables:
    """TILING of candidates, without what their passages cost; ROWS of their tiles, and where each begins."""

    tilings: np.ndarray
    rows: np.ndarray
    rows_first: np.ndarray


def make_tables(work: Contraction, cand: Candidates, t: Trips, times: CoreTimes) -> Tables:
    """What the kernel is to know of candidates, however fast their passages are."""
    from simulator.kernels import search  # numba: only when something is planned

    sizes, where = np.unique(cand.rows, return_inverse=True)
    tilings = np.zeros(cand.rows.size, search.TILING)
    for field in (
        "groups", "n", "c", "order", "hold_ifmap", "hold_weight",
        "ifmap_copies", "weight_copies", "ofmap_copies",
    ):  # fmt: skip
        tilings[field] = getattr(cand, field)
    tilings["rows"], tilings["kinds"] = where.reshape(-1), times.shape
    tilings["m_tiles"], tilings["n_tiles"], tilings["c_tiles"], tilings["g_tiles"] = t.m, t.n, t.c, t.g
    return Tables(tilings, *_rows(work, sizes.tolist(), search.ROWS))


def make_pipeline(
    work: Contraction, tables: Tables, t: Trips, ops: Operands, core: Core,
    times: CoreTimes, passages: dict[str, Passage], cost: Rates, traffic: np.ndarray, least_fs: np.ndarray,
) -> Pipeline:  # fmt: skip
    """Pack candidates for the kernel."""
    from simulator.kernels import pipeline, search  # numba: only when something is planned

    links, index, memories = _links(passages, pipeline.LINK, pipeline.MEMORY)
    tilings = tables.tilings.copy()
    tilings["byte_fs"], tilings["visit_fs"] = cost.byte_fs.T, cost.visit_fs.T
    outputs = t.m * t.n * t.g
    flights = int((2 * t.total + outputs + traffic // PIECE_BYTES).max()) + 16
    finish_fs = np.zeros(tilings.size, np.int64)
    engines, slots = (max(int(links[field].max()), 1) for field in ("engines", "slots"))
    packed = (
        tilings, _layer(work, ops, core, index, search.LAYER), tables.rows, tables.rows_first,
        times.busy_fs, times.latency_fs, links, memories,
        np.zeros(flights, pipeline.FLIGHT), np.zeros((2 * links.size, flights), np.int64),
        np.zeros(int(t.total.max()), pipeline.STEP), np.zeros(int(outputs.max()), pipeline.OUTPUT),
        np.zeros(2 * links.size, pipeline.QUEUE), np.zeros(2, search.HOLDING),
        np.zeros((links.size, engines), np.int64), np.zeros((links.size, slots), np.int64), finish_fs,
    )  # fmt: skip
    return Pipeline(packed, least_fs.astype(np.int64), finish_fs)


def _links(
    passages: dict[str, Passage], link_type: np.dtype, memory_type: np.dtype
) -> tuple[np.ndarray, dict[str, int], np.ndarray]:
    """LINK table, role -> its row (-1: local), MEMORY table; both have at least one row."""
    names = list(dict.fromkeys(passage.link for passage in passages.values() if passage.link))
    far = list(dict.fromkeys(passage.far for passage in passages.values() if passage.services))
    links, memories = np.zeros(max(len(names), 1), link_type), np.zeros(max(len(far), 1), memory_type)
    links["memory"] = -1
    for passage in passages.values():
        if passage.link:
            link = links[names.index(passage.link)]
            for field in ("engines", "slots", "start_fs", "byte_fs", "ask_fs"):
                link[field] = getattr(passage, field)
        if passage.services:
            link["memory"] = far.index(passage.far)
            service, memory = passage.services[0], memories[far.index(passage.far)]
            memory["slot_fs"], memory["latency_fs"] = service.burst_fs, service.latency_fs
            memory["every_fs"] = service.refresh_interval_fs
            memory["refresh_fs"] = service.refresh_time_fs
    return links, {r: names.index(p.link) if p.link else -1 for r, p in passages.items()}, memories


def _rows(work: Contraction, sizes: list[int], dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    """ROWS of tiles of each size one after the other, and where each size begins."""
    known = _ROWS.get(work)
    if known is None:
        known = _ROWS[work] = {}
    for size in sizes:
        if size not in known:
            known[size] = _rows_of(work, size, dtype)
    tables = [known[size] for size in sizes]
    first = np.cumsum([0, *(table.size for table in tables)], dtype=np.int64)
    return np.concatenate(tables), first


def _rows_of(work: Contraction, size: int, dtype: np.dtype) -> np.ndarray:
    """ROWS of tiles of one size, shape (tiles of rows,)."""
    height, table = extent_y(work), []
    most = size if size < work.oy else size // work.oy * work.oy
    for image, end, top, bottom in row_tiles(work, size):
        low, high = input_rows(work, top, bottom)
        out = (end - image) * (bottom - top)
        table.append((image * height + low, (end - 1) * height + high, out, out < most))
    return np.array(table, dtype)


def _layer(work: Contraction, ops: Operands, core: Core, link: dict[str, int], dtype: np.dtype) -> np.ndarray:
    clock = Clock.from_hz(core.clock_hz)
    fields = (
        work.groups, work.k, work.c, work.batched,
        ops.ifmap_groups or work.groups, ops.weight_groups or work.groups,
        extent_x(work) * ops.ifmap_bits, work.fy * work.fx * ops.weight_bits, 8 * ops.bias_bytes,
        work.ox * ops.ofmap_bits, link["ifmap"], link["weight"], link["ofmap"], clock.num, clock.den,
        PIECE_BYTES, MOST_RUNS,
    )  # fmt: skip
    return np.array([fields], dtype)
