"""The rows of the reference tables of PIM as runs of this simulator; shared by tests."""

from __future__ import annotations

import re

from simulator.hw.controller import Controller
from simulator.hw.device import make_device
from simulator.hw.pim import aim, bankwise
from simulator.hw.pim.plain import consecutive, move
from simulator.hw.pim.stream import Stream, compute
from simulator.hw.standard import STANDARDS

HBM = make_device(STANDARDS["hbm2_pim"], "HBM2_PIM_2000")
AIM = make_device(STANDARDS["gddr6_aim"])
CHANNELS = 64
#: Of two ranks whose refreshes take turns, one has its first after half an interval.
BEGIN = HBM.timing["nREFI"] // 2
COLUMNS = AIM.row_bytes // AIM.access_bytes


def hbm_stream(kernel: str, first: int, second: int, batch: int) -> Stream:
    if kernel == "GEMV":
        return bankwise.gemv(HBM, first, second, CHANNELS, batch)
    return bankwise.elementwise(HBM, kernel.lower(), first, CHANNELS)  # type: ignore[arg-type]


def hbm_cycles(kernel: str, first: int, second: int, batch: int) -> int:
    return compute(hbm_stream(kernel, first, second, batch), begin=BEGIN).cycles


def hbm_plain(kernel: str, first: int, second: int, batch: int) -> int:
    """Two bytes an element; matrix, vectors and results of a GEMV, operands and results of the others."""
    channels = CHANNELS
    if kernel == "GEMV":
        read, written = 2 * first * second + 2 * second * batch, 2 * first * batch
    elif kernel in ("ADD", "MUL", "RELU"):
        read, written = 2 * first * bankwise.OPERANDS[kernel.lower()], 2 * first
    else:
        channels, read, written = first, second * (kernel == "SEQ_READ"), second * (kernel == "SEQ_WRITE")
    return move(HBM, consecutive(HBM, read, written, channels), begin=BEGIN).cycles


def aim_stream(trace: str) -> aim.Aim:
    """A trace by its name; 64 columns a row."""
    if found := re.match(r"gemv_(\d+)x(\d+)_(\d+)ch", trace):
        outputs, inputs, channels = map(int, found.groups())
        return aim.gemv(AIM, outputs, inputs, channels)
    stream = aim.Aim(AIM)
    if found := re.match(r"(mac_abk|mac_sbk|ewmul)_(\d+)row", trace):
        for row in range(int(found[2])):
            getattr(stream, found[1])(row, COLUMNS)
    elif found := re.match(r"wr_gb_(\d+)", trace):
        stream.wr_gb(int(found[1]))
    elif found := re.match(r"af_x(\d+)", trace):
        stream.select()
        for _ in range(int(found[1])):
            stream.af(0)
    elif found := re.match(r"(rd_mac|wr_bias|wr_abk)_x(\d+)", trace):
        for row in range(int(found[2])):
            getattr(stream, found[1])(*[row] * (found[1] == "wr_abk"))
    elif trace.startswith("copy_bkgb_gbbk"):
        for row in range(8):
            stream.copy_bkgb(row, COLUMNS).copy_gbbk(row, COLUMNS)
    else:
        raise ValueError(trace)
    return stream.finish()


def aim_cycles(trace: str) -> int:
    """Without refresh, as its simulator runs."""
    controller = Controller(refresh="none")
    if found := re.match(r"(rd|wr)_sbk_x(\d+)", trace):
        accesses = aim.single_bank_accesses(AIM, int(found[2]), found[1] == "wr")
        moved = move(AIM, accesses, controller, mapping=aim.SINGLE_BANK_MAPPING)
        return max(moved.last_read, moved.last_write) + 1
    return compute(aim_stream(trace), controller).cycles
