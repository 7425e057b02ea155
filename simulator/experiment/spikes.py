"""execute, of spiking networks: from files to a raster, counts and final states."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from simulator.base import units
from simulator.base.errors import InputError, Problem
from simulator.experiment.execute import located
from simulator.workload.arrays import read_arrays
from simulator.workload.load import load_spiking
from simulator.workload.spiking.drive import poisson
from simulator.workload.spiking.execute import SpikeActivity, execute_spikes
from simulator.workload.spiking.network import SpikingNetwork


@dataclass(frozen=True)
class Stimulus:
    """What drives a network, and for how long.

    Attributes
    ----------
    inputs
        Path of an .npz file; None: random spikes if there is a ``rate``, else nothing.
    rate
        Spikes per step on every input, 0 to 1.
    seed
        Of the random spikes.
    steps
        How many; None: as the inputs or the network say.
    dt, soft_reset
        Of .nir: length of a step as text such as ``100 us``, and whether a spike subtracts the threshold.
    least_delay
        Steps that every synapse takes at least.
    """

    inputs: str | None = None
    rate: float | None = None
    seed: int = 0
    steps: int | None = None
    dt: str | None = None
    soft_reset: bool = False
    least_delay: int = 0


def execute_spiking_files(
    network: str, stimulus: Stimulus, *, precision: str = "float64", all_states: bool = False
) -> tuple[SpikingNetwork, SpikeActivity]:
    """Read a network and run it.

    Parameters
    ----------
    network
        Path, or name under workloads/.
    stimulus
        What drives it.
    precision
        ``float64`` or ``float32``.
    all_states
        Keep every neuron's state variables after each step.

    Raises
    ------
    InputError
        A file is not as it should be, or an option does not fit.
    """
    read = load_spiking(network, dt_s=seconds(stimulus.dt), soft_reset=stimulus.soft_reset or None)
    read = read.delayed(stimulus.least_delay) if stimulus.least_delay else read
    if stimulus.steps is not None and stimulus.steps < 1:
        raise InputError(Problem(f"expected at least 1 step, got {stimulus.steps}", "--steps"))
    inputs = None if stimulus.inputs is None else read_arrays(stimulus.inputs)
    if stimulus.rate is not None:
        if inputs is not None:
            raise InputError(Problem("random spikes take the place of --inputs; give one of them", "--rate"))
        steps = stimulus.steps or read.steps
        if steps is None:
            raise InputError(Problem("missing; nothing says how many steps of random spikes", "--steps"))
        inputs = poisson(read, steps, stimulus.rate, stimulus.seed)
    traced = np.arange(read.neurons if all_states else 0)
    try:
        activity = execute_spikes(read, inputs, steps=stimulus.steps, traced=traced, precision=precision)
    except InputError as error:
        raise located(error, {"inputs": stimulus.inputs or network}, network) from error
    return read, activity


def seconds(text: str | None, option: str = "--dt") -> float | None:
    """Length of a step from text such as ``100 us``; None stays None.

    Raises
    ------
    InputError
        It is no time.
    """
    if text is None:
        return None
    try:
        return float(units.parse(text, "fs")) / 1e15
    except ValueError as error:
        raise InputError(Problem(str(error), option)) from error


def spiking_arrays(activity: SpikeActivity) -> dict[str, np.ndarray]:
    """What is written: raster, counts, outputs, final states, and traces where they were kept."""
    arrays = {
        "spike_steps": activity.spike_steps,
        "spike_neurons": activity.spike_neurons,
        "counts": activity.counts,
    }
    arrays |= {f"output.{name}": values for name, values in activity.outputs.items()}
    arrays |= {f"{name}_final": values for name, values in activity.state.variables.items()}
    return arrays | {f"{name}_trace": values for name, values in activity.traces.items()}


def spiking_summary(network: SpikingNetwork, activity: SpikeActivity) -> dict[str, Any]:
    """What was executed, population by population."""
    fan_out = network.synapses.fan_out
    populations = []
    for each in network.populations:
        counts = activity.counts[each.neurons]
        populations.append(
            {
                "name": each.name,
                "kind": each.kind,
                "neurons": each.count,
                "synapses": int(fan_out[each.neurons].sum()),
                "spikes": int(counts.sum()),
                "rate": float(counts.sum()) / (max(each.count, 1) * activity.steps),
                "synaptic_operations": int((counts * fan_out[each.neurons]).sum()),
            }
        )
    outputs = {
        name: {"shape": list(array.shape), "dtype": str(array.dtype)}
        for name, array in activity.outputs.items()
    }
    return {
        "network": network.name,
        "model": network.model,
        "neurons": int(network.computed.sum()),
        "synapses": network.synapses.count,
        "steps": activity.steps,
        "spikes": len(activity.spike_steps),
        "synaptic_operations": int((activity.counts * fan_out).sum()),
        "populations": populations,
        "outputs": outputs,
        "assumptions": list(network.assumptions),
    }
