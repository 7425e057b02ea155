"""Populations and outputs of a layered network in an .npz file; see ``simulator.workload.spiking.store``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import get_args

import numpy as np

from simulator.base.errors import did_you_mean
from simulator.workload.spiking.network import Kind, Population, Synapses

#: Keys of a layered network beside those of every network; all of them are there.
KEYS = (
    "population", "population_count", "population_kind", "population_shape", "population_values",
    "output", "output_population",
)  # fmt: skip

#: Notes what is wrong with a key.
Wrong = Callable[[str, str], None]


def populations(arrays: Mapping[str, np.ndarray], n: int, wrong: Wrong) -> tuple[Population, ...]:
    """Populations in order; what is wrong with them is noted."""
    missing = [key for key in KEYS if key not in arrays]
    for key in missing:
        wrong(key, f"missing; a layered network has it{did_you_mean(key, arrays)}")
    if missing:
        return ()
    names = [str(each) for each in arrays["population"]]
    for key in KEYS[1:5]:
        if arrays[key].shape != (len(names),):
            wrong(key, f"expected {len(names)} entries, one per population, got {list(arrays[key].shape)}")
            return ()
    made, first = [], 0
    for i, name in enumerate(names):
        count, kind, shape = (arrays[f"population_{key}"][i] for key in ("count", "kind", "shape"))
        extents = tuple(int(part) for part in str(shape).split("x") if part.isdigit())
        if str(kind) not in get_args(Kind):
            near = did_you_mean(str(kind), get_args(Kind))
            wrong(f"population_kind[{i}]", f"expected {', '.join(get_args(Kind))}, got '{kind}'{near}")
        elif arrays["population_count"].dtype.kind not in "iu" or count < 0:
            wrong(f"population_count[{i}]", f"expected a number of neurons, got {count}")
        elif prod(extents) != count:
            wrong(
                f"population_shape[{i}]",
                f"expected extents such as 2x34x34 with product {count}, got '{shape}'",
            )
        else:
            values = bool(arrays["population_values"][i])
            made.append(Population(name, first, int(count), extents, _kind(str(kind)), values))
            first += int(count)
    if len(made) == len(names) and first != n:
        wrong("population_count", f"expected populations of {n} neurons together, got {first}")
    kinds = [each.kind == "input" for each in made]
    if kinds != sorted(kinds, reverse=True):
        wrong("population_kind", "expected inputs before all others")
    return tuple(made)


def _kind(name: str) -> Kind:
    return next(kind for kind in get_args(Kind) if kind == name)


def outputs(
    arrays: Mapping[str, np.ndarray], known: tuple[Population, ...], wrong: Wrong
) -> dict[str, Population]:
    """Output name -> population."""
    by_name = {each.name: each for each in known}
    names, of = (arrays[key].reshape(-1) for key in KEYS[5:])
    if len(names) != len(of):
        wrong("output_population", f"expected {len(names)} names, one per output, got {len(of)}")
        return {}
    for i, each in enumerate(of):
        if str(each) not in by_name:
            near = did_you_mean(str(each), by_name)
            wrong(f"output_population[{i}]", f"there is no population '{each}'{near}")
    return {str(a): by_name[str(b)] for a, b in zip(names, of, strict=True) if str(b) in by_name}


def check_order(synapses: Synapses, known: tuple[Population, ...], wrong: Wrong) -> None:
    """Synapses without delay must lead to a later population."""
    of = np.repeat(np.arange(len(known)), [each.count for each in known])
    back = (synapses.delays == 0) & (of[synapses.sources] >= of[synapses.targets])
    if back.any():
        at = int(np.flatnonzero(back)[0])
        ends = known[of[synapses.sources[at]]].name, known[of[synapses.targets[at]]].name
        text = f"expected at least 1 from '{ends[0]}' to '{ends[1]}', which is not later in a step, got 0"
        wrong("delay", text)
