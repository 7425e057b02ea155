"""Microkernels of memories that compute: sequences derived by hand, published peaks, limits, energies."""

from __future__ import annotations

import pytest

from simulator.hw.controller import Controller
from simulator.hw.device import DeviceError, make_device
from simulator.hw.memories.dram import Dram
from simulator.hw.pim import aim, bankwise
from simulator.hw.pim.energy import PIM_ACTIONS, pim_energies
from simulator.hw.pim.peak import internal_bytes_per_s, operations_per_s
from simulator.hw.pim.plain import move
from simulator.hw.pim.stream import Banks, Stream, compute
from simulator.hw.standard import COMMANDS, STANDARDS

HBM = make_device(STANDARDS["hbm2_pim"], "HBM2_PIM_2000")
AIM = make_device(STANDARDS["gddr6_aim"])
LPDDR5 = make_device(STANDARDS["lpddr5_pim"])
QUIET = Controller(refresh="none")


def clocks(stream: Stream) -> int:
    return compute(stream, QUIET).cycles


def test_published_peaks_of_hbm_pim():
    """128 units x 16 lanes x 2 x 300 MHz on 16 pseudo channels; inside four times what passes the interface."""
    fast = make_device(STANDARDS["hbm2_pim"], "HBM2_PIM_2400")
    assert 16 * float(operations_per_s(fast)) == pytest.approx(1.2288e12, rel=0.001)
    assert internal_bytes_per_s(HBM) == 4 * HBM.peak_bytes_per_s


def test_published_peaks_of_aim():
    """Two channels x 16 banks x 16 x 2 x 1 GHz; 512 GB/s inside for 32 GB/s outside."""
    assert 2 * operations_per_s(AIM) == 1.024e12
    assert internal_bytes_per_s(AIM) == 512e9 == 16 * AIM.peak_bytes_per_s


def test_published_peaks_of_lpddr5_pim():
    assert internal_bytes_per_s(LPDDR5) == 102.4e9 == 8 * LPDDR5.peak_bytes_per_s


def test_a_row_of_macs_in_all_banks():
    """Activate at 1, 64 MACs from 57, two clocks apart, the last at 183; end of compute a clock later, seen at 185.

    The next row: 12 to precharge, 32 to activate, 56 to the first MAC.
    """
    log = compute(aim.Aim(AIM).mac_abk(0, 64).mac_abk(1, 64).finish(), QUIET).log
    ticks = [(COMMANDS[c], t) for t, _, c, *_ in log.tolist() if COMMANDS[c] != "MAC_S"]
    assert ticks == [("ACT_S", 1), ("PRE_S", 195), ("ACT_S", 227), ("EOC", 410)]
    assert clocks(aim.Aim(AIM).mac_abk(0, 64).finish()) == 185


