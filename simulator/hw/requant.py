"""How a chip turns sums into what it stores: which numerics profile it has, and how wide its sums are."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from pydantic import Field, field_validator

from simulator.base.errors import did_you_mean
from simulator.base.spec import Spec
from simulator.workload.numerics import PROFILES, Numerics


class Requant(Spec):
    """The chip's arithmetic, for executing networks; it has no time of its own."""

    profile: str | None = Field(
        None,
        description=f"One of {', '.join(PROFILES)} [that of the network's format: tflite_ref or onnxruntime]",
    )
    accumulator_bits: int | None = Field(
        None, description="Width of a sum of products of 8-bit operands [the profile's]", ge=8, le=32
    )
    overflow: Literal["wrap", "saturate"] | None = Field(
        None, description="What such a sum does beyond its width [the profile's]"
    )

    @field_validator("profile")
    @classmethod
    def _known(cls, name: str | None) -> str | None:
        if name is not None and name not in PROFILES:
            raise ValueError(
                f"expected one of {', '.join(PROFILES)}, got '{name}'{did_you_mean(name, PROFILES)}"
            )
        return name

    def numerics(self, native: str) -> Numerics:
        """Its profile with its own sums; ``native`` names the profile of a chip that states none."""
        chosen = PROFILES[self.profile or native]
        if self.accumulator_bits is not None:
            chosen = replace(chosen, accumulator_bits=self.accumulator_bits)
        return chosen if self.overflow is None else replace(chosen, overflow=self.overflow)
