"""A finished result beside the one that was simulated again in its place."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.results.result import Result


@dataclass(frozen=True)
class Brought:
    """A result at a precision that was asked for, as far as it can be brought there.

    Attributes
    ----------
    result
        What is compared.
    before
        What it was, where it was simulated again; None where it was not.
    kept
        Why it is what it was, at another precision; empty where it is at the one asked for.
    """

    result: Result
    before: Result | None = None
    kept: str = ""
