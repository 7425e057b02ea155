"""Mesh: a network on chip of routers in rows and columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from simulator.base.clock import Clock
from simulator.hw import scaling
from simulator.hw.component import LINKS, Flaw, Link, SharedUnit, Way
from simulator.hw.mesh import Place, nearest, route_table

if TYPE_CHECKING:
    import numpy as np
else:
    from simulator.base.lazy import numpy as np


@LINKS.register("mesh")
class Mesh(Link):
    """A 2-D mesh; memories sit at its nodes, transfers cross it in packets, along the row first.

    Model
    -----
    Virtual cut-through: the head of a packet takes ``router_cycles`` in each router and one cycle on each
    link between two; the body follows at ``width`` per cycle. A directed link, and a node's port in or out,
    carries one packet at a time. Alone, a packet of n bytes over h hops takes
    ``(h + 1) router_cycles + h + ceil((n + header) / width)`` cycles. Masters take turns where packets enter
    the mesh, the inputs of a router at each link behind it. A transfer into several memories passes each link
    of the tree that their paths make once. A load goes from the far memory to the near ones, a store back.

    Not modelled
    ------------
    Full buffers: a router always has room, so a packet that waits holds up nobody behind it for another link.
    Requests of loads on their way to the memory. Other routings, virtual channels, several physical networks.

    Source
    ------
    Dally and Towles, Principles and Practices of Interconnection Networks (2004), chapters 3, 8 (dimension
    order), 13 (cut-through) and 18 (round robin); docs/models/noc.md.
    """

    ACTIONS: ClassVar = ("byte", "hop_byte")
    SPENT_IN: ClassVar = {"*": scaling.LOGIC, **dict.fromkeys(ACTIONS, scaling.WIRE)}
    MULTICAST: ClassVar = True

    columns: int = Field(description="Routers in a row", gt=0)
    rows: int = Field(description="Rows of routers", gt=0)
    width_bytes_per_cycle: int = Field(description="Bytes per cycle of a link, in each direction", gt=0)
    router_cycles: int = Field(
        description="From a packet's head at a router to its leaving on a free link", ge=0
    )
    packet_bytes: int = Field(256, description="Most that a packet carries", gt=0)
    header_bytes: int = Field(0, description="Sent in front of each packet's bytes", ge=0)
    at: dict[str, list[int | list[int]]] = Field(
        description="Memory -> its node [column, row], from 0; or several, of which the nearest is used"
    )

    def traits(self) -> tuple[str, ...]:
        """Size, width, routers, and where the memories are."""
        where = (
            f"{memory} at {' and '.join(f'({x}, {y})' for x, y in self.places(memory))}" for memory in self.at
        )
        size = f"{self.columns} x {self.rows} nodes, links of {self.width_bytes_per_cycle} B/cycle"
        plural = "" if self.router_cycles == 1 else "s"
        return (size, f"{self.router_cycles} cycle{plural} per router", *where)

    def places(self, memory: str) -> list[Place]:
        """Nodes of a memory: one, or several."""
        nodes = [node for node in self.at[memory] if isinstance(node, list)]
        if nodes:
            return [(x, y) for x, y in nodes]
        x, y = (c for c in self.at[memory] if isinstance(c, int))
        return [(x, y)]

    def memories_named(self) -> list[tuple[tuple[str | int, ...], str]]:
        """Those that have a node."""
        return [(("at", memory), memory) for memory in self.at]

    def flaws(self, ways: Sequence[Way]) -> list[Flaw]:
        """Nodes that are none, and memories without a node whose transfers pass the mesh."""
        wrong = [flaw for memory in self.at for flaw in self._misplaced(memory)]
        passing = dict.fromkeys(memory for way in ways for memory in (way.far, *way.near))
        wrong += [
            Flaw(("at",), f"missing: the node of '{memory}', whose transfers pass the mesh")
            for memory in passing
            if memory not in self.at
        ]
        return wrong

    def _misplaced(self, memory: str) -> Iterator[Flaw]:
        written = self.at[memory]
        several = bool(written) and all(isinstance(node, list) for node in written)
        for i, node in enumerate(written if several else [written]):
            where = ("at", memory, i) if several else ("at", memory)
            pair = node if isinstance(node, list) and len(node) == 2 else []
            x, y = (c if isinstance(c, int) else -1 for c in pair or (-1, -1))
            if not (0 <= x < self.columns and 0 <= y < self.rows):
                wanted = f"[column, row] from [0, 0] to [{self.columns - 1}, {self.rows - 1}]"
                yield Flaw(where, f"expected {wanted}, got {node}")

    def peak_bytes_per_s(self) -> float:
        """Width x clock, what one port takes in; the planner's limit for a single stream."""
        return float(self.width_bytes_per_cycle * self.clock_hz)

    def shared_unit(self, requests: np.ndarray, ways: Sequence[Way], nodes: int) -> SharedUnit:
        """A live network over the program's requests."""
        from simulator.hw.noc import MemoryNoc, messages_of  # numba: only when something is simulated
        from simulator.kernels.request import READ, WRITE  # numpy: likewise

        pairs: list[tuple[Place, list[Place]]] = []
        route_of: dict[tuple[int, int], int] = {}
        for index, way in enumerate(ways):
            if all(memory in self.at for memory in (way.far, *way.near)):
                far, near = self.places(way.far), [self.places(memory) for memory in way.near]
                route_of[index, READ], route_of[index, WRITE] = len(pairs), len(pairs) + 1
                pairs.append(nearest(far, near))
                pairs.append(nearest([place for places in near for place in places], [far]))
        return MemoryNoc(
            clock=Clock.from_hz(self.clock_hz),
            width_bytes=self.width_bytes_per_cycle,
            packet_bytes=self.packet_bytes,
            header_bytes=self.header_bytes,
            router_cycles=self.router_cycles,
            routes=route_table(pairs),
            messages=messages_of(requests),
            nodes=nodes,
            operations=requests["op"],
            route_of=route_of,
        )
