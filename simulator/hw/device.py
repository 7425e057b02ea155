"""One DRAM device of a standard: preset and organisation put together, every latency in clocks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor, prod
from typing import TypeVar

from simulator.base.errors import did_you_mean
from simulator.hw.standard import COLUMN, COMMANDS, Organisation, Power, Preset, Standard

#: Clocks that a sum of timings, each rounded up, may be above their rounded sum.
_ROUNDING = 1
_TERM = re.compile(r"\s*([+-]?)\s*(\w+)\s*")
Entry = TypeVar("Entry")


class DeviceError(ValueError):
    """What is wrong with the choice of a device; ``where`` is the field that says so."""

    def __init__(self, where: str, message: str) -> None:
        super().__init__(where, message)
        self.where, self.message = where, message


@dataclass(frozen=True)
class TimedRule:
    """A constraint in clocks; commands are columns of ``COMMANDS``, ``level`` counts from the channel."""

    level: int
    before: tuple[int, ...]
    after: tuple[int, ...]
    latency: int
    window: int = 1
    sibling: bool = False


@dataclass(frozen=True)
class Device:
    """A channel of one standard, preset and organisation. All clocks are the controller's.

    Attributes
    ----------
    counts
        Nodes of each level per node of the level above, from the channel (1) to the bank.
    rows, columns
        Of a bank; a column is ``channel_width`` wide.
    tck_fs
        Period of the controller's clock (half a tCK where the standard has two phases).
    timing
        JEDEC name (``nXXX``) -> clocks.
    access_bytes
        What one RD or WR moves.
    capacity_bytes
        Of one channel: it follows from the organisation.
    """

    standard: Standard
    preset: str
    organisation: str
    counts: tuple[int, ...]
    rows: int
    columns: int
    tck_fs: Fraction
    timing: Mapping[str, int]
    rules: tuple[TimedRule, ...]
    read_latency: int
    write_latency: int
    power: Power | None

    @property
    def banks(self) -> int:
        """Banks of one channel."""
        return prod(self.counts)

    @property
    def channel_width(self) -> int:
        """Data pins of one channel (pseudo channel)."""
        return self.standard.organisations[self.organisation].channel_width or self.standard.channel_width

    @property
    def prefetch(self) -> int:
        """Columns that one RD or WR moves."""
        return self.standard.organisations[self.organisation].prefetch or self.standard.prefetch

    @property
    def devices(self) -> float:
        """Devices side by side in one rank (pseudo channel)."""
        return self.channel_width / self.standard.organisations[self.organisation].dq

    @property
    def access_bytes(self) -> int:
        """What one RD or WR moves."""
        return self.prefetch * self.channel_width // 8

    @property
    def row_bytes(self) -> int:
        """What one ACT opens."""
        return self.columns * self.channel_width // 8

    @property
    def capacity_bytes(self) -> int:
        """Rows x columns x banks of one channel."""
        return self.banks * self.rows * self.row_bytes

    @property
    def refresh_level(self) -> int:
        """Index of the level that REFab and PREab take."""
        return self.standard.levels.index(self.standard.refresh_level)

    @property
    def ranks(self) -> int:
        """Ranks, or whatever all-bank refresh takes instead."""
        return prod(self.counts[: self.refresh_level + 1])

    @property
    def refresh_turns(self) -> int:
        """Per-bank refreshes of a rank after which every bank had its turn."""
        return self.banks // self.ranks // max(self.standard.refresh_banks, 1)

    def check_refresh_turns(self) -> None:
        """Refuse a refresh interval in which not every bank can have its turn.

        Raises
        ------
        DeviceError
            On ``timing.nREFI``.
        """
        bank = COMMANDS.index("REFpb")
        apart = [r.latency for r in self.rules if bank in r.before and bank in r.after and r.window == 1]
        least = max(self.refresh_turns * max(apart[:1], default=1), self.timing["nRFCpb"]) + 1
        if self.timing["nREFI"] < least:
            told = f"expected at least {least} clocks for {self.refresh_turns} refreshes of banks"
            raise DeviceError("timing.nREFI", f"{told}, got nREFI {self.timing['nREFI']}")

    @property
    def peak_bytes_per_s(self) -> Fraction:
        """Transfer rate x width of one channel, all its pseudo channels."""
        halves = self.counts[1] if self.standard.levels[1] == "pseudochannel" else 1
        wide = self.channel_width * halves
        return Fraction(self.standard.presets[self.preset].rate_mts * 10**6 * wide, 8)

    def clocks(self, sum_of: str) -> int:
        """A sum of timings such as ``nCL + nBL`` in clocks."""
        return _clocks(sum_of, self.timing, self.standard.phases)


def make_device(
    standard: Standard,
    preset: str = "",
    organisation: str = "",
    *,
    ranks: int | None = None,
    overrides: Mapping[str, int | Fraction] | None = None,
) -> Device:
    """Put a device together.

    Parameters
    ----------
    standard, preset, organisation
        What and which; names are those of the tables or their aliases, whatever their case and hyphens; "" is
        the first that goes with the other.
    ranks
        Another number of ranks than the organisation's.
    overrides
        JEDEC name -> ``nXXX`` in tCK (int) or ``tXXX`` in ns (Fraction), over the preset.

    Raises
    ------
    DeviceError
        An unknown name, a preset and an organisation that do not go together, or timings that contradict each
        other.
    """
    key = (id(standard), preset, organisation, ranks, tuple(sorted((overrides or {}).items())))
    known = _MADE.get(key)
    if known is None or known[0] is not standard:
        made = _make(standard, *_pair(standard, preset, organisation), ranks, overrides or {})
        if len(_MADE) >= _MOST_MADE:
            _MADE.clear()
        known = _MADE[key] = standard, made
    return known[1]


#: Devices that were put together, with the standard that the number in their key is of.
_MADE: dict[tuple[object, ...], tuple[Standard, Device]] = {}
_MOST_MADE = 1000


def _make(
    standard: Standard, preset: str, organisation: str, ranks: int | None,
    overrides: Mapping[str, int | Fraction],
) -> Device:  # fmt: skip
    speed, shape = standard.presets[preset], standard.organisations[organisation]
    counts = [1, *(shape.counts[level] for level in standard.levels[1:])]
    if ranks is not None:
        if "rank" not in standard.levels:
            raise DeviceError("ranks", f"{standard.name} has no ranks")
        counts[standard.levels.index("rank")] = ranks
    timing = _timing(standard, speed, shape, overrides)
    _contradictions(timing)
    phases = standard.phases
    return Device(
        standard=standard,
        preset=preset,
        organisation=organisation,
        counts=tuple(counts),
        rows=shape.counts["row"],
        columns=shape.counts["column"],
        tck_fs=Fraction(speed.tck_ps * 1000, phases),
        timing={name: clocks * phases for name, clocks in timing.items()},
        rules=tuple(_rules(standard, {**standard.commands, **speed.commands}, timing)),
        read_latency=_clocks(standard.read_latency, timing) * phases,
        write_latency=_clocks(standard.write_latency, timing) * phases,
        power=next(
            (
                standard.power[key]
                for key in (f"{preset}/{organisation}", preset, organisation, "")
                if key in standard.power
            ),
            None,
        ),
    )


def fitting(standard: Standard, preset: str) -> tuple[str, ...]:
    """Name the organisations that a preset goes with, the default first."""
    claimed = {name for speed in standard.presets.values() for name in speed.organisations}
    free = tuple(name for name in standard.organisations if name not in claimed)
    return standard.presets[preset].organisations or free


def _pair(standard: Standard, preset: str, organisation: str) -> tuple[str, str]:
    """Names in the tables of a preset and an organisation that go together."""
    if organisation:
        organisation = _named("organisation", organisation, standard.organisations)
    if organisation and not preset:
        first = next(name for name in standard.presets if organisation in fitting(standard, name))
        return first, organisation
    preset = _named("preset", preset, standard.presets)
    choice = fitting(standard, preset)
    if organisation and organisation not in choice:
        alone = [name for name, speed in standard.presets.items() if organisation in speed.organisations]
        one, those = (organisation, alone) if alone else (preset, choice)
        other = preset if alone else organisation
        raise DeviceError("organisation", f"{one} goes with {', '.join(those)} only, not with {other}")
    return preset, organisation or choice[0]


def _timing(
    standard: Standard, speed: Preset, shape: Organisation, overrides: Mapping[str, int | Fraction]
) -> dict[str, int]:
    """All timings in tCK: the organisation's over the preset's, then the user's."""
    period_ns = Fraction(speed.tck_ps, 1000)
    exit_ns, least = standard.power_down_exit
    timing: dict[str, int] = {"nXP": max(ceil(Fraction(str(exit_ns)) / period_ns), least)}
    for table in (speed.timing, shape.timing, speed.by_dq.get(shape.dq, {})):
        timing |= dict(_in_clocks(table, period_ns))
    known = {*timing, *(f"t{name[1:]}" for name in timing)}
    for name in overrides:
        if name[1:] == "REFIpb":
            raise DeviceError(f"timing.{name}", "it follows from tREFI: every bank has its turn within it")
        if name not in known:
            near = did_you_mean(name, known)
            raise DeviceError(f"timing.{name}", f"{standard.name} has no timing {name}{near}")
    return timing | dict(_in_clocks(overrides, period_ns))


