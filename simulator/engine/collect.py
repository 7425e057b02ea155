"""From spans and counters to a Result: the ledger, the rows, what bounds each node."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from simulator.base.units import UNLIMITED
from simulator.engine.bound import bound_in_chain, bound_of, roofs_fs
from simulator.engine.causes import History, node_stretches, total_fs
from simulator.engine.finished import Finished
from simulator.engine.machine import Machine, is_compute
from simulator.hw.chip import Chip
from simulator.hw.component import Component
from simulator.hw.profile import OUTCOMES
from simulator.hw.tiling import PRECISIONS
from simulator.hw.timing import bytes_by_memory, core_times_fs, port_times_fs
from simulator.mapping.program import STORE, Program
from simulator.results.ledger import Ledger
from simulator.results.result import EnergyEntry, MemoryInfo, NodeRow


def make_ledger(ran: Finished, exposed_fs: np.ndarray) -> Ledger:
    """Counts of every action of every component, per node; a node bears static power while it is exposed.

    ``exposed_fs``: int64, shape (nodes,).
    """
    program, chip, machine = ran.program, ran.chip, ran.machine
    columns = [(name, action) for name, c in chip.components.items() for action in (*c.ACTIONS, "static")]
    index = {column: j for j, column in enumerate(columns)}
    counts = np.zeros((len(program.nodes), len(columns)), np.int64)

    def add(component: str, action: str, nodes: np.ndarray, amount: np.ndarray) -> None:
        """Count an action of nodes, where the component has it."""
        if (component, action) in index:
            np.add.at(counts[:, index[component, action]], nodes, amount)

    everyone = np.arange(len(program.nodes))
    for name, core in chip.cores.items():
        commands = _commands_of(program, name)
        tiles, nodes = program.tiles[name][commands["work"]], commands["node"]
        actions = core.counts(tiles)
        for j, action in enumerate(core.ACTIONS):
            add(name, action, nodes, actions[:, j])
        for memory, moved in bytes_by_memory(core, tiles).items():
            add(memory, "read", nodes, moved[:, 0])
            add(memory, "write", nodes, moved[:, 1])
    for name in chip.links:
        commands = _commands_of(program, name)
        moves = program.moves[commands["work"]]
        add(name, "byte", commands["node"], moves["far_bytes"])
        if "codec" in chip.links[name].actions():
            add(name, "codec", commands["node"], moves["bytes"])
        stores = commands["kind"] == STORE
        for memory in program.memories:
            near, far = (_along(program, moves, memory, end) for end in ("near", "far"))
            add(memory, "read", commands["node"], moves["bytes"] * (near & stores))
            add(memory, "write", commands["node"], moves["bytes"] * (near & ~stores))
            if memory not in machine.shared:
                add(memory, "read", commands["node"], moves["far_bytes"] * (far & ~stores))
                add(memory, "write", commands["node"], moves["far_bytes"] * (far & stores))
    for name, unit in machine.shared.items():
        for action, amount in unit.counts().items():
            add(name, action, everyone, amount)
        for action, total in unit.background().items():
            add(name, action, everyone, by_share(total, exposed_fs))
    for name, component in chip.components.items():
        if _leaks(component):
            add(name, "static", everyone, exposed_fs // 1000)
    return Ledger(program.nodes, tuple(columns), counts)


def _leaks(component: Component) -> bool:
    """Whether what it draws at rest is its leakage times the time."""
    return not component.BACKGROUND or component.leakage_mw is not None


def by_share(total: int, weights: np.ndarray) -> np.ndarray:
    """A count in proportion to weights, whole and with the same sum; int64, as the weights."""
    until = np.cumsum(weights, dtype=object)  # beyond int64 in between
    if not until.size or not until[-1]:
        return np.full(weights.size, 0, np.int64)
    return np.diff((until * total // until[-1]).astype(np.int64), prepend=0)


def _along(program: Program, moves: np.ndarray, memory: str, end: str) -> np.ndarray:
    """Mask of the moves that have a memory at their near or far end, bool, shape (moves,)."""
    ways = [memory == way.far if end == "far" else memory in way.near for way in program.ways]
    return np.array(ways, bool)[moves["way"]] if ways else np.zeros(moves.size, bool)


def energy_entries(chip: Chip) -> tuple[EnergyEntry, ...]:
    """Energy of each action as the chip states it; ``static`` is leakage in pJ per picosecond."""
    entries = []
    for name, component in chip.components.items():
        for action in component.actions():
            energy = component.energy.get(action)
            if energy is None:
                entries.append(EnergyEntry(name, action, None, "unknown", component.source))
            else:
                source = energy.source or component.source
                entries.append(EnergyEntry(name, action, energy.pj, energy.origin, source, energy.band))
        if _leaks(component):
            entries.append(_static_entry(name, component))
    return tuple(entries)


def _static_entry(name: str, component: Component) -> EnergyEntry:
    origin = component.origins.get("leakage")
    pj_per_ps = None if component.leakage_mw is None else component.leakage_mw * 1e-3 * component.dies()
    if origin is None:
        return EnergyEntry(
            name, "static", pj_per_ps, "" if pj_per_ps is not None else "unknown", component.source
        )
    return EnergyEntry(
        name, "static", pj_per_ps, origin.origin, origin.source or component.source, origin.band
    )


def make_rows(history: History, in_chains: Mapping[int, dict[str, int]]) -> tuple[NodeRow, ...]:
    """One row per node of the graph; ``in_chains`` are the exposed causes of nodes in chains."""
    ran = history.ran
    program, chip = ran.program, ran.chip
    start, end, exposed = ran.nodes
    stretches = node_stretches(history)
    busy = _busy(program, chip, ran.machine)
    roofs = roofs_fs(ran)
    cores_of = _main_cores(program, chip)
    rows = []
    for i, name in enumerate(program.nodes):
        placed = program.about.placed[i] if program.about.placed else ("", {})
        latency = int(end[i] - start[i])
        spent = {resource: int(time[i]) for resource, time in busy.items() if time[i]}
        slots = sum(_mac_slots_per_s(program, chip, core, i) for core in cores_of[i])
        macs = int(program.macs[i])
        near = {resource: int(time[i]) for resource, time in roofs.items() if time[i]}
        alone = in_chains[i] if i in in_chains else total_fs(stretches[i], int(end[i] - exposed[i]))
        core = next(iter(cores_of[i]), "")
        bound = bound_of(stretches[i], int(start[i]), latency, core, near, chip)
        if i in in_chains and bound.word == "sync":
            bound = bound_in_chain(bound, alone, core, chip)
        rows.append(
            NodeRow(
                node=name,
                op=program.about.ops[i],
                core="+".join(cores_of[i]) or "-",
                origin=program.about.origins[i],
                start_fs=int(start[i]),
                end_fs=int(end[i]),
                exposed_fs=sum(alone.values()),
                macs=macs,
                utilization=macs / (slots * latency * 1e-15) if slots and latency else 0.0,
                bound=bound.word,
                limiter=bound.limiter,
                limiter_fs=bound.limiter_fs,
                busy_fs=spent,
                shape=program.about.shapes[i],
                causes_fs=total_fs(stretches[i], int(start[i])),
                exposed_causes_fs=alone,
                ifmap_density=program.about.densities[i][0],
                weight_density=program.about.densities[i][1],
                placed_by=placed[0],
                expected_fs=dict(placed[1]),
            )
        )
    return tuple(rows)


def plain_rows(ran: Finished, exposed_fs: np.ndarray) -> tuple[NodeRow, ...]:
    """Rows as ``make_rows`` makes them without what their time went to; ``exposed_fs`` int64, (nodes,)."""
    program, (start, end, _) = ran.program, ran.nodes
    about, cores_of = program.about, _main_cores(program, ran.chip)
    return tuple(
        NodeRow(
            node=name,
            op=about.ops[i],
            core="+".join(cores_of[i]) or "-",
            origin=about.origins[i],
            start_fs=int(start[i]),
            end_fs=int(end[i]),
            exposed_fs=int(exposed_fs[i]),
            macs=int(program.macs[i]),
            utilization=0.0,
            bound="",
            shape=about.shapes[i],
            ifmap_density=about.densities[i][0],
            weight_density=about.densities[i][1],
        )
        for i, name in enumerate(program.nodes)
    )


def _commands_of(program: Program, unit: str) -> np.ndarray:
    return program.commands[program.commands["unit"] == program.units.index(unit)]


def _busy(program: Program, chip: Chip, machine: Machine) -> dict[str, np.ndarray]:
    """Resource -> time in fs that it spent on each node; of on-chip memories, where ports limit."""
    busy = {name: unit.counts()["busy_fs"] for name, unit in machine.shared.items()}
    for name, unit in zip(program.units, machine.units, strict=True):
        if unit is None:
            continue
        commands = _commands_of(program, name)
        time = np.zeros(len(program.nodes), np.int64)
        np.add.at(time, commands["node"], np.array(unit.occupancy_fs, np.int64)[commands["work"]])
        busy[name] = time
        if name in chip.cores:
            tiles = program.tiles[name][commands["work"]]
            own = core_times_fs(chip.cores[name], tiles)
            for memory, port_fs in port_times_fs(chip.cores[name], chip.ports(name), tiles).items():
                busy.setdefault(memory, np.zeros(len(program.nodes), np.int64))
                np.add.at(busy[memory], commands["node"], np.where(port_fs > own, port_fs, 0))
    return busy


def _main_cores(program: Program, chip: Chip) -> list[list[str]]:
    """The core of each node that its first tile ran on and its copies that worked beside it; none: empty."""
    used: list[dict[str, None]] = [{} for _ in program.nodes]
    compute = program.commands[is_compute(program)]
    for unit, node in zip(compute["unit"].tolist(), compute["node"].tolist(), strict=True):
        used[node].setdefault(program.units[unit])
    firsts = [next(iter(names), None) for names in used]
    return [
        [] if first is None else [name for name in chip.alike(first) if name in names]
        for first, names in zip(firsts, used, strict=True)
    ]


def _mac_slots_per_s(program: Program, chip: Chip, core: str, node: int) -> float:
    commands = _commands_of(program, core)
    mine = commands[commands["node"] == node]
    precision = PRECISIONS[int(program.tiles[core][mine["work"][0]]["precision"])]
    return chip.cores[core].macs_per_cycle(precision) * chip.cores[core].clock_hz


def memory_infos(chip: Chip, machine: Machine) -> tuple[MemoryInfo, ...]:
    """Memories as a report shows them."""
    infos = []
    for name, memory in chip.memories.items():
        shared = machine.shared.get(name)
        profile = shared.profile() if shared is not None else None
        found = {} if profile is None else {key: int(profile.counts[n].sum()) for key, n in OUTCOMES.items()}
        infos.append(
            MemoryInfo(
                name=name,
                kind=memory.kind,
                capacity_bytes=None if memory.capacity_bytes >= UNLIMITED else memory.capacity_bytes,
                bandwidth_bytes_per_s=memory.peak_bytes_per_s(),
                external=memory.EXTERNAL,
                model=memory.simulated_as(),
                inside_bytes_per_s=memory.inside_bytes_per_s(),
                channels=memory.interface()[0],
                data_bits=memory.interface()[1],
                **found,
            )
        )
    return tuple(infos)
