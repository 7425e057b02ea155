"""Cores inside memories: published peaks from the chip's file, streams of tiles, estimates, wrong places."""

from __future__ import annotations

import numpy as np
import pytest
from pim_networks import KINDS, chip_text, small_chip

from simulator.base.errors import InputError
from simulator.hw.chip import load_chip
from simulator.hw.component import CORES
from simulator.hw.controller import Controller
from simulator.hw.cores.pim import MOST_COMMANDS
from simulator.hw.pim import aim, bankwise
from simulator.hw.pim.stream import compute
from simulator.hw.tiling import TILE, tile_row
from simulator.mapping.place import whole_tile
from simulator.workload.work import OPERATION_CLASSES, Contraction

QUIET = "{refresh: none}"


def product(m: int, n: int, k: int, precision: str = "fp16") -> Contraction:
    return Contraction(k=n, c=k, oy=m, precision=precision)


class TestPublishedPeaks:
    """Operations and bandwidths that follow from a chip's file alone."""

    def ops_per_s(self, name: str, precision: str, overrides: dict[str, str]) -> float:
        core = load_chip(name, overrides).cores["pim"]
        return 2 * core.macs_per_cycle(precision) * core.clock_hz

    def test_sixteen_channels_of_hbm_pim(self):
        """1.2288 TFLOPS at 300 MHz of the units; inside 4 times what passes the interface."""
        few = {"memories.dram.channels": "16", "memories.dram.capacity": "4 GiB", "memories.dram.preset": "HBM2_PIM_2400"}
        assert self.ops_per_s("pim/hbm_pim", "fp16", few) == pytest.approx(1.2288e12, rel=0.001)
        dram = load_chip("pim/hbm_pim").memories["dram"]
        assert dram.inside_bytes_per_s() == 4 * dram.peak_bytes_per_s()

    def test_two_channels_of_aim(self):
        """1.024 TFLOPS, 16 times 64 GB/s inside."""
        few = {"memories.dram.channels": "2", "memories.dram.capacity": "1 GiB"}
        assert self.ops_per_s("pim/gddr6_aim", "bf16", few) == 1.024e12
        dram = load_chip("pim/gddr6_aim", few).memories["dram"]
        assert dram.inside_bytes_per_s() == 1024e9 == 16 * dram.peak_bytes_per_s()

    def test_a_channel_of_lpddr5_pim(self):
        """102.4 GB/s inside for 12.8 outside; of 8-bit integers twice as many operations."""
        few = {"memories.dram.channels": "1", "memories.dram.capacity": "2 GiB"}
        dram = load_chip("pim/lpddr5_pim", few).memories["dram"]
        assert dram.inside_bytes_per_s() == 102.4e9 == 8 * dram.peak_bytes_per_s()
        assert self.ops_per_s("pim/lpddr5_pim", "fp16", few) == 102.4e9
        assert self.ops_per_s("pim/lpddr5_pim", "int8", few) == 204.8e9


@pytest.mark.parametrize("kind", KINDS)
def test_the_clock_is_the_memorys(tmp_path, kind):
    chip = small_chip(tmp_path, kind)
    core, device = chip.cores["pim"], chip.memories["dram"].device
    assert core.clock_hz == round(10**15 / device.tck_fs)
    assert "clock_hz" not in [field for field in type(core).model_fields if type(core).better_when(field) == "more"]


