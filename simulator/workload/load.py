"""A network file of any supported format as a Graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from simulator.base import yamlio
from simulator.base.errors import InputError, Problem
from simulator.base.locate import locate
from simulator.workload.frontends import (
    built,
    layers,
    nir,
    onnx,
    packaged,
    spikingarrays,
    spikinglayers,
    tflite,
)
from simulator.workload.graph import Graph
from simulator.workload.precision import assume
from simulator.workload.spiking.network import SpikingNetwork

#: Suffix of a file -> reader: load(path, batch=..., dims=...) -> Graph.
READERS: dict[str, Callable[..., Graph]] = {}
#: Suffix of a file -> reader of spiking networks: load(path, ...) -> SpikingNetwork.
SPIKING_READERS: dict[str, Callable[..., SpikingNetwork]] = {".npz": spikingarrays.load, ".nir": nir.load}


def _load_yaml(
    path: Path,
    *,
    batch: int | None = None,
    dims: Mapping[str, int] | None = None,
    arguments: Mapping[str, str] | None = None,
) -> Graph:
    """A layer list, a builder's arguments, or a pointer into an installed package, by what the file says."""
    data = yamlio.load(path).data
    keys = data if isinstance(data, dict) else {}
    if keys.get("builder") == spikinglayers.BUILDER:
        known = ", ".join(READERS)
        raise InputError(Problem(f"expected a network file ({known}), got a spiking network", str(path)))
    if "builder" in keys:
        return built.load(path, batch=batch, dims=dims, arguments=arguments)
    _no_arguments(path, arguments)
    reader = packaged.load if "package" in keys else layers.load
    return reader(path, batch=batch, dims=dims)


def _no_arguments(path: Path, arguments: Mapping[str, str] | None) -> None:
    if arguments:
        names = ", ".join(f"workload.{name}" for name in arguments)
        raise InputError(Problem(f"{names} is for networks from a builder, which this is none of", str(path)))


READERS.update({".onnx": onnx.load, ".tflite": tflite.load, ".yaml": _load_yaml, ".yml": _load_yaml})


def load_graph(
    path: str | Path,
    *,
    batch: int | None = None,
    dims: Mapping[str, int] | None = None,
    precision: str | None = None,
    arguments: Mapping[str, str] | None = None,
) -> Graph:
    """Read a network.

    Parameters
    ----------
    path
        Path, or name under workloads/; the suffix of the file names the format.
    batch, dims
        Extents of free dimensions, see ``simulator.workload.frontends.onnx.load``.
    precision
        What to take a float network as, see ``simulator.workload.precision``; None: as its file states.
    arguments
        Arguments of a builder, as YAML, that take the place of those in its file.

    Raises
    ------
    InputError
        There is no such file, no reader for it, or it is not as it should be.
    """
    path = locate(str(path), "workloads")
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        spiking = path.suffix.lower() in SPIKING_READERS
        why = "got a spiking network" if spiking else f"got suffix '{path.suffix}'"
        raise InputError(Problem(f"expected a network file ({', '.join(READERS)}), {why}", str(path)))
    if reader is _load_yaml:
        graph = _load_yaml(path, batch=batch, dims=dims, arguments=arguments)
    else:
        _no_arguments(path, arguments)
        graph = reader(path, batch=batch, dims=dims)
    return assume(graph, precision) if precision else graph


def load_spiking(
    path: str | Path, *, dt_s: float | None = None, soft_reset: bool | None = None
) -> SpikingNetwork:
    """Read a spiking network: .npz, .nir, or .yaml with a builder of one.

    Parameters
    ----------
    path
        Path, or name under workloads/; the suffix of the file names the format.
    dt_s, soft_reset
        Of .nir, see ``simulator.workload.frontends.nir.load``; None: as stated there.

    Raises
    ------
    InputError
        There is no such file, it holds no spiking network, or it is not as it should be.
    """
    path = locate(str(path), "workloads")
    reader = SPIKING_READERS.get(path.suffix.lower())
    if reader is None and is_spiking(path):
        reader = spikinglayers.load
    if reader is None:
        known = ", ".join(SPIKING_READERS)
        why = (
            "got a network without spikes"
            if path.suffix.lower() in READERS
            else f"got suffix '{path.suffix}'"
        )
        raise InputError(Problem(f"expected a spiking network ({known}), {why}", str(path)))
    given = {"dt_s": dt_s, "soft_reset": soft_reset}
    options = {name: value for name, value in given.items() if value is not None}
    if options and reader is not nir.load:
        message = "a time step and a way of resetting are for .nir; the file says what it has"
        raise InputError(Problem(message, str(path)))
    return reader(path, **options)


def is_spiking(path: str | Path) -> bool:
    """Whether a network, by the suffix of its file or its builder, is a spiking one.

    Raises
    ------
    InputError
        There is no such file.
    """
    file = locate(str(path), "workloads")
    built_so = file.suffix.lower() in (".yaml", ".yml") and spikinglayers.is_built(file)
    return built_so or file.suffix.lower() in SPIKING_READERS
