"""What ran where and why, on chips with cores of different kinds for the same work."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from simulator.report.headline import Table
from simulator.report.rounding import si
from simulator.results.result import NodeRow, Result

WHY = {
    "cost": "expected first",
    "rule": "rule of the chip (mapping.cores)",
    "pinned": "rule of the node (mapping.nodes)",
    "": "no other core can",
}
#: Parts of a network that come many times: a transformer block by its number.
_BLOCK = re.compile(r"\bblock\d+\.")


def kind_of(node: str) -> str:
    """Name of a node without the number of its block."""
    return _BLOCK.sub("block.", node)


def placement_table(result: Result) -> Table:
    """Give a row per kind of node and core: how many, why there, what each core was expected to take.

    No rows where no node had cores of different kinds to choose from.
    """
    headers = ["nodes", "how many", "ran on", "why", "expected"]
    if not any(row.placed_by for row in result.rows):
        return headers, []
    kinds: dict[tuple[str, str, str], list[NodeRow]] = {}
    for row in result.rows:
        if row.placed_by or row.expected_fs:
            kinds.setdefault((kind_of(row.node), row.core, row.placed_by), []).append(row)
    rows = []
    for (kind, core, why), nodes in kinds.items():
        expected = nodes[0].expected_fs
        texts = [f"{name} {si(fs / 1e15, 's')}" for name, fs in sorted(expected.items(), key=lambda e: e[1])]
        rows.append([kind, str(len(nodes)), core, WHY[why], ", ".join(texts)])
    return headers, rows


def cores_used(rows: Sequence[NodeRow]) -> dict[str, int]:
    """Core -> MACs that it did."""
    found: Counter[str] = Counter()
    for row in rows:
        found[row.core] += row.macs
    return {core: macs for core, macs in found.items() if macs}
