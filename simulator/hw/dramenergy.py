"""Energy of a DRAM's commands and of its states at rest, from the currents of its data sheet.

Equations, sources and limits: docs/models/dram_energy.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import prod

from simulator.base.quantity import Energy
from simulator.hw.device import Device, DeviceError
from simulator.hw.standard import COMMANDS, Currents, Power

#: What one action is: an ACT, a byte, a REFab, a REFpb, a picosecond of one rank.
ACTIONS = (
    "activate", "read", "write", "io", "refresh", "refresh_bank",
    "standby_active", "standby_idle", "down_active", "down_idle",
)  # fmt: skip
_CURRENTS = ("idd0", "idd2n", "idd2p", "idd3n", "idd3p", "idd4r", "idd4w", "idd5")

#: Current -> the ns, per one action, for which it counts.
Charge = dict[str, Fraction]


@dataclass(frozen=True, slots=True)
class EnergyRow:
    """How often something happened and what it took; None: unknown."""

    action: str
    count: int
    pj_each: float | None
    pj: float | None


def action_energies(device: Device) -> dict[str, Energy]:
    """Picojoules of each action of one rank (pseudo channel), all its devices and supplies together.

    ``read``, ``write`` and ``io`` are per byte; ``standby_*`` and ``down_*`` per picosecond. An unpublished
    current leaves the actions that need it unknown, and their ``source`` names it.

    Raises
    ------
    DeviceError
        Currents that contradict each other: an action would take less than standing by.
    """
    energies = {name: _energy(device, name, charge) for name, charge in _charges(device).items()}
    energies["io"] = _io(device.power)
    if device.standard.refresh_banks:
        energies["refresh_bank"] = _refresh_bank(device, energies["refresh"])
    return {action: energies[action] for action in ACTIONS if action in energies}


def command_energy(
    device: Device, commands: Sequence[int], read_bytes: int, write_bytes: int, active_fs: int, idle_fs: int,
    down_active_fs: int = 0, down_idle_fs: int = 0,
) -> list[EnergyRow]:  # fmt: skip
    """What a channel took: a row per action; the sum of the rows is all of it.

    Parameters
    ----------
    device
        A channel's device.
    commands
        How often each of ``standard.COMMANDS`` was issued.
    read_bytes, write_bytes
        Moved by RD and WR, whole accesses.
    active_fs, idle_fs, down_active_fs, down_idle_fs
        Time with and without an open row, the same powered down; summed over ranks.
    """
    counts = {
        "activate": commands[COMMANDS.index("ACT")],
        "read": read_bytes,
        "write": write_bytes,
        "io": read_bytes + write_bytes,
        "refresh": commands[COMMANDS.index("REFab")],
        "refresh_bank": commands[COMMANDS.index("REFpb")],
        "standby_active": active_fs // 1000,
        "standby_idle": idle_fs // 1000,
        "down_active": down_active_fs // 1000,
        "down_idle": down_idle_fs // 1000,
    }
    energies = action_energies(device)
    return [_row(action, int(counts[action]), energies.get(action, Energy()).pj) for action in ACTIONS]


def _row(action: str, count: int, pj_each: float | None) -> EnergyRow:
    """What did not happen took nothing, whatever it would have taken."""
    pj = 0.0 if count == 0 else None if pj_each is None else count * pj_each
    return EnergyRow(action, count, pj_each, pj)


def _charges(device: Device) -> dict[str, Charge]:
    """Action -> its charge, so that pJ = V · sum of mA · ns; of it counts only what is beyond standing by."""
    period_ns = device.tck_fs / 10**6
    row_cycle, row_active, burst, refresh = (
        device.timing[name] * period_ns for name in ("nRC", "nRAS", "nBL", "nRFC")
    )
    burst /= device.access_bytes
    ps = Fraction(1, 1000)
    return {
        "activate": {"idd0": row_cycle, "idd3n": -row_active, "idd2n": row_active - row_cycle},
        "read": {"idd4r": burst, "idd3n": -burst},
        "write": {"idd4w": burst, "idd3n": -burst},
        "refresh": {"idd5": refresh, "idd3n": -refresh},
        "standby_active": {"idd3n": ps},
        "standby_idle": {"idd2n": ps},
        "down_active": {"idd3p": ps},
        "down_idle": {"idd2p": ps},
    }


def _energy(device: Device, action: str, charge: Charge) -> Energy:
    power = device.power
    if power is None or not power.supplies:
        return Energy(source=f"no currents of a {device.standard.name} device are known")
    whole = [rail for rail in power.supplies if not _idd0_alone(rail)]
    known = Energy(0.0, power.origin, _without(power.source, power.supplies), power.band)
    lacking = _lacking(whole, charge)
    if lacking or not whole:
        lacking = lacking or "anything but IDD0"
        return replace(known, pj=None, source=f"{power.source}; not published: {lacking}")
    pj = Fraction(0)
    for rail in whole:
        milliamperes = sum(_ma(rail, current) * ns for current, ns in charge.items())
        if milliamperes < 0:
            said = ", ".join(f"{name.upper()} {float(_ma(rail, name)):g} mA" for name in charge)
            raise DeviceError("energy", f"expected {action} to take more than standing by, got {said}")
        pj += _number(rail.vdd_v) * milliamperes
    return replace(known, pj=float(pj * _number(device.devices)))


def _idd0_alone(rail: Currents) -> bool:
    """Whether a rail's current can be told apart into neither rows nor standing by."""
    return rail.idd0_ma is not None and all(getattr(rail, f"{name}_ma") is None for name in _CURRENTS[1:])


def _without(source: str, supplies: Iterable[Currents]) -> str:
    """The source, and what is left out of it."""
    rails = [f"{rail.vdd_v:g} V" for rail in supplies if _idd0_alone(rail)]
    return f"{source}; without {', '.join(rails)}, of which IDD0 alone is published" if rails else source


def _lacking(supplies: Iterable[Currents], charge: Charge) -> str:
    """Currents that an action needs and nobody has published."""
    return ", ".join(
        f"{name.upper()} at {rail.vdd_v:g} V"
        for rail in supplies
        for name in charge
        if getattr(rail, f"{name}_ma") is None
    )


def _io(power: Power | None) -> Energy:
    """Per byte."""
    if power is None or power.io_pj_per_bit is None:
        return Energy(source="energy of the interface not published")
    return Energy(float(_number(power.io_pj_per_bit) * 8), power.origin, power.source, power.band)


def _refresh_bank(device: Device, refresh: Energy) -> Energy:
    """As many of the same rows: a REFab's energy by the share of the banks."""
    banks = device.banks // prod(device.counts[: device.refresh_level + 1])
    some = device.standard.refresh_banks
    if refresh.pj is None:
        return refresh
    origin = "derived" if refresh.origin == "published" else refresh.origin
    source = f"{refresh.source}; {some} of {banks} banks of an all-bank refresh"
    return Energy(refresh.pj * some / banks, origin, source, refresh.band)


def _ma(rail: Currents, current: str) -> Fraction:
    return _number(getattr(rail, f"{current}_ma"))


def _number(value: float) -> Fraction:
    """What was written, without the error of its binary form."""
    return Fraction(str(value))
