"""What a user wrote of a memory: standard, preset, mapping, controller; every mistake at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

from simulator.base import units, yamlio
from simulator.base.errors import InputError, Problem, did_you_mean
from simulator.base.spec import build
from simulator.hw.addressing import make_addressing
from simulator.hw.controller import Controller
from simulator.hw.device import DeviceError, fitting, make_device
from simulator.hw.dramenergy import action_energies
from simulator.hw.dramtrace import Setup, check_controller
from simulator.hw.standard import STANDARDS, Standard

#: Controllers by name: what differs from the defaults of ``Controller``.
CONTROLLERS: Mapping[str, Mapping[str, str]] = {
    "frfcfs": {},
    "rowhit": {"policy": "rowhit"},
    "fcfs": {"policy": "fcfs"},
    "closed": {"page": "closed"},
    "noref": {"refresh": "none"},
}
MAPPING, CONTROLLER = "RoBaRaCoCh", "frfcfs"
#: Where a DeviceError points to -> the option that brings it in.
_OPTIONS = {name: f"--{name}" for name in ("preset", "ranks", "channels", "mapping")}
_OPTIONS["organisation"] = "--org"
_SETTABLE = ("controller", "timing")
Made = TypeVar("Made")


def choose(
    standard: str, *, preset: str = "", organisation: str = "", channels: int = 1, ranks: int | None = None,
    mapping: str = MAPPING, controller: str = CONTROLLER, settings: Mapping[str, object] | None = None,
) -> Setup:  # fmt: skip
    """Put channels together of what a user wrote.

    Parameters
    ----------
    standard, preset, organisation
        Names of the tables, whatever their case; "": the first.
    channels, ranks
        Numbers of them; None: the organisation's.
    mapping
        As for ``make_addressing``.
    controller
        A name of ``CONTROLLERS``, or a YAML file with fields of ``Controller``.
    settings
        ``controller.FIELD`` and ``timing.NAME`` -> text: other values.

    Raises
    ------
    InputError
        With everything that is wrong.
    """
    texts = {path: str(value) for path, value in (settings or {}).items()}
    problems: list[Problem] = []

    def attempt(make: Callable[[], Made]) -> Made | None:
        try:
            return make()
        except DeviceError as error:
            problems.append(_located(error, texts))
        except InputError as error:
            problems.extend(error.problems)
        return None

    table = attempt(lambda: _standard(standard))
    timing = attempt(lambda: _timing(texts))
    policy = attempt(lambda: _controller(controller, texts))
    device = addressing = None
    if table is not None:
        device = attempt(lambda: make_device(table, preset, organisation, ranks=ranks, overrides=timing))
    if device is not None:
        addressing = attempt(lambda: make_addressing(mapping, device, channels))
        attempt(lambda: action_energies(device))
        if policy is not None:
            attempt(lambda: check_controller(device, policy))
    if problems or device is None or policy is None or addressing is None:
        raise InputError(*problems)
    return Setup(device, policy, addressing, channels)


def describe_standard(name: str) -> dict[str, Any]:
    """Presets and organisations of a standard, the first of each is the default.

    Raises
    ------
    InputError
        There is no such standard.
    """
    standard = _standard(name)
    return {
        "standard": standard.name,
        "source": standard.source,
        "presets": [
            {
                "preset": preset,
                "rate_mts": entry.rate_mts,
                "tck_ps": entry.tck_ps,
                "origin": entry.origin,
                "aliases": list(entry.aliases),
                "organisations": list(fitting(standard, preset)),
            }
            for preset, entry in standard.presets.items()
        ],
        "organisations": [
            {"organisation": device.organisation, "capacity_bytes": device.capacity_bytes,
             "access_bytes": device.access_bytes, "row_bytes": device.row_bytes, "banks": device.banks}
            for device in (make_device(standard, "", organisation) for organisation in standard.organisations)
        ],
    }  # fmt: skip


def standard_lines(record: Mapping[str, Any]) -> list[str]:
    """Show ``describe_standard`` as plain lines."""
    presets = [
        [e["preset"], f"{e['rate_mts']} MT/s", f"{e['tck_ps']} ps", e["origin"], ", ".join(e["aliases"])]
        for e in record["presets"]
    ]
    organisations = [
        [e["organisation"], units.format(e["capacity_bytes"], "bytes"), f"{e['banks']} banks",
         f"rows of {units.format(e['row_bytes'], 'bytes')}", f"accesses of {e['access_bytes']} B"]
        for e in record["organisations"]
    ]  # fmt: skip
    return [
        f"{record['standard']} ({record['source']}); the first of each is the default",
        "presets (--preset): transfers, clock, origin, other names",
        *_columns(presets),
        "organisations (--org): one channel of it",
        *_columns(organisations),
    ]


def _columns(rows: list[list[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    padded = ([f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)] for row in rows)
    return ["  " + "  ".join(cells).rstrip() for cells in padded]


def _standard(name: str) -> Standard:
    plain = name.casefold().replace("-", "").replace("_", "")
    found: Standard = STANDARDS.get(plain if plain in STANDARDS else name, Problem("", "STANDARD"))
    return found


def _timing(settings: Mapping[str, str]) -> dict[str, int | Fraction]:
    """Overrides of timings: nXXX in clocks, tXXX in ns. What else is settable is not, is said here too."""
    problems: list[Problem] = []
    timing: dict[str, int | Fraction] = {}
    for path, value in settings.items():
        head, _, name = path.partition(".")
        where = Problem("", f"--set {path}={value}", path=path)
        try:
            if head not in _SETTABLE or not name:
                near = did_you_mean(head, _SETTABLE)
                raise ValueError(f"unknown setting; a memory has controller.FIELD and timing.NAME{near}")
            if head == "timing" and name.startswith("t"):
                timing[name] = Fraction(units.parse(value, "fs")) / 10**6
            elif head == "timing":
                timing[name] = _clocks(name, value)
        except ValueError as error:
            problems.append(Problem(str(error), where.file, path=where.path))
    if problems:
        raise InputError(*problems)
    return timing


def _clocks(name: str, value: str) -> int:
    if not value.isdecimal():
        raise ValueError(f"expected a whole number of clocks, got '{value}'; timing.t{name[1:]} takes a time")
    return int(value)


def _controller(name: str, settings: Mapping[str, str]) -> Controller:
    """By name or of a file, with what is set of it."""
    if name in CONTROLLERS:
        document = yamlio.Document(dict(CONTROLLERS[name]), {}, "--controller")
    elif Path(name).suffix in (".yaml", ".yml") or Path(name).is_file():
        document = yamlio.load(name)
    else:
        near = did_you_mean(name, CONTROLLERS)
        known = ", ".join(CONTROLLERS)
        message = f"unknown controller '{name}', expected one of {known} or a YAML file{near}"
        raise InputError(Problem(message, "--controller"))
    try:
        for path, value in settings.items():
            if path.startswith("controller."):
                document.set(path.removeprefix("controller."), value, f"--set {path}={value}")
        return build(Controller, document.data, document)
    except InputError as error:
        raise InputError(*(_prefixed(problem) for problem in error.problems)) from None


def _prefixed(problem: Problem) -> Problem:
    """What was set has its path from the top."""
    if problem.file and problem.file.startswith("--set"):
        return Problem(problem.message, problem.file, path=f"controller.{problem.path}")
    return problem


def _located(error: DeviceError, settings: Mapping[str, str]) -> Problem:
    """At the option that brought it in."""
    if error.where in _OPTIONS:
        return Problem(error.message, _OPTIONS[error.where])
    asked = [path for path in (error.where, error.where.replace("timing.n", "timing.t")) if path in settings]
    if asked:
        return Problem(error.message, f"--set {asked[0]}={settings[asked[0]]}", path=error.where)
    place = "--controller" if error.where.startswith("controller.") else "--set"
    return Problem(error.message, place, path=error.where)
