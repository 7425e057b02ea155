"""Overrides: which are for the chip, which for the workload.

Light: a wrong one is refused before anything loads.
"""

from __future__ import annotations

from collections.abc import Mapping
from shlex import quote
from typing import Any

from simulator.base.errors import InputError, Problem, did_you_mean

#: Arguments of builders of networks that can be set from outside.
ARGUMENTS = (
    "model", "phase", "prompt", "generate", "context", "weights", "activations", "kv", "head", "group",
    "blocks",
    "data", "vectors", "labels", "scale", "shift", "learn", "recognize", "length", "norm", "mode", "k",
    "minif", "maxif", "epochs", "knowledge", "save", "neurons", "components",
    "time_steps", "percentile",
)  # fmt: skip
#: Settings of spiking networks: steps, random spikes, what .nir files leave open.
SPIKING_SETTINGS = ("steps", "rate", "seed", "dt", "soft_reset")
WORKLOAD_SETTINGS = (
    "precision", "batch", "dims", "density", "weight_density", "quantize", *ARGUMENTS, *SPIKING_SETTINGS,
)  # fmt: skip


def split_overrides(overrides: Mapping[str, object]) -> tuple[dict[str, str], dict[str, str]]:
    """Overrides for the chip, and settings of the workload.

    Raises
    ------
    InputError
        An unknown setting of the workload.
    """
    for_chip: dict[str, str] = {}
    settings: dict[str, str] = {}
    problems = []
    for path, value in overrides.items():
        if not path.startswith("workload."):
            for_chip[path] = str(value)
            continue
        setting = path.removeprefix("workload.")
        if setting.split(".")[0] not in WORKLOAD_SETTINGS:
            hint = did_you_mean(setting, WORKLOAD_SETTINGS)
            message = f"unknown setting; a workload has {', '.join(WORKLOAD_SETTINGS)}{hint}"
            problems.append(Problem(message, f"--set {path}={value}", path=path))
        settings[setting] = str(value)
    if problems:
        raise InputError(*problems)
    return for_chip, settings


def describe_overrides(overrides: Mapping[str, Any]) -> str:
    """Overrides as they would be typed in a shell."""
    return " ".join(f"--set {quote(f'{path}={value}')}" for path, value in overrides.items())


def run_command(
    chip: str, network: str, overrides: Mapping[str, Any], options: Mapping[str, object | None] | None = None
) -> str:
    """The command that runs this in a shell: options by name, but for those that are None, then overrides."""
    words = ["chipsim", "run", quote(chip), quote(network)]
    for name, value in (options or {}).items():
        words += [] if value is None else [f"--{name}", quote(str(value))]
    return " ".join([*words, describe_overrides(overrides)]).strip()
