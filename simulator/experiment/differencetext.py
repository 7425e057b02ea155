"""What two profiles make of one network, in a few lines."""

from __future__ import annotations

from simulator.workload.difference import Apart, Difference

#: Nodes that differ by themselves are named up to so many.
MOST_NAMED = 5


def difference_lines(found: Difference) -> list[str]:
    """A headline, where the first difference arises, and which nodes differ by themselves."""
    samples = f"{found.samples} sample{'s' if found.samples != 1 else ''}"
    if found.first is None:
        return [f"{found.other}: no value differs from {found.base}, {samples}"]
    lines = [f"{found.other} beside {found.base}, {samples}:"]
    for output in found.outputs:
        lines.append(f"  output '{output.tensor}': {_said(output)}")
    if found.deciding is not None:
        lines.append(f"  the largest element of the output is another in {found.deciding} of {samples}")
    lines.append(f"  first in node '{found.first.node}' ({found.first.op}): {_said(found.first)}")
    named = sorted(found.sources, key=lambda apart: -apart.differing / max(apart.elements, 1))
    nodes = len({apart.node for apart in found.sources})
    if nodes:
        lines.append(f"  other values from equal operands in {nodes} node{'s' if nodes != 1 else ''}; most:")
    lines += [f"    '{apart.node}' ({apart.op}): {_said(apart)}" for apart in named[:MOST_NAMED]]
    return lines


def _said(apart: Apart) -> str:
    if not apart.differing:
        return f"all {apart.elements} elements equal"
    share = f"{100 * apart.differing / apart.elements:.3g} %"
    return f"{apart.differing} of {apart.elements} elements differ ({share}), by at most {apart.largest:g}"
