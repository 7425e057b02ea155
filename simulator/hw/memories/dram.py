"""DRAM of a standard, command by command or by its bandwidth alone."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import cached_property
from math import ceil
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, model_validator

from simulator.base import units
from simulator.base.errors import did_you_mean
from simulator.hw import scaling
from simulator.hw.addressing import Addressing, make_addressing, stream_mapping
from simulator.hw.component import MEMORIES, Flaw, Memory, Service, SharedUnit, Way
from simulator.hw.controller import Controller
from simulator.hw.device import Device, DeviceError, fitting, make_device
from simulator.hw.dramenergy import action_energies
from simulator.hw.memories.bandwidth import Bandwidth
from simulator.hw.pim.energy import PIM_ACTIONS, pim_energies
from simulator.hw.pim.peak import internal_bytes_per_s
from simulator.hw.standard import STANDARDS, Standard

if TYPE_CHECKING:
    import numpy as np

#: Action of each kind of refresh.
REFRESHES = {"all_bank": "refresh", "per_bank": "refresh_bank"}

#: Where one channel stands for all, each has its turn within so many bytes: a few times in most transfers.
STRIPE_BYTES = 16 * 1024


@MEMORIES.register("dram")
class Dram(Memory):
    """Channels of a DRAM standard, each behind a controller.

    Model
    -----
    ``model: commands``: every access becomes the commands of its standard (activate, read, write, precharge,
    refresh), each issued when all timing constraints allow it and the controller's policy chooses it;
    channels, ranks, bank groups and banks have their state. ``model: bandwidth``: the same device as a
    channel of its peak bandwidth with what bursts, rows and refresh leave of it (kind ``bandwidth``).
    Capacity, burst, row size and bandwidth follow from standard, preset and organisation. Energy per command
    and standby state from the currents of the device.

    Not modelled
    ------------
    See docs/models/dram.md: training, temperature, error correction, row-hammer mitigation, self-refresh.

    Source
    ------
    docs/models/dram.md; the tables of ``simulator/hw/memories/standards`` with their sources.
    """

    ACTIONS: ClassVar = (
        "activate", "read", "write", "io", "refresh", "refresh_bank", "standby_active", "standby_idle",
        "down_active", "down_idle", *PIM_ACTIONS,
    )  # fmt: skip
    EXTERNAL: ClassVar = True
    BACKGROUND: ClassVar = True
    SPENT_IN: ClassVar = {"*": scaling.DRAM, **dict.fromkeys(PIM_ACTIONS, scaling.IN_DRAM)}
    #: Capacity does nothing for speed; a clock of the standard is no choice of the chip's designer.
    BETTER: ClassVar = dict.fromkeys(("capacity_bytes", "ranks"), "")

    capacity_bytes: int = Field(
        0, description="Size; checked: it follows from standard, organisation and channels", ge=0
    )
    standard: str = Field(description="A table of simulator/hw/memories/standards: ddr4, lpddr5, hbm2, ...")
    preset: str = Field("", description="Speed grade of the standard; absent: its first")
    organisation: str = Field(
        "", description="Device of the standard; absent: the one that gives the capacity, or the first"
    )
    channels: int = Field(1, description="Channels side by side", gt=0)
    ranks: int | None = Field(None, description="Ranks of a channel; absent: the organisation's", gt=0)
    mapping: str = Field(
        "",
        description="Order of the address such as RoBaRaCoCh, MOP4CLXOR or a bit string; absent: for streams",
    )
    controller: Controller = Field(default_factory=Controller, description="Policy of the controllers")
    timing: dict[str, str | int] = Field(
        default_factory=dict,
        description="Timings other than the preset's: nXXX in clocks, tXXX as a time such as 15 ns",
    )
    fold_channels: bool | None = Field(
        None,
        description="Simulate one channel for all, since they do alike; absent: for language models only",
    )
    model: Literal["commands", "bandwidth"] = Field(
        "commands", description="Every command, or the bandwidth alone"
    )
    bandwidth_bytes_per_s: int | None = Field(
        None, description="With model bandwidth: peak of one channel, for what-if; absent: the preset's", gt=0
    )
    latency_fs: int = Field(
        0, description="Controller and way to the chip, on top of the device's own latency", ge=0
    )

    @model_validator(mode="after")
    def _filled_in(self) -> Dram:
        """State what follows from the choices; what contradicts them is said by ``flaws``."""
        try:
            device = self.device
            capacity = device.capacity_bytes * self.channels
            found: dict[str, object] = {
                "preset": device.preset,
                "organisation": device.organisation,
                "mapping": self.addressing.name,
                "ranks": device.counts[1] if "rank" in device.standard.levels else None,
            }
        except DeviceError:
            return self
        object.__setattr__(
            self, "__dict__", {**self.__dict__, **found, "capacity_bytes": self.capacity_bytes or capacity}
        )
        energies = {
            action: energy for action, energy in action_energies(device).items() if action in self.ACTIONS
        } | pim_energies(device)
        object.__setattr__(self, "energy", {**energies, **self.energy})
        return self

    @cached_property
    def device(self) -> Device:
        """One channel; DeviceError where the choices do not fit."""
        if self.standard not in STANDARDS:
            known = STANDARDS.names()
            near = did_you_mean(self.standard, known)
            raise DeviceError("standard", f"expected one of {', '.join(known)}, got '{self.standard}'{near}")
        standard: Standard = STANDARDS[self.standard]
        timing = self._timing()
        organisation, ranks = self.organisation, self.ranks
        if not organisation and self.capacity_bytes:
            organisation, ranks = self._of_capacity(standard)
        device = make_device(standard, self.preset, organisation, ranks=ranks, overrides=timing)
        capacity = device.capacity_bytes * self.channels
        if self.capacity_bytes and capacity != self.capacity_bytes:
            have, wanted = (units.format(size, "bytes") for size in (capacity, self.capacity_bytes))
            raise DeviceError(
                "capacity",
                f"expected {have}: {self.channels} channels of {device.organisation}; got {wanted}",
            )
        if self.controller.refresh == "per_bank" and not standard.refresh_banks:
            raise DeviceError("controller.refresh", f"{standard.name} has no per-bank refresh")
        if self.controller.refresh == "per_bank":
            device.check_refresh_turns()
        return device

    @cached_property
    def addressing(self) -> Addressing:
        """How addresses name channel, bank, row and column."""
        return make_addressing(self.mapping or stream_mapping(self.device), self.device, self.channels)

    def flaws(self) -> list[Flaw]:
        """What does not fit together."""
        try:
            _ = self.device, self.addressing
        except DeviceError as error:
            return [Flaw(tuple(error.where.split(".")), error.message)]
        if self.bandwidth_bytes_per_s is not None and self.model == "commands":
            return [
                Flaw(
                    ("bandwidth",), "expected with `model: bandwidth`; commands have the rate of their preset"
                )
            ]
        if self.fold_channels and self.model == "bandwidth":
            text = "expected with `model: commands`; a bandwidth is that of all channels"
            return [Flaw(("fold_channels",), text)]
        if self.fold_channels and not self.foldable:
            most, stripe = (units.format(n, "bytes") for n in (STRIPE_BYTES, self.addressing.stripe_bytes))
            text = f"expected a mapping in which channels take turns within {most}"
            return [Flaw(("fold_channels",), f"{text}, got {self.mapping}: {stripe}")]
        return []

    @property
    def foldable(self) -> bool:
        """Whether one channel can stand for all: transfers are much longer than a turn of the channels."""
        return self.model == "commands" and self.addressing.stripe_bytes <= STRIPE_BYTES

    def actions(self) -> tuple[str, ...]:
        """Those that its refresh and its model can do."""
        never = {"refresh", "refresh_bank"} - {REFRESHES.get(self.controller.refresh)}
        if self.controller.power_down_cycles is None:
            never |= {"down_active", "down_idle"}
        if self.model == "bandwidth" or not self._computes():
            never |= set(PIM_ACTIONS)
        return tuple(action for action in self.ACTIONS if action not in never)

    def _computes(self) -> bool:
        return self.standard in STANDARDS and STANDARDS[self.standard].pim is not None

    def traits(self) -> tuple[str, ...]:
        """Standard, speed grade, mapping and policy."""
        how = (self.mapping, self.controller.policy) if self.model == "commands" else ("bandwidth alone",)
        return (self.standard, self.preset, *how)

    def simulated_as(self) -> str:
        """Device and model."""
        device = f"{self.preset}, {self.organisation}"
        if self.model == "bandwidth":
            return f"{device}: bandwidth, bursts, rows and refresh, no commands"
        how = f"{self.controller.policy}, {self.controller.page} page, refresh {self.controller.refresh}"
        one = f", one of {self.channels} channels for all" if self.fold_channels and self.channels > 1 else ""
        return f"{device}: every command{one}, {self.mapping}, {how.replace('_', ' ')}"

    def coarser(self) -> Dram | None:
        """By its bandwidth alone; None for a memory that computes, which only its commands tell."""
        if self.model == "bandwidth" or self._computes():
            return None
        return self.model_copy(update={"model": "bandwidth", "fold_channels": None})
    def folded(self) -> tuple[Dram, str] | None:
        """With one channel for all."""
        if self.fold_channels is not None or self.channels == 1 or not self.foldable:
            return None
        one = self.model_copy(update={"fold_channels": True})
        return one, f"of {self.channels} channels one is simulated"

    def peak_bytes_per_s(self) -> float:
        """Peak bandwidth of all channels together."""
        return float((self.bandwidth_bytes_per_s or self.device.peak_bytes_per_s) * self.channels)

    def interface(self) -> tuple[int, int]:
        """Channels (pseudo channels), and pins of those."""
        return self.channels, self.channels * self.device.channel_width

    def inside_bytes_per_s(self) -> float | None:
        """An access of every unit each step, of all channels; None for a standard that does not compute."""
        if not self._computes():
            return None
        return float(internal_bytes_per_s(self.device) * self.channels)

    @cached_property
    def by_bandwidth(self) -> Bandwidth:
        """The same memory as a channel of given bandwidth, with the latency of an access to an open row."""
        device, fs = self.device, self.device.tck_fs
        timing = device.timing
        return Bandwidth(
            kind="bandwidth",
            capacity_bytes=device.capacity_bytes * self.channels,
            channels=self.channels,
            bandwidth_bytes_per_s=self.bandwidth_bytes_per_s or int(device.peak_bytes_per_s),
            burst_bytes=device.access_bytes,
            row_bytes=device.row_bytes,
            banks=device.banks,
            row_cycle_fs=ceil(timing["nRC"] * fs),
            activate_window_fs=ceil(timing.get("nFAW", 0) * fs / self.device.ranks),
            refresh_interval_fs=0 if self.controller.refresh == "none" else ceil(timing["nREFI"] * fs),
            refresh_time_fs=0 if self.controller.refresh == "none" else ceil(timing["nRFC"] * fs),
            latency_fs=self.latency_fs + ceil(device.read_latency * fs),
        )

    def service(self) -> Service:
        """As a channel of its bandwidth."""
        return self.by_bandwidth.service()

    def stream_bytes_per_s(self, run_bytes: int) -> float:
        """As a channel of its bandwidth."""
        return self.by_bandwidth.stream_bytes_per_s(run_bytes)

    def shared_unit(self, requests: np.ndarray, ways: Sequence[Way], nodes: int) -> SharedUnit:
        """The live channels."""
        if self.model == "bandwidth":
            from simulator.hw.dramchannel import DramChannel  # numba: only when something is simulated

            refresh = ("refresh", 1)
            if self.controller.refresh == "per_bank":
                refresh = ("refresh_bank", self.device.refresh_turns)
            return DramChannel.of(self.by_bandwidth, self.device, self.channels, refresh, requests, nodes)
        from simulator.hw.dramunit import DramUnit  # numba: only when something is simulated

        return DramUnit(
            self.device, self.controller, self.addressing, self.channels, self.latency_fs, requests, nodes,
            fold=bool(self.fold_channels),
        )  # fmt: skip

    def _timing(self) -> dict[str, int | Fraction]:
        """The overrides in clocks and in ns."""
        found: dict[str, int | Fraction] = {}
        for name, value in self.timing.items():
            try:
                if name.startswith("n"):
                    found[name] = int(value)
                else:
                    found[name] = Fraction(int(units.parse(value, "fs")), 10**6)
            except ValueError as error:
                wanted = "a whole number of clocks" if name.startswith("n") else str(error)
                text = f"expected {wanted}, got '{value}'" if name.startswith("n") else wanted
                raise DeviceError(f"timing.{name}", text) from None
        return found

    def _of_capacity(self, standard: Standard) -> tuple[str, int | None]:
        """The first organisation, with as few ranks as possible, that gives the capacity stated."""
        sizes: dict[int, tuple[str, int | None]] = {}
        counts: list[int | None] = [self.ranks] if self.ranks or "rank" not in standard.levels else [1, 2, 4]
        first = make_device(standard, self.preset)
        for ranks in counts:
            for name in fitting(standard, first.preset):
                device = make_device(standard, first.preset, name, ranks=ranks)
                sizes.setdefault(device.capacity_bytes * self.channels, (name, ranks))
        if self.capacity_bytes not in sizes:
            possible = ", ".join(units.format(size, "bytes") for size in sorted(sizes))
            wanted = units.format(self.capacity_bytes, "bytes")
            raise DeviceError(
                "capacity",
                f"expected a size that {self.channels} channels of {standard.name} have: {possible}; "
                f"got {wanted}",
            )
        return sizes[self.capacity_bytes]