def _in_clocks(table: Mapping[str, float | Fraction], period_ns: Fraction) -> Iterable[tuple[str, int]]:
    """``tXXX`` in ns becomes ``nXXX`` by ceil; an interval that must not be longer, by floor."""
    for name, value in table.items():
        if name.startswith("n"):
            yield name, int(value)
            continue
        clocks = Fraction(str(value) if isinstance(value, float) else value) / period_ns
        yield f"n{name[1:]}", floor(clocks) if name.startswith("tREFI") else ceil(clocks)


def _contradictions(timing: Mapping[str, int]) -> None:
    """What the definitions exclude."""
    sums = (
        ("nRC", ("nRAS", "nRP")),
        ("nRAS", ("nRCD",)),
        ("nRAS", ("nRCDRD",)),
        ("nFAW", ("nRRD_S",)),
        ("nCCD_L", ("nCCD_S",)),
        ("nWTR_L", ("nWTR_S",)),
        ("nREFI", ("nRFC",)),
    )
    for name, parts in sums:
        if name not in timing or any(part not in timing for part in parts):
            continue
        least = sum(timing[part] for part in parts)
        if timing[name] < least - _ROUNDING * (len(parts) > 1):
            said = " + ".join(f"{part} {timing[part]}" for part in parts)
            said += f" = {least}" * (len(parts) > 1)
            raise DeviceError(
                f"timing.{name}", f"expected at least {said} clocks, got {name} {timing[name]}"
            )
    for name, clocks in timing.items():
        if clocks < 0:
            raise DeviceError(f"timing.{name}", f"expected no negative time, got {clocks} clocks")


