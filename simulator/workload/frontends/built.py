"""Networks from code in this package: a YAML file names a builder and its arguments."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import Field

from simulator.base import yamlio
from simulator.base.errors import InputError, Problem, did_you_mean
from simulator.base.spec import Spec, build
from simulator.workload.arrays import Split
from simulator.workload.frontends import mobilenet
from simulator.workload.frontends.dense import build as dense
from simulator.workload.frontends.dense.args import Dense
from simulator.workload.frontends.llm.args import LanguageModel
from simulator.workload.frontends.llm.build import build as build_language_model
from simulator.workload.frontends.matching.args import Matching
from simulator.workload.frontends.matching.build import build as build_matching
from simulator.workload.graph import Graph


@dataclass(frozen=True)
class Builder:
    """A builder: its arguments, and what it makes of them.

    Attributes
    ----------
    spec
        Class of the arguments.
    make
        Arguments and a name -> the graph.
    model
        The same -> ModelProto of a float network with values, for those that can be quantized.
    split
        Arguments -> samples that the network carries; None if it carries none.
    """

    spec: type[Spec]
    make: Callable[[Any, str], Graph]
    model: Callable[[Any, str], Any] | None = None
    split: Callable[[Any], Split | None] | None = None


BUILDERS: dict[str, Builder] = {
    "mobilenet": Builder(mobilenet.MobileNet, mobilenet.build),
    "llm": Builder(LanguageModel, build_language_model),
    "matching": Builder(Matching, build_matching),
    "dense": Builder(Dense, dense.build, dense.model, dense.split),
}


class Built(Spec):
    """A network from a builder."""

    name: str = Field("", description="Name in reports; the file's where it is absent")
    description: str = Field("", description="One line for `chipsim list workloads`")
    builder: str = Field(description="Builder: mobilenet, llm, matching, dense")
    args: dict[str, Any] = Field(default_factory=dict, description="Arguments of the builder")


def is_built(path: Path, builder: str) -> bool:
    """Whether a YAML file asks for a builder of this name."""
    data = yamlio.load(path).data
    return isinstance(data, dict) and data.get("builder") == builder


def load(
    path: Path,
    *,
    batch: int | None = None,
    dims: Mapping[str, int] | None = None,
    arguments: Mapping[str, str] | None = None,
) -> Graph:
    """Build the network that a YAML file describes; ``batch`` and ``arguments`` take the place of the file's.

    Raises
    ------
    InputError
        As for ``read``; or a named dimension was to be bound.
    """
    if dims:
        raise InputError(Problem("a built network has no free dimensions: only batch can be set", str(path)))
    found = read(path, batch=batch, arguments=arguments)
    try:
        graph = found.builder.make(found.args, found.name)
    except InputError as error:
        raise located(error, found.document) from None
    return replace(graph, digest=hashlib.sha256(path.read_bytes() + _content(graph)).hexdigest())


def float_model(path: Path, arguments: Mapping[str, str] | None = None) -> Any | None:
    """ModelProto of the network that a YAML file describes; None where that has no builder.

    Raises
    ------
    InputError
        As for ``read``; or the builder gives shapes alone.
    """
    data = yamlio.load(path).data
    if not isinstance(data, dict) or "builder" not in data:
        return None
    found = read(path, arguments=arguments)
    if found.builder.model is None:
        given = ", ".join(name for name, each in BUILDERS.items() if each.model)
        text = f"expected a float network with values: an .onnx file, or one of the builder {given}"
        raise InputError(found.document.problem(f"{text}, got '{data['builder']}'", ("builder",)))
    try:
        return found.builder.model(found.args, found.name)
    except InputError as error:
        raise located(error, found.document) from None


def carried(path: Path, arguments: Mapping[str, str] | None = None) -> tuple[Split, str] | None:
    """Samples that the network of a YAML file carries, and their file; None where it carries none.

    Raises
    ------
    InputError
        As for ``read``; or the file of the samples is not as it should be.
    """
    data = yamlio.load(path).data
    builder = BUILDERS.get(str(data.get("builder"))) if isinstance(data, dict) else None
    if builder is None or builder.split is None:
        return None
    found = read(path, arguments=arguments)
    try:
        samples = builder.split(found.args)
    except InputError as error:
        raise located(error, found.document) from None
    return None if samples is None else (samples, str(found.args.data))


class Request(NamedTuple):
    """What a file asks of a builder: which, the arguments, the name of the network, and the file."""

    builder: Builder
    args: Any
    name: str
    document: yamlio.Document


def located(error: InputError, document: yamlio.Document) -> InputError:
    """The error with problems of arguments (``args.name``, in no file) at their places in the file."""
    return InputError(
        *(
            document.problem(problem.message, tuple(problem.path.split(".")))
            if problem.file is None and problem.path.startswith("args.")
            else problem
            for problem in error.problems
        )
    )


def read(path: Path, *, batch: int | None = None, arguments: Mapping[str, str] | None = None) -> Request:
    """What a YAML file asks of a builder, before anything is built.

    Arguments that a builder names in ``PATHS`` may be paths, seen from the file.

    Raises
    ------
    InputError
        There is no such builder, or its arguments are wrong.
    """
    document = yamlio.load(path)
    document.data.setdefault("args", {})
    for name, text in (arguments or {}).items():
        document.set(f"args.{name}", text, f"--set workload.{name}={text}")
    entry = build(Built, document.data, document, "")
    if entry.builder not in BUILDERS:
        known = f"expected one of {', '.join(BUILDERS)}, got '{entry.builder}'"
        raise InputError(document.problem(known + did_you_mean(entry.builder, BUILDERS), ("builder",)))
    builder = BUILDERS[entry.builder]
    spec = builder.spec
    given = dict(document.data["args"] or {})
    for name in getattr(spec, "PATHS", ()):
        beside = path.parent / str(given.get(name))
        given |= {name: str(beside)} if beside.is_file() else {}
    args = build(spec, given, document, ("args",))
    if batch is not None and "batch" not in spec.model_fields:
        raise InputError(Problem(f"a network of the builder {entry.builder} has no batch to bind", str(path)))
    if batch is not None:
        args = args.model_copy(update={"batch": batch})
    return Request(builder, args, entry.name or path.stem, document)


def _content(graph: Graph) -> bytes:
    """What a built network is, since arguments may name further files, whose digest the graph may have."""
    nodes = [(node.name, node.op, node.inputs, dict(node.attrs), node.epilogue) for node in graph]
    tensors = [(tensor.name, tensor.shape, tensor.dtype) for tensor in graph.tensors.values()]
    return repr((nodes, tensors)).encode() + graph.digest.encode()
