"""Spiking networks for tests: arrays of an .npz file, and networks read from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from simulator.workload.load import load_spiking
from simulator.workload.spiking.network import SpikingNetwork

#: Model -> parameters that make networks of it spike now and then.
PARAMETERS: dict[str, dict[str, Any]] = {
    "cuba_int": {"du": 2048, "dv": 256, "vth_mant": 600, "refr": 2, "wexp": 6},
    "loihi": {"du": 1000, "dv": 128, "vth": 700, "refr": 1},
    "sanafe_lif": {"threshold": 60.0, "leak": 0.9375, "input_decay": 0.5, "refractory": 3},
    "cuba_euler": {
        "dt_ms": 0.1, "taum": 20.0, "taue": 5.0, "taui": 10.0, "Vt": -50.0, "Vr": -60.0, "El": -49.0,
        "refr_steps": 20,
    },
    "if": {"threshold": 40.0, "leak": 0.95, "reset": -1.0, "refractory": 1},
}  # fmt: skip


def edges(rng: np.random.Generator, n: int, share: float, delays: int) -> dict[str, np.ndarray]:
    """Random connections in no order, with delays from 1 on."""
    pre, post = np.nonzero(rng.random((n, n)) < share)
    order = rng.permutation(len(pre))
    delay = rng.integers(1, delays + 1, len(pre))
    return {"pre": pre[order], "post": post[order], "delay": delay, "w": rng.integers(-30, 60, len(pre))}


def arrays(model: str, rng: np.random.Generator, n: int = 40, delays: int = 5) -> dict[str, Any]:
    """A random network of a model, as a file has it."""
    made: dict[str, Any] = {
        "model": model,
        "N": n,
        "steps": 60,
        **edges(rng, n, 0.2, delays),
        **PARAMETERS[model],
    }
    if model == "cuba_euler":
        made |= {"v0": rng.uniform(-60, -48, n), "w": made["w"] * 0.3}
    else:
        made["soft"] = rng.random(n) < 0.5
        made["bias"] = rng.integers(0, 60, n) * (10 if model in ("cuba_int", "loihi") else 1)
    return made


def load(made: dict[str, Any], folder: Path) -> SpikingNetwork:
    """The network of some arrays, through a file."""
    path = folder / "net.npz"
    np.savez(path, **{name: np.asarray(value) for name, value in made.items()})
    return load_spiking(path)
