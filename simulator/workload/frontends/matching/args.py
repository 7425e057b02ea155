"""What a workload of pattern matching states."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from simulator.base.spec import Spec
from simulator.workload.neurons import LARGEST_CONTEXT, LARGEST_FIELD


class Matching(Spec):
    """Arguments of the builder."""

    PATHS: ClassVar = ("data", "knowledge")

    data: str = Field("", description="Vectors and labels, .csv or .npz, seen from this file; or `--inputs`")
    vectors: str = Field("vectors", description="Name of the array of vectors, a row each")
    labels: str = Field("labels", description="Name of the array, or column, of labels")
    scale: float = Field(1, description="A component is what the data hold, times this; 0 to 255", gt=0)
    shift: int = Field(0, description="A category is the label plus this; category 0 is a counterexample")
    learn: int = Field(0, description="Rows that are taught, from the first", ge=0)
    recognize: int | None = Field(None, description="Rows after them that are recognized [all]", ge=0)
    length: int | None = Field(None, description="Components of a vector [those of the data]", gt=0)
    norm: Literal["L1", "Lsup"] = Field("L1", description="Distance: sum, or largest, of the differences")
    mode: Literal["rce", "knn"] = Field(
        "rce", description="Which neurons answer: those whose influence field holds the vector, or all"
    )
    k: int = Field(1, description="Answers read per vector, the nearest first; 0: the status alone", ge=0)
    minif: int = Field(2, description="Least influence field of neurons that commit", ge=0, le=LARGEST_FIELD)
    maxif: int = Field(16384, description="Largest influence field", ge=1, le=LARGEST_FIELD)
    epochs: int = Field(1, description="How often the rows are taught", ge=1, le=1000)
    context: int = Field(
        1, description="Context of all vectors; 0: recognized by neurons of any", ge=0, le=LARGEST_CONTEXT
    )
    knowledge: str = Field("", description="An .npz file that `execute` wrote: what the neurons hold before")
    save: bool = Field(False, description="Whether the neurons are read out at the end")
    neurons: int = Field(576, description="Neurons, where no chip says how many", gt=0)
    components: int = Field(256, description="Components that a neuron stores, where no chip says", gt=0)

    @model_validator(mode="after")
    def _consistent(self) -> Matching:
        if self.maxif < self.minif:
            raise ValueError(f"maxif ({self.maxif}) must be at least minif ({self.minif})")
        if self.learn and not self.context:
            raise ValueError("context 0 means the neurons of all contexts; teach one of 1 to 127")
        return self
