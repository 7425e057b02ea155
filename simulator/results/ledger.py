"""The ledger: how often each action of each component happened, for each node. Never joules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

#: Actions that are power over time, counted in picoseconds, whatever is done meanwhile.
STATIC = ("static", "standby_active", "standby_idle", "down_active", "down_idle")


@dataclass(frozen=True)
class Ledger:
    """Action counts of one run.

    Attributes
    ----------
    nodes
        Row names: the nodes of the graph, in order.
    columns
        Column names: (component, action).
    counts
        int64, shape (nodes, columns). Bytes for accesses to memories and links, operations for arithmetic,
        picoseconds for the actions of ``STATIC``.
    """

    nodes: tuple[str, ...]
    columns: tuple[tuple[str, str], ...]
    counts: np.ndarray

    def total(self, component: str, action: str) -> int:
        """Count of one action over all nodes; 0 if it never appears."""
        key = (component, action)
        return int(self.counts[:, self.columns.index(key)].sum()) if key in self.columns else 0

    def per_node(self, component: str, action: str) -> np.ndarray:
        """Counts of one action, int64, shape (nodes,)."""
        key = (component, action)
        if key not in self.columns:
            return np.zeros(len(self.nodes), np.int64)
        return self.counts[:, self.columns.index(key)]

    def totals(self) -> Iterator[tuple[str, str, int]]:
        """Yield (component, action, count) for each action that occurred, in column order."""
        for (component, action), count in zip(self.columns, self.counts.sum(axis=0).tolist(), strict=True):
            if count:
                yield component, action, count

    def to_dict(self) -> dict[str, object]:
        """Sparse plain form: a list of [node, component, action, count]."""
        where = np.argwhere(self.counts)
        entries = [[int(i), int(j), int(self.counts[i, j])] for i, j in where]
        return {"nodes": list(self.nodes), "columns": [list(c) for c in self.columns], "counts": entries}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Ledger:
        """Inverse of ``to_dict``."""
        columns = tuple((c, a) for c, a in data["columns"])
        counts = np.zeros((len(data["nodes"]), len(columns)), np.int64)
        for i, j, count in data["counts"]:
            counts[i, j] = count
        return cls(tuple(data["nodes"]), columns, counts)
