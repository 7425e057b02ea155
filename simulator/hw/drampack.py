"""Device, controller and address mapping as the arrays of the DRAM kernel."""

from __future__ import annotations

from math import ceil, floor, prod

import numpy as np

from simulator.hw.addressing import Addressing
from simulator.hw.controller import Controller
from simulator.hw.device import Device
from simulator.hw.standard import COMMANDS, PLAIN
from simulator.kernels import dramstate as k

POLICIES = {"frfcfs": k.FRFCFS, "rowhit": k.ROWHIT, "fcfs": k.FCFS}
REFRESHES = {"none": k.NO_REFRESH, "all_bank": k.ALL_BANK, "per_bank": k.PER_BANK}

#: Refreshes of a rank for which there is room to wait: above nine (JEDEC: eight put off and one due) of each
#: of the eight pairs of banks that take turns. Intervals that cannot be kept are refused (``Device``).
MOST_DUE = 80


def make_tables(
    device: Device, controller: Controller, addressing: Addressing, pool: np.ndarray, arrivals: np.ndarray,
    parts: np.ndarray, *, posted: bool,
) -> k.Tables:  # fmt: skip
    """Everything that a run only reads; ``posted``: a write is done for its sender once it is taken in."""
    rules, rule_first = _rules(device, _used(controller))
    return k.Tables(
        shape=_shape(device, controller, posted),
        rules=rules,
        rule_first=rule_first,
        pieces=addressing.pieces(),
        pool=pool,
        arrivals=arrivals,
        parts=parts,
    )


def make_state(
    device: Device, controller: Controller, channels: int, *, flights: int, masters: int, nodes: int,
    latencies: int = 0, log: int = 0,
) -> k.State:  # fmt: skip
    """A channel that nobody has used; ``latencies`` and ``log`` are the sizes of those tables."""
    ranks = ranks_of(device)
    windowed = [rule for rule in device.rules if rule.window > 1]
    rings = max(sum(len(rule.after) for rule in windowed), 1)
    window = max((rule.window for rule in windowed), default=1)
    depth = max(controller.read_queue, controller.write_queue, device.banks)
    slots = controller.read_queue + controller.write_queue + device.banks
    commands = max(PLAIN, *(COMMANDS.index(name) + 1 for name in device.standard.commands))
    state = k.State(
        channels=np.zeros(channels, k.CHANNEL),
        banks=np.zeros((channels, device.banks), k.BANK),
        ranks=np.zeros((channels, ranks), k.RANK),
        ready=np.zeros((channels, commands, device.banks + 1), np.int64),
        ring=np.full((channels, rings, device.banks, window + 1), -k.FOREVER),
        queue=np.zeros((channels, 3, depth), k.QUEUED),
        length=np.zeros((channels, 3), np.int64),
        slots=np.zeros((channels, slots), k.SLOT),
        due=np.zeros((channels, MOST_DUE * ranks), np.int64),
        flights=np.zeros(flights, k.FLIGHT),
        streams=np.zeros((channels, masters), k.STREAM),
        total=np.zeros(1, k.TOTAL),
        commands=np.zeros((channels, commands), np.int64),
        counts=np.zeros((nodes, k.COUNTS), np.int64),
        bins=np.zeros((k.BIN_COUNT, k.BINS), np.int64),
        latencies=np.zeros(latencies, np.int64),
        log=np.zeros(log, k.LOGGED),
    )
    state.ring[..., window] = 0
    state.slots["next"] = np.arange(1, slots + 1)
    state.banks["rank"] = np.arange(device.banks) * ranks // device.banks
    state.banks["row"] = state.banks["active"] = -1
    state.streams["flight"] = state.streams["tail"] = -1
    channel = state.channels
    channel["tick"], channel["offers"] = 1, k.FOREVER
    channel["column_tick"] = channel["row_tick"] = k.FOREVER
    channel["opening"] = channel["held_from"] = -1
    channel["urgent_at"] = channel["gate"] = channel["handed"] = k.FOREVER
    channel["refresh_at"] = _refresh_every(device, controller)
    return state


def ranks_of(device: Device) -> int:
    """Ranks of a channel, or whatever all-bank refresh takes instead."""
    return prod(device.counts[: device.refresh_level + 1])


