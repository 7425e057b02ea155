"""Family contracts: what the rest of the simulator may ask of a core, a memory, a link."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol, Self

from pydantic import Field

from simulator.base.registry import Registry
from simulator.base.spec import Energy, Spec

if TYPE_CHECKING:
    import numpy as np

    from simulator.hw.pim.stream import Stream
    from simulator.hw.profile import Profile
    from simulator.workload.tensor import Tensor


@dataclass(frozen=True, slots=True)
class Granule:
    """What a tile's m, n and k should be multiples of to fill the core."""

    m: int = 1
    n: int = 1
    k: int = 1


@dataclass(frozen=True, slots=True)
class Transport:
    """How a link copies between two memories by itself.

    Attributes
    ----------
    outer, inner
        Names of the memory on the far side and of the one on the near side, which cores use; ``from`` and
        ``to`` in YAML.
    via
        Names of the links that the transfers also pass.
    engines
        What copies side by side, one transfer after the other.
    slots
        Transfers in flight at once, over all engines.
    start_fs
        Time to start a transfer.
    """

    outer: str
    inner: str
    via: tuple[str, ...]
    engines: int
    slots: int
    start_fs: int


@dataclass(frozen=True, slots=True)
class Way:
    """Between which memories transfers go: ``far``, and one or more on the near side that hold the same."""

    far: str
    near: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Service:
    """How fast a shared resource serves a transfer that is alone, for estimates.

    A run takes whole bursts of ``burst_fs`` in each page that it touches, and a page that the transfer did
    not use just before at least ``page_fs``; ``latency_fs`` passes from the last burst to the end. Every
    ``refresh_interval_fs`` (0: never) nothing is served for ``refresh_time_fs``.
    """

    burst_bytes: int
    burst_fs: float
    page_bytes: int
    page_fs: float = 0.0
    latency_fs: int = 0
    refresh_interval_fs: int = 0
    refresh_time_fs: int = 0


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong with a component beside the others of its chip: where in its fields, and what."""

    where: tuple[str | int, ...]
    message: str


CORES = Registry("cores", package="simulator.hw.cores")
MEMORIES = Registry("memories", package="simulator.hw.memories")
LINKS = Registry("links", package="simulator.hw.links")


class Component(Spec):
    """What every component states besides its own fields.

    It is frozen, holds no run state and knows no engine.
    """

    ACTIONS: ClassVar[tuple[str, ...]] = ()
    BACKGROUND: ClassVar[bool] = False  # whether what it draws at rest is among its actions
    CLOCKED: ClassVar[bool] = True  # whether its times are cycles of its clock
    BETTER: ClassVar[Mapping[str, str]] = {}  # fields for which ``better_when`` needs to be told
    #: What an action's energy is spent in, a word of ``hw.scaling``; ``*``: of others, leakage and area.
    SPENT_IN: ClassVar[Mapping[str, str]] = {}

    kind: str = Field(description="Which model: a name that `chipsim list` shows")
    energy: dict[str, Energy] = Field(
        default_factory=dict,
        description="Energy of one action (per operation, or per byte moved); absent: unknown",
    )
    leakage_mw: float | None = Field(
        default=None, description="Power drawn whether it works or not, or `unknown`", ge=0
    )
    area_mm2: float | None = Field(default=None, description="Silicon area, or `unknown`", ge=0)
    source: str = Field(default="", description="Where the figures of this component come from")

    @classmethod
    def spent_in(cls, action: str) -> str:
        """What the energy of an action is spent in (``static``, ``area``: leakage, area); "": not stated."""
        return cls.SPENT_IN.get(action, cls.SPENT_IN.get("*", ""))

    @classmethod
    def better_when(cls, field: str) -> str:
        """Which change of a number can make a chip faster: ``more``, ``less``, or "" for neither.

        Less of a time or of cycles, more of anything else, unless ``BETTER`` says otherwise; fields that
        a standard gives are neither, too; what all
        components state (leakage, area) has nothing to do with speed.
        """
        if field in Component.model_fields:
            return ""
        return cls.BETTER.get(field, "less" if field.endswith(("_fs", "_cycles")) else "more")

    def actions(self) -> tuple[str, ...]:
        """Those of ``ACTIONS`` that can happen with its fields as they are."""
        return self.ACTIONS

    def traits(self) -> tuple[str, ...]:
        """What tells it from others of its kind, in a few words each, for `describe`."""
        return ()

    def dies(self) -> int:
        """How many of what its leakage and area are of one of."""
        return 1


class Core(Component):
    """Something that computes. Tiles are rows of ``tiling.TILE``."""

    ROLES: ClassVar[tuple[str, ...]] = ()  # operands, in the order of the columns of ``accesses``
    BOUND: ClassVar[str] = "compute"  # the word for a node that this core limits
    ABSORBS: ClassVar[bool] = (
        False  # whether element-wise operations can join any of its tiles, at their cost
    )

    #: Whether it computes inside the memory of its weights: constants that lie there in its own layout before
    #: the run. Its tiles are streams of that memory's commands.
    RESIDENT: ClassVar[bool] = False
    ALONE: ClassVar[bool] = False  # whether its work needs no core beside it, not even for moves

    clock_hz: int = Field(description="Clock of the core", gt=0)
    buffers: dict[str, str] = Field(description="Which memory holds each operand: role -> name of a memory")

    def accepts(self, work: object) -> bool:
        """Whether the core can do this work at its precision."""
        raise TypeError(f"{type(self).__name__} does not say what it accepts")

    def beside(self, memories: Mapping[str, Memory]) -> Self:
        """The core among the memories of its chip: one that computes inside a memory knows it then."""
        return self

    def flaws(self, memories: Mapping[str, Memory]) -> list[Flaw]:
        """What is wrong with it beside the memories of its chip."""
        return []

    def hindrance(self, work: object, operands: Sequence[Tensor], result: Tensor) -> str:
        """Why it cannot do work that it accepts with these very operands; "" where it can."""
        return ""

    def partial_sums(self, work: object) -> tuple[int, int]:
        """(sums that it leaves of each output, for another core to add up; bytes of them); (0, 0): none."""
        return 0, 0

    def leaves_sums(self) -> bool:
        """Whether what a contraction gives are sums for another core to add up."""
        return False

    def resident_bytes(self, work: object) -> int:
        """Bytes of a contraction's weights in its own layout, padding included, if it is ``RESIDENT``."""
        raise TypeError(f"{type(self).__name__} keeps no weights")

    def resident_room(self) -> int:
        """Bytes of its memory in which a ``RESIDENT`` core can compute."""
        raise TypeError(f"{type(self).__name__} keeps no weights")

    def stream(self, tile: np.ndarray) -> Stream:
        """What the memory of a ``RESIDENT`` core does for one tile; TILE, shape ()."""
        raise TypeError(f"{type(self).__name__} computes in no memory")

    def granule(self, work: object) -> Granule:
        """Sizes below which a tile wastes the core: tiles are multiples of these."""
        return Granule()

    def inner(self, c: int, positions: int) -> tuple[int, int]:
        """How a tile's ``c`` channels and kernel positions go on the core: (k, taps) of ``tiling.TILE``."""
        return c * positions, 1

    def sum_bits(self) -> int:
        """Width of a partial sum that waits in a buffer between tiles; 0 where a tile must end its sums."""
        return 0

    def applies(self, name: str) -> bool:
        """Whether it applies an epilogue of this name on the way out, at no time."""
        return False

    def cycles(self, tiles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Cycles that each tile takes the core, and its result's further latency; int64, shape (tiles,)."""
        raise TypeError(f"{type(self).__name__} has no timing")

    def streaming(self, tiles: np.ndarray) -> np.ndarray:
        """Cycles of each tile in which operands stream through; the rest of its cycles fill and drain.

        int64, shape (tiles,), at most what ``cycles`` says; a core that needs no filling streams all along.
        """
        return self.cycles(tiles)[0]

    def counts(self, tiles: np.ndarray) -> np.ndarray:
        """How often each of ``ACTIONS`` happens, int64, shape (tiles, actions)."""
        raise TypeError(f"{type(self).__name__} counts no actions")

    def accesses(self, tiles: np.ndarray) -> np.ndarray:
        """Bytes read from and written to the buffer of each role, int64, shape (tiles, roles, 2)."""
        raise TypeError(f"{type(self).__name__} accesses no buffers")

    def follows_zeros(self) -> bool:
        """Whether zeros among its operands change its time or its counts."""
        return False

    def macs_per_cycle(self, precision: str) -> float:
        """MAC slots per cycle at a precision; 0 where the core has none."""
        return 0.0

    def precisions(self) -> tuple[str, ...]:
        """Precisions that an array multiplies, its first choice first; empty for what is no array."""
        return ()

    def extent(self) -> str:
        """How large it is, in words such as "32 x 32"; empty where it has no size."""
        return ""

    def buffer(self, role: str) -> str:
        """Name of the memory that holds an operand; roles that are not stated share the first buffer."""
        return self.buffers.get(role) or next(iter(self.buffers.values()))


#: Takes the place of a transfer in a forecast that does not reach its end.
UNDECIDED = -1


class SharedUnit(Protocol):
    """What the engine asks of a shared resource; what is in flight can be overtaken by what arrives later."""

    def submit(self, now_fs: int, id: int, master: int, first: int, last: int, way: int) -> None:
        """Add a master's transfer: requests ``first`` to ``last`` of the program's table, along a way."""

    def advance(self, until_fs: int) -> list[tuple[int, int]]:
        """Commit every decision before an instant; return (id, done_fs) of the transfers that they ended."""

    def forecast(self, next_fs: int | None = None) -> tuple[int, int] | None:
        """Return (id, done_fs) of the first transfer to end if nothing more arrives; None when idle.

        Where it is certain that nothing arrives before ``next_fs``, the unit may commit what it decides up to
        there, and answer (UNDECIDED, next_fs) if no transfer has ended by then.
        """

    def finish(self, end_fs: int) -> None:
        """The run is over at this instant; what is left inside is done, and counting ends."""

    def counts(self) -> Mapping[str, np.ndarray]:
        """Action -> int64, shape (nodes,), so far; ``busy_fs`` among them."""

    def background(self) -> Mapping[str, int]:
        """Action -> count of what happens beside all transfers: refreshes, picoseconds of standby."""

    def profile(self) -> Profile | None:
        """What it did over time: bytes read and written, and more; None where that is not kept."""


class ComputingUnit(SharedUnit, Protocol):
    """A shared memory that computes besides."""

    def submit_pim(self, now_fs: int, id: int, stream: Stream, node: int) -> None:
        """Add a stream of commands for all channels, which ends as a transfer does."""


class Memory(Component):
    """Something that holds data."""

    EXTERNAL: ClassVar[bool] = False  # off the chip

    capacity_bytes: int = Field(description="Size", gt=0)

    def peak_bytes_per_s(self) -> float | None:
        """Peak bandwidth; None where it is unlimited."""
        return None

    def interface(self) -> tuple[int, int]:
        """Channels side by side, and data pins of all of them; 0 where that is not known."""
        return 0, 0

    def inside_bytes_per_s(self) -> float | None:
        """What units inside take from its cells at most; None where there are none."""
        return None

    def flaws(self) -> list[Flaw]:
        """What is wrong with it that no single field tells."""
        return []

    def simulated_as(self) -> str:
        """Which model, in words, where there is more than one; "" where there is none to choose."""
        return ""

    def coarser(self) -> Memory | None:
        """The same memory by a simpler model, to be simulated beside it; None where there is none."""
        return None

    def folded(self) -> tuple[Memory, str] | None:
        """The same memory with less of it simulated, which stands for all, and how to say so.

        None where there is nothing alike in it, or its file decides.
        """
        return None

    def service(self) -> Service | None:
        """How transfers are served, for estimates; None where nothing but its users limits them."""
        return None

    def stream_bytes_per_s(self, run_bytes: int) -> float | None:
        """What a lone stream of runs of ``run_bytes`` each gets; the planner's estimate. None: unlimited."""
        return self.peak_bytes_per_s()

    def shared_unit(self, requests: np.ndarray, ways: Sequence[Way], nodes: int) -> SharedUnit | None:
        """A live channel over the program's requests; None where the memory's ports belong to its users."""
        return None


class Link(Component):
    """Something that moves data between memories, or that such transfers pass on their way."""

    MULTICAST: ClassVar[bool] = False  # whether one transfer that passes it can fill several memories

    clock_hz: int = Field(description="Clock of the link", gt=0)

    @property
    def transport(self) -> Transport | None:
        """How it copies between two memories; None where transfers of other links pass it."""
        return None

    def memories_named(self) -> list[tuple[tuple[str | int, ...], str]]:
        """(where in its fields, name) of each memory that it names besides the ends of its transport."""
        return []

    def flaws(self, ways: Sequence[Way]) -> list[Flaw]:
        """What is wrong with it, given where the transfers that pass it go."""
        return []

    def peak_bytes_per_s(self) -> float:
        """Peak bandwidth, that of all engines together."""
        raise TypeError(f"{type(self).__name__} does not state its bandwidth")

    def cycles(self, sizes: np.ndarray) -> np.ndarray:
        """Cycles that an engine takes for transfers of so many bytes, int64, shape (transfers,)."""
        raise TypeError(f"{type(self).__name__} copies nothing by itself")

    def left_of(self, bits: int, density: float) -> float:
        """Share of the bytes that is left where it compresses; 1 where it does not.

        Parameters
        ----------
        bits, density
            Bits of an element, and share of elements that are not zero.
        """
        return 1.0

    def service(self) -> Service | None:
        """How transfers that pass it are served, for estimates; None where only its own width limits them."""
        return None

    def shared_unit(self, requests: np.ndarray, ways: Sequence[Way], nodes: int) -> SharedUnit | None:
        """A live arbiter over the program's requests; None where only the link's own width limits it."""
        return None
