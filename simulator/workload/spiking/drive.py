"""Inputs of a spiking network: checked, and as the currents and spikes that enter it from outside."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from simulator.base.errors import InputError, Problem, did_you_mean
from simulator.workload.spiking.models import MODELS
from simulator.workload.spiking.network import Population, SpikingNetwork
from simulator.workload.spiking.window import Outside

#: What inputs of a network without input populations are called, and of one with a single one may be.
CURRENTS, FORCED = "currents", "spikes"


def poisson(network: SpikingNetwork, steps: int, rate: float, seed: int) -> dict[str, np.ndarray]:
    """Independent spikes with the same probability in every step, on every input (else: every neuron).

    Parameters
    ----------
    network
        Its input populations get spikes; without any, all neurons are made to spike so.
    steps
        How many.
    rate
        Spikes per step, 0 to 1.
    seed
        Of numpy's default generator; the same one gives the same spikes.

    Raises
    ------
    InputError
        The rate is none.
    """
    if not 0 <= rate <= 1:
        raise InputError(Problem(f"expected spikes per step from 0 to 1, got {rate:g}", "--rate"))
    rng = np.random.default_rng(seed)
    if not network.inputs:
        return {FORCED: rng.random((steps, network.neurons)) < rate}
    return {each.name: rng.random((steps, each.count)) < rate for each in network.inputs}


def outside(
    network: SpikingNetwork, inputs: Mapping[str, np.ndarray], steps: int | None
) -> tuple[Outside, int]:
    """What enters a network, and for how many steps.

    Parameters
    ----------
    network
        Says which inputs there are.
    inputs
        By name, see ``simulator.workload.spiking.execute.execute_spikes``.
    steps
        How many are asked for; None: as many as the inputs have, else as the network says.

    Raises
    ------
    InputError
        Everything that is wrong with the inputs.
    """
    reader = _Reader(network)
    found = reader.layers(inputs) if network.inputs else reader.neurons(inputs)
    lasting = reader.lasting
    if len(lasting) > 1 or (steps is not None and lasting - {steps}):
        wanted = "as many steps of every input" if steps is None else f"{steps} steps"
        reader.wrong(f"expected {wanted}, got {' and '.join(str(each) for each in sorted(lasting))}")
    if reader.problems:
        raise InputError(*reader.problems)
    count = steps or next(iter(lasting), None) or network.steps
    if count is None:
        text = "nothing says how many steps, neither the network nor an input"
        raise InputError(Problem(f"{text}; give their number (steps)", path="inputs"))
    return reader.joined(found, count), count


class _Reader:
    """Arrays as rows of steps, and what is wrong with them."""

    def __init__(self, network: SpikingNetwork) -> None:
        self.network = network
        self.problems: list[Problem] = []
        self.lasting: set[int] = set()  # steps of inputs that have an axis of them

    def wrong(self, message: str) -> None:
        self.problems.append(Problem(message, path="inputs"))

    def layers(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray | None]:
        """Arrays by input population; the only one may be called currents or spikes."""
        populations = {each.name: each for each in self.network.inputs}
        found: dict[str, np.ndarray | None] = {}
        for name, array in inputs.items():
            alone = len(populations) == 1 and name in (CURRENTS, FORCED)
            to = next(iter(populations)) if alone else name
            if to not in populations:
                near = did_you_mean(name, populations)
                self.wrong(f"expected inputs {_listed(populations)}, got '{name}'{near}")
            else:
                found[to] = self.rows(name, np.asarray(array), populations[to])
        for name in populations:
            if name not in found and not self.problems:
                self.wrong(f"input '{name}' is missing; --rate gives random spikes")
        return found

    def neurons(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray | None]:
        """Currents into, and spikes of, all neurons."""
        whole = Population("all neurons", 0, self.network.neurons, (self.network.neurons,))
        found: dict[str, np.ndarray | None] = {}
        for name, array in inputs.items():
            if name not in (CURRENTS, FORCED):
                near = did_you_mean(name, (CURRENTS, FORCED))
                self.wrong(f"expected '{CURRENTS}' or '{FORCED}' for all neurons, got '{name}'{near}")
                continue
            found[name] = self.rows(name, np.asarray(array), whole, spikes=name == FORCED)
        return found

    def rows(
        self, name: str, array: np.ndarray, to: Population, *, spikes: bool = False
    ) -> np.ndarray | None:
        """(T, count) or, for currents that stay, (1, count); None where the array is wrong."""
        shapes = [to.shape, (to.count,)]
        steady = array.shape in shapes and not spikes
        free = array.dtype.kind != "b"  # may be another number than 0 or 1
        if not steady and array.shape[1:] not in shapes:
            ways = f"[steps, {', '.join(map(str, to.shape))}]" + ("" if spikes else f" or {list(to.shape)}")
            self.wrong(f"input '{name}': expected shape {ways}, got {list(array.shape)}")
        elif array.dtype.kind not in "biuf":
            self.wrong(f"input '{name}': expected numbers, got {array.dtype}")
        elif not array.size:
            self.wrong(f"input '{name}': expected at least one step, got none")
        elif free and not np.isfinite(array).all():
            at = np.argwhere(~np.isfinite(array))[0].tolist()
            self.wrong(f"input '{name}': expected finite numbers, got {array[tuple(at)]} at {at}")
        elif free and spikes and not ((array == 0) | (array == 1)).all():
            self.wrong(f"input '{name}': expected 0 or 1, got {array[(array != 0) & (array != 1)][0]}")
        elif free and MODELS[self.network.model].integer and not self._fits(array):
            self.wrong(f"input '{name}': expected integers of 32 bits, which the model computes with")
        else:
            self.lasting |= set() if steady else {len(array)}
            return array.reshape(1 if steady else len(array), to.count)
        return None

    @staticmethod
    def _fits(array: np.ndarray) -> bool:
        return bool((array == np.floor(array)).all() and (np.abs(array.astype(np.float64)) < 2**31).all())

    def joined(self, found: Mapping[str, np.ndarray | None], steps: int) -> Outside:
        """Currents of all inputs side by side, and spikes."""
        n = self.network.neurons
        empty = np.zeros((0, n))
        if not self.network.inputs:
            currents, forced = found.get(CURRENTS), found.get(FORCED)
            return Outside(*(empty if each is None else each for each in (currents, forced)))
        arrays = [found[each.name] for each in self.network.inputs]
        present = [array for array in arrays if array is not None]
        rows = max(len(array) for array in present)
        if len(present) == 1:
            return Outside(present[0], empty)
        return Outside(
            np.hstack([np.broadcast_to(array, (rows, array.shape[1])) for array in present]), empty
        )


def _listed(names: Mapping[str, object]) -> str:
    return ", ".join(f"'{name}'" for name in names)
