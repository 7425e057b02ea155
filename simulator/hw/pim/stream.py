"""A PIM stream: the transactions of one channel, in order, and what it takes to serve them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Self

from simulator.hw.controller import Controller
from simulator.hw.device import Device
from simulator.hw.standard import COMMANDS, Pim

if TYPE_CHECKING:
    import numpy as np
else:
    from simulator.base.lazy import numpy as np

#: Commands that a log of a stream has room for beyond those that the stream itself names.
_ROOM = 4096


class Banks(NamedTuple):
    """Banks ``first``, ``first + stride``, ... of a channel: so ``many``."""

    first: int
    stride: int
    many: int


@dataclass
class Stream:
    """Transactions of one channel, written one after the other.

    Attributes
    ----------
    device
        What computes.
    rows
        What becomes STEP of ``drampimstate``.
    """

    device: Device
    rows: list[tuple[int, ...]] = field(default_factory=list)
    _fence: bool = False
    _holds: bool = False

    @property
    def pim(self) -> Pim:
        """What it computes with; a ValueError where it does not."""
        pim = self.device.standard.pim
        if pim is None:
            raise ValueError(f"{self.device.standard.name} does not compute")
        return pim

    @property
    def all_banks(self) -> Banks:
        """All banks of the first rank."""
        return Banks(0, 1, self.device.banks // self.device.ranks)

    def add(
        self, command: str, many: int = 1, banks: Banks | None = None, row: int = -1, ops: int = 0
    ) -> Self:
        """Append ``many`` columns of a command on banks (absent: all) with a row open.

        ``ops``: operations of lanes, of each column in each bank.
        """
        first, stride, banks_ = banks or self.all_banks
        place = COMMANDS.index(command)
        self.rows.append((place, many, first, stride, banks_, self._fence, 0, self._holds, ops, row))
        self._fence = False
        return self

    def columns(self, command: str, start: int, many: int, banks: Banks, row: int, ops: int = 0) -> Self:
        """Append columns from ``start`` on of what begins at a row and goes on in the next ones."""
        each = self.device.row_bytes // self.device.access_bytes
        while many:
            some = min(many, each - start % each)
            self.add(command, some, banks, row + start // each, ops)
            start, many = start + some, many - some
        return self

    def fence(self) -> Self:
        """Let what follows begin when the data of all before are where they go."""
        self._fence = True
        return self

    def yields(self) -> Self:
        """Let ordinary requests that wait by then pass here; the stream must have left its modes."""
        *most, (command, many, first, stride, banks, fence, _, *rest) = self.rows
        self.rows = [*most, (command, many, first, stride, banks, fence, 1, *rest)]
        return self

    @contextmanager
    def undisturbed(self) -> Iterator[None]:
        """Let refreshes that fall due wait until what is appended meanwhile is over."""
        self._holds = True
        yield
        self._holds = False

    @property
    def steps(self) -> np.ndarray:
        """STEP, shape (transactions,)."""
        from simulator.kernels.drampimstate import STEP

        return np.array(self.rows, STEP)


@dataclass(frozen=True)
class Computed:
    """What became of a stream in one channel.

    Attributes
    ----------
    cycles
        Clocks from its first to the end of its last transaction.
    counts
        What a channel did: ``activate`` banks opened, ``read``, ``write`` bytes from and to cells inside,
        ``register``, ``io`` bytes into registers and over the interface, ``ops`` operations of lanes,
        ``commands``.
    commands
        Command -> how often, with refreshes.
    log
        LOGGED of ``dramstate``: every command.
    """

    cycles: int
    counts: dict[str, int]
    commands: dict[str, int]
    log: np.ndarray


def compute(
    stream: Stream, controller: Controller | None = None, *, begin: int = 0, channels: int = 1
) -> Computed:
    """Serve a stream on channels that do nothing else; what is returned is of the first one.

    Parameters
    ----------
    stream
        What each channel does.
    controller
        Its refresh; absent: all-bank refresh.
    begin
        Clock at which it comes; refreshes fall due at multiples of nREFI.
    channels
        How many are simulated. They do the same, so that one stands for all.
    """
    from simulator.hw.addressing import make_addressing, stream_mapping
    from simulator.hw.drampack import make_state, make_tables
    from simulator.hw.drampimpack import make_pim_state, make_pim_tables, pim_counts
    from simulator.kernels import dramstate as k
    from simulator.kernels.drampim import enter_pim, serve_pim

    device, controller = stream.device, controller or Controller()
    steps = stream.steps
    tables = make_tables(
        device, controller, make_addressing(stream_mapping(device), device, channels),
        np.zeros((1, 1), np.int64), np.zeros((1, 0), np.int64), np.zeros((channels, 1), k.PART), posted=True,
    )  # fmt: skip
    room = 4 * channels * int(steps["many"].sum() + steps.size) + _ROOM
    state = make_state(device, controller, channels, flights=1, masters=1, nodes=1, log=room)
    pim_tables, pim = make_pim_tables(device, steps), make_pim_state(device, channels, 1)
    ended, some = np.zeros((1, 2), np.int64), np.zeros((1, 2), np.int64)
    if begin:
        serve_pim(begin, False, tables, state, pim_tables, pim, ended, some)
    state.flights[0] = (0, 0, channels * steps.size, begin, begin, 1)
    for c in range(channels):
        enter_pim(begin, 0, c, 0, steps.size, tables, state, pim)
    serve_pim(int(k.FOREVER), True, tables, state, pim_tables, pim, ended, some)
    issued = state.commands[0].tolist()
    counts = {name: int(count[0]) // channels for name, count in pim_counts(device, pim).items()}
    log = state.log[: state.total["logged"][0]]
    return Computed(
        cycles=int(ended[0, 1]) - begin,
        counts=counts,
        commands={name: issued[i] for i, name in enumerate(COMMANDS[: len(issued)]) if issued[i]},
        log=log[log["channel"] == 0],
    )
