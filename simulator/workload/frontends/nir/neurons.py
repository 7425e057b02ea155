"""NIR's primitives with state as parameters of the model ``layered``: explicit Euler with steps of dt.

=========  ===============================================  ===============================================
primitive  equation                                         step
=========  ===============================================  ===============================================
I, IF      dv/dt = R·I                                      v += R·I, with the step as unit of time
LI, LIF    tau·dv/dt = (v_leak − v) + R·I                   v += dt/tau·((v_leak − v) + R·I)
CubaLI(F)  tau_syn·dI/dt = −I + w_in·S; v as above          I first, then v with the new I
Threshold  z = 1 where x > threshold                        the same
=========  ===============================================  ===============================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

Fields = Mapping[str, np.ndarray]

#: Primitives that do not spike: they send their potential on.
VALUES = ("I", "LI", "CubaLI")
#: Fields that must be above 0.
TIMES = ("tau", "tau_mem", "tau_syn")


def _integrator(fields: Fields, dt_s: float) -> dict[str, np.ndarray | float]:
    return {"keep": 1.0, "gain": fields["r"]}


def _leaky(fields: Fields, dt_s: float) -> dict[str, np.ndarray | float]:
    share = dt_s / fields["tau_mem" if "tau_mem" in fields else "tau"].astype(np.float64)
    return {"keep": 1 - share, "gain": share * fields["r"], "drift": share * fields["v_leak"]}


def _current(fields: Fields, dt_s: float) -> dict[str, np.ndarray | float]:
    share = dt_s / fields["tau_syn"].astype(np.float64)
    gain = share * fields.get("w_in", np.ones(()))
    return _leaky(fields, dt_s) | {"keep_current": 1 - share, "gain_current": gain}


def _threshold(fields: Fields, dt_s: float) -> dict[str, np.ndarray | float]:
    return {"keep": 0.0, "gain": 1.0}


STATEFUL: dict[str, Callable[[Fields, float], dict[str, np.ndarray | float]]] = {
    "I": _integrator,
    "IF": _integrator,
    "LI": _leaky,
    "LIF": _leaky,
    "CubaLI": _current,
    "CubaLIF": _current,
    "Threshold": _threshold,
}


def parameters(kind: str, fields: Fields, dt_s: float, soft_reset: bool) -> dict[str, np.ndarray | float]:
    """Parameters of a layer, for a primitive with its fields as arrays."""
    made = STATEFUL[kind](fields, dt_s)
    if kind == "Threshold":
        return made | {"threshold": fields["threshold"]}
    if kind not in VALUES:
        made |= {"threshold": fields["v_threshold"], "reset": fields.get("v_reset", np.zeros(()))}
        made |= {"soft": float(soft_reset)}
    return made
