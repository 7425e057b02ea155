"""How a device computes, and streams for it, as the arrays of the PIM kernel."""

from __future__ import annotations

import numpy as np

from simulator.hw.device import Device, DeviceError
from simulator.hw.standard import COMMANDS
from simulator.kernels import drampimstate as p

#: Commands that take one bank, so that windows may bind them.
_SINGLE = ("ACT", "PREpb", "PREab", "RD", "WR", "RDA", "WRA", "REFab", "REFpb", "MAC_B", "RD_CP", "WR_CP")


def make_pim_tables(device: Device, steps: np.ndarray) -> p.PimTables:
    """Everything that PIM streams only read; ``steps`` is STEP, shape (any,).

    Raises
    ------
    DeviceError
        A device that does not compute, or whose table binds a command of several banks by a window.
    """
    pim = device.standard.pim
    if pim is None:
        raise DeviceError("standard", f"{device.standard.name} does not compute")
    for rule in device.rules:
        wrong = [COMMANDS[i] for i in rule.before if COMMANDS[i] not in _SINGLE]
        if wrong and (rule.window > 1 or rule.sibling):
            raise DeviceError("standard", f"{wrong[0]} takes several banks: no window, no sibling binds it")
    effects = np.zeros(len(COMMANDS), p.EFFECT)
    for name, does in pim.commands.items():
        row = (
            device.clocks(does.done), does.reads, does.writes, does.io, does.registers, does.row, does.closes,
            does.waits,
        )  # fmt: skip
        effects[COMMANDS.index(name)] = row
    return p.PimTables(effects, steps)


def make_pim_state(device: Device, channels: int, nodes: int) -> p.PimState:
    """Channels without a stream."""
    engines = np.zeros(channels, p.ENGINE)
    engines["flight"] = engines["tail"] = -1
    engines["ahead"] = device.standard.pim is not None and device.standard.pim.ahead
    return p.PimState(engines, np.zeros((nodes, p.PIM_COUNTS), np.int64))


def pim_counts(device: Device, pim: p.PimState) -> dict[str, np.ndarray]:
    """What streams did, per node: banks opened, bytes inside and outside, operations, commands."""
    counts, access = pim.counts, device.access_bytes
    return {
        "activate": counts[:, p.P_ACT],
        "read": counts[:, p.P_READ] * access,
        "write": counts[:, p.P_WRITE] * access,
        "register": counts[:, p.P_REGISTER] * access,
        "io": counts[:, p.P_IO] * access,
        "ops": counts[:, p.P_OPS],
        "commands": counts[:, p.P_COMMANDS],
    }
