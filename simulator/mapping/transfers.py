"""What the transfers of tilings cost links and far memories, apart. Equations: docs/models/mapping.md."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from simulator.hw.chip import Chip
from simulator.hw.component import Core, Service
from simulator.mapping.cost import Candidates, Operands, Trips, distinct, traffic_bytes
from simulator.mapping.route import ALONE, Beside, route
from simulator.mapping.shape import extent_x, extent_y, input_rows, row_tiles, rows_read
from simulator.workload.work import Contraction

ROLES = ("ifmap", "weight", "ofmap")


#: Kinds of run: those of a role's full tiles, and of its last one along c (ifmap) or n (ofmap).
RUNS = ("ifmap", "ifmap", "weight", "ofmap", "ofmap")


@dataclass(frozen=True)
class Rates:
    """What runs cost on their passage, float64, shape (RUNS, candidates); 0 where nothing limits.

    Attributes
    ----------
    byte_fs
        fs of the far memory (or a bus on the way, if slower) per byte.
    visit_fs
        fs of one visit of a page of it.
    moved
        Bytes of whole bursts per byte.
    last
        Share of the bytes of ifmap and ofmap that belong to the last tile, shape (2, candidates).
    """

    byte_fs: np.ndarray
    visit_fs: np.ndarray
    moved: np.ndarray
    last: np.ndarray

    def mean(self, role: str, cost: np.ndarray) -> np.ndarray:
        """Mean of one of the costs over all bytes of a role, float64, shape (candidates,)."""
        if role == "weight":
            return cost[2]
        full = 0 if role == "ifmap" else 3
        last = self.last[full // 3]
        return cost[full] * (1 - last) + cost[full + 1] * last


@dataclass(frozen=True)
class Passage:
    """Link and far memory of one operand.

    Attributes
    ----------
    link, far
        Names; "" where the operand lies where the core wants it.
    engines, slots
        Copies side by side; transfers in flight.
    start_fs, byte_fs
        What a transfer and each of its bytes take an engine.
    ask_fs
        Until the memory is asked.
    services
        How the far memory serves, and buses on the way; those that limit.
    """

    link: str = ""
    far: str = ""
    engines: int = 1
    slots: int = 1
    start_fs: float = 0.0
    byte_fs: float = 0.0
    ask_fs: int = 0
    services: tuple[Service, ...] = ()

    @property
    def latency_fs(self) -> int:
        """From the memory's last burst to the end."""
        return self.services[0].latency_fs if self.services else 0

    def stretched_fs(self, served_fs: np.ndarray) -> np.ndarray:
        """What serving takes with refreshes in between, at least."""
        if not self.services or not self.services[0].refresh_interval_fs:
            return served_fs
        time_fs, every_fs = self.services[0].refresh_time_fs, self.services[0].refresh_interval_fs
        return np.maximum(served_fs / (1 - time_fs / every_fs) - time_fs, served_fs)


def passages(chip: Chip, core: Core, ops: Operands, piece: int, beside: Beside = ALONE) -> dict[str, Passage]:
    """Role -> passage; ``piece`` is the size of the transfers whose time per byte is asked for.

    What the cores ``beside`` share is slower by as many as use it, but for what is brought to all at once.
    """
    local = tuple(ops.local(role) for role in ROLES)
    key = "passages", tuple(core.buffer(role) for role in ROLES), local, piece, beside
    if key not in chip.derived:
        chip.derived[key] = _find_passages(chip, core, ops, piece, beside)
    found: dict[str, Passage] = chip.derived[key]
    return found


def _find_passages(chip: Chip, core: Core, ops: Operands, piece: int, beside: Beside) -> dict[str, Passage]:
    found: dict[str, Passage] = {}
    for role in ROLES:
        taken = route(chip, core, role)
        transport = chip.links[taken.link].transport if taken.link else None
        if ops.local(role) or transport is None:
            found[role] = Passage()
            continue
        cores = () if role == beside.shared else beside.cores
        others = [chip.link_into(chip.cores[other].buffer(role)) for other in cores]
        ways = [chip.links[link].transport for link in others if link is not None]
        at_link = max(others.count(taken.link), 1)
        at_far = max(sum(way is not None and way.outer == transport.outer for way in ways), 1)
        link = chip.links[taken.link]
        empty, full = link.cycles(np.array([0, piece], np.int64)).tolist()
        period_fs = 1e15 / link.clock_hz * at_link
        passed = [_among(chip.memories[transport.outer].service(), at_far)]
        for via in transport.via:
            users = max(sum(way is not None and via in way.via for way in ways), 1)
            passed.append(_among(chip.links[via].service(), users))
        found[role] = Passage(
            link=taken.link,
            far=transport.outer,
            engines=transport.engines,
            slots=transport.slots,
            start_fs=empty * period_fs,
            byte_fs=(full - empty) * period_fs / piece,
            ask_fs=transport.start_fs,
            services=tuple(service for service in passed if service is not None),
        )
    return found


