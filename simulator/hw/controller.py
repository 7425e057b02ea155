"""The memory controller of a DRAM: what it serves first, when it closes rows, how it refreshes."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from simulator.base.spec import Spec


class Controller(Spec):
    """Policy of the controller of every channel. Step by step: docs/models/dram.md."""

    policy: Literal["frfcfs", "rowhit", "fcfs"] = Field(
        "frfcfs",
        description="frfcfs: the oldest request whose next command may issue; rowhit: of those, one whose "
        "row is open first; fcfs: strictly in order",
    )
    page: Literal["open", "closed"] = Field(
        "open", description="open: rows stay open; closed: the last waiting access of a row closes it"
    )
    refresh: Literal["all_bank", "per_bank", "none"] = Field("all_bank", description="How rows are refreshed")
    read_queue: int = Field(32, description="Reads that wait in a channel", gt=0, le=1024)
    write_queue: int = Field(32, description="Writes that wait in a channel", gt=0, le=1024)
    write_high: float = Field(
        0.8, description="Writes are served from when this share of their queue is full", gt=0, le=1
    )
    write_low: float = Field(0.2, description="Until it is less full than this, if reads wait", ge=0, le=1)
    age_limit_cycles: int | None = Field(
        100_000,
        description="Clocks after which the oldest request goes before all others; `null`: never",
        gt=0,
    )
    power_down_cycles: int | None = Field(
        None, description="Clocks without a request after which a channel powers down; absent: never", gt=0
    )
