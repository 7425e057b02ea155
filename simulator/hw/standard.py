"""What a DRAM standard is: organisation, commands, timings, constraints, presets, as tables of plain values.

A standard holds no decision of a controller and no address mapping. ``simulator.hw.device`` puts one preset
and one organisation together and turns every latency into clocks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from simulator.base.registry import Registry

STANDARDS = Registry("standards", package="simulator.hw.memories.standards")

#: Every command that a standard can have, in the order of the kernel's columns. One row of a standard's
#: command table is one of these; what a standard lacks it leaves out.
COMMANDS = (
    "ACT", "PREpb", "PREab", "RD", "WR", "RDA", "WRA", "REFab", "REFpb", "ACT2", "CAS_RD", "CAS_WR",
    # of memories that compute (docs/models/pim.md): rows of a set of banks; columns of a set
    "ACT_S", "PRE_S", "RD_S", "WR_S", "REG",
    "MAC_S", "MAC_B", "AF_S", "MUL_S", "WRA_S", "RD_CP", "WR_CP", "WR_GB", "RD_MAC", "WR_MAC",
    "TMOD", "MRS", "EOC",
)  # fmt: skip
#: How many of them memories have that do not compute.
PLAIN = 12
#: Those that move data; the others go over the row bus where there are two.
COLUMN = (
    "RD", "WR", "RDA", "WRA", "RD_S", "WR_S", "REG", "MAC_S", "MAC_B", "AF_S", "MUL_S", "WRA_S", "RD_CP",
    "WR_CP", "WR_GB", "RD_MAC", "WR_MAC",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rule:
    """A constraint: ``after`` comes at least ``latency`` behind ``before`` on the same node of ``level``.

    Attributes
    ----------
    level
        Name of a level of the organisation; the two commands are compared per node of it.
    before, after
        Names of commands, parted by blanks.
    latency
        Sum of timing parameters and integers, such as ``"nCL + nBL + 2 - nCWL"``, in clocks (tCK).
    window
        Counted from the ``window``-th last of ``before``: 4 with nFAW.
    sibling
        True: binds the other nodes under the same parent instead, as between ranks.
    """

    level: str
    before: str
    after: str
    latency: str
    window: int = 1
    sibling: bool = False


@dataclass(frozen=True, slots=True)
class Currents:
    """Supply voltages and currents of one device, as data sheets state them; None: not published.

    IDD0 one-bank activate-precharge; IDD2N, IDD3N precharge and active standby; IDD2P, IDD3P the same powered
    down; IDD4R, IDD4W burst read and write; IDD5 burst refresh; in mA. Further supplies (VPP, VDD1 ...) are
    entries of their own in ``Power.supplies``.
    """

    vdd_v: float
    idd0_ma: float | None = None
    idd2n_ma: float | None = None
    idd2p_ma: float | None = None
    idd3n_ma: float | None = None
    idd3p_ma: float | None = None
    idd4r_ma: float | None = None
    idd4w_ma: float | None = None
    idd5_ma: float | None = None


@dataclass(frozen=True, slots=True)
class Power:
    """Energy data of a device.

    Attributes
    ----------
    supplies
        One entry per supply rail; energies add up.
    io_pj_per_bit
        What the interface takes per bit read or written; None: not published.
    origin, source, band
        As for any quantity: published, derived or estimate; where from; error band.
    """

    supplies: tuple[Currents, ...] = ()
    io_pj_per_bit: float | None = None
    origin: str = "published"
    source: str = ""
    band: str = ""


@dataclass(frozen=True, slots=True)
class Preset:
    """A speed grade.

    Attributes
    ----------
    rate_mts
        Transfers per second and pin, in MT/s.
    tck_ps
        Period of the clock that the timings count, as the standard rounds it.
    timing
        JEDEC name -> value: ``nXXX`` in clocks (int), ``tXXX`` in ns (float; becomes clocks by ceil, and by
        floor for tREFI, which is a maximum).
    source
        Where the values are from; ``origin`` as for any quantity.
    """

    rate_mts: int
    tck_ps: int
    timing: Mapping[str, float]
    source: str
    origin: str = "published"
    #: Other values for devices of a data width: dq -> name -> value.
    by_dq: Mapping[int, Mapping[str, float]] = field(default_factory=dict)
    #: Other names by which people call it.
    aliases: tuple[str, ...] = ()
    #: The organisations it goes with, which are then for such presets alone; (): all that no preset claims.
    organisations: tuple[str, ...] = ()
    #: Commands that take other times on the command bus than ``Standard.commands`` says.
    commands: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Organisation:
    """A device and how many of each level it has.

    Attributes
    ----------
    dq
        Data pins of one device.
    counts
        Level -> how many in one node of the level above, from below the channel down to ``row`` and
        ``column``.
    timing
        What depends on the density, as in ``Preset.timing``.
    channel_width, prefetch
        Other values than the standard's; 0: the standard's.
    """

    dq: int
    counts: Mapping[str, int]
    timing: Mapping[str, float]
    source: str = ""
    aliases: tuple[str, ...] = ()
    channel_width: int = 0
    prefetch: int = 0


@dataclass(frozen=True, slots=True)
class Sync:
    """A clock of the data that runs only around transfers (LPDDR5's WCK).

    A RD or WR needs CAS_RD or CAS_WR one clock before, unless the last RD was less than ``read`` ago or the
    last WR less than ``write``.
    """

    read: str
    write: str


@dataclass(frozen=True, slots=True)
class PimCommand:
    """What a column or register command of a computing memory does, per bank that it takes.

    Attributes
    ----------
    done
        Until its data are where they go; a sum of timings.
    reads, writes
        Accesses that leave or enter the cells of each bank.
    io
        Accesses that pass the interface, of the command.
    registers
        Accesses written into registers and buffers, of the command.
    row
        False: needs no open row.
    closes
        Precharges by itself.
    waits
        ``done`` counts from when all before it is done.
    """

    done: str
    reads: int = 0
    writes: int = 0
    io: int = 0
    registers: int = 0
    row: bool = True
    closes: bool = False
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Pim:
    """What a memory computes with, in one rank (pseudo channel).

    Attributes
    ----------
    units
        Arithmetic units, each between as many banks as there are to a unit.
    lanes
        Multipliers and adders of a unit.
    step
        Clocks from one column of a set to the next, a sum of timings.
    registers
        Accesses that fit into one operand register file of a unit, or into the buffer of the channel.
    commands
        Name -> what it does: the rows of ``Standard.commands`` that a stream may have as transactions.
    ahead
        Whether the host opens rows of the next transaction while columns of this one are served.
    """

    units: int
    lanes: int
    step: str
    registers: int
    commands: Mapping[str, PimCommand]
    source: str
    ahead: bool = True


@dataclass(frozen=True, slots=True)
class Standard:
    """A DRAM standard.

    Attributes
    ----------
    name
        As in YAML: ``ddr4``.
    levels
        From the channel down to the bank: ``("channel", "rank", "bankgroup", "bank")``.
    refresh_level
        The level of which PREab and REFab take all banks.
    channel_width
        Data pins of a channel (of a pseudo channel where there are some), unless the organisation has its
        own.
    prefetch
        Columns that one RD or WR moves, unless the organisation has its own.
    commands
        Name -> clocks on the command bus, in units of tCK (a multiple of 1 / ``phases``).
    rules
        All constraints.
    read_latency, write_latency
        From RD (WR) to the end of its data.
    presets, organisations, power
        By name; the first is the default. ``power`` goes by the name of a preset, an organisation, or
        ``preset/organisation``, the most exact first; "" is that of all others.
    phases
        Clocks of the controller per tCK; 2 where commands may start on half clocks (HBM3).
    aligned
        Commands that start on whole tCK only, parted by blanks.
    two_buses
        A row command and a column command in the same clock (HBM).
    act2_within
        Two-step activate: ACT2 comes at most so long after ACT; "" without.
    sync
        The data clock, if it has to be started.
    refresh_banks
        Banks that one REFpb refreshes; 0: the standard has no per-bank refresh.
    power_down_exit
        tXP, until the next command: at least so many ns, and so many clocks.
    pim
        How it computes; None: it does not.
    """

    name: str
    levels: tuple[str, ...]
    refresh_level: str
    channel_width: int
    prefetch: int
    commands: Mapping[str, float]
    rules: tuple[Rule, ...]
    read_latency: str
    write_latency: str
    presets: Mapping[str, Preset]
    organisations: Mapping[str, Organisation]
    source: str
    power_down_exit: tuple[float, int]
    power: Mapping[str, Power] = field(default_factory=dict)
    phases: int = 1
    aligned: str = ""
    two_buses: bool = False
    act2_within: str = ""
    sync: Sync | None = None
    refresh_banks: int = 0
    pim: Pim | None = None