def _among(service: Service | None, users: int) -> Service | None:
    """What each of several users gets of a shared resource."""
    if service is None or users == 1:
        return service
    return replace(service, burst_fs=service.burst_fs * users, page_fs=service.page_fs * users)


def runs(work: Contraction, cand: Candidates, t: Trips, ops: Operands) -> np.ndarray:
    """Bytes of a run, distance of their starts, runs of a transfer; int64, shape (3, RUNS, candidates).

    A tile of some channels is a run per row, whole rows are one run. Weights lie in the order of the tiles.
    """
    planes = 1 if work.batched else work.groups
    groups = np.ones_like(cand.groups) if work.batched else cand.groups
    sizes = np.unique(cand.rows)
    rows_in = np.array([rows_read(work, size)[0] for size in sizes.tolist()], np.int64)
    rows_in = rows_in[np.searchsorted(sizes, cand.rows)]
    rows_out = np.where(cand.rows < work.oy, cand.rows, cand.rows // work.oy * work.oy)
    row_in, row_out = extent_x(work) * ops.ifmap_bits, work.ox * ops.ofmap_bits
    weight = _bytes(
        cand.groups * cand.n * (cand.c * work.fy * work.fx * ops.weight_bits + 8 * ops.bias_bytes)
    )
    c_last, n_last = work.c - (t.c - 1) * cand.c, work.k - (t.n - 1) * cand.n
    c_row, k_row = ops.row_channels[0] or planes * work.c, ops.row_channels[1] or planes * work.k
    whole_in = (cand.c == work.c) & (groups == planes) & (c_row == work.c * planes)
    whole_out = (cand.n == work.k) & (groups == planes) & (k_row == work.k * planes)
    all_in, all_out = row_in * c_row, row_out * k_row
    table = (
        *(_strided(row_in * c * groups, all_in, rows_in, whole_in) for c in (cand.c, c_last)),
        (weight, weight, np.ones_like(weight)),
        *(_strided(row_out * n * groups, all_out, rows_out, whole_out) for n in (cand.n, n_last)),
    )  # fmt: skip
    return np.array(table, np.int64).transpose(1, 0, 2)


def _strided(
    run_bits: np.ndarray, row_bits: int, rows: np.ndarray, whole: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Rows of which a part is moved; whole ones are one run."""
    run = _bytes(np.where(whole, rows * row_bits, run_bits))
    pitch = np.where(whole, run, _bytes(np.full_like(rows, row_bits)))
    return run, pitch, np.where(whole, 1, rows)


def _bytes(bits: np.ndarray) -> np.ndarray:
    return np.maximum(-(-bits // 8), 1)


@dataclass(frozen=True)
class Moves:
    """What the transfers of tilings move, however fast their passages are; roles that are not local.

    Attributes
    ----------
    traffic, transfers, ends
        Role -> bytes over its link, transfers at least, bytes of the first load or the last store (at least),
        int64, shape (candidates,).
    runs
        Role -> kinds of its runs (rows of ``RUNS``); bytes, distance and number of those that differ, int64,
        shape (3, any); and which of them those of each kind and candidate are, shape (kinds * candidates,).
    last
        As ``Rates.last``.
    """

    traffic: dict[str, np.ndarray]
    transfers: dict[str, np.ndarray]
    ends: dict[str, np.ndarray]
    runs: dict[str, tuple[list[int], np.ndarray, np.ndarray]]
    last: np.ndarray


def moves(work: Contraction, cand: Candidates, t: Trips, ops: Operands) -> Moves:
    """What the transfers of candidates move."""
    table, found = runs(work, cand, t, ops), {}
    for role in ROLES:
        if not ops.local(role):
            kinds = [i for i, name in enumerate(RUNS) if name == role]
            columns = table[:, kinds].reshape(3, -1)
            first, back = distinct(*columns)
            found[role] = kinds, np.ascontiguousarray(columns[:, first]), back
    last = [1 - (t.c - 1) * cand.c / work.c, 1 - (t.n - 1) * cand.n / work.k]
    return Moves(
        traffic_bytes(work, cand, t, ops), {role: transfers(role, cand, t) for role in found},
        _ends(work, cand, t, ops), found, np.array(last),
    )  # fmt: skip


def rates(moved: Moves, found: dict[str, Passage]) -> Rates:
    """What the runs of all operands cost on their passages."""
    from simulator.kernels.visits import run_costs  # numba: only when something is planned

    shape = len(RUNS), moved.last.shape[1]
    byte_fs, visit_fs, whole_bursts = np.zeros(shape), np.zeros(shape), np.ones(shape)
    for role, (kinds, (run, pitch, together), back) in moved.runs.items():
        for i, service in enumerate(found[role].services):
            costs = [np.empty(run.size) for _ in range(3)]
            run_costs(
                run, pitch, together,
                service.burst_bytes, service.burst_fs, service.page_bytes, service.page_fs, *costs,
            )  # fmt: skip
            per_byte, per_visit, whole = (each[back].reshape(len(kinds), -1) for each in costs)
            visit_fs[kinds] = np.where(per_byte > byte_fs[kinds], per_visit, visit_fs[kinds])
            byte_fs[kinds] = np.maximum(byte_fs[kinds], per_byte)
            whole_bursts[kinds] = whole if i == 0 else whole_bursts[kinds]
    return Rates(byte_fs, visit_fs, whole_bursts, moved.last)


@dataclass(frozen=True)
class Bounds:
    """What no run of a candidate can beat.

    Attributes
    ----------
    moving_fs
        Time of the busiest link or far memory, float64, shape (candidates,).
    by_role_fs
        Time of each role's passage, float64, shape (ROLES, candidates).
    ends_fs
        The first loads and the last store, beside which the core has nothing to do, float64, (candidates,).
    outside
        Bytes of whole bursts outside, float64, shape (candidates,).
    traffic
        Role -> bytes over its link, int64, shape (candidates,).
    """

    moving_fs: np.ndarray
    by_role_fs: np.ndarray
    ends_fs: np.ndarray
    outside: np.ndarray
    traffic: dict[str, np.ndarray]


def bounds(moved: Moves, found: dict[str, Passage], cost: Rates) -> Bounds:
    """Time of links and far memories, apart, for the whole traffic, and of what nothing overlaps with."""
    traffic, ends = moved.traffic, moved.ends
    zero = np.zeros(moved.last.shape[1])
    shared: dict[tuple[str, str], np.ndarray] = {}  # what (kind, name) has to do altogether
    first: dict[str, np.ndarray] = {}  # what has to come from a far memory before the first tile
    last_out, per_role, outside = zero, [], zero
    for role in ROLES:
        passage = found[role]
        if not passage.link:
            per_role.append(zero)
            continue
        linked = (
            traffic[role] * passage.byte_fs + moved.transfers[role] * passage.start_fs
        ) / passage.engines
        byte_fs = cost.mean(role, cost.byte_fs)
        served = passage.stretched_fs(traffic[role] * byte_fs)
        shared["link", passage.link] = shared.get(("link", passage.link), zero) + linked
        shared["far", passage.far] = shared.get(("far", passage.far), zero) + served
        per_role.append(np.maximum(linked, served))
        outside = outside + traffic[role] * cost.mean(role, cost.moved)
        alone = np.maximum(
            ends[role] * byte_fs, passage.start_fs + ends[role] * passage.byte_fs / passage.engines
        )
        if role == "ofmap":
            last_out = alone + passage.latency_fs
        else:
            first[passage.far] = first.get(passage.far, zero + passage.latency_fs) + ends[role] * byte_fs
            first[passage.far] = np.maximum(first[passage.far], alone)
    return Bounds(
        moving_fs=np.max(np.stack([zero, *shared.values()]), axis=0),
        by_role_fs=np.stack(per_role),
        ends_fs=np.max(np.stack([zero, *first.values()]), axis=0) + last_out,
        outside=outside,
        traffic=traffic,
    )


def transfers(role: str, cand: Candidates, t: Trips) -> np.ndarray:
    """Transfers that the traffic of a role is split into at least, int64, shape (candidates,)."""
    if role == "ofmap":
        return t.m * t.n * t.g
    if role == "ifmap":
        held, alone, outer, inner = cand.hold_ifmap == 1, cand.order == 0, t.m, t.n
    else:
        held, alone, outer, inner = cand.hold_weight == 1, cand.order == 1, t.n, t.m
    once = held | ((t.c == 1) & (alone | (outer == 1)))
    return outer * t.c * t.g * np.where(once, 1, inner)


def _ends(work: Contraction, cand: Candidates, t: Trips, ops: Operands) -> dict[str, np.ndarray]:
    """Role -> bytes of the first load, or of the last store; at least."""
    sizes = np.unique(cand.rows)
    rows = [next(iter(row_tiles(work, size))) for size in sizes.tolist()]
    rows_in = [(m[1] - m[0] - 1) * extent_y(work) + np.diff(input_rows(work, m[2], m[3]))[0] for m in rows]
    wide_in = extent_x(work) * ops.ifmap_bits * cand.c * np.where(work.batched, 1, cand.groups)
    rows_out = np.where(cand.rows < work.oy, (work.oy - 1) % cand.rows + 1, work.oy)
    wide_out = work.ox * ops.ofmap_bits * (work.k - (t.n - 1) * cand.n)
    weights = cand.groups * cand.n * cand.c * work.fy * work.fx * ops.weight_bits
    few = ops.weight_groups not in (0, work.groups) or ops.ifmap_groups not in (0, work.groups)
    return {
        "ifmap": np.array(rows_in, np.int64)[np.searchsorted(sizes, cand.rows)] * wide_in // 8,
        "weight": weights // (8 * (work.groups if few else 1)),
        "ofmap": rows_out * wide_out * np.where(work.batched, 1, work.groups - (t.g - 1) * cand.groups) // 8,
    }