def background_ticks(state: k.State, tables: k.Tables, last: int) -> dict[str, int]:
    """Ticks up to the last, over all ranks, in each background state of a device.

    A refresh counts as standby with a row open, also where those of several banks overlap.
    """
    ranks, shape = state.ranks, tables.shape[0]
    refreshes = int(state.commands[:, [k.REFAB, k.REFPB]].sum())
    opened = int(ranks["active"].sum() + np.where(ranks["open"] > 0, last - ranks["since"], 0).sum())
    down_active, down_idle = int(ranks["down_active"].sum()), int(ranks["down_idle"].sum())
    if shape["down_after"]:
        asleep = np.maximum(last - state.channels["quiet_since"] - shape["down_after"], 0)
        asleep = np.where(state.length.sum(axis=1) == 0, asleep, 0)[:, None]
        down_active += int((asleep * (ranks["open"] > 0)).sum())
        down_idle += int((asleep * (ranks["open"] == 0)).sum())
    active = min(opened + refreshes * int(shape["refresh_time"]), last * ranks.size - down_idle)
    return {
        "standby_active": max(active - down_active, 0),
        "standby_idle": last * ranks.size - down_idle - active,
        "down_active": down_active,
        "down_idle": down_idle,
    }


def _shape(device: Device, controller: Controller, posted: bool) -> np.ndarray:
    sync, standard = device.standard.sync, device.standard
    shape = np.zeros(1, k.SHAPE)
    fields = {
        "access": device.access_bytes,
        "banks": device.banks,
        "ranks": ranks_of(device),
        "read_latency": device.read_latency,
        "two_buses": standard.two_buses,
        "aligned": sum(1 << COMMANDS.index(name) for name in standard.aligned.split())
        * (standard.phases > 1),
        "act2_within": device.clocks(standard.act2_within) if standard.act2_within else 0,
        "sync_read": device.clocks(sync.read) if sync else 0,
        "sync_write": device.clocks(sync.write) if sync else 0,
        "read_queue": controller.read_queue,
        "write_queue": controller.write_queue,
        "high": min(floor(controller.write_high * controller.write_queue) + 1, controller.write_queue),
        # without writes their mode ends in any case
        "low": max(ceil(controller.write_low * controller.write_queue), 1),
        "policy": POLICIES[controller.policy],
        "close": controller.page == "closed",
        "posted": posted,
        "refresh": REFRESHES[controller.refresh],
        "refresh_every": _refresh_every(device, controller),
        "refresh_banks": standard.refresh_banks,
        "refresh_time": device.timing["nRFCpb" if controller.refresh == "per_bank" else "nRFC"],
        "down_after": controller.power_down_cycles or 0,
        "down_exit": device.timing["nXP"],
        "age_limit": controller.age_limit_cycles or k.FOREVER,
    }
    for name, value in fields.items():
        shape[name] = value
    return shape


def _refresh_every(device: Device, controller: Controller) -> int:
    """Clocks between refreshes; with per-bank refresh each bank has its turn within the same interval."""
    if controller.refresh == "none":
        return int(k.FOREVER)
    interval = device.timing["nREFI"]
    if controller.refresh == "all_bank":
        return interval
    banks = device.banks // ranks_of(device)
    return interval // (banks // device.standard.refresh_banks)


def _used(controller: Controller) -> set[int]:
    """Commands that this controller ever issues; what binds others only need not be kept."""
    unused = {"open": {"RDA", "WRA"}, "closed": set()}[controller.page] | {
        "none": {"REFab", "REFpb", "PREab"},
        "all_bank": {"REFpb"},
        "per_bank": {"REFab", "PREab"},
    }[controller.refresh]
    return {i for i, name in enumerate(COMMANDS) if name not in {*unused, "CAS_RD", "CAS_WR"}}


def _rules(device: Device, used: set[int]) -> tuple[np.ndarray, np.ndarray]:
    """One row per pair of commands, by the first; a window keeps its instants per second command."""
    by_command: list[list[tuple[int, ...]]] = [[] for _ in COMMANDS]
    merged: dict[tuple[int, int, int, bool], int] = {}
    spans = [device.banks // prod(device.counts[: level + 1]) for level in range(len(device.counts))]
    rings = 0
    for rule in device.rules:
        for after in rule.after:
            if after not in used:
                continue
            for before in rule.before:
                if rule.window > 1:
                    by_command[before].append((spans[rule.level], after, rule.latency, rings, rule.window, 0))
                else:
                    key = (before, rule.level, after, rule.sibling)
                    merged[key] = max(merged.get(key, rule.latency), rule.latency)
            rings += rule.window > 1
    for (before, level, after, sibling), latency in merged.items():
        if latency > 0:
            brothers = device.counts[level] if sibling else 0
            by_command[before].append((spans[level], after, latency, -1, 1, brothers))
    first = np.cumsum([0, *(len(rows) for rows in by_command)]).astype(np.int32)
    return np.array([row for rows in by_command for row in rows], k.RULE), first
