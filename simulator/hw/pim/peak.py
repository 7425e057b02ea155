"""What a device could compute and move inside at most, from its organisation and timings alone."""

from __future__ import annotations

from fractions import Fraction

from simulator.hw.device import Device
from simulator.hw.standard import Pim


def internal_bytes_per_s(device: Device) -> Fraction:
    """Of one channel: every unit takes an access from its bank each step."""
    pim, step_fs = _step(device)
    return Fraction(pim.units * device.access_bytes * 10**15) / step_fs


def operations_per_s(device: Device) -> Fraction:
    """Of one channel: every lane multiplies and adds in each step."""
    pim, step_fs = _step(device)
    return Fraction(pim.units * pim.lanes * 2 * 10**15) / step_fs


def _step(device: Device) -> tuple[Pim, Fraction]:
    pim = device.standard.pim
    if pim is None:
        raise ValueError(f"{device.standard.name} does not compute")
    return pim, device.clocks(pim.step) * device.tck_fs
