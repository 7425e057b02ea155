"""A trained network as a spiking one in the integers of Loihi 1, with the samples that it carries."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from simulator.base import yamlio
from simulator.base.errors import InputError, Problem
from simulator.base.spec import Spec, build
from simulator.workload.arrays import Split
from simulator.workload.frontends import built
from simulator.workload.labels import LABELS
from simulator.workload.spiking.conversion.convert import convert
from simulator.workload.spiking.conversion.loihi import Coded, code
from simulator.workload.spiking.network import SpikingNetwork

#: Name of the builder in YAML files.
BUILDER = "converted"


class Conversion(Spec):
    """Arguments of the builder `converted`: a trained network as spiking neurons of model `loihi`."""

    network: str = Field(description="A .yaml of a builder that carries samples, seen from this file")
    time_steps: int = Field(16, description="Steps for which each layer sees a sample", ge=1, le=4096)
    percentile: float = Field(
        99.9, description="Percentage of a ReLU's values, over the training samples, below its threshold",
        gt=0, le=100,
    )  # fmt: skip


class ConvertedNetwork(Spec):
    """A spiking network from a builder."""

    name: str = Field("", description="Name in reports; the file's where it is absent")
    description: str = Field("", description="One line for `chipsim list workloads`")
    builder: str = Field(description="Builder: converted")
    args: Conversion = Field(description="Arguments of the builder")


@dataclass(frozen=True, eq=False)
class Carrying:
    """A converted network with the samples to test on, their classes, and the file that they are of."""

    coded: Coded
    samples: np.ndarray
    labels: np.ndarray
    source: str


def is_converted(path: Path) -> bool:
    """Whether a YAML file asks for this builder."""
    if path.suffix.lower() not in (".yaml", ".yml"):
        return False
    data = yamlio.load(path).data
    return isinstance(data, dict) and data.get("builder") == BUILDER


def load(path: Path, arguments: Mapping[str, str] | None = None) -> SpikingNetwork:
    """The network that a YAML file describes; as for ``load_carrying``."""
    return load_carrying(path, arguments).coded.network


def load_carrying(path: Path, arguments: Mapping[str, str] | None = None) -> Carrying:
    """Convert the network that a YAML file names, and take its samples.

    Parameters
    ----------
    path
        Of the file.
    arguments
        Arguments of the builder, as YAML, in place of those in the file.

    Raises
    ------
    InputError
        The arguments are wrong, the network cannot be converted, or it carries no samples.
    """
    document = yamlio.load(path)
    document.data.setdefault("args", {})
    for name, text in (arguments or {}).items():
        document.set(f"args.{name}", text, f"--set workload.{name}={text}")
    made: ConvertedNetwork = build(ConvertedNetwork, document.data, document, "")
    file = path.parent / made.args.network
    place = ("args", "network")
    if not file.is_file():
        raise InputError(document.problem(f"no such file: {file}", place))
    carried = built.carried(file)
    if carried is None or not len(next(iter(carried[0].train.values()))):
        text = "carries no samples to train on; expected one of `builder: dense` with `data` and `train`"
        raise InputError(document.problem(f"'{made.args.network}' {text}", place))
    split, source = carried
    graph = built.load(file)
    train, name = _alone(split, document), graph.inputs[0]
    try:
        converted = convert(graph, {name: train}, percentile=made.args.percentile)
        coded = code(converted.network, float(train.max(initial=0.0)), made.args.time_steps)
    except InputError as error:
        raise InputError(*(_located(problem, document) for problem in error.problems)) from error
    digest = hashlib.sha256(path.read_bytes() + repr((made.args, graph.digest)).encode()).hexdigest()
    network = replace(coded.network, name=made.name or path.stem, digest=digest)
    return Carrying(replace(coded, network=network), split.test[name], split.test[LABELS], source)


def _alone(split: Split, document: yamlio.Document) -> np.ndarray:
    """Training samples of the one input."""
    named: dict[str, Any] = {name: array for name, array in split.train.items() if name != LABELS}
    if len(named) != 1 or LABELS not in split.test:
        text = "expected a network with one input, and labels"
        raise InputError(document.problem(text, ("args", "network")))
    return next(iter(named.values()))


def _located(problem: Problem, document: yamlio.Document) -> Problem:
    return document.problem(problem.message, ("args", "network")) if problem.file is None else problem
