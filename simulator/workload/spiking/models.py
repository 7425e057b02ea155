"""Neuron models as data: what a network file gives for each, with limits.

Equations: docs/models/spiking.md. A model's meaning is its plain numpy step in
``simulator.workload.spiking.plain``; the compiled one is in ``simulator.kernels``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Parameter:
    """A number of each neuron, or one for all.

    Attributes
    ----------
    name
        As ``SpikingNetwork`` holds it; files may use one of ``aliases`` as well.
    kind
        ``int``, ``float`` or ``bool``.
    default
        None: it has to be given.
    low, high
        Least and greatest value, both allowed.
    per_neuron
        Whether it may differ between neurons; else it is one number.
    infinite
        Whether it may be infinite.
    """

    name: str
    kind: str
    meaning: str
    default: float | None = None
    low: float = -np.inf
    high: float = np.inf
    aliases: tuple[str, ...] = ()
    per_neuron: bool = True
    infinite: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Every key that means it."""
        return (self.name, *self.aliases)


@dataclass(frozen=True)
class NeuronModel:
    """What one model takes.

    Attributes
    ----------
    name, meaning
        As files name it; one line.
    parameters
        Per neuron and constants.
    integer
        Whether its state and weights are integers.
    states
        Its state variables, in the order in which results list them.
    weights
        Least and greatest integer weight of a file, before it is shifted.
    delays
        Least and greatest delay in steps.
    layered
        Its populations follow each other within a step; networks of it come from frontends that know layers.
    """

    name: str
    meaning: str
    parameters: tuple[Parameter, ...]
    integer: bool
    states: tuple[str, ...]
    weights: tuple[int, int] = (-(2**31), 2**31 - 1)
    delays: tuple[int, int] = (1, 1023)
    layered: bool = False

    @property
    def keys(self) -> list[str]:
        """Every key of a file that the model reads, with its other spellings."""
        return [key for each in self.parameters for key in each.names]


_DECAY = 4096
_FAR = 2**31 - 1


def _integer_parameters(threshold: int, bias: int, refractory: int, bits: int) -> tuple[Parameter, ...]:
    """Parameters of the current-based integer models; arguments: greatest values, and the width."""
    return (
        Parameter("input_decay", "int", "part of u lost in a step, in 4096ths", None, 0, _DECAY, ("du",)),
        Parameter("leak", "int", "part of v lost in a step, in 4096ths", None, 0, _DECAY, ("dv",)),
        Parameter(
            "threshold", "int", "spikes where v > threshold shifted left by vth_exp",
            None, 0, threshold, ("vth_mant", "vth", "thr"),
        ),
        Parameter("bias", "int", "added to v in a step, shifted left by bias_exp", 0, -bias, bias),
        Parameter("reset", "int", "v after a spike", 0, -_FAR, _FAR),
        Parameter("soft", "bool", "subtract the shifted threshold instead of resetting", 0),
        Parameter("refractory", "int", "steps of rest after a spike", 0, 0, refractory, ("refr",)),
        Parameter("wexp", "int", "left shift of weights", 6, 0, 24, per_neuron=False),
        Parameter("vth_exp", "int", "left shift of the threshold", 6, 0, 24, per_neuron=False),
        Parameter("bias_exp", "int", "left shift of the bias", 6, 0, 24, per_neuron=False),
        Parameter("bits", "int", "width of u and v", bits, 8, 32, ("state_bits",), per_neuron=False),
        Parameter("du_offset", "int", "added to input_decay", 0, 0, 1, per_neuron=False),
    )  # fmt: skip


_COMMON = (
    Parameter("soft", "bool", "subtract the threshold instead of resetting", 0),
    Parameter("refractory", "int", "steps of rest after a spike", 0, 0, _FAR, ("refr", "refr_steps")),
)

