"""Digests of the parts of a chip that times depend on: keys under which planning remembers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from typing import Any

#: Fields of a component that no time depends on.
_NO_TIME = ("energy", "leakage", "area", "source")


def of_times(resolved: Mapping[str, Any], on_chip: Collection[str]) -> str:
    """Digest of all that a plan's times depend on.

    Left out are energies, areas, how finely DRAM is simulated, and what on-chip memories hold, which the
    planner knows as room.

    Parameters
    ----------
    resolved
        Families of components by name, and rules of mapping, with every default filled in.
    on_chip
        Names of the memories on the chip.
    """
    plain = {
        part: {name: _timed(fields) for name, fields in members.items()} if part != "mapping" else members
        for part, members in resolved.items()
    }
    for name, fields in plain["memories"].items():
        fields.pop("model", None)
        if name in on_chip:
            fields.pop("capacity", None)
    return _digest(plain)


def of_core(
    resolved: Mapping[str, Any], buffers: Mapping[str, str], ports: Mapping[str, float | None]
) -> str:
    """Digest of all that the times of a core's tiles depend on.

    Parameters
    ----------
    resolved
        Its fields with every default filled in.
    buffers, ports
        Its memories by role, and the bytes/s that memories give it.
    """
    return _digest([_timed(resolved), {memory: ports[memory] for memory in buffers.values()}])


def _timed(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if key not in _NO_TIME}


def _digest(plain: Any) -> str:
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()
