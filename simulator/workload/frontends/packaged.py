"""Networks that an installed Python package carries: a YAML file names the package and the file inside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from pydantic import Field

from simulator.base import yamlio
from simulator.base.errors import InputError
from simulator.base.spec import Spec, build
from simulator.workload.frontends import onnx
from simulator.workload.graph import Graph


class Packaged(Spec):
    """A network inside an installed package."""

    name: str = Field(description="Name in reports")
    description: str = Field("", description="One line for `chipsim list workloads`")
    package: str = Field(description="Python package that carries the file")
    file: str = Field(description="Path of the file inside the package")
    licence: str = Field("", description="Licence of the network")


def load(path: Path, *, batch: int | None = None, dims: Mapping[str, int] | None = None) -> Graph:
    """Read the network that a YAML file points to; the package is found, not imported.

    Raises
    ------
    InputError
        The package is not installed, has no such file, or the file is no network.
    """
    file = packaged_file(path)
    graph = onnx.load(file, batch=batch, dims=dict(dims or {}))
    return replace(graph, name=yamlio.load(path).data["name"])


def packaged_file(path: Path) -> Path:
    """The file inside a package that a YAML file points to.

    Raises
    ------
    InputError
        The package is not installed, or has no such file.
    """
    document = yamlio.load(path)
    entry = build(Packaged, document.data, document, "")
    found = find_spec(entry.package)
    if found is None or found.origin is None:
        message = f"the package '{entry.package}' is not installed; pip install {entry.package}"
        raise InputError(document.problem(message, ("package",)))
    file = Path(found.origin).parent / entry.file
    if not file.is_file():
        message = f"the installed package '{entry.package}' has no such file; another version of it may"
        raise InputError(document.problem(message, ("file",)))
    return file
