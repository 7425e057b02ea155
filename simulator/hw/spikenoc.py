"""The live side of a spike mesh: cores that send and receive messages, event by event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from simulator.hw.links.spike_mesh import SpikeMesh
from simulator.kernels.spikemesh import DOOR, EVENT, QUEUE, SENDER, SHAPE, deliver_until, offer

FOREVER = int(np.iinfo(np.int64).max)


@dataclass
class _State:
    """What the kernel writes."""

    senders: np.ndarray
    queues: np.ndarray
    places: np.ndarray
    doors: np.ndarray
    busy: np.ndarray
    size: np.ndarray
    heap: np.ndarray

    def copy(self) -> _State:
        """A state of its own."""
        return _State(*(array.copy() for array in vars(self).values()))


@dataclass(kw_only=True)
class SpikeNoc:
    """A mesh whose cores compute, send and receive; each command is one step of one sender.

    A forecast runs a copy of the state to its first completion; when that instant comes and nothing has been
    submitted since, the copy becomes the state.

    Attributes
    ----------
    mesh
        Its geometry and times.
    tile_of
        int32 (senders, 2): column and row of each core's tile, then of further senders.
    cores
        How many of the senders are cores.
    messages
        MESSAGE, shape (any,): what ``submit`` points into.
    tails
        int64 (commands,): time of a sender after its last message, by command.
    """

    mesh: SpikeMesh
    tile_of: np.ndarray
    cores: int
    messages: np.ndarray
    tails: np.ndarray
    _state: _State = field(init=False)
    _ahead: tuple[_State, list[tuple[int, int]]] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        mesh, senders = self.mesh, len(self.tile_of)
        links = 4 * mesh.tiles
        holds = (mesh.hop_ew_fs, mesh.hop_ns_fs, mesh.within_tile_fs, mesh.occupancy_fs)
        self._shape = np.array([(mesh.columns, mesh.rows, self.cores, *holds)], SHAPE)
        self._inputs = self._inputs_of_tiles()
        doors = np.zeros(links + self.cores, DOOR)
        doors["wake"] = doors["turn"] = -1
        queues = links + senders + self.cores
        self._state = _State(
            senders=np.zeros(senders, SENDER),
            queues=np.zeros(queues, QUEUE),
            places=np.zeros((queues, mesh.queue), np.int32),
            doors=doors,
            busy=np.full(self.cores, -1, np.int64),
            size=np.zeros(1, np.int64),
            heap=np.zeros(64, EVENT),
        )

    def submit(self, now_fs: int, id: int, master: int, first: int, last: int, way: int) -> None:
        """Begin a step of the sender ``master // 2``: messages ``first`` to ``last``, none included."""
        state = self._state
        state.heap = offer(
            now_fs, master // 2, first, last, int(self.tails[id]), id, self.messages, state.senders,
            state.size, state.heap,
        )  # fmt: skip
        self._ahead = None

    def advance(self, until_fs: int) -> list[tuple[int, int]]:
        """Commit all decisions before ``until_fs``; (id, done_fs) of the commands that they end."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None and ahead[1][0][1] == until_fs:
            self._state = ahead[0]
            return ahead[1]
        return self._deliver(self._state, until_fs, False)

    def forecast(self, next_fs: int | None = None) -> tuple[int, int] | None:
        """(id, done_fs) of the command that ends first if nothing more arrives, whatever ``next_fs``."""
        if self._state.size[0] == 0:
            return None
        state = self._state.copy()
        ended = self._deliver(state, FOREVER, True)
        self._ahead = state, ended
        return ended[0]

    def finish(self, end_fs: int) -> None:
        """The run is over; nothing is left to be decided."""
        self.advance(end_fs)

    def counts(self) -> Mapping[str, np.ndarray]:
        """Nothing is counted here: counts are those of the raster."""
        return {}

    def background(self) -> Mapping[str, int]:
        """Nothing happens beside the messages."""
        return {}

    def profile(self) -> None:
        """What it did over time is not kept."""

    def _deliver(self, state: _State, until: int, stop_at_first: bool) -> list[tuple[int, int]]:
        ended, state.heap = deliver_until(
            until, stop_at_first, self._shape, self.messages, self.tile_of, self._inputs, state.senders,
            state.queues, state.places, state.doors, state.busy, state.size, state.heap,
        )  # fmt: skip
        return [(id, done_fs) for id, done_fs in ended.tolist()]

    def _inputs_of_tiles(self) -> np.ndarray:
        """Queues at each tile, -1 behind the last: of links that end there, then of senders."""
        mesh = self.mesh
        found: list[list[int]] = [[] for _ in range(mesh.tiles)]
        for tile in range(mesh.tiles):
            x, y = tile % mesh.columns, tile // mesh.columns
            for direction, (dx, dy) in enumerate(((1, 0), (-1, 0), (0, 1), (0, -1))):
                to_x, to_y = x + dx, y + dy
                if 0 <= to_x < mesh.columns and 0 <= to_y < mesh.rows:
                    found[to_y * mesh.columns + to_x].append(4 * tile + direction)
        for sender, (x, y) in enumerate(self.tile_of.tolist()):
            found[y * mesh.columns + x].append(4 * mesh.tiles + sender)
        most = max(len(queues) for queues in found)
        return np.array([[*queues, *[-1] * (most - len(queues))] for queues in found], np.int32)
