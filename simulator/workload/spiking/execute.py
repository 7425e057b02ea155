"""Spiking network and inputs to SpikeActivity: which neuron spikes in which step. No time, no cores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from simulator.base.errors import InputError, Problem, did_you_mean
from simulator.workload.spiking import plain
from simulator.workload.spiking.drive import outside
from simulator.workload.spiking.network import SpikingNetwork
from simulator.workload.spiking.pack import SpikingState, begin, sends_values
from simulator.workload.spiking.window import Keep, Ran, Runner, run

PRECISIONS = ("float64", "float32")


@dataclass(frozen=True, eq=False)
class SpikeActivity:
    """What the neurons of a network did.

    Shapes: ``k`` spikes, ``n`` neurons, ``T`` steps, ``G`` groups.

    Attributes
    ----------
    network
        Its name.
    first_step, steps
        The steps that were executed: ``first_step`` to ``first_step + steps - 1``.
    spike_steps, spike_neurons : (k,) int32
        The raster, in the order of spiking: by step, in a step by neuron. Steps count from the network's
        start (0), so that windows join. Events of input channels are part of it.
    offsets : (T + 1,) int64
        Spikes of executed step j are rows ``offsets[j]`` to ``offsets[j + 1] - 1``.
    counts : (n,) int64
        Spikes of each neuron.
    updated : (T, G) int64, or (T, n) uint8
        Neurons with something to do in a step, by group: v is not 0, or there is an input or a bias.
        Without groups, G is 0. If ``every`` neuron is noted: 1 for each that had something to do.
    outputs
        Output name -> spikes of each neuron, of the population's shape, int64; values step by step, (T,
        *shape), of neurons that do not spike.
    traces
        State variable -> (T, m) values of the m neurons asked for, after each step.
    state
        Where the network stands after the last step, to continue from; its ``variables`` are the final
        values.
    """

    network: str
    first_step: int
    steps: int
    spike_steps: np.ndarray
    spike_neurons: np.ndarray
    offsets: np.ndarray
    counts: np.ndarray
    updated: np.ndarray
    outputs: Mapping[str, np.ndarray]
    state: SpikingState
    traces: Mapping[str, np.ndarray] = field(default_factory=dict)


def execute_spikes(
    network: SpikingNetwork,
    inputs: Mapping[str, np.ndarray] | None = None,
    *,
    steps: int | None = None,
    state: SpikingState | None = None,
    traced: Sequence[int] | np.ndarray = (),
    groups: np.ndarray | None = None,
    every: bool = False,
    precision: str = "float64",
    readable: bool = False,
) -> SpikeActivity:
    """Run a spiking network.

    Parameters
    ----------
    network
        As ``load_spiking`` reads it.
    inputs
        Input population -> (T, *shape) or (T, count) spikes (0 and 1) or currents; without T: a current that
        stays. Networks without input populations take ``currents``, (T, n) or (n,), which join the input of
        every neuron (the exciting one of ``cuba_euler``), and ``spikes``, (T, n): neurons that spike in that
        step whatever their potential. None: nothing comes from outside.
    steps
        How many; None: as long as the inputs, else as the network says.
    state
        ``SpikeActivity.state`` of the steps before: continues from there, with the same numbers as one run.
    traced
        Neurons whose state variables are kept step by step.
    groups : (n,) int, optional
        Group of each neuron (the core it sits on, the layer): ``updated`` counts by it. -1: not counted.
        To be given from the first step on, or inputs that are on the way are not counted.
    every
        Note every neuron by itself, without groups.
    precision
        ``float64`` or ``float32``, of models with real numbers.
    readable
        Compute in plain numpy instead of compiled kernels: the same numbers, slowly.

    Raises
    ------
    InputError
        Inputs are not those of the network, or nothing says how many steps.
    """
    _check(network, traced, groups, precision)
    entering, steps = outside(network, inputs or {}, steps)
    begun = state or begin(network, precision)
    shown = [each.neurons for each in network.outputs.values() if sends_values(each)]
    wanted = np.concatenate(
        [np.asarray(traced, np.int64), *(np.arange(each.start, each.stop) for each in shown)]
    ).astype(np.int64)
    keep = None if groups is None else _counter(np.asarray(groups).astype(np.int64))
    ran = run(begun, steps, entering, np.array if every else keep, wanted, _runner(readable))
    return _activity(network, begun.step, steps, ran, len(traced))


def _counter(groups: np.ndarray) -> Keep:
    """Counts neurons by their group."""
    counted, size = np.flatnonzero(groups >= 0), int(groups.max(initial=-1)) + 1

    def count(busy: np.ndarray) -> np.ndarray:
        rows = [np.bincount(groups[counted[row[counted] != 0]], minlength=size) for row in busy]
        return np.array(rows, np.int64).reshape(len(busy), size)

    return count


def _runner(readable: bool) -> Runner:
    if readable:
        return plain.run_window
    from simulator.workload.spiking import compiled  # loads numba, which readable execution does without

    return compiled.run_window


def _activity(network: SpikingNetwork, first: int, steps: int, ran: Ran, traced: int) -> SpikeActivity:
    per_step = np.bincount(ran.spike_steps - first, minlength=steps)
    offsets = np.zeros(steps + 1, np.int64)
    np.cumsum(per_step, out=offsets[1:])
    counts = np.bincount(ran.spike_neurons, minlength=network.neurons)
    outputs, at = {}, traced
    for name, each in network.outputs.items():
        if sends_values(each):
            outputs[name] = ran.traces[-1][:, at : at + each.count].reshape(steps, *each.shape)
            at += each.count
        else:
            outputs[name] = counts[each.neurons].reshape(each.shape)
    names = ran.state.packed.states if traced else ()
    return SpikeActivity(
        network=network.name,
        first_step=first,
        steps=steps,
        spike_steps=ran.spike_steps,
        spike_neurons=ran.spike_neurons,
        offsets=offsets,
        counts=counts,
        updated=ran.updated,
        outputs=outputs,
        state=ran.state,
        traces={name: ran.traces[i][:, :traced] for i, name in enumerate(names)},
    )


def _check(
    network: SpikingNetwork, traced: Sequence[int] | np.ndarray, groups: np.ndarray | None, precision: str
) -> None:
    problems = []
    if precision not in PRECISIONS:
        near = did_you_mean(precision, PRECISIONS)
        problems.append(Problem(f"expected float64 or float32, got '{precision}'{near}", path="precision"))
    out = [int(each) for each in traced if not 0 <= each < network.neurons]
    if out:
        problems.append(Problem(f"expected neurons 0 to {network.neurons - 1}, got {out[0]}", path="traced"))
    if groups is not None and np.shape(groups) != (network.neurons,):
        text = f"expected {network.neurons} groups, one per neuron, got shape {list(np.shape(groups))}"
        problems.append(Problem(text, path="groups"))
    if problems:
        raise InputError(*problems)
