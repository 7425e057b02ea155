"""Energy of what happens inside a memory that computes. Rows opened and the interface: ``dramenergy``."""

from __future__ import annotations

from dataclasses import replace

from simulator.base.quantity import Energy
from simulator.hw.device import Device
from simulator.hw.dramenergy import action_energies

#: A byte from or to the cells of a bank, a byte into registers or buffer, an operation of a lane.
PIM_ACTIONS = ("pim_column", "pim_register", "pim_op")

#: pJ/bit on HBM2: from the cell to the sense amplifiers' column lines, and the whole way without the
#: interface.
_CELL, _INSIDE = 0.44, 2.68
_OCONNOR = (
    "O'Connor et al., Fine-Grained DRAM, MICRO 2017: 0.44 of 3.59 pJ/bit of an HBM2 read are the cell's"
)
#: pJ: half of a FP16 multiplication (1.1) and addition (0.4).
_OPERATION = Energy(
    0.75,
    "estimate",
    "Horowitz, ISSCC 2014: FP16 multiply 1.1 and add 0.4 pJ at 45 nm, per operation",
    "100 %",
)
_NEWTON = "Newton (MICRO 2020): a MAC in all 16 banks takes 4 times a read's power"


def pim_energies(device: Device) -> dict[str, Energy]:
    """Picojoules per byte and operation of a device that computes; {} where it does not."""
    pim = device.standard.pim
    if pim is None:
        return {}
    plain = action_energies(device)
    register = replace(
        plain["write"], origin="estimate", source=f"as a write of the device: {plain['write'].source}"
    )
    if device.standard.name == "hbm2_pim":
        column, op = Energy(_CELL * 8, "derived", _OCONNOR, "50 %"), _OPERATION
    elif not pim.ahead:  # accumulates in every bank: arithmetic is in Newton's figure
        column = _share(plain["read"], 4 / device.banks, _NEWTON)
        op = Energy(0.0, "estimate", f"within pim_column. {_NEWTON}, arithmetic included")
    else:
        column, op = (
            _share(plain["read"], _CELL / _INSIDE, f"share of the cell as on HBM2: {_OCONNOR}"),
            _OPERATION,
        )
    return {"pim_column": column, "pim_register": register, "pim_op": op}


def _share(read: Energy, share: float, why: str) -> Energy:
    """A part of what a byte read takes."""
    pj = None if read.pj is None else read.pj * share
    return Energy(pj, "estimate", f"{share:.3f} of a read's ({read.source}). {why}", "100 %")
