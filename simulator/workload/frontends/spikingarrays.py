"""Spiking networks in .npz files: edges, an array or one number per parameter, scalars.

Keys of every model: ``pre``, ``post``, ``w`` (s,), ``delay`` (s,) or a scalar (left out: 1), the model's
parameters (``simulator.workload.spiking.models``; a scalar holds for all neurons), ``core_id`` (n,),
``model``, ``steps`` (or ``T``), ``N``, and ``<state>0`` for values before the first step. A file without
``model`` is recognized by the parameters that only one model has. Results that a file brings along
(``spike_*``, ``*_final``, ``*_trace*``, ``expected_*``) are not read; other keys that no model has are named
in the network's assumptions.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from simulator.base.errors import InputError, Problem, did_you_mean, nearest
from simulator.workload.arrays import read_arrays
from simulator.workload.frontends.spikingpopulations import KEYS, check_order, outputs, populations
from simulator.workload.spiking.models import MODELS, NeuronModel, Parameter
from simulator.workload.spiking.network import Population, SpikingNetwork, Synapses

#: Keys that say what a file without ``model`` is: all of them are there.
SIGNATURES = {
    "cuba_int": ("du", "dv", "vth_mant"),
    "cuba_euler": ("taum", "taue", "taui"),
    "sanafe_lif": ("leak", "input_decay"),
}
#: Integer parameter -> the one that says by how much it is shifted left.
SHIFTED = {"threshold": "vth_exp", "bias": "bias_exp"}
_EDGES = ("pre", "post", "w", "delay")
_WHOLE = ("model", "steps", "N", "core_id")
_STEPS, _COUNT = ("steps", "T"), ("N", "n", "neurons")
_BY_SOURCE = ("we", "wi")
_RESULTS = re.compile(r"spike_.*|.*_final|.*_trace\d*|expected_.*")


def load(path: Path) -> SpikingNetwork:
    """Read a spiking network.

    Raises
    ------
    InputError
        Everything that is wrong with the file, each with its key and place.
    """
    file = _File(read_arrays(path, "network", "key"), str(path))
    model = file.model()
    if model is None:
        raise InputError(*file.problems)
    n = file.neurons(model)
    file.unknown(model)
    values = {each.name: file.parameter(each, n) for each in model.parameters}
    for name, shift in SHIFTED.items() if model.integer else ():
        file.shifted(name, values[name], int(values[shift]))
    synapses = file.synapses(model, n, values)
    core_id, steps = file.cores(n), file.steps()
    start = file.start(model, n)
    layers = populations(file.arrays, n, file.wrong) if model.layered else _populations(n, values)
    if file.problems or synapses is None:
        raise InputError(*file.problems)
    named = outputs(file.arrays, layers, file.wrong) if model.layered else {}
    if model.layered:
        check_order(synapses, layers, file.wrong)
    if file.problems:
        raise InputError(*file.problems)
    scalars = {each.name for each in model.parameters if not each.per_neuron}
    return SpikingNetwork(
        name=path.stem,
        model=model.name,
        neurons=n,
        steps=steps,
        constants={name: value.item() for name, value in values.items() if name in scalars},
        parameters={name: value for name, value in values.items() if name not in scalars},
        synapses=synapses,
        populations=layers,
        outputs=named,
        core_id=core_id,
        start=start,
        assumptions=file.assumptions(model),
        digest=hashlib.sha256(path.read_bytes()).hexdigest(),
    )


def _populations(n: int, values: Mapping[str, Any]) -> tuple[Population, ...]:
    exciting = int(values["ne"]) if "ne" in values else -1
    if 0 < exciting < n:
        rest = Population("inhibitory", exciting, n - exciting, (n - exciting,))
        return Population("excitatory", 0, exciting, (exciting,)), rest
    return (Population("neurons", 0, n, (n,)),)


class _File:
    """Arrays of a file, and what is wrong with them."""

    def __init__(self, arrays: dict[str, np.ndarray], path: str) -> None:
        self.arrays, self.path = arrays, path
        self.problems: list[Problem] = []

    def wrong(self, key: str, message: str) -> None:
        self.problems.append(Problem(message, self.path, path=key))

    def first(self, keys: tuple[str, ...]) -> str | None:
        """The first of several spellings that the file has."""
        found = [key for key in keys if key in self.arrays]
        if len(found) > 1:
            self.wrong(found[1], f"says the same as `{found[0]}`; expected one of them")
        return found[0] if found else None

    def model(self) -> NeuronModel | None:
        """The neuron model that the file names or has the keys of."""
        if "model" in self.arrays:
            given = self.arrays["model"].item() if self.arrays["model"].size == 1 else "an array"
            name = given.decode(errors="replace") if isinstance(given, bytes) else str(given)
            if name in MODELS:
                return MODELS[name]
            expected = f"expected one of {', '.join(MODELS)}, got '{name}'"
            self.wrong("model", expected + did_you_mean(name, MODELS))
            return None
        for name, keys in SIGNATURES.items():
            if all(key in self.arrays for key in keys):
                return MODELS[name]
        near = next((key for key in self.arrays if nearest(key, ["model"])), None)
        hint = f"; did you mean `model` by `{near}`?" if near else ""
        ways = "; ".join(f"{name} has {', '.join(keys)}" for name, keys in SIGNATURES.items())
        expected = f"expected one of {', '.join(MODELS)}, or keys that tell ({ways})"
        self.wrong("model", f"missing; {expected}{hint}")
        return None

    def unknown(self, model: NeuronModel) -> None:
        """Refuse keys that are nearly those of the model; a file's other keys are its own business."""
        known = [*_EDGES, *_WHOLE, *model.keys, *(f"{state}0" for state in model.states)]
        absent = [key for key in known if key not in self.arrays]
        for key in self._foreign(model):
            near = nearest(key, absent)
            if near:
                self.wrong(key, f"unknown key; did you mean '{near}'?")

    def _foreign(self, model: NeuronModel) -> list[str]:
        start = [f"{state}0" for state in model.states]
        known = {*_EDGES, *_WHOLE, *_STEPS, *_COUNT, *_BY_SOURCE, *model.keys, *start}
        known |= set(KEYS) if model.layered else set()
        return [key for key in self.arrays if key not in known and not _RESULTS.fullmatch(key)]

    def assumptions(self, model: NeuronModel) -> tuple[str, ...]:
        foreign = self._foreign(model)
        return (f"keys of the file that no model reads: {', '.join(foreign)}",) if foreign else ()

    def neurons(self, model: NeuronModel) -> int:
        """How many neurons there are: as stated, else as many as the first array per neuron has."""
        stated = self.first(_COUNT)
        if stated is not None:
            return max(self._whole(stated, 1) or 1, 1)
        keys = [key for each in model.parameters if each.per_neuron for key in each.names]
        for key in [*keys, "core_id", *(f"{state}0" for state in model.states)]:
            if key in self.arrays and self.arrays[key].ndim == 1:
                return len(self.arrays[key])
        self.wrong("N", "missing; no array has a value per neuron, so the file must say how many there are")
        raise InputError(*self.problems)

    def _whole(self, key: str, low: int) -> int | None:
        """One whole number of at least ``low``."""
        array = self.arrays[key]
        if array.size == 1 and array.dtype.kind in "iuf" and float(array.item()).is_integer():
            if array.item() >= low:
                return int(array.item())
            self.wrong(key, f"expected at least {low}, got {array.item()}")
        else:
            self.wrong(key, f"expected a whole number, got {_what(array)}")
        return None

    def steps(self) -> int | None:
        key = self.first(_STEPS)
        return None if key is None else self._whole(key, 1)

    def per_neuron(
        self, key: str, n: int, kind: str, low: float, high: float, infinite: bool = False
    ) -> np.ndarray:
        """(n,) int64, float64 or bool; a scalar holds for all. Zeros where something is wrong."""
        array = self.arrays[key]
        if array.ndim > 1 or (array.ndim == 1 and len(array) != n):
            self.wrong(key, f"expected a number or {n} of them, one per neuron, got {_what(array)}")
            return np.zeros(n, _TYPES[kind])
        self.check(key, kind, low, high, infinite)
        return self._as(np.broadcast_to(array, n), kind)

    @staticmethod
    def _as(array: np.ndarray, kind: str) -> np.ndarray:
        if array.dtype.kind not in "biuf":
            return np.zeros(array.shape, _TYPES[kind])
        with np.errstate(invalid="ignore"):
            made: np.ndarray = np.array(array, _TYPES[kind])
        made.flags.writeable = False
        return made

    def parameter(self, wanted: Parameter, n: int) -> np.ndarray:
        """Value of a parameter: (n,), or a scalar of what all neurons share."""
        count = n if wanted.per_neuron else 1
        key = self.first(wanted.names)
        if key is None:
            if wanted.default is None:
                names = " or ".join(f"`{name}`" for name in wanted.names)
                self.wrong(wanted.name, f"missing; expected {names}: {wanted.meaning}")
            made = self._as(np.full(count, wanted.default or 0), wanted.kind)
        elif not wanted.per_neuron and self.arrays[key].size != 1:
            self.wrong(key, f"expected one number for all neurons, got {_what(self.arrays[key])}")
            made = self._as(np.zeros(1), wanted.kind)
        else:
            made = self.per_neuron(key, count, wanted.kind, wanted.low, wanted.high, wanted.infinite)
        return made if wanted.per_neuron else made[0]

    def check(self, key: str, kind: str, low: float, high: float, infinite: bool = False) -> bool:
        """Whether all numbers of an array are of their kind and within bounds; the first wrong is named."""
        array = self.arrays[key]
        if array.dtype.kind not in "biuf":
            self.wrong(key, f"expected numbers, got {array.dtype}")
            return False
        flat = np.atleast_1d(array)
        if kind == "bool":
            return self._all(key, flat, (flat == 0) | (flat == 1), "false or true")
        usable = np.isfinite(flat) | (np.isposinf(flat) & infinite)
        if not self._all(key, flat, usable, "a finite number"):
            return False
        if kind == "int" and not self._all(key, flat, flat == np.floor(flat), "a whole number"):
            return False
        return self._all(key, flat, (flat >= low) & (flat <= high), _bounds(low, high))

    def _all(self, key: str, array: np.ndarray, right: np.ndarray, expected: str) -> bool:
        if right.all():
            return True
        at = int(np.flatnonzero(~right)[0])
        others = int((~right).sum()) - 1
        more = f" (and {others} more)" if others else ""
        place = f"{key}[{at}]" if self.arrays[key].ndim else key
        self.wrong(place, f"expected {expected}, got {array[at]}{more}")
        return False

    def shifted(self, key: str, values: np.ndarray, shift: int) -> None:
        """Numbers shifted left have to fit 32 bits."""
        most = (2**31 - 1) >> shift
        wrong = np.flatnonzero(np.abs(values) > most)
        if len(wrong):
            at, more = int(wrong[0]), f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
            text = f"expected at most {most}, which {shift} bits further left fits 32 bits, got {values[at]}"
            self.wrong(f"{key}[{at}]", text + more)

    def synapses(self, model: NeuronModel, n: int, values: Mapping[str, np.ndarray]) -> Synapses | None:
        """Edges by source; None where they are wrong."""
        missing = [key for key in ("pre", "post") if key not in self.arrays]
        for key in missing:
            near = nearest(key, self.arrays)
            hint = f"; did you mean '{key}' by '{near}'?" if near and near not in ("pre", "post") else ""
            self.wrong(key, f"missing; expected the neuron at one end of each synapse{hint}")
        if missing:
            return None
        count = len(np.atleast_1d(self.arrays["pre"]))
        ends = [self._edges(key, count, "int", 0, n - 1) for key in ("pre", "post")]
        weights = self._weights(model, count, values)
        if "delay" in self.arrays and self.arrays["delay"].ndim:
            delays = self._edges("delay", count, "int", *model.delays)
        else:
            delays = np.ones(count, np.int64)
            if "delay" in self.arrays and self.check("delay", "int", *model.delays):
                delays[:] = int(self.arrays["delay"])
        if self.problems or weights is None:
            return None
        return Synapses.sorted(n, ends[0], ends[1], weights, delays)

    def _edges(self, key: str, count: int, kind: str, low: float, high: float) -> np.ndarray:
        array = self.arrays[key]
        if array.ndim != 1 or len(array) != count:
            self.wrong(key, f"expected {count} numbers, one per synapse as in `pre`, got {_what(array)}")
        elif self.check(key, kind, low, high):
            return self._as(array, kind)
        return np.zeros(count, _TYPES[kind])

    def _weights(self, model: NeuronModel, count: int, values: Mapping[str, np.ndarray]) -> np.ndarray | None:
        if "w" not in self.arrays:
            return self._weights_by_source(model, values)
        if not model.integer:
            return self._edges("w", count, "float", -np.inf, np.inf)
        shift = int(values["wexp"])
        most = 2 ** (int(values["bits"]) - 1)
        low = max(model.weights[0], -(most >> shift))
        high = min(model.weights[1], (most - 1) >> shift)
        return self._edges("w", count, "int", low, high) << shift

    def _weights_by_source(self, model: NeuronModel, values: Mapping[str, np.ndarray]) -> np.ndarray | None:
        """One weight for all exciting and one for all inhibiting neurons."""
        if model.name != "cuba_euler" or not all(key in self.arrays for key in _BY_SOURCE):
            also = ", or `ne`, `we` and `wi`" if model.name == "cuba_euler" else ""
            self.wrong("w", f"missing; expected a weight per synapse{also}{did_you_mean('w', self.arrays)}")
            return None
        if values["ne"] < 0:
            self.wrong("ne", "missing; `we` is the weight of the synapses of the first `ne` neurons")
            return None
        if not all([self.check(key, "float", -np.inf, np.inf) for key in _BY_SOURCE]):
            return None
        exciting = self._as(self.arrays["pre"], "int") < values["ne"]
        return np.where(exciting, float(self.arrays["we"]), float(self.arrays["wi"]))

    def cores(self, n: int) -> np.ndarray | None:
        return self.per_neuron("core_id", n, "int", 0, 2**31 - 1) if "core_id" in self.arrays else None

    def start(self, model: NeuronModel, n: int) -> dict[str, np.ndarray]:
        kind, far = ("int", 2.0**31 - 1) if model.integer else ("float", np.inf)
        given = [state for state in model.states if f"{state}0" in self.arrays]
        return {state: self.per_neuron(f"{state}0", n, kind, -far, far) for state in given}


_TYPES: dict[str, type] = {"int": np.int64, "float": np.float64, "bool": np.bool_}


def _what(array: np.ndarray) -> str:
    if array.ndim == 0:
        return f"{array.item()!r}"
    return f"an array of shape {list(array.shape)}"


def _bounds(low: float, high: float) -> str:
    if low == -np.inf:
        return f"at most {high:.10g}"
    return f"at least {low:.10g}" if high == np.inf else f"{low:.10g} to {high:.10g}"
