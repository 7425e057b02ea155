"""External memory that is known by its bandwidth: a channel with bursts, rows, refresh and latency."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field, ValidationInfo, field_validator

from simulator.base.clock import Clock
from simulator.hw import scaling
from simulator.hw.component import MEMORIES, Memory, Service, SharedUnit, Way

if TYPE_CHECKING:
    import numpy as np
else:
    from simulator.base.lazy import numpy as np


@MEMORIES.register("bandwidth")
class Bandwidth(Memory):
    """Memory behind one controller, all channels interleaved, of which no more is known than its bandwidth.

    Model
    -----
    Transfers in flight are served in turn, a row at a time, at the bandwidth of all channels. A visit of a
    row takes ``max(bursts x burst time, tRC / banks, tFAW / 4) / channels``: bursts follow each other without
    a gap as long as activating the next row hides behind them, and rows cannot be opened faster than banks
    recover or than four per tFAW. Every tREFI the channels stand still for tRFC. The last byte arrives
    ``latency`` after its burst was served. So efficiency follows from burst and row size: long runs reach
    ``1 - tRFC/tREFI`` of the peak, one burst per row much less.

    Not modelled
    ------------
    Row-buffer state and reordering, read/write turn-around, channels that are busy unevenly: bandwidth, not
    commands. For a DRAM of a standard there is kind ``dram``.

    Source
    ------
    docs/models/memory.md; parameters from the parts that chips use, each with its source.
    """

    ACTIONS: ClassVar = ("activate", "read", "write")
    EXTERNAL: ClassVar = True
    SPENT_IN: ClassVar = {"*": scaling.DRAM}
    #: Capacity does nothing for speed; the rest its standard states, no designer of a chip chooses it.
    BETTER: ClassVar = dict.fromkeys(
        ("capacity_bytes", "burst_bytes", "row_bytes", "row_cycle_fs", "activate_window_fs",
         "refresh_interval_fs", "refresh_time_fs"),
        "",
    )  # fmt: skip

    standard: str = Field("", description="Name of its standard, for the reader")
    preset: str = Field("", description="Speed grade, for the reader")
    channels: int = Field(1, description="Channels side by side", gt=0)
    bandwidth_bytes_per_s: int = Field(description="Peak bandwidth of one channel", gt=0)
    burst_bytes: int = Field(64, description="Bytes of one burst on one channel", gt=0)
    row_bytes: int = Field(2048, description="Bytes of one row (page) of one channel", gt=0)
    banks: int = Field(16, description="Banks per channel", gt=0)
    row_cycle_fs: int = Field(0, description="tRC: between two activations of one bank", ge=0)
    activate_window_fs: int = Field(0, description="tFAW: within which at most four rows are opened", ge=0)
    refresh_interval_fs: int = Field(0, description="tREFI; 0: no refresh", ge=0)
    refresh_time_fs: int = Field(0, description="tRFC: how long a refresh takes", ge=0)

    @field_validator("refresh_time_fs")
    @classmethod
    def _leaves_time_for_data(cls, time_fs: int, info: ValidationInfo) -> int:
        interval_fs = info.data.get("refresh_interval_fs", 0)
        if interval_fs and time_fs >= interval_fs:
            interval = f"{interval_fs / 1e6:g} ns"
            raise ValueError(
                f"expected less than the refresh interval of {interval}, got {time_fs / 1e6:g} ns"
            )
        return time_fs

    latency_fs: int = Field(
        0, description="From the end of a burst on the bus to the data at the chip's side", ge=0
    )

    def traits(self) -> tuple[str, ...]:
        """Standard and speed grade, where stated."""
        return tuple(name for name in (self.standard, self.preset) if name)

    def peak_bytes_per_s(self) -> float:
        """Peak bandwidth of all channels together."""
        return float(self.bandwidth_bytes_per_s * self.channels)

    def service(self) -> Service:
        """Whole bursts, and no more rows than can be opened."""
        least_fs = max(self.row_cycle_fs / self.banks, self.activate_window_fs / 4) / self.channels
        return Service(
            burst_bytes=self.burst_bytes,
            burst_fs=1e15 * self.burst_bytes / self.peak_bytes_per_s(),
            page_bytes=self.row_bytes,
            page_fs=least_fs,
            latency_fs=self.latency_fs,
            refresh_interval_fs=self.refresh_interval_fs,
            refresh_time_fs=self.refresh_time_fs,
        )

    def stream_bytes_per_s(self, run_bytes: int) -> float:
        """Peak x the share of time that is no refresh, x what row visits leave of it where a run is short."""
        visit_fs = min(run_bytes, self.row_bytes) / self.peak_bytes_per_s() * 1e15
        least_fs = max(self.row_cycle_fs / self.banks, self.activate_window_fs / 4) / self.channels
        refresh = self.refresh_time_fs / self.refresh_interval_fs if self.refresh_interval_fs else 0.0
        return self.peak_bytes_per_s() * (1 - refresh) * visit_fs / max(visit_fs, least_fs)

    def shared_unit(self, requests: np.ndarray, ways: Sequence[Way], nodes: int) -> SharedUnit:
        """A live channel."""
        from simulator.hw.channel import Channel  # numba: only when something is simulated

        return Channel(**self.channel_fields(), requests=requests, nodes=nodes)

    def channel_fields(self) -> dict[str, Any]:
        """What a live channel needs to know of the memory."""
        slot = Clock.from_hz(Fraction(self.bandwidth_bytes_per_s * self.channels, self.burst_bytes))
        least_fs = max(Fraction(self.row_cycle_fs, self.banks), Fraction(self.activate_window_fs, 4))
        return {
            "clock": slot,
            "burst_bytes": self.burst_bytes,
            "page_bytes": self.row_bytes,
            "row_slots": slot.cycles_of(ceil(least_fs / self.channels)),
            "refresh_every": slot.cycles_of(self.refresh_interval_fs),
            "refresh_slots": slot.cycles_of(self.refresh_time_fs),
            "latency_fs": self.latency_fs,
        }
