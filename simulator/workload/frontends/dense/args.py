"""What a fully connected network states."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from simulator.base.spec import Spec


class Dense(Spec):
    """Arguments of the builder."""

    PATHS: ClassVar = ("weights", "data")

    weights: str = Field(description="Layers and their weights as text, seen from this file")
    data: str = Field(
        "", description="Samples, .csv or .npz, seen from this file: what it runs on without `--inputs`"
    )
    vectors: str = Field("vectors", description="Name of the array of samples in an .npz, a row each")
    labels: str = Field("labels", description="Name of the array, or column, of the class of each sample")
    scale: float = Field(1, description="An input is what the data hold, times this", gt=0)
    train: int = Field(
        0, description="Rows for training and calibration, from the first; those after them are tested", ge=0
    )