@pytest.mark.parametrize("inputs", [16, 100, 1024, 1040, 5000])
@pytest.mark.parametrize("tiles", [1, 3])
def test_gemv_of_aim_is_its_equation(inputs: int, tiles: int):
    """1 + T (8 + sum over groups of 1024 inputs of (150 + 4 columns))."""
    columns = -(-inputs // 16)
    groups = [min(64, columns - i) for i in range(0, columns, 64)]
    stream = aim.gemv(AIM, 16 * tiles * 4, inputs, 4)
    assert clocks(stream) == 1 + tiles * (8 + sum(150 + 4 * each for each in groups))


def test_registers_need_a_mode():
    stream = aim.Aim(AIM).wr_bias().wr_gb(2).mac_abk(0, 1).rd_mac().finish()
    assert [COMMANDS[row[0]] for row in stream.rows] == [
        "TMOD", "WR_MAC", "WR_GB", "TMOD", "MAC_S", "TMOD", "RD_MAC", "EOC"
    ]  # fmt: skip


def test_a_round_of_two_operands():
    """8 columns each of two operands and the result, 28 clocks; rows switch in 31 (read) and 27 (write).

    The row of the other banks is opened meanwhile, so that the bus turns around in 19: 161 clocks, 102 for one operand.
    """
    chunk = 8 * 16 * 8
    for kind, each in (("add", 161), ("mul", 161), ("relu", 102)):
        four, eight = (clocks(bankwise.elementwise(HBM, kind, many * chunk, 1)) for many in (4, 8))
        assert eight - four == 4 * each


def test_a_tile_of_gemv():
    """8 register writes 28, until they are there 10, activate 28 behind precharge, 32 columns 124, twice, the row
    switch 31, until the data have come 22: 367 clocks.
    """
    short, long = (clocks(bankwise.gemv(HBM, 64, tiles * 128, 1)) for tiles in (4, 8))
    assert long - short == 4 * (28 + 10 + 28 + 124 + 31 + 124 + 22)


def test_what_a_gemv_counts():
    """64 outputs x 256 inputs on one channel: as many MACs, each two operations; its columns come once."""
    ran = compute(bankwise.gemv(HBM, 64, 256, 1), QUIET)
    assert ran.counts["ops"] == 64 * 256 * 2
    # the matrix, 16 rows touched by reads while modes change and two at the end
    assert ran.counts["read"] == 64 * 256 * 2 + (16 + 1) * 32
    assert ran.commands["RD_S"] == 2 * 64
    assert ran.commands["REG"] == 1 + 1 + 2 * 8 + 1
    made = compute(aim.gemv(AIM, 32, 1024, 1), QUIET)
    assert made.counts["ops"] == 32 * 1024 * 2
    assert made.counts["read"] == 32 * 1024 * 2
    assert made.counts["io"] == 2 * (2048 + 2 * 32)


def test_banks_of_lpddr5_pim_are_one_set():
    stream = bankwise.gemv(LPDDR5, 128, 256, 1)
    assert stream.sets == [Banks(0, 1, 16)]
    columns = compute(stream, QUIET)
    ticks = [t for t, _, c, *_ in columns.log.tolist() if COMMANDS[c] == "RD_S"]
    assert min(b - a for a, b in zip(ticks, ticks[1:], strict=False)) == LPDDR5.timing["nCCD_L"] == 4
    assert columns.counts["ops"] == 128 * 256 * 2


def test_refresh_interrupts_and_rows_are_opened_again():
    stream = aim.Aim(AIM)
    for row in range(40):
        stream.mac_abk(row, 64)
    ran, quiet = compute(stream.finish()), compute(stream, QUIET)
    assert ran.commands["REFab"] == ran.cycles // AIM.timing["nREFI"]
    each = (ran.cycles - quiet.cycles) / ran.commands["REFab"]
    assert AIM.timing["nRFC"] < each < AIM.timing["nRFC"] + AIM.timing["nRC"] + AIM.timing["nRCDMAC"]


def test_nothing_is_refused_with_its_name():
    with pytest.raises(ValueError, match="outputs 0"):
        bankwise.gemv(HBM, 0, 128, 1)
    with pytest.raises(ValueError, match="batch -1"):
        aim.gemv(AIM, 16, 16, 1, -1)
    with pytest.raises(DeviceError, match="hbm2 does not compute"):
        compute(_plain_stream())
    assert move(HBM, []).cycles == 0


def _plain_stream() -> Stream:
    return Stream(make_device(STANDARDS["hbm2"])).add("RD", 1, Banks(0, 1, 1), 0)


@pytest.mark.parametrize("name", ["hbm2_pim", "gddr6_aim", "lpddr5_pim"])
def test_energies_say_where_they_are_from(name: str):
    energies = pim_energies(make_device(STANDARDS[name]))
    assert tuple(energies) == PIM_ACTIONS
    for energy in energies.values():
        assert energy.pj is not None
        assert energy.source
        assert energy.origin in ("derived", "estimate")
    assert pim_energies(make_device(STANDARDS["ddr4"])) == {}
    memory = Dram(kind="dram", standard=name)
    assert set(PIM_ACTIONS) <= set(memory.actions())
    assert set(PIM_ACTIONS) <= set(memory.energy)
    assert not set(PIM_ACTIONS) & set(Dram(kind="dram", standard="ddr4").actions())


def test_energy_of_a_column_and_of_a_mac():
    """HBM2: 0.44 pJ/bit of the cell. AiM: a MAC in all banks is four reads of the device."""
    assert pim_energies(HBM)["pim_column"].pj == pytest.approx(0.44 * 8)
    read = Dram(kind="dram", standard="gddr6_aim").energy["read"].pj
    assert read is not None
    assert 16 * 32 * pim_energies(AIM)["pim_column"].pj == pytest.approx(4 * 32 * read)