def _rules(
    standard: Standard, commands: Mapping[str, float], timing: Mapping[str, int]
) -> Iterable[TimedRule]:
    """Constraints in clocks of the controller.

    A command of several clocks occupies the bus from its first; JEDEC counts from its last. So a latency
    grows by what the first command takes beyond one clock and shrinks by what the second does.
    """
    phases = standard.phases
    bus = {name: int(cycles * phases) for name, cycles in commands.items()}
    yield from _bus_rules(standard, bus)
    for rule in standard.rules:
        base = _clocks(rule.latency, timing) * phases
        if rule.window > 1 and base <= 0:  # a window that this preset does not have
            continue
        before = [name for name in rule.before.split() if name in bus]
        after = [name for name in rule.after.split() if name in bus]
        parts: dict[tuple[int, tuple[str, ...]], list[str]] = {}
        for first in before:
            by_latency: dict[int, list[str]] = {}
            for second in after:
                latency = base + (bus[first] - 1) - (bus[second] - 1)
                by_latency.setdefault(latency, []).append(second)
            for latency, those in by_latency.items():
                parts.setdefault((latency, tuple(those)), []).append(first)
        for (latency, seconds), firsts in parts.items():
            yield TimedRule(
                level=standard.levels.index(rule.level),
                before=tuple(COMMANDS.index(name) for name in firsts),
                after=tuple(COMMANDS.index(name) for name in seconds),
                latency=latency,
                window=rule.window,
                sibling=rule.sibling,
            )


def _bus_rules(standard: Standard, bus: Mapping[str, int]) -> Iterable[TimedRule]:
    """While a command of several clocks is on the command bus, no other is."""
    for first, cycles in bus.items():
        beside = [
            COMMANDS.index(second)
            for second in bus
            if not standard.two_buses or (first in COLUMN) == (second in COLUMN)
        ]
        if cycles > 1:
            yield TimedRule(0, (COMMANDS.index(first),), tuple(beside), cycles)


def _clocks(sum_of: str, timing: Mapping[str, int], phases: int = 1) -> int:
    """Value of a sum of timings and integers."""
    total, at = 0, 0
    while at < len(sum_of):
        matched = _TERM.match(sum_of, at)
        if matched is None:
            raise ValueError(f"not a sum of timings: {sum_of!r}")
        sign, term = matched.groups()
        value = int(term) * phases if term.isdecimal() else timing[term]
        total += -value if sign == "-" else value
        at = matched.end()
    return total


def _named(what: str, name: str, table: Mapping[str, Entry]) -> str:
    """Name in a table that is meant; case, hyphens and underscores do not matter."""
    if not name:
        return next(iter(table))
    called = {key: [key, *getattr(entry, "aliases", ())] for key, entry in table.items()}
    names = {_plain(alias): key for key, aliases in called.items() for alias in aliases}
    if _plain(name) not in names:
        near = did_you_mean(name, [alias for aliases in called.values() for alias in aliases])
        raise DeviceError(what, f"unknown {what} '{name}', expected one of {', '.join(table)}{near}")
    return names[_plain(name)]


def _plain(name: str) -> str:
    return re.sub(r"[-_ .]|mbps$", "", name.casefold())
