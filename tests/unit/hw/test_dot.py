"""Dot products: cycles by hand, zeros passed over and gated, buffers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.base.errors import InputError
from simulator.base.spec import build
from simulator.hw.cores.dot import Dot
from simulator.hw.cores.systolic import Systolic
from simulator.hw.skipping import slowest
from simulator.hw.tiling import TILE, macs, tile_row

BUFFERS = {role: "sram" for role in ("ifmap", "weight", "psum", "ofmap")}


def dot(**fields):
    return Dot(
        **{"kind": "dot", "lanes": 4, "cols": 2, "rows": 3, "clock_hz": 10**9, "buffers": BUFFERS, **fields}
    )


def tiles(*rows):
    return np.array([tile_row(**row) for row in rows], TILE)


def count(core, tile, action):
    return int(core.counts(tile)[0, core.ACTIONS.index(action)])


class TestSlowest:
    @pytest.mark.parametrize(
        ("operands", "density", "lanes", "mean"),
        [
            (16, 1.0, 8, 16.0),
            (16, 0.0, 8, 0.0),
            (0, 0.5, 8, 0.0),
            (16, 0.25, 1, 4.0),  # one lane waits for nobody
            (1, 0.5, 2, 0.75),  # one of two lanes has something: 1 - 1/4
            (2, 0.5, 2, (1 - 1 / 16) + (1 - 9 / 16)),  # F(0) = 1/4, F(1) = 3/4, squared
        ],
    )
    def test_by_hand(self, operands, density, lanes, mean):
        assert slowest(operands, density, lanes) == pytest.approx(mean, abs=1e-12)

    def test_many_lanes_wait_for_a_full_one(self):
        assert slowest(4, 0.5, 10**6) == pytest.approx(4, abs=1e-6)

    @pytest.mark.parametrize(("operands", "density", "lanes"), [(16, 0.4, 16), (32, 0.55, 128), (7, 0.1, 3)])
    def test_the_mean_of_drawn_lanes(self, rng, operands, density, lanes):
        drawn = rng.binomial(operands, density, (20_000, lanes)).max(axis=1)
        error = drawn.std() / np.sqrt(drawn.size)
        assert slowest(operands, density, lanes) == pytest.approx(drawn.mean(), abs=5 * error)

    @given(st.integers(1, 60), st.floats(0, 1), st.integers(1, 300))
    def test_between_the_mean_and_all(self, operands, density, lanes):
        time = slowest(operands, density, lanes)
        assert operands * density - 1e-9 <= time <= operands + 1e-9
        assert time <= slowest(operands, density, lanes + 1) + 1e-9
        assert time <= slowest(operands + 1, density, lanes) + 1e-9


class TestCycles:
    def test_blocks_times_steps(self):
        tile = tiles({"m": 7, "n": 5, "k": 9, "taps": 2, "count": 2})
        occupancy, latency = dot(depth=6).cycles(tile)
        # 3 blocks of rows, 3 of columns, 2 groups; 2 positions of 3 steps each
        assert (occupancy[0], latency[0]) == (3 * 3 * 2 * 2 * 3, 6)

    def test_a_rate_is_more_lanes(self):
        tile = tiles({"m": 3, "n": 2, "k": 16, "precision": "int4"})
        assert dot(precision={"int8": 1, "int4": 2}).cycles(tile)[0][0] == 2

    def test_what_fills_the_trees_uses_every_multiplier(self):
        core = dot(precision={"int8": 1})
        tile = tiles({"m": 3 * 5, "n": 2 * 4, "k": 4 * 6})
        assert macs(tile)[0] == core.cycles(tile)[0][0] * core.macs_per_cycle("int8")

    def test_skipping_by_hand(self):
        # 5 steps in windows of 2: two windows and a rest of 1; 4 lanes x 3 rows wait for each other
        core = dot(skips=("ifmap",), window=2, fetch=100.0)
        tile = tiles({"m": 3, "n": 2, "k": 20, "density": (0.5, 1.0)})
        window = (1 - (1 / 4) ** 12) + (1 - (3 / 4) ** 12)
        assert core.cycles(tile)[0][0] == np.ceil(2 * window + (1 - (1 / 2) ** 12))

    def test_who_waits_for_whom(self):
        tile = tiles({"m": 300, "n": 200, "k": 256, "density": (0.4, 0.4)})
        time = {
            skips: dot(skips=skips, window=64, fetch=100.0).cycles(tile)[0][0]
            for skips in [("ifmap",), ("weight",), ("ifmap", "weight"), ()]
        }
        blocks = 100 * 100
        assert time[()] == blocks * 64
        assert time["ifmap",] == np.ceil(blocks * slowest(64, 0.4, 4 * 3))
        assert time["weight",] == np.ceil(blocks * slowest(64, 0.4, 4 * 2))
        assert time["ifmap", "weight"] == np.ceil(blocks * slowest(64, 0.4 * 0.4, 4 * 3 * 2))

    def test_no_faster_than_it_fetches(self):
        tile = tiles({"m": 3, "n": 2, "k": 4 * 64, "density": (0.0, 1.0)})
        assert dot(skips=("ifmap",), window=16, fetch=4.0).cycles(tile)[0][0] == 64 / 4

    def test_without_zeros_skipping_changes_nothing(self, rng):
        rows = [{"m": m, "n": n, "k": k, "taps": t} for m, n, k, t in rng.integers(1, 90, (50, 4)).tolist()]
        plain, skipping = dot(), dot(skips=("ifmap", "weight"))
        np.testing.assert_array_equal(plain.cycles(tiles(*rows))[0], skipping.cycles(tiles(*rows))[0])
        np.testing.assert_array_equal(plain.counts(tiles(*rows)), skipping.counts(tiles(*rows)))


class TestCounts:
    @pytest.mark.parametrize(
        "core",
        [
            dot(gates=("ifmap", "weight")),
            Systolic(
                kind="systolic", rows=4, cols=4, clock_hz=10**9, buffers=BUFFERS, gates=("ifmap", "weight")
            ),
        ],
    )
    def test_gated_and_done_are_all(self, core):
        tile = tiles({"m": 30, "n": 20, "k": 50, "density": (0.5, 0.4)})
        assert count(core, tile, "gated") == round(30_000 * (1 - 0.5 * 0.4))
        assert count(core, tile, "gated") + count(core, tile, "mac_int8") == 30_000

    def test_without_gates_zeros_switch_as_everything(self):
        tile = tiles({"m": 30, "n": 20, "k": 50, "density": (0.5, 0.4)})
        core = Systolic(kind="systolic", rows=4, cols=4, clock_hz=10**9, buffers=BUFFERS)
        assert count(core, tile, "mac_int8") == 30_000
        assert "gated" not in core.actions()

    def test_skipped_products_are_not_done_and_others_gated(self):
        core = dot(skips=("ifmap",), gates=("ifmap", "weight"))
        tile = tiles({"m": 30, "n": 20, "k": 50, "density": (0.5, 0.4)})
        assert count(core, tile, "mac_int8") + count(core, tile, "gated") == 15_000
        assert count(core, tile, "gated") == 9_000

    def test_buffers_by_hand(self):
        core = dot(reuse=2)
        tile = tiles({"m": 7, "n": 5, "k": 9, "bits": (8, 8, 8), "first": False, "last": True})
        ifmap, weight, psum, ofmap = core.accesses(tile)[0].tolist()
        assert ifmap == [7 * 9 * 3, 0]  # again for each of 3 blocks of columns
        assert weight == [5 * 9 * 2, 0]  # again for each 2 x 3 rows
        assert psum == [7 * 5 * 4, 0]  # what an earlier tile left
        assert ofmap == [0, 35]


def test_an_operand_that_is_none_is_refused():
    fields = {
        "kind": "dot",
        "lanes": 4,
        "cols": 2,
        "clock": "1 GHz",
        "buffers": {"ifmap": "sram"},
        "skips": ["ofmap"],
    }
    with pytest.raises(InputError, match=r"skips.0: expected 'ifmap' or 'weight', got 'ofmap'"):
        build(Dot, fields)
