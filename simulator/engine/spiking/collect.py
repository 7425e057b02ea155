"""From steps to a Result: the ledger, a row per population, what bounds each, what cores and links did."""

from __future__ import annotations

import numpy as np

from simulator.base.units import UNLIMITED
from simulator.engine.collect import by_share
from simulator.engine.spiking.split import RECEIVE, SEND, Split
from simulator.engine.spiking.steps import StepTable
from simulator.hw.cores.spiking import SYNAPSE_ACTIONS
from simulator.hw.spiking import SpikingParts
from simulator.kernels.spikefill import AXONS_IN, AXONS_OUT, BITS, NEURONS
from simulator.kernels.spikerows import CONV, DENSE, HOPS_EW, HOPS_NS, MESSAGES, SPARSE
from simulator.mapping.spiking.lower import SpikingProgram
from simulator.mapping.spiking.schedule import ranges
from simulator.results.ledger import Ledger
from simulator.results.result import NodeRow
from simulator.results.spiking import Activity, CoreRun, LinkRun, PopulationRun, Spiking
from simulator.workload.spiking.models import MODELS
from simulator.workload.work import SYNAPSE_FORMATS

#: Groups of neurons and bins of steps of the picture of activity, at most.
_GROUPS, _BINS = 64, 200
#: Neurons of an output whose spikes a result lists, at most.
_LISTED = 100


