"""What memories compute, worked out by hand, and in the order of their own microkernels."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from simulator.hw.device import make_device
from simulator.hw.pim import bankwise
from simulator.hw.standard import COMMANDS, STANDARDS
from simulator.workload.functions import bfloat16, gelu, sigmoid
from simulator.workload.pim import plain
from simulator.workload.pim.devices import DEVICES, GDDR6_AIM, HBM_PIM, LANES, LPDDR5_PIM
from simulator.workload.pim.tables import table

#: Device -> the standard that is its timing.
TIMED = {"hbm_pim": "hbm2_pim", "lpddr5_pim": "lpddr5_pim", "gddr6_aim": "gddr6_aim"}


@pytest.mark.parametrize("name", DEVICES)
def test_lanes_and_registers_are_those_of_the_timing(name):
    unit = STANDARDS[TIMED[name]].pim
    assert unit.lanes == LANES
    if DEVICES[name].element == "fp16":
        assert unit.registers == DEVICES[name].registers


def replayed(device, standard, matrix, vector):
    """A GEMV by the transactions of its microkernel: registers and lanes in FP16, one column at a time.

    Column c of a tile belongs to register c // 8 of sums and register c % 8 of inputs; an output is a
    register of a unit. Tile t is the (t // sets)-th of set t mod sets.
    """
    outputs, inputs = matrix.shape
    stream = bankwise.gemv(make_device(STANDARDS[standard]), outputs, inputs, 1)
    files, sets = device.registers, len(stream.sets)
    tiles = -(-inputs // (files * LANES))
    x, w = (np.pad(each, [(0, 0)] * (each.ndim - 1) + [(0, tiles * files * LANES - inputs)]) for each in (vector, matrix))
    registers, sums, seen, stored = np.zeros((files, LANES), np.float16), np.zeros((outputs, LANES), np.float16), [0] * sets, 0
    loaded = iter([tile for first in range(sets) for tile in range(first, tiles, sets)])
    for place, many, first, *_ in stream.rows:
        command = COMMANDS[place]
        if command == "REG" and many == files:
            tile = next(loaded)
            registers = x[tile * files * LANES :][: files * LANES].reshape(files, LANES)
        elif command == "RD_S":
            which = [banks.first for banks in stream.sets].index(first)
            for column in range(seen[which], seen[which] + many):
                tile, inside = column // files**2 * sets + which, column % files**2
                of, by = divmod(inside, files)
                weights = w[of::files, (tile * files + by) * LANES :][:, :LANES]
                sums[of::files] = sums[of::files] + weights * registers[by]
            seen[which] += many
        elif command == "WR_S":
            stored += many
    assert next(loaded, None) is None
    assert stored == files, "a unit leaves one sum of 16 lanes per register: even and odd banks share them"
    total = sums[:, 0].astype(np.float32)
    for lane in range(1, LANES):
        total += sums[:, lane]
    return total


@pytest.mark.parametrize(("device", "outputs"), [(HBM_PIM, 64), (LPDDR5_PIM, 128)], ids=["hbm_pim", "lpddr5_pim"])
@pytest.mark.parametrize("inputs", [128, 700, 1024])
def test_sums_are_in_the_order_of_the_microkernel(device, outputs, inputs, rng):
    matrix, vector = (rng.standard_normal(shape).astype(np.float16) for shape in ((outputs, inputs), inputs))
    found = plain.dot_fp16(vector[None], matrix, device)[0]
    np.testing.assert_array_equal(found, replayed(device, TIMED[device.name], matrix, vector))
    exact = matrix.astype(np.float64) @ vector.astype(np.float64)
    assert 0 < np.abs(found - exact).max() < 0.5, "rounded, and not far off"


def test_even_tiles_come_first():
    """Five tiles of 8 groups, the last of 3: 0, 2, 4, then 1 and 3; one set takes them as they are."""
    tiles = [list(range(8 * t, min(8 * t + 8, 35))) for t in range(5)]
    assert plain.order(35 * 16 - 7, HBM_PIM).tolist() == sum((tiles[t] for t in (0, 2, 4, 1, 3)), [])
    assert plain.order(35 * 16, LPDDR5_PIM).tolist() == list(range(35))


def test_the_order_changes_a_sum():
    """2048 + 1 is 2048 in FP16, a tie to even. Lane 0 sees tiles 0, 2, 1, or 0, 1, 2: 2048, 1, -2048 or so."""
    matrix = np.zeros((1, 3 * 128))
    matrix[0, [0, 128, 256]] = 2048, -2048, 1
    ones = np.ones_like(matrix)
    assert plain.dot_fp16(ones, matrix, HBM_PIM).item() == 0
    assert plain.dot_fp16(ones, matrix, LPDDR5_PIM).item() == 1


def test_a_product_is_rounded_before_it_is_added():
    """(1 + 2^−10)² = 1 + 2^−9 + 2^−20; less 1 + 2^−9, a fused operation would leave 2^−20."""
    x = 1 + 2.0**-10
    rows, columns = np.zeros((1, 32)), np.zeros((1, 32))
    rows[0, [0, 16]], columns[0, [0, 16]] = (1, x), (-(1 + 2.0**-9), x)
    assert plain.dot_fp16(rows, columns, HBM_PIM).item() == 0


def test_lanes_are_added_in_float32_and_in_order():
    """Lanes of 60000 stay finite beyond FP16; 2^15 + 2^−9 + 2^−9 loses both in order, not the other way."""
    ones = np.ones((1, 16))
    assert plain.dot_fp16(ones, np.full((1, 16), 60000.0), HBM_PIM).item() == 16 * 60000
    lanes = np.array([[2.0**15, 2.0**-9, 2.0**-9, *[0.0] * 13]])
    assert plain.dot_fp16(ones, lanes, HBM_PIM).item() == 2.0**15
    assert plain.dot_fp16(ones, lanes[:, ::-1], HBM_PIM).item() == 2.0**15 + 2.0**-8


def test_fp16_overflows_where_float32_would_not():
    """60000 + 60000 − 60000 in one lane; products that overflow; infinity less infinity."""
    lane = np.zeros((1, 48))
    lane[0, ::16] = 60000, 60000, -60000
    with np.errstate(over="ignore", invalid="ignore"):
        assert plain.dot_fp16(np.ones((1, 48)), lane, HBM_PIM).item() == np.inf
        assert np.isnan(plain.dot_fp16([[300, 300]], np.array([[300, -300]]), HBM_PIM).item())


def exactly(products, bits):
    """Aligned sum in fractions."""
    largest = max(abs(Fraction(float(p))) for p in products)
    if largest == 0:
        return 0.0
    exponent = -125
    while largest >= Fraction(2) ** exponent:
        exponent += 1
    unit = Fraction(2) ** (exponent - bits)
    total = sum((int(Fraction(float(p)) / unit) for p in products), 0) * unit
    return np.float32(float(total))


@pytest.mark.parametrize("bits", [24, 8])
def test_products_are_aligned_to_the_largest(bits, rng):
    """Against fractions: what lies below the last bit of the largest is cut off, towards 0."""
    for scale in (3, 20, 60):
        shape = (50, 16)
        a, b = (bfloat16((rng.standard_normal(shape) * np.exp2(rng.integers(-scale, scale, shape))).astype(np.float32)) for _ in "ab")
        expected = [exactly(row, bits) for row in a * b]
        np.testing.assert_array_equal(plain.tree(a * b, bits), np.array(expected, np.float32))


def test_what_alignment_loses():
    """1 and 2^−23 · 1.9921875: the last bit of 24 is 2^−23. Fifteen times 2^−24 are nothing; a float sum has them."""
    small = np.zeros((1, 16), np.float32)
    small[0, 0], small[0, 1] = 1, np.float32(1.9921875) * np.float32(2.0**-23)
    assert plain.tree(small, 24).item() == 1 + 2.0**-23
    small[0, 1:] = 2.0**-24
    assert plain.tree(small, 24).item() == 1
    assert plain.tree(-small, 24).item() == -1, "towards 0, not down"
    assert small.astype(np.float64).sum() > 1 + 7 * 2.0**-23


def test_accumulators_begin_with_the_bias_and_are_read_as_bf16():
    """1 + 2^−9 (bias 1.003 is 1 in BF16) + 256 columns of 2^−16: 1.005859375 is read as the BF16 1.0078125."""
    rows, columns = np.full((1, 16 * 256), 2.0**-8), np.zeros((1, 16 * 256))
    columns[0, ::16] = 2.0**-8
    columns[0, 1] = 0.5
    found = plain.dot_bf16(rows, columns, np.array([1.003]), GDDR6_AIM)
    assert found.item() == float(bfloat16(np.float32([1 + 2.0**-9 + 2.0**-8]))[0])
    assert found.item() == 1.0078125


def test_infinite_products_pass_and_opposite_ones_are_none():
    huge = np.float32(2.0**127)
    rows = np.array([[huge, 1, 1], [-huge, huge, 1], [huge, np.nan, 1], [-huge, 1, 1]], np.float32)
    columns = np.array([[4, 4, 1]], np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        found = plain.dot_bf16(rows, columns, None, GDDR6_AIM).ravel()
    assert (found[0], found[3]) == (np.inf, -np.inf)
    assert np.isnan(found[1:3]).all()


def test_relu_keeps_nan_and_has_no_negative_zero():
    x = np.array([-1, -0.0, 0, 2, -np.inf, np.inf, np.nan])
    for found in (plain.relu_fp16(x), plain.relu_bf16(x)):
        assert not np.signbit(found).any()
        np.testing.assert_array_equal(found, [0, 0, 0, 2, 0, np.inf, np.nan])


@pytest.mark.parametrize(("name", "function"), [("sigmoid", sigmoid), ("tanh", np.tanh), ("gelu", gelu)])
def test_functions_lie_near_the_formula(name, function):
    """Points and results are rounded to BF16, each by half a step of 2^−7 below 2, 2^−8 below 1; lines add 1e-4."""
    x = bfloat16(np.linspace(-7.9, 1.9, 5000).astype(np.float32))
    off = np.abs(plain.activate(x, table(name)) - function(x.astype(np.float64))).max()
    assert 0 < off < (2.0**-7 if name == "gelu" else 2.0**-8) + 1e-4


def test_functions_beyond_their_table():
    far = np.array([-np.inf, -1e30, -9, 8, 100, np.inf, np.nan], np.float32)
    held = float(bfloat16(np.float32([sigmoid(np.float64(-8))]))[0])
    np.testing.assert_array_equal(plain.activate(far, table("sigmoid")), np.float32([held, held, held, 1, 1, 1, np.nan]))
    np.testing.assert_array_equal(plain.activate(far, table("gelu"))[3:], np.float32([8, 100, np.inf, np.nan]))
    assert np.abs(plain.activate(far, table("gelu"))[:3]).max() < 1e-14
