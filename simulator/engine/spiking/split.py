"""What populations, cores and links did: the raster's counts through static rows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from simulator.kernels.spikefill import NEURONS
from simulator.kernels.spikerows import HOPS_EW, HOPS_NS, MESSAGES
from simulator.mapping.spiking.lower import SpikingProgram

SEND, RECEIVE = 0, 1


@dataclass(frozen=True, eq=False)
class Split:
    """Counts of a run by population (P), core (C) and link."""

    program: SpikingProgram

    @cached_property
    def counts(self) -> np.ndarray:
        """int64 (n,): spikes of each neuron, events of input channels among them."""
        return self.program.log.counts

    @cached_property
    def on_chip(self) -> np.ndarray:
        """Neurons that a core holds, bool (n,)."""
        return self.program.schedule.core_of >= 0

    def by_population(self, values: np.ndarray) -> np.ndarray:
        """Sums over the neurons of each population, int64 (P,), of int64 (n,)."""
        populations = self.program.schedule.network.populations
        return np.array([int(values[each.neurons].sum()) for each in populations], np.int64)

    @cached_property
    def _events(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of every synapse whose target a core holds: its index, its target, how often it was gone over."""
        synapses = self.program.schedule.network.synapses
        often = np.repeat(self.counts, synapses.fan_out)
        used = np.flatnonzero((often > 0) & self.on_chip[synapses.targets])
        return used, synapses.targets[used], often[used]

    @cached_property
    def sops(self) -> np.ndarray:
        """int64 (P, formats): synaptic operations that arrive in each population."""
        schedule = self.program.schedule
        used, targets, often = self._events
        kinds = len(schedule.parts.core.bits())
        formats = schedule.formats.of
        kind = np.int64(formats[0]) if formats.size == 1 else formats[used]
        key = schedule.formats.population[targets] * np.int64(kinds) + kind
        size = len(schedule.network.populations) * kinds
        return _sums(key, often, size).reshape(-1, kinds)

    @cached_property
    def core_sops(self) -> np.ndarray:
        """int64 (C,): synaptic operations of each core."""
        rows = self.program.schedule.rows
        return _sums(rows.core, self._entry_counts * rows.synapses, len(self.program.schedule.cores))

    @cached_property
    def _entry_counts(self) -> np.ndarray:
        """int64 (entries,): messages along each entry of the rows."""
        return np.repeat(self.counts, np.diff(self.program.schedule.rows.first))

    @cached_property
    def messages(self) -> np.ndarray:
        """int64 (C + 1, C): messages from each core, and from outside, to each core."""
        schedule = self.program.schedule
        cores = len(schedule.cores)
        sender = np.where(self.on_chip, schedule.core_of, cores).astype(np.int64)
        key = np.repeat(sender, np.diff(schedule.rows.first)) * cores + schedule.rows.core
        return _sums(key, self._entry_counts, (cores + 1) * cores).reshape(cores + 1, cores)

    @cached_property
    def sent(self) -> np.ndarray:
        """int64 (P, 3): messages of each population, their hops along rows and along columns."""
        actions = self.program.schedule.rows.actions
        columns = [self.by_population(self.counts * actions[:, a]) for a in (MESSAGES, HOPS_EW, HOPS_NS)]
        return np.stack(columns, axis=1)

    @cached_property
    def shares(self) -> np.ndarray:
        """int64 (C, 2, P): time of each side of each core that each population is the cause of, fs.

        A message's own time goes with the synapses that it leads to.
        """
        schedule, log, core = self.program.schedule, self.program.log, self.program.schedule.parts.core
        cores, populations = len(schedule.cores), len(schedule.network.populations)
        shares = np.zeros((cores, 2, populations), np.int64)
        held = np.flatnonzero(self.on_chip)
        send = core.spike_fs + core.axon_out_fs * np.diff(schedule.rows.first)[held]
        own = core.access_fs * log.steps + core.update_fs * log.busy_steps[held] + send * self.counts[held]
        population = schedule.formats.population
        np.add.at(shares[:, SEND], (schedule.core_of[held], population[held]), own)
        used, targets, often = self._events
        formats, event_fs = schedule.formats.of, core.event_fs()
        each = event_fs[formats[0]] if formats.size == 1 else event_fs[formats[used]]
        key = schedule.core_of[targets] * np.int64(populations) + population[targets]
        shares[:, RECEIVE] = _sums(key, often * each, cores * populations).reshape(cores, populations)
        return shares

    @cached_property
    def held(self) -> np.ndarray:
        """int64 (P,): cores that hold neurons of each population."""
        schedule = self.program.schedule
        numbers = range(len(schedule.network.populations))
        return np.array([len(schedule.cores_of(index)) for index in numbers], np.int64)

    @cached_property
    def accesses(self) -> np.ndarray:
        """int64 (P,): neurons of each population that cores look at in every step."""
        return self.by_population(self.on_chip.astype(np.int64))

    @property
    def neurons(self) -> int:
        """Neurons on all cores."""
        return int(self.program.schedule.used[:, NEURONS].sum())

    def links(self) -> dict[tuple[int, int, int, int], int]:
        """(column, row, next column, next row) -> messages that passed from a tile to the next."""
        tiles = self.program.schedule.rows.tile_of.tolist()
        found: dict[tuple[int, int, int, int], int] = {}
        for sender, to in np.argwhere(self.messages).tolist():
            (x, y), (to_x, to_y) = tiles[sender], tiles[to]
            count = int(self.messages[sender, to])
            while (x, y) != (to_x, to_y):
                dx = (to_x > x) - (to_x < x)
                dy = 0 if dx else (to_y > y) - (to_y < y)
                link = (x, y, x + dx, y + dy)
                found[link] = found.get(link, 0) + count
                x, y = x + dx, y + dy
        return dict(sorted(found.items()))


def _sums(key: np.ndarray, amount: np.ndarray, size: int) -> np.ndarray:
    """Sums of whole amounts by key, int64 (size,); exact below 2^53."""
    return np.bincount(key, amount, size).astype(np.int64)
