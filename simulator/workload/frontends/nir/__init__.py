"""Networks in the Neuromorphic Intermediate Representation (.nir, HDF5), primitives of its version 1.0.8.

Equations are those of NIR's documentation (https://neuroir.org/docs/primitives.html), integrated by explicit
Euler; what that leaves open, and how it is filled, is in docs/models/spiking.md.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from simulator.base.errors import InputError, Problem
from simulator.workload.frontends.nir.build import build
from simulator.workload.frontends.nir.tree import read
from simulator.workload.spiking.network import SpikingNetwork

#: Length of a time step where nobody says another: that of NIR's own examples.
DT_S = 1e-4


def load(path: Path, *, dt_s: float = DT_S, soft_reset: bool = False) -> SpikingNetwork:
    """Read a network.

    Parameters
    ----------
    path
        The file.
    dt_s
        Length of a time step, seconds.
    soft_reset
        A spike subtracts the threshold; else v becomes what the file says.

    Raises
    ------
    InputError
        Everything that is wrong with the file, each with its node and field.
    """
    if not dt_s > 0:
        raise InputError(Problem(f"expected a time step above 0, got {dt_s:g} s", "--dt"))
    tree = read(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return build(tree, path.stem, dt_s=dt_s, soft_reset=soft_reset, digest=digest)