def spiking_ledger(program: SpikingProgram, table: StepTable, split: Split, exposed_fs: np.ndarray) -> Ledger:
    """Counts of every action by population.

    Synaptic events go with the population that they arrive in, all else of a message with the one that sends
    it; static power with the time that a population is the cause of, barriers with the cores that hold it.
    """
    schedule, parts = program.schedule, program.schedule.parts
    names = tuple(each.name for each in schedule.network.populations)
    steps = program.log.steps
    held = split.held if split.held.any() else np.ones_like(split.held)
    mine = split.accesses > 0
    bits = split.sops @ parts.core.bits()
    columns: dict[tuple[str, str], np.ndarray] = {
        **{(parts.core_name, name): split.sops[:, k] for k, name in enumerate(SYNAPSE_ACTIONS)},
        (parts.core_name, "access"): split.accesses * steps,
        (parts.core_name, "update"): split.by_population(program.log.busy_steps * split.on_chip),
        (parts.core_name, "spike"): split.by_population(split.counts * split.on_chip),
        (parts.core_name, "axon_in"): split.sent[:, 0],
        (parts.core_name, "axon_out"): split.sent[:, 0] * mine,
        (parts.memory_name, "read"): -(-bits // 8),
        (parts.mesh_name, "hop_ew"): split.sent[:, 1],
        (parts.mesh_name, "hop_ns"): split.sent[:, 2],
        (parts.mesh_name, "barrier"): by_share(steps, held),
    }
    for name in schedule.chip.components:
        columns[name, "static"] = exposed_fs // 1000
    return Ledger(names, tuple(columns), np.stack(list(columns.values()), axis=1).astype(np.int64))


def exposed_causes(program: SpikingProgram, table: StepTable, split: Split) -> dict[str, np.ndarray]:
    """Cause -> int64 (P,), fs: what each population adds to the run; all together are its time exactly.

    The time of the slowest cores goes to the populations by what their side spent on each, and what messages
    add to it in the same proportion; barriers go to populations by the cores that hold them.
    """
    weights = np.zeros(len(split.held), np.int64)
    for core, side in np.argwhere(table.decisive_fs).tolist():
        weights += by_share(int(table.decisive_fs[core, side]), _usable(split.shares[core, side]))
    slowest = int(table.slowest_fs.sum())
    barriers = program.log.steps * program.schedule.barrier_fs
    waits = int(table.taken_fs.sum()) - slowest - barriers
    return {
        "compute": weights,
        "noc": by_share(waits, _usable(weights)),
        "sync": by_share(barriers, _usable(split.held)),
    }


def _usable(weights: np.ndarray) -> np.ndarray:
    return weights if weights.any() else np.ones_like(weights)


def population_rows(program: SpikingProgram, table: StepTable, split: Split) -> tuple[NodeRow, ...]:
    """One row per population; all run side by side from the first step to the last."""
    schedule = program.schedule
    causes = exposed_causes(program, table, split)
    end = int(table.taken_fs.sum())
    whole = {cause: int(time.sum()) for cause, time in causes.items() if time.any()}
    rows = []
    for index, each in enumerate(schedule.network.populations):
        mine = {cause: int(time[index]) for cause, time in causes.items() if time[index]}
        cores = schedule.cores_of(index)
        limiter, limiter_fs = _limiter(schedule.cores, table, split, index)
        rows.append(
            NodeRow(
                node=each.name,
                op=schedule.network.model if each.kind == "neuron" else each.kind,
                core=ranges(cores) if cores else "-",
                origin=each.name,
                start_fs=0,
                end_fs=end,
                exposed_fs=sum(mine.values()),
                macs=0,
                utilization=0.0,
                bound=max(mine, key=lambda cause: mine[cause]) if mine else "latency",
                causes_fs=whole,
                exposed_causes_fs=mine,
                limiter=limiter,
                limiter_fs=limiter_fs,
            )
        )
    return tuple(rows)


def _limiter(cores: tuple[int, ...], table: StepTable, split: Split, population: int) -> tuple[str, int]:
    """The core and side that decided for longest, among those where a population has a part; and how long."""
    mine = table.decisive_fs * (split.shares[:, :, population] > 0)
    if not mine.any():
        return "", 0
    core, side = divmod(int(np.argmax(mine)), 2)
    return f"core {cores[core]}, {'receiving' if side == RECEIVE else 'sending'}", int(mine[core, side])


def spiking_run(program: SpikingProgram, table: StepTable, split: Split) -> Spiking:
    """What the steps, populations, cores and links did."""
    schedule, log, parts = program.schedule, program.log, program.schedule.parts
    mesh = parts.mesh
    return Spiking(
        model=schedule.network.model,
        timing=mesh.timing,
        columns=mesh.columns,
        rows=mesh.rows,
        cores_per_tile=mesh.cores_per_tile,
        limits=_limits(parts),
        barrier_fs=schedule.barrier_fs,
        per_step=_per_step(program, table, split),
        populations=_populations(program, split),
        cores=_cores(program, table, split),
        links=tuple(LinkRun(*link, messages) for link, messages in split.links().items()),
        activity=_activity(program),
        outputs={
            name: tuple(int(count) for count in counts.reshape(-1))
            for name, counts in log.outputs.items()
            if counts.dtype.kind == "i" and counts.size <= _LISTED
        },
    )


def _limits(parts: SpikingParts) -> dict[str, int | None]:
    core = parts.core
    limits = {
        "neurons": core.neurons,
        "axons_in": core.axons_in,
        "axons_out": core.axons_out,
        "synapse_bytes": parts.memory.capacity_bytes,
    }
    return {name: None if limit >= UNLIMITED else limit for name, limit in limits.items()}


def _per_step(program: SpikingProgram, table: StepTable, split: Split) -> dict[str, tuple[int, ...]]:
    schedule, log = program.schedule, program.log
    inputs = (schedule.core_of < 0)[log.spike_neurons]
    at = log.spike_steps[inputs]
    from_inputs = np.bincount(at, minlength=log.steps)
    entering = schedule.rows.actions[log.spike_neurons[inputs], MESSAGES]
    outside = np.bincount(at, entering, log.steps).astype(np.int64)
    number = np.array(schedule.cores, np.int64)
    constant = np.ones(log.steps, np.int64)
    columns = {
        "fired": np.diff(log.offsets) - from_inputs,
        "inputs": from_inputs,
        "updated": log.updated.sum(axis=1, dtype=np.int64),
        "accessed": constant * split.neurons,
        "sops_dense": table.counts[:, DENSE],
        "sops_sparse": table.counts[:, SPARSE],
        "sops_conv": table.counts[:, CONV],
        "messages": table.counts[:, MESSAGES],
        "sent": table.counts[:, MESSAGES] - outside,
        "hops_ew": table.counts[:, HOPS_EW],
        "hops_ns": table.counts[:, HOPS_NS],
        "barriers": constant,
        "time_fs": table.taken_fs,
        "slowest_fs": table.slowest_fs,
        "slowest_core": number[table.slowest_core],
        "slowest_side": table.slowest_side,
    }
    return {name: tuple(column.tolist()) for name, column in columns.items()}


def _populations(program: SpikingProgram, split: Split) -> tuple[PopulationRun, ...]:
    schedule = program.schedule
    spikes = split.by_population(split.counts)
    runs = []
    for index, record in enumerate(schedule.describe()):
        runs.append(
            PopulationRun(
                name=record["population"],
                kind=record["kind"],
                neurons=record["neurons"],
                cores=tuple(record["cores"]),
                tiles=tuple(record["tiles"]),
                placed_by=record["placed_by"],
                format=record["format"],
                spikes=int(spikes[index]),
                sops=int(split.sops[index].sum()),
                messages=int(split.sent[index, 0]),
                hops=int(split.sent[index, 1:].sum()),
            )
        )
    return tuple(runs)


def _cores(program: SpikingProgram, table: StepTable, split: Split) -> tuple[CoreRun, ...]:
    schedule = program.schedule
    mesh = schedule.parts.mesh
    spikes = np.zeros(len(schedule.cores), np.int64)
    held = np.flatnonzero(split.on_chip)
    np.add.at(spikes, schedule.core_of[held], split.counts[held])
    runs = []
    for i, core in enumerate(schedule.cores):
        column, row = mesh.place(core)
        used = schedule.used[i]
        runs.append(
            CoreRun(
                core=core,
                tile=core // mesh.cores_per_tile,
                column=column,
                row=row,
                neurons=int(used[NEURONS]),
                axons_in=int(used[AXONS_IN]),
                axons_out=int(used[AXONS_OUT]),
                synapse_bytes=-(-int(used[BITS]) // 8),
                spikes=int(spikes[i]),
                sops=int(split.core_sops[i]),
                messages_in=int(split.messages[:, i].sum()),
                messages_out=int(split.messages[i].sum()),
                send_fs=int(table.busy_fs[i, SEND]),
                receive_fs=int(table.busy_fs[i, RECEIVE]),
                decisive_fs=int(table.decisive_fs[i].sum()),
            )
        )
    return tuple(runs)


def _activity(program: SpikingProgram) -> Activity:
    """Spikes of groups of neurons of one population each, over bins of steps."""
    network, log = program.schedule.network, program.log
    shown = [each for each in network.populations if each.count and each.kind != "output"]
    total = sum(each.count for each in shown)
    groups: list[tuple[int, int]] = []
    for each in shown:
        parts = max(1, min(each.count, _GROUPS * each.count // total))
        edges = [each.first + each.count * i // parts for i in range(parts + 1)]
        groups += list(zip(edges[:-1], edges[1:], strict=True))
    bins = min(log.steps, _BINS)
    edges = [log.steps * i // bins for i in range(bins + 1)]
    group_of = np.full(network.neurons, -1, np.int64)
    for index, (first, end) in enumerate(groups):
        group_of[first:end] = index
    group = group_of[log.spike_neurons]
    kept = group >= 0
    of_step = np.searchsorted(edges, np.arange(log.steps), side="right") - 1
    counts = np.zeros((len(groups), bins), np.int64)
    np.add.at(counts, (group[kept], of_step[log.spike_steps[kept]]), 1)
    return Activity(
        tuple(groups), tuple(zip(edges[:-1], edges[1:], strict=True)), tuple(map(tuple, counts.tolist()))
    )


def said(program: SpikingProgram) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Sentences that a result repeats: what was assumed, what is not modelled."""
    schedule = program.schedule
    network, mesh = schedule.network, schedule.parts.mesh
    assumed = list(network.assumptions)
    if not MODELS[network.model].integer:
        assumed.append("neurons compute in real numbers, as the network says, without a chip's own rounding")
    formats = {
        SYNAPSE_FORMATS[each.format]: network.populations[each.target].name
        for each in schedule.formats.connections
    }
    if len(formats) > 1:
        found = [
            f"{network.populations[each.source].name} to {network.populations[each.target].name} "
            f"{SYNAPSE_FORMATS[each.format]}"
            for each in schedule.formats.connections
        ]
        assumed.append(f"formats of synapses: {', '.join(found)}")
    left_out = [
        "time and energy of setting the chip up and of starting its steps (host, embedded processors)"
    ]
    if network.inputs:
        x, y = mesh.entry
        assumed.append(f"spikes of inputs enter the mesh at tile [{x}, {y}]")
        left_out.append("time and energy of what drives the inputs (host, embedded processors)")
    read = [each.name for each in network.populations if each.kind == "output"]
    if read:
        targets = schedule.network.synapses.targets
        beyond = int((schedule.core_of[targets] < 0).sum())
        left_out.append(f"sums that are formed outside the chip ({', '.join(read)}): {beyond} synapses")
    if network.outputs or read:
        left_out.append("reading outputs")
    return tuple(assumed), tuple(left_out)