MODELS: dict[str, NeuronModel] = {
    "cuba_int": NeuronModel(
        "cuba_int",
        "leaky integrate-and-fire with a decaying current, integers; u and v wrap at their width",
        _integer_parameters(_FAR >> 6, _FAR >> 6, _FAR, 32),
        True,
        ("u", "v"),
    ),
    "loihi": NeuronModel(
        "loihi",
        "as cuba_int with the widths of Loihi 1: u of 24 bits wraps, v of 24 bits saturates",
        _integer_parameters(2**17 - 1, 2**12 - 1, 63, 24),
        True,
        ("u", "v"),
        weights=(-256, 255),
        delays=(1, 63),
    ),
    "sanafe_lif": NeuronModel(
        "sanafe_lif",
        "leaky integrate-and-fire of SANA-FE's description of Loihi: v in 64ths",
        (
            Parameter("threshold", "float", "spikes where v is above", None, aliases=("thr",)),
            Parameter("bias", "float", "added to v in every step", 0),
            Parameter("leak", "float", "what is left of v after a step", 1, 0, 1),
            Parameter("input_decay", "float", "what is left of the input after a step", 0, 0, 1),
            Parameter("reset", "float", "v after a spike", 0),
            *_COMMON,
        ),
        False,
        ("i", "v"),
        delays=(1, 63),
    ),
    "cuba_euler": NeuronModel(
        "cuba_euler",
        "leaky integrate-and-fire with exciting and inhibiting currents, explicit Euler",
        (
            Parameter("threshold", "float", "spikes where v is above, mV", None, aliases=("Vt",)),
            Parameter("reset", "float", "v after a spike, mV", None, aliases=("Vr",)),
            Parameter("leak", "float", "v at rest, mV", None, aliases=("El",)),
            _COMMON[1],
            Parameter("taum", "float", "time constant of v, ms", None, 1e-9, per_neuron=False),
            Parameter("taue", "float", "time constant of excitation, ms", None, 1e-9, per_neuron=False),
            Parameter("taui", "float", "time constant of inhibition, ms", None, 1e-9, per_neuron=False),
            Parameter("dt_ms", "float", "length of a step, ms", None, 1e-9, np.inf, ("dt",), False),
            Parameter(
                "ne", "int", "the first ne neurons excite, others inhibit; -1: by the sign of a weight",
                -1, -1, _FAR, per_neuron=False,
            ),
        ),
        False,
        ("ge", "gi", "v"),
        delays=(1, 1023),
    ),
    "if": NeuronModel(
        "if",
        "integrate-and-fire: v takes inputs and bias, and keeps a part from step to step",
        (
            Parameter("input_decay", "float", "what is left of the input after a step", 0, 0, 1),
            Parameter("threshold", "float", "spikes where v is above", None, aliases=("thr",)),
            Parameter("bias", "float", "added to v in every step", 0),
            Parameter("leak", "float", "what is left of v after a step", 1, 0, 1),
            Parameter("reset", "float", "v after a spike", 0),
            *_COMMON,
        ),
        False,
        ("i", "v"),
        delays=(1, 1023),
    ),
    "layered": NeuronModel(
        "layered",
        "layers of integrators, leaky or not, with or without synaptic current; of NIR, or converted",
        (
            Parameter("keep_current", "float", "what is left of the current after a step", 0),
            Parameter("gain_current", "float", "current per input", 1),
            Parameter("keep", "float", "what is left of v after a step", 1),
            Parameter("gain", "float", "v per current", 1),
            Parameter("bias", "float", "constant input", 0),
            Parameter("drift", "float", "added to v in every step", 0),
            Parameter("threshold", "float", "spikes where v is above; infinite: never", infinite=True),
            Parameter("inclusive", "bool", "spikes at the threshold as well", 0),
            Parameter("reset", "float", "v after a spike", 0),
            *_COMMON,
        ),
        False,
        ("i", "v"),
        delays=(0, 1023),
        layered=True,
    ),
}  # fmt: skip
