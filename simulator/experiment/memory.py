"""memory: channels of a DRAM standard alone, driven by a trace of requests."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulator.base import units, yamlio
from simulator.base.errors import InputError, Problem, did_you_mean
from simulator.base.spec import build, resolved
from simulator.hw.addressing import make_addressing
from simulator.hw.controller import Controller
from simulator.hw.device import Device, DeviceError, make_device
from simulator.hw.dramenergy import EnergyRow, command_energy
from simulator.hw.dramtrace import LONG_CYCLES, Served, Setup, check_controller, serve_trace
from simulator.hw.standard import STANDARDS, Standard
from simulator.hw.tracefile import commands_file, read_trace
from simulator.report.rounding import THIN_SPACE, number, percent, si

#: Controllers by name: what differs from the defaults of ``Controller``.
CONTROLLERS: Mapping[str, Mapping[str, str]] = {
    "frfcfs": {},
    "rowhit": {"policy": "rowhit"},
    "fcfs": {"policy": "fcfs"},
    "closed": {"page": "closed"},
    "noref": {"refresh": "none"},
}
MAPPING = "RoBaRaCoCh"
#: Fields of a DeviceError and the options that they come from.
_OPTIONS = {name: f"--{name}" for name in ("preset", "ranks", "channels", "mapping")} | {"organisation": "--org"}
_SETTABLE = ("controller", "timing")
