"""A .nir file as nodes and edges, subgraphs dissolved into the graph around them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from simulator.base.errors import InputError, Problem, did_you_mean

#: Primitive -> fields that it must have; of NIR 1.0.8.
PRIMITIVES = {
    "Input": ("shape",),
    "Output": (),
    "Affine": ("weight", "bias"),
    "Linear": ("weight",),
    "Scale": ("scale",),
    "Conv1d": ("weight", "stride", "padding", "dilation", "groups", "bias"),
    "Conv2d": ("weight", "stride", "padding", "dilation", "groups", "bias"),
    "SumPool2d": ("kernel_size", "stride", "padding"),
    "AvgPool2d": ("kernel_size", "stride", "padding"),
    "Flatten": ("start_dim", "end_dim"),
    "Delay": ("delay",),
    "Threshold": ("threshold",),
    "I": ("r",),
    "IF": ("r", "v_threshold"),
    "LI": ("tau", "r", "v_leak"),
    "LIF": ("tau", "r", "v_leak", "v_threshold"),
    "CubaLI": ("tau_syn", "tau_mem", "r", "v_leak"),
    "CubaLIF": ("tau_syn", "tau_mem", "r", "v_leak", "v_threshold"),
    "NIRGraph": ("nodes", "edges"),
}


@dataclass(frozen=True, eq=False)
class RawNode:
    """A primitive with its fields: arrays, or text (``padding``)."""

    name: str
    type: str
    fields: Mapping[str, Any]


@dataclass
class Tree:
    """Nodes by name in the order of the file, edges, and what is wrong so far."""

    file: str
    nodes: dict[str, RawNode] = field(default_factory=dict)
    edges: list[tuple[str, str]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def wrong(self, name: str, message: str) -> None:
        """Note a problem of a node, or of its field."""
        self.problems.append(Problem(message, self.file, path=name))

    def sources(self, name: str) -> list[str]:
        """Nodes whose results a node adds up, in the order of the edges."""
        return [a for a, b in self.edges if b == name]

    def reached(self, name: str) -> set[str]:
        """Nodes that hear a node, directly or through others."""
        found: set[str] = set()
        ends = [name]
        while ends:
            at = ends.pop()
            new = {b for a, b in self.edges if a == at} - found
            found |= new
            ends += new
        return found


def read(path: Path) -> Tree:
    """Nodes and edges of a file.

    Raises
    ------
    InputError
        It is no HDF5 file, a damaged one, or not one of NIR; or it has nodes that NIR does not know.
    """
    import h5py  # heavy; only where such a file is read

    tree = Tree(str(path))
    try:
        with h5py.File(path, "r") as file:
            if "node" not in file or not isinstance(file["node"], h5py.Group):
                raise InputError(Problem("expected a NIR file: an HDF5 group `node`", str(path)))
            content = _plain(file["node"], h5py)
    except (OSError, RuntimeError, KeyError) as error:
        text = f"expected a NIR file; it is no HDF5 file, or a damaged one: {error}"
        raise InputError(Problem(text, str(path))) from error
    if _kind(content) == "NIRGraph":
        _enter(tree, content, "")
    else:
        _enter(tree, {"nodes": {"node": content}, "edges": np.zeros((0, 2), object)}, "")
    if tree.problems:
        raise InputError(*tree.problems)
    return tree


def _plain(group: Any, h5py: Any) -> dict[str, Any]:
    """Groups as dictionaries, data as arrays or text."""
    made: dict[str, Any] = {}
    for name, item in group.items():
        if isinstance(item, h5py.Group):
            made[name] = _plain(item, h5py)
        else:
            value = item[()]
            made[name] = value.decode() if isinstance(value, bytes) else value
    return made


def _kind(content: Any) -> str:
    return str(content.get("type", "")) if isinstance(content, dict) else ""


def _enter(tree: Tree, content: Mapping[str, Any], prefix: str) -> None:
    """Add the nodes and edges of a graph; those of a subgraph get its name in front."""
    nodes = content.get("nodes", {})
    inner: dict[str, _Ends] = {}
    for name, raw in nodes.items():
        kind, full = _kind(raw), prefix + name
        if kind not in PRIMITIVES:
            known, near = ", ".join(PRIMITIVES), did_you_mean(kind, PRIMITIVES)
            tree.wrong(full, f"expected one of NIR's primitives ({known}), got '{kind}'{near}")
        elif kind == "NIRGraph":
            _enter(tree, raw, f"{full}.")
            kinds = {each: _kind(part) for each, part in raw.get("nodes", {}).items()}
            inner[name] = _Ends(
                [f"{full}.{each}" for each, of in kinds.items() if of == "Input"],
                [f"{full}.{each}" for each, of in kinds.items() if of == "Output"],
            )
        else:
            fields = {key: value for key, value in raw.items() if key not in ("type", "metadata")}
            tree.nodes[full] = RawNode(full, kind, fields)
            for key in PRIMITIVES[kind]:
                if key not in fields:
                    tree.wrong(f"{full}.{key}", f"missing; {kind} has it{did_you_mean(key, fields)}")
    _connect(tree, content.get("edges"), prefix, nodes, inner)


@dataclass(frozen=True)
class _Ends:
    """Inputs and outputs of a subgraph."""

    inputs: list[str]
    outputs: list[str]


def _connect(
    tree: Tree, edges: Any, prefix: str, nodes: Mapping[str, Any], inner: Mapping[str, _Ends]
) -> None:
    """Add edges; an end that is a subgraph is its only input or output."""
    for a, b in _pairs(tree, edges, prefix):
        ends = []
        for name in (a, b):
            inside = [prefix + name]
            if name not in nodes:
                problem = f"there is no node '{name}'{did_you_mean(name, nodes)}"
            elif name in inner:
                what = "output" if name is a else "input"
                inside = inner[name].outputs if name is a else inner[name].inputs
                problem = f"expected one {what} of subgraph '{name}', got {len(inside)}"
            if name not in nodes or len(inside) != 1:
                tree.wrong(f"{prefix}edges", f"edge {a} -> {b}: {problem}")
            ends += inside
        if len(ends) == 2:
            tree.edges.append((ends[0], ends[1]))


def _pairs(tree: Tree, edges: Any, prefix: str) -> Iterator[tuple[str, str]]:
    array = np.asarray(edges if edges is not None else [])
    if array.size and (array.ndim != 2 or array.shape[1] != 2):
        tree.wrong(f"{prefix}edges", f"expected pairs of names, got shape {list(array.shape)}")
        return
    for a, b in array.reshape(-1, 2):
        yield _text(a), _text(b)


def _text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)
