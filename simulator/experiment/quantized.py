"""A network that is quantized before it runs, and samples that a network carries."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from simulator.base import yamlio
from simulator.base.errors import InputError, Problem
from simulator.base.locate import locate
from simulator.base.spec import Spec, build
from simulator.experiment.execute import carried_samples, located
from simulator.experiment.overrides import ARGUMENTS
from simulator.workload.arrays import read_arrays
from simulator.workload.frontends.onnx import load_model
from simulator.workload.graph import Graph
from simulator.workload.quantization.quantize import Quantized, quantize
from simulator.workload.quantization.rules import Rule

PREFIX = "quantize."


class Quantization(Spec):
    """How a float network is quantized before it runs (docs/models/quantization.md)."""

    weights: Literal["int8", "int4", "int16", "float"] = Field("int8", description="Element type of weights")
    activations: Literal["int8", "uint8", "int16", "uint16", "int4", "uint4", "float"] = Field(
        "int8", description="Element type of feature maps"
    )
    per_channel: bool = Field(False, description="A weight scale per output channel, not one per tensor")
    symmetric: bool = Field(False, description="Activations with the zero point in the middle")
    method: Literal["minmax", "percentile", "mse"] = Field(
        "minmax", description="How the range of a tensor follows from samples"
    )
    percentile: float = Field(
        99.99, description="Percentage of values that `percentile` keeps", ge=50, le=100
    )
    rules: list[Rule] = Field(
        default_factory=list,
        description="Types by node name or operator; of those that match a node the last one wins",
    )
    inputs: str = Field("", description="An .npz file to calibrate on [the training samples of the network]")

    def settings(self) -> dict[str, str]:
        """What was stated as settings of a workload, each as YAML."""
        stated = self.model_dump(exclude_unset=True, exclude_none=True)
        plain = {name: stated[name] for name in type(self).model_fields if name in stated}
        return {
            f"{PREFIX}{name}": value if isinstance(value, str) else json.dumps(value)
            for name, value in plain.items()
        }


def is_quantized(settings: Mapping[str, str]) -> bool:
    """Whether settings of a workload ask for its network to be quantized."""
    return any(name.startswith(PREFIX) for name in settings)


def read_quantization(settings: Mapping[str, str]) -> Quantization:
    """What settings of a workload ask for.

    Raises
    ------
    InputError
        A setting that there is not, or a value that it cannot have.
    """
    document = yamlio.parse("")
    for name, text in settings.items():
        if name.startswith(PREFIX):
            document.set(name.removeprefix(PREFIX), text, f"--set workload.{name}={text}")
    return build(Quantization, document.data, document)


def load_quantized(
    network: str | Path,
    settings: Mapping[str, str],
    *,
    batch: int | None = None,
    dims: Mapping[str, int] | None = None,
) -> Graph:
    """Quantize a network as settings of its workload say, and read what that gives.

    Parameters
    ----------
    network
        Path, or name under workloads/, of an .onnx file or of a builder that gives values.
    settings
        Settings of the workload: those below ``quantize.``, and arguments of the builder.
    batch, dims
        As for ``load_graph``.

    Raises
    ------
    InputError
        Settings, network or samples are not as they should be.
    """
    asked = read_quantization(settings)
    arguments = {name: text for name, text in settings.items() if name in ARGUMENTS}
    samples, source = _calibration(network, asked, arguments)
    try:
        made = quantize(
            network, samples, weights=asked.weights, activations=asked.activations,
            per_channel=asked.per_channel, symmetric=asked.symmetric, method=asked.method,
            percentile=asked.percentile, rules=asked.rules, arguments=arguments, measure=False,
        )  # fmt: skip
    except InputError as error:
        raise located(error, {"inputs": source}, str(network)) from error
    import onnx  # heavy: needed for what was quantized alone

    model = onnx.ModelProto.FromString(made.model)
    graph = load_model(model, locate(str(network), "workloads"), batch=batch, dims=dims)
    return graph.with_tensors(graph.tensors, _said(made, source))


def _calibration(
    network: str | Path, asked: Quantization, arguments: Mapping[str, str]
) -> tuple[Mapping[str, np.ndarray], str]:
    """Samples to calibrate on, and the file that they are of."""
    if asked.inputs:
        return read_arrays(asked.inputs), asked.inputs
    carried = carried_samples(network, arguments)
    if carried is None or not len(next(iter(carried[0].train.values()))):
        text = "nothing to calibrate on: expected an .npz file of samples"
        raise InputError(Problem(text, path=f"workload.{PREFIX}inputs"))
    return carried[0].train, carried[1]


def _said(made: Quantized, source: str) -> str:
    """Sentence about what was done to the network."""
    settings = made.settings
    own = [
        f"{layer.node} {layer.weights or '-'}/{layer.activations}"
        for layer in made.layers
        if layer.weights not in ("", settings.weights) or layer.activations != settings.activations
    ]
    scales = "a weight scale per channel" if settings.per_channel else "one weight scale per tensor"
    but = f" but for {', '.join(own)}" if own else ""
    before, after = made.constant_bytes
    return (
        f"quantized after training to {settings.weights} weights and {settings.activations} activations"
        f"{but} ({settings.method}, {scales}), calibrated on "
        f"{made.samples} samples of {Path(source).name}: constants take {after} B in place of {before} B"
    )


def overrides_of(quantization: Quantization | None, below: Mapping[str, Any]) -> dict[str, Any]:
    """Overrides of a run with those of a workload that is quantized so, over those ``below`` them.

    Element types that neither states are int8, which makes the empty mapping mean something.
    """
    if quantization is None:
        return dict(below)
    types = {f"workload.{PREFIX}{name}": "int8" for name in ("weights", "activations")}
    return {**types, **below, **{f"workload.{k}": v for k, v in quantization.settings().items()}}
