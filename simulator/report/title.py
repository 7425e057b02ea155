"""What a result is of: network, chip, and what was overridden."""

from __future__ import annotations

from simulator.results.result import Result


def settings(result: Result) -> list[str]:
    """Overrides of a run as ``path=value``, in the order given."""
    chosen = result.resolved.get("experiment", {}).get("set", {})
    return [f"{path}={value}" for path, value in chosen.items()]


def title(result: Result) -> str:
    """``network on chip · path=value · …``."""
    return " · ".join([f"{result.network} on {result.chip}", *settings(result)])
