"""Arguments of the builder, checked against the model that they name."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from simulator.base.errors import InputError, Problem, did_you_mean
from simulator.base.spec import Spec
from simulator.workload.frontends.llm.architecture import Architecture
from simulator.workload.frontends.llm.config import read_config
from simulator.workload.frontends.llm.models import MODELS
from simulator.workload.tensor import FLOATS

Float = Literal["fp16", "bf16"]


class LanguageModel(Spec):
    """Arguments of the builder."""

    PATHS: ClassVar[tuple[str, ...]] = ("model",)

    model: str = Field(description="Model by name, or path of a config.json as Hugging Face writes it")
    weights: Literal["int4", "int8", "fp16", "bf16"] = Field("int4", description="Of linear layers")
    activations: Literal["fp16", "bf16", "int8"] = Field("fp16", description="Of what is computed")
    kv: Literal["fp16", "bf16", "int8", "int4"] | None = Field(
        None, description="Of the cache of keys and values; null: as activations"
    )
    head: Literal["int4", "int8", "fp16", "bf16"] | None = Field(
        None, description="Of the token table and the LM head; null: as weights"
    )
    group: int = Field(128, description="int4 weights along the inner dimension that share a scale", ge=1)
    prompt: int = Field(1024, description="Tokens of the prompt", ge=1)
    generate: int = Field(128, description="Tokens to generate after it", ge=1)
    batch: int = Field(1, description="Sequences side by side, all of the same length", ge=1)
    phase: Literal["all", "generate", "prefill", "decode"] = Field(
        "all",
        description="The prompt and all tokens after it, these tokens alone (with the prompt in the cache), "
        "the prompt, or one token after `context`",
    )
    context: int | None = Field(
        None, description="Tokens in the cache before the decode step; null: the prompt", ge=1
    )
    blocks: int | None = Field(None, description="First transformer blocks to build; null: all", ge=1)

    @field_validator("model")
    @classmethod
    def _known(cls, model: str) -> str:
        if model not in MODELS and not model.endswith(".json"):
            known = f"expected a path of a config.json or one of {', '.join(MODELS)}; got '{model}'"
            raise ValueError(known + did_you_mean(model, MODELS))
        return model

    @model_validator(mode="after")
    def _fits(self) -> LanguageModel:
        one, most = self.architecture, self.architecture.context
        problems = [
            f"{name} {found} is more than the {what} {limit} of {one.name}"
            for name, found, what, limit in (
                ("prompt + generate =", self.prompt + self.generate, "context of", most),
                ("context + 1 =", (self.context or 0) + 1, "context of", most),
                ("blocks:", self.layers, "layers:", one.layers),
            )
            if found > limit
        ]
        problems += [
            f"{what} in {kind} need activations in {kind}, got {self.activations}"
            for what, kind in (("weights", self.weights), ("head", self.head), ("kv", self.kv))
            if kind in FLOATS and kind != self.activations
        ]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @cached_property
    def architecture(self) -> Architecture:
        """Hyperparameters of the model."""
        return MODELS[self.model] if self.model in MODELS else read_config(self.model)

    @property
    def layers(self) -> int:
        """Blocks that are built."""
        return self.architecture.layers if self.blocks is None else self.blocks

    @property
    def past(self) -> int:
        """Tokens in the cache before a decode step."""
        return self.prompt if self.context is None else self.context

    @property
    def new(self) -> int:
        """Tokens of a sequence that the phase computes."""
        return self.prompt if self.phase != "decode" else 1

    @property
    def seen(self) -> int:
        """Tokens that the last computed one attends to, itself among them."""
        return self.prompt if self.phase != "decode" else self.past + 1

    @property
    def kv_type(self) -> str:
        """Element type of the cache."""
        return self.kv or self.activations

    @property
    def head_type(self) -> str:
        """Element type of the token table and the LM head."""
        return self.head or self.weights

    @property
    def vector_type(self) -> Float:
        """Element type of scales, of parameters of norms and of the table of positions."""
        return "bf16" if self.activations == "bf16" else "fp16"

    @property
    def bias_type(self) -> str:
        """Element type of biases."""
        return self.activations if self.activations in FLOATS else "int32"

    def at(self, **changes: Any) -> LanguageModel:
        """These arguments with some changed, such as phase and context of the next step; checked again.

        Raises
        ------
        InputError
            They do not fit each other.
        """
        try:
            return LanguageModel(**{**self.model_dump(), **changes})
        except ValueError as error:
            raise InputError(Problem(str(error))) from error
