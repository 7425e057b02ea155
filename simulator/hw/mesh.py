"""Geometry of a 2-D mesh: which links a packet passes from one node to others."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

#: Column and row.
Place = tuple[int, int]
#: A directed link: "link" between two neighbours; "in" and "out" are the ports of one node.
Channel = tuple[str, Place, Place]

#: Inputs of a router, by the step that leads into it; a link's arbiter takes them in this order.
_INPUT_AFTER = {(0, 0): 0, (1, 0): 1, (-1, 0): 2, (0, 1): 3, (0, -1): 4}


_UNSET = (0, 0, 0, 0, 0)


@dataclass(frozen=True)
class Routes:
    """Routes over a mesh as a table, see ``kernels.noc.ROUTE``.

    Attributes
    ----------
    table
        (link, input, first, last, ends) of each step; row r is the beginning of route r.
    links
        Directed links that routes pass, in the order of their numbers.
    passes
        Per route the numbers of the links that a packet passes, each once, ports among them.
    hops
        Per route how many of them are between two routers.
    inputs
        Inputs of a link's arbiter.
    """

    table: list[tuple[int, int, int, int, int]]
    links: list[Channel]
    passes: list[tuple[int, ...]]
    hops: list[int]
    inputs: int = len(_INPUT_AFTER)


def path(source: Place, destination: Place) -> list[Place]:
    """Nodes from source to destination, both included: along the row first, then along the column."""
    (x, y), (to_x, to_y) = source, destination
    across = [(i, y) for i in _span(x, to_x)]
    return across + [(to_x, j) for j in _span(y, to_y)[1:]]


def tree_links(source: Place, destinations: Sequence[Place]) -> list[tuple[Place, Place]]:
    """Links between neighbours on the paths to all destinations, each once, those nearer to the source first.

    The union of such paths is a tree: a node in the source's row is entered from that row, any other from
    its own column.
    """
    links: dict[tuple[Place, Place], None] = {}
    for destination in destinations:
        links.update(dict.fromkeys(pairwise(path(source, destination))))
    return list(links)


def nearest(sources: Sequence[Place], destinations: Sequence[Sequence[Place]]) -> tuple[Place, list[Place]]:
    """The source with the fewest links, and of each destination the place next to it; the first at a tie."""
    reached = [
        (source, [min(places, key=partial(_distance, source)) for places in destinations])
        for source in sources
    ]
    return min(reached, key=lambda pair: len(tree_links(*pair)))


def route_table(pairs: Sequence[tuple[Place, Sequence[Place]]]) -> Routes:
    """The routes from sources to sets of destinations; a packet passes each link of a route's tree once."""
    table: list[tuple[int, int, int, int, int]] = [_UNSET] * len(pairs)
    numbers: dict[Channel, int] = {}
    passes, hops = [], []
    for index, (source, destinations) in enumerate(pairs):
        between = tree_links(source, destinations)
        onward: dict[Place, list[Channel]] = {node: [("out", node, node)] for node in destinations}
        for a, b in between:
            onward.setdefault(a, []).append(("link", a, b))
        steps: deque[tuple[int, int, Channel]] = deque([(index, 0, ("in", source, source))])
        passed = []
        while steps:
            row, input, channel = steps.popleft()
            kind, a, b = channel
            follow = [] if kind == "out" else onward[b]
            first = len(table)
            table += [_UNSET] * len(follow)
            passed.append(numbers.setdefault(channel, len(numbers)))
            ends = len(set(destinations)) if row == index else 0
            table[row] = (passed[-1], input, first, first + len(follow), ends)
            entered = _INPUT_AFTER[b[0] - a[0], b[1] - a[1]]
            steps.extend((first + i, entered, channel) for i, channel in enumerate(follow))
        passes.append(tuple(passed))
        hops.append(len(between))
    return Routes(table, list(numbers), passes, hops)


def _span(start: int, end: int) -> range:
    """All from start to end, both included, in either direction."""
    step = 1 if end >= start else -1
    return range(start, end + step, step)


def _distance(a: Place, b: Place) -> int:
    return abs(a[0] - b[0]) + abs(a[1] - b[1])