@pytest.mark.parametrize(("m", "n", "k"), [(1, 128, 256), (2, 200, 100), (3, 1000, 300)])
def test_a_tile_is_the_stream_of_its_device(tmp_path, m, n, k):
    hbm, aim_ = (small_chip(tmp_path, kind).cores["pim"] for kind in ("hbm_pim", "gddr6_aim"))
    tile = whole_tile(product(m, n, k), hbm)[0]
    parts = hbm.parts(n, k, "fp16")
    expected = bankwise.gemv(hbm.memory.device, n, -(-k // parts), 2 // parts, m)
    assert hbm.stream(tile).rows == expected.rows
    assert aim_.stream(tile).rows == aim.gemv(aim_.memory.device, n, k, 2, m).rows


@pytest.mark.parametrize("kind", KINDS)
def test_cycles_are_those_of_the_stream_between_two_refreshes(tmp_path, kind):
    core = small_chip(tmp_path, kind).cores["pim"]
    tile = whole_tile(product(1, 256, 512), core)
    begin = core.memory.device.timing["nREFI"] // 2
    assert core.cycles(tile)[0][0] == compute(core.stream(tile[0]), begin=begin).cycles


@pytest.mark.parametrize("kind", KINDS)
def test_long_ones_go_on_as_they_do(tmp_path, kind):
    """Of many times the commands that are simulated for an estimate; within 1 % of all of them."""
    core = small_chip(tmp_path, kind).cores["pim"]
    tile = whole_tile(product(64, 2048, 1024), core)
    stream = core.stream(tile[0])
    assert sum(row[1] for row in stream.rows) > 5 * MOST_COMMANDS
    begin = core.memory.device.timing["nREFI"] // 2
    assert core.cycles(tile)[0][0] == pytest.approx(compute(stream, begin=begin).cycles, rel=0.01)
    elements = 1 << 23
    for operation in core.ELEMENTWISE:
        ops = tuple(elements if name == operation else 0 for name in OPERATION_CLASSES)
        many = _tiles(ops=ops)
        exact = compute(core.stream(many[0]), begin=begin).cycles
        assert core.cycles(many)[0][0] == pytest.approx(exact, rel=0.01)


def _tiles(**fields):
    return np.array([tile_row(**fields)], TILE)


def test_more_channels_take_no_longer(tmp_path):
    for kind in KINDS:
        taken = []
        for channels in (1, 2, 4, 8):
            small_chip(tmp_path, kind, channels)
            core = load_chip(tmp_path / f"{kind}_{channels}.yaml", {"memories.dram.controller": QUIET}).cores["pim"]
            taken.append([int(core.cycles(whole_tile(product(1, n, k), core))[0][0]) for n, k in ((64, 64), (500, 700), (4096, 256))])
        assert all(b <= a for one, two in zip(taken, taken[1:], strict=False) for a, b in zip(one, two, strict=True))


def test_inputs_are_divided_where_that_ends_first(tmp_path):
    """Few outputs of many inputs: each channel has some of the inputs of all; the sums of all are added up."""
    core = small_chip(tmp_path, "hbm_pim", 8).cores["pim"]
    assert core.parts(64, 4096, "fp16") > 1
    assert core.parts(8192, 128, "fp16") == 1
    sums, size = core.partial_sums(product(1, 64, 4096))
    assert (sums, size) == (16 * core.parts(64, 4096, "fp16"), 2 * sums)
    fixed = load_chip(tmp_path / "hbm_pim_8.yaml", {"cores.pim.split": "4"}).cores["pim"]
    assert fixed.parts(8192, 128, "fp16") == 4
    assert fixed.turns(8192, 128, "fp16") == 4 * fixed.turns(2048, 128, "fp16") == 64


def test_inputs_are_read_once_for_each_turn(tmp_path):
    """300 outputs are 10 turns of AiM's 32 and 3 of HBM-PIM's 128; results come out of AiM alone."""
    for kind, turns, out in (("gddr6_aim", 10, 2 * 300 * 2), ("hbm_pim", 3, 0)):
        small_chip(tmp_path, kind)
        over = {} if kind == "gddr6_aim" else {"cores.pim.split": "1"}
        core = load_chip(tmp_path / f"{kind}_2.yaml", over).cores["pim"]
        tile = _tiles(m=2, n=300, k=100, precision="fp16", bits=(16, 16, 16))
        assert core.accesses(tile)[0].tolist() == [[2 * 100 * 2 * turns, 0], [0, 0], [0, out]]


class TestFlaws:
    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            ("standard: hbm2_pim", "standard: hbm2, preset: HBM2_2000", "cores.pim.buffers.weight: hbm_pim computes in a dram of standard hbm2_pim; 'dram' is of standard hbm2"),
            ("weight: dram, ofmap", "weight: sram, ofmap", "cores.pim.buffers.weight: hbm_pim computes in a dram of standard hbm2_pim; 'sram' is of kind sram"),
            ("standard: hbm2_pim", "standard: hbm2_pim, model: bandwidth", "cores.pim.buffers.weight: hbm_pim needs the commands of 'dram'; its model is bandwidth"),
            ("pim: {kind: hbm_pim, buffers: {ifmap: sram", "pim: {kind: hbm_pim, buffers: {ifmap: dram", "cores.pim.buffers.ifmap: inputs are sent to 'dram'; expected another memory"),
            ("weight: dram, ofmap: dram", "weight: dram, ofmap: sram", "cores.pim.buffers.ofmap: sums of hbm_pim stay in 'dram'; expected that memory"),
            ("weight: dram, ofmap: dram", "weight: dram", "cores.pim.buffers: expected a memory for each of ifmap, weight, ofmap"),
            ("kind: hbm_pim,", "kind: hbm_pim, split: 3,", "cores.pim.split: expected a divisor of the 2 channels of its memory, got 3"),
            ("kind: hbm_pim,", "kind: hbm_pim, split: 0,", "cores.pim.split: expected a divisor of the 2 channels of its memory, got 0"),
            ("kind: hbm_pim,", "kind: hbm_pim, clock: 2 GHz,", "cores.pim.clock: expected that of 'dram', 1 GHz, or none"),
            ("memories:", "  two: {kind: hbm_pim, buffers: {ifmap: sram, weight: dram, ofmap: dram}}\nmemories:", "cores.two.buffers.weight: core 'pim' is what computes in 'dram' already"),
        ],
    )  # fmt: skip
    def test_are_said_with_their_place(self, tmp_path, old, new, message):
        text = chip_text("hbm_pim")
        assert text.count(old) == 1
        path = tmp_path / "wrong.yaml"
        path.write_text(text.replace(old, new))
        with pytest.raises(InputError) as raised:
            load_chip(path)
        assert any(message in str(problem) for problem in raised.value.problems), raised.value

    def test_results_of_aim_come_out(self, tmp_path):
        path = tmp_path / "wrong.yaml"
        path.write_text(chip_text("gddr6_aim").replace("weight: dram, ofmap: sram", "weight: dram, ofmap: dram"))
        with pytest.raises(InputError, match="cores.pim.buffers.ofmap: sums of gddr6_aim come out; expected another memory"):
            load_chip(path)

    def test_the_clock_of_the_memory_may_be_stated(self, tmp_path):
        path = tmp_path / "right.yaml"
        path.write_text(chip_text("hbm_pim").replace("kind: hbm_pim,", "kind: hbm_pim, clock: 1 GHz,"))
        assert load_chip(path).cores["pim"].clock_hz == 10**9


def test_a_core_that_knows_no_memory_says_so():
    core = CORES["hbm_pim"](kind="hbm_pim", buffers={"ifmap": "a", "weight": "b", "ofmap": "b"})
    with pytest.raises(TypeError, match="hbm_pim computes in the memory of its weights, of which it knows none"):
        _ = core.memory


def test_refresh_of_the_controller_is_that_of_the_estimate(tmp_path):
    small_chip(tmp_path, "gddr6_aim")
    quiet = load_chip(tmp_path / "gddr6_aim_2.yaml", {"memories.dram.controller": QUIET}).cores["pim"]
    tile = whole_tile(product(1, 4096, 1024), quiet)
    stream = quiet.stream(tile[0])
    assert quiet.cycles(tile)[0][0] == compute(stream, Controller(refresh="none")).cycles
    assert quiet.cycles(tile)[0][0] < small_chip(tmp_path, "gddr6_aim").cores["pim"].cycles(tile)[0][0]
