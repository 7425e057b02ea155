"""From a spiking network to the arrays that its kernel takes, see ``simulator.kernels.spiking``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from simulator.workload.spiking.models import MODELS
from simulator.workload.spiking.network import Population, SpikingNetwork

#: What a population sends on, as ``simulator.kernels.spikinglinear`` numbers it.
SPIKES, VALUES, EVENTS = 0, 1, 2
#: v of ``sanafe_lif`` is a multiple of one over this.
GRAIN = 64


@dataclass(frozen=True, eq=False)
class Packed:
    """Arrays of a network that no step changes, and the size of what steps change.

    ``kind`` names the kernel: ``integer``, ``sanafe``, ``cuba`` or ``linear``. ``slots`` rows of ``width``
    is the ring of what arrives; ``stages`` are the populations of ``linear``.
    """

    kind: str
    states: tuple[str, ...]
    real: Any
    numbers: np.ndarray
    keeps: np.ndarray
    rests: np.ndarray
    soft: np.ndarray
    scalars: np.ndarray
    offsets: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    delays: np.ndarray
    delay: int
    slots: int
    width: int
    stages: np.ndarray


def pack(network: SpikingNetwork, precision: str = "float64") -> Packed:
    """Arrays of a network; those of real numbers are of ``precision``, float64 or float32."""
    real: Any = np.int32 if MODELS[network.model].integer else np.dtype(precision).type
    return _PACKERS[network.model](network, real)


def _rows(real: Any, *rows: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(np.stack(rows).astype(real))


def _steady(array: np.ndarray) -> np.ndarray:
    """The array, not to be written: kernels are compiled for such synapses."""
    array = array.view()
    array.flags.writeable = False
    return array


def _finish(
    network: SpikingNetwork, kind: str, real: Any, numbers: np.ndarray, keeps: np.ndarray,
    scalars: np.ndarray, *, rests: np.ndarray | None = None, targets: np.ndarray | None = None,
) -> Packed:  # fmt: skip
    """What all kinds share."""
    synapses, parameters, n = network.synapses, network.parameters, network.neurons
    delays = synapses.delays
    least, most = (int(delays.min()), int(delays.max())) if synapses.count else (1, 1)
    same = least == most
    sends = {"input": EVENTS, "output": VALUES, "neuron": SPIKES}
    stages = [
        (each.first, each.first + each.count, VALUES if each.values else sends[each.kind])
        for each in network.populations
    ]
    return Packed(
        kind=kind,
        states=MODELS[network.model].states,
        real=real,
        numbers=numbers,
        keeps=keeps,
        rests=np.array(parameters["refractory"] if rests is None else rests, np.int64),
        soft=np.array(parameters["soft"] if "soft" in parameters else np.zeros(n), np.uint8),
        scalars=scalars,
        offsets=_steady(synapses.offsets),
        targets=_steady((synapses.targets if targets is None else targets).view(np.uint32)),
        weights=_steady(synapses.weights.astype(real, copy=False)),
        delays=_steady(delays[:0] if same else delays),
        delay=least,
        slots=most + 1,
        width=n,
        stages=np.array(stages, np.int64),
    )


def _pack_integer(network: SpikingNetwork, real: Any) -> Packed:
    parameters, constants = network.parameters, network.constants
    lost = np.minimum(parameters["input_decay"] + constants["du_offset"], 4096)
    numbers = _rows(
        np.int32,
        parameters["bias"] << int(constants["bias_exp"]),
        parameters["reset"],
        parameters["threshold"] << int(constants["vth_exp"]),
    )
    keeps = _rows(np.float64, (4096 - lost) / 4096, (4096 - parameters["leak"]) / 4096)
    scalars = np.array([64 - constants["bits"], network.model == "loihi"], np.int32)
    return _finish(network, "integer", real, numbers, keeps, scalars)


def _pack_sanafe(network: SpikingNetwork, real: Any) -> Packed:
    parameters = network.parameters
    numbers = _rows(real, parameters["bias"], parameters["reset"], parameters["threshold"])
    keeps = _rows(real, parameters["input_decay"], parameters["leak"])
    # its counter counts down in the step of the spike already
    rests = np.maximum(parameters["refractory"] - 1, 0)
    return _finish(network, "sanafe", real, numbers, keeps, np.array([0, 1, GRAIN], real), rests=rests)


def _pack_cuba(network: SpikingNetwork, real: Any) -> Packed:
    parameters, constants, synapses = network.parameters, network.constants, network.synapses
    numbers = _rows(real, parameters["threshold"], parameters["reset"], parameters["leak"])
    shares = [constants["dt_ms"] / constants[tau] for tau in ("taum", "taue", "taui")]
    exciting = int(constants["ne"])
    inhibits = synapses.sources >= exciting if exciting >= 0 else synapses.weights < 0
    targets = synapses.targets + np.int32(network.neurons) * inhibits.astype(np.int32)
    keeps, scalars = np.zeros((0, network.neurons), real), np.array([*shares, 0, 1], real)
    packed = _finish(network, "cuba", real, numbers, keeps, scalars, targets=targets)
    changed: dict[str, Any] = {"width": 2 * network.neurons}
    if not packed.delays.size and packed.delay == 1:
        changed |= {"slots": 1, "delay": 0}  # over the memory of the currents, see the kernel
    return Packed(**{**vars(packed), **changed})


def _pack_if(network: SpikingNetwork, real: Any) -> Packed:
    given = network.parameters
    none, one, bias = np.zeros(network.neurons), np.ones(network.neurons), given["bias"]
    rows = one, one, none, bias, given["threshold"], given["threshold"], given["reset"], bias
    keeps = _rows(real, given["input_decay"], given["leak"])
    return _finish(network, "linear", real, _rows(real, *rows), keeps, _clock(real))


def _pack_layered(network: SpikingNetwork, real: Any) -> Packed:
    given = network.parameters
    threshold = given["threshold"].astype(real)
    least = np.where(given["inclusive"], np.nextafter(threshold, real(-np.inf)), threshold)
    gains = given["gain_current"], given["gain"]
    biased = (given["bias"] != 0) | (given["drift"] != 0)
    rows = *gains, given["bias"], given["drift"], least, threshold, given["reset"], biased
    keeps = _rows(real, given["keep_current"], given["keep"])
    return _finish(network, "linear", real, _rows(real, *rows), keeps, _clock(real))


def _clock(real: Any) -> np.ndarray:
    return np.array([0, 1], real)


_PACKERS = {
    "cuba_int": _pack_integer,
    "loihi": _pack_integer,
    "sanafe_lif": _pack_sanafe,
    "cuba_euler": _pack_cuba,
    "if": _pack_if,
    "layered": _pack_layered,
}


@dataclass(frozen=True, eq=False)
class SpikingState:
    """Where a network stands between two steps.

    Attributes
    ----------
    step
        The next one.
    variables
        State variable -> (n,) values.
    rest : (n,) int64
        Steps for which each neuron still rests.
    inbox : (slots, width)
        What is on its way, see ``simulator.kernels.spiking``; row ``step mod slots`` comes next.
    arrived : (slots, n) uint8
        Where something is on its way, even if it sums to 0.
    packed
        Arrays of the network that this is a state of.
    """

    step: int
    variables: dict[str, np.ndarray]
    rest: np.ndarray
    inbox: np.ndarray
    arrived: np.ndarray
    packed: Packed


def begin(network: SpikingNetwork, precision: str = "float64") -> SpikingState:
    """The state before the first step."""
    packed, n = pack(network, precision), network.neurons
    variables = {name: np.zeros(n, packed.real) for name in packed.states}
    for name, values in network.start.items():
        variables[name] = values.astype(packed.real)
    inbox = np.zeros((packed.slots, packed.width), packed.real)
    arrived = np.zeros((packed.slots, n), np.uint8)
    return SpikingState(0, variables, np.zeros(n, np.int64), inbox, arrived, packed)


def sends_values(population: Population) -> bool:
    """Whether what a population gives is values step by step, not spikes."""
    return population.values or population.kind == "output"
