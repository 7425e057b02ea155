"""Integer kernels equal their meaning in plain numpy, element for element."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.workload import fast, panels, plain
from simulator.workload.numerics import PROFILES, Numerics
from simulator.workload.rescale import factors
from simulator.workload.window import axes

REF = PROFILES["tflite_ref"]
NARROW = Numerics("narrow", REF.rescaling, (), accumulator_bits=14)
SATURATING = Numerics("saturating", REF.rescaling, (), accumulator_bits=14, overflow="saturate")
TYPES = {"int8": np.int8, "uint8": np.uint8, "int16": np.int16}


def integers(rng, shape, dtype):
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max + 1, shape).astype(dtype)


def equal(a, b):
    assert a.dtype == b.dtype
    np.testing.assert_array_equal(a, b)


@pytest.fixture(params=[True, False], ids=["quads", "pairs"])
def each_block(request, monkeypatch):
    """What the machine multiplies by, and then what every machine does."""
    if not request.param:
        monkeypatch.setattr(panels, "QUADS", False)
    elif not panels.QUADS:
        pytest.skip("this machine has no instruction for quads")


EXTREMES = {np.int8: (-128, 127), np.uint8: (0, 255)}
#: Rows, depth and columns around the blocks of the kernel.
SIZES = ((1, 1, 1), (6, 3, 31), (7, 4, 32), (8, 5, 33), (15, 64, 65), (230, 66, 40))


@pytest.mark.usefixtures("each_block")
@pytest.mark.parametrize("kinds", [(a, b) for a in EXTREMES for b in EXTREMES], ids=str)
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_extreme_products(size, kinds, rng):
    """Least and largest elements and zero points, alone and mixed, sizes around whole blocks."""
    m, k, n = size
    for zeros in ("least", "largest", "odd"):
        ends = [rng.choice(EXTREMES[kind], shape).astype(kind) for kind, shape in zip(kinds, ((m, k), (n, k)), strict=True)]
        least, largest = zip(*(EXTREMES[kind] for kind in kinds), strict=True)
        first, second = {"least": least, "largest": largest, "odd": (least[0] + 77, largest[1] - 3)}[zeros]
        bias = rng.integers(-(2**31), 2**31, n)
        for operands in (ends, [np.full_like(ends[0], largest[0]), np.full_like(ends[1], least[1])]):
            arguments = (*operands, (first, np.full(n, second)), bias, REF)
            equal(fast.multiply(*arguments), plain.multiply(*arguments))


def test_a_sum_wraps_exactly_where_it_leaves_32_bits():
    """70 000 products of −255 · −255 are 4 551 750 000, beyond 2^32."""
    rows, columns = np.zeros((1, 70_000), np.uint8), np.zeros((1, 70_000), np.uint8)
    for arithmetic in (fast, plain):
        sums = arithmetic.multiply(rows, columns, (255, np.array([255])), None, REF)
        assert sums.item() == 70_000 * 255 * 255 - 2**32


@pytest.mark.usefixtures("each_block")
@pytest.mark.parametrize("groups", [1, 3])
@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
def test_windows_that_reach_far_outside(groups, dtype, rng):
    """Padding wider than the image and than the window, strides beyond the kernel, zero points at the ends."""
    image = integers(rng, (2, 5, 4, 2 * groups), dtype)
    weight = integers(rng, (5 * groups, 3, 2, 2), np.int8)
    for zero in EXTREMES[dtype]:
        for pads in ((7, 0, 0, 9), (0, 6, 5, 0), (0, 0, 0, 0)):
            for strides, dilations in (((1, 1), (1, 1)), ((4, 3), (1, 2)), ((2, 1), (2, 3))):
                attrs = {"pads": pads, "strides": strides, "dilations": dilations}
                places = axes((5, 4), (3, 2), attrs) if fits(attrs) else axes((5, 4), (3, 2), attrs | {"dilations": (1, 1)})
                arguments = (image, weight, places, groups, (zero, np.zeros(1, np.int64)), None, REF)
                equal(fast.convolve(*arguments), plain.convolve(*arguments))


def fits(attrs):
    sizes = zip((5, 4), (3, 2), attrs["dilations"], attrs["pads"][:2], attrs["pads"][2:], strict=True)
    return all((kernel - 1) * dilation + 1 <= size + a + b for size, kernel, dilation, a, b in sizes)


def test_weights_that_cannot_change_are_arranged_once(rng):
    """Those that can are read anew each time; what was kept goes when they do."""
    weight, zeros = integers(rng, (4, 6), np.int8), np.zeros(1, np.int64)
    assert panels.panels(weight, zeros, 1) is not panels.panels(weight, zeros, 1)
    weight.flags.writeable = False
    kept = panels.panels(weight, zeros, 1)
    assert panels.panels(weight, zeros, 1) is kept
    assert panels.panels(weight[:2], zeros, 1) is not kept
    assert panels.panels(weight, zeros + 1, 1) is not kept
    before = len(panels._remembered)
    del weight
    assert len(panels._remembered) == before - 1


@pytest.mark.parametrize("numerics", [REF, NARROW, SATURATING], ids=lambda n: n.name)
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), dtype=st.sampled_from(sorted(TYPES)), depthwise=st.booleans())
def test_convolution(numerics, seed, dtype, depthwise):
    """Dense, grouped and depthwise; strides, dilations, uneven padding, zero points of both operands."""
    rng = np.random.default_rng(seed)
    groups = int(rng.integers(1, 12) if depthwise else rng.integers(1, 4))
    depth, filters = (1, 1) if depthwise else rng.integers(1, 5, 2).tolist()
    weight = integers(rng, (groups * filters, *rng.integers(1, 4, 2), depth), np.int8)
    ifmap = integers(rng, (rng.integers(1, 3), *rng.integers(5, 9, 2), groups * depth), TYPES[dtype])
    attrs = {
        "strides": tuple(rng.integers(1, 3, 2).tolist()),
        "dilations": tuple(rng.integers(1, 3, 2).tolist()),
        "pads": tuple(rng.integers(0, 3, 4).tolist()),
    }
    places = axes(ifmap.shape[1:3], weight.shape[1:3], attrs)
    zeros = (int(integers(rng, (), TYPES[dtype])), rng.integers(-128, 128, rng.choice([1, len(weight)])))
    bias = rng.integers(-(2**31), 2**31, len(weight)) if seed % 2 else None
    arguments = (ifmap, weight, places, groups, zeros, bias, numerics)
    equal(fast.convolve(*arguments), plain.convolve(*arguments))


@pytest.mark.parametrize("numerics", [REF, NARROW, SATURATING], ids=lambda n: n.name)
@pytest.mark.parametrize("dtype", sorted(TYPES))
def test_product(numerics, dtype, rng):
    first, second = integers(rng, (7, 100), TYPES[dtype]), integers(rng, (5, 100), np.int8)
    bias = rng.integers(-(2**31), 2**31, 5)
    arguments = (first, second, (11, np.arange(5)), bias, numerics)
    equal(fast.multiply(*arguments), plain.multiply(*arguments))


def test_the_accumulators_differ_where_they_overflow():
    """100 products of 127 · 127 are 1 612 900: 14 bits wrap to 7268 and saturate at 8191."""
    ones = np.full((1, 100), 127, np.int8)
    for numerics, value in ((REF, 1612900), (NARROW, 7268), (SATURATING, 8191)):
        for arithmetic in (fast, plain):
            assert arithmetic.multiply(ones, ones, (0, np.zeros(1, np.int64)), None, numerics).item() == value


def test_saturation_happens_at_every_addition():
    """Up to the bound and back down: the sum is 8191 − 127, not the 0 of the whole."""
    rows = np.full((1, 2), 127, np.int8)
    columns = np.array([[127, -127]], np.int8)
    for arithmetic in (fast, plain):
        start = np.array([8191])
        sums = arithmetic.multiply(rows, columns, (0, np.zeros(1, np.int64)), start, SATURATING)
        assert sums.item() == 8191 - 127 * 127


def test_a_32_bit_accumulator_wraps():
    one = np.ones((1, 1), np.int8)
    for arithmetic in (fast, plain):
        sums = arithmetic.multiply(one, one, (0, np.zeros(1, np.int64)), np.array([2**31 - 1]), REF)
        assert sums.item() == -(2**31)


@pytest.mark.parametrize("name", sorted(PROFILES))
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), narrowed=st.integers(0, 24))
def test_storing_sums(name, seed, narrowed):
    rng = np.random.default_rng(seed)
    sums = (rng.integers(-(2**31), 2**31, (20, 7)) >> narrowed).astype(np.int32)
    by = factors(np.exp2(rng.uniform(-20, 3, 7)), PROFILES[name].rescaling)
    arguments = (sums, by, int(rng.integers(-128, 128)), (-128, 127), "int8")
    equal(fast.store(*arguments), plain.store(*arguments))


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_adding_and_multiplying_elements(name, rng):
    rescaling = PROFILES[name].rescaling
    first, second = integers(rng, (4, 5, 6), np.int8), integers(rng, (5, 1), np.int8)
    for _ in range(20):
        bys = [factors(np.exp2(rng.uniform(-20, 0)), rescaling) for _ in range(3)]
        result = (bys[2], 5, (-128, 127), "int8")
        equal(*(a.add((first, second), (3, -7), bys[:2], 20, result) for a in (fast, plain)))
        equal(*(a.product((first, second), (3, -7), result) for a in (fast, plain)))


@pytest.mark.parametrize("name", ["Add", "Sub", "Mul"])
@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
def test_elements_in_real_numbers(name, dtype, rng):
    """Broadcast, and in an order of memory that is not that of the axes; scales that make ties are frequent."""
    first = integers(rng, (2, 5, 4, 6), dtype).transpose(0, 3, 1, 2)
    second = integers(rng, (2, 5, 4, 6), np.int8).transpose(0, 3, 1, 2)
    for other in (second, second[:, :, :1, :1], second[0, 0, 0]):
        for scales in ((0.5, 0.25, 1.0), (0.1, 0.3, 0.7), (1e-3, 2.0, 1e-4)):
            result = (scales[2], -3, (-128, 127), "int8")
            equal(*(a.combine(name, (first, other), (7, -128), scales[:2], result) for a in (fast, plain)))


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
def test_sums_by_ratios(dtype, rng):
    first, second = integers(rng, (5, 4, 6), dtype), integers(rng, (4, 6), np.int8)
    for ratios, fixed in (((0.5, 0.25), -7.5), ((0.31, 1.7), 0.1), ((1e-4, 1e4), 3.0)):
        given = [np.float32(each) for each in ratios], np.float32(fixed), (-128, 127), "int8"
        equal(*(a.add_ratios((first, second), *given) for a in (fast, plain)))


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "float32", "bool"])
def test_counting(dtype, rng):
    stored = rng.integers(0, 4, (3, 5, 4)).astype(dtype).transpose(0, 2, 1)
    for zero in (0, 1):
        assert fast.nonzeros(stored, zero) == plain.nonzeros(stored, zero) == (stored != zero).sum()


@pytest.mark.parametrize("dtype", sorted(TYPES))
@pytest.mark.parametrize("pool", ["average", "maximum"])
def test_poolings(pool, dtype, rng):
    image = integers(rng, (2, 9, 8, 5), TYPES[dtype])
    places = axes((9, 8), (3, 2), {"strides": (2, 1), "pads": (1, 0, 2, 1)})
    equal(*(getattr(a, pool)(image, places, (-100, 100)) for a in (fast, plain)))


@pytest.mark.parametrize("arithmetic", [fast, plain])
def test_a_mean_rounds_half_away_from_zero_and_leaves_padding_out(arithmetic):
    """(1 + 2) / 2 = 1.5 gives 2 and (−1 − 2) / 2 = −1.5 gives −2; the corner sees one element alone."""
    image = np.array([[[1, -1], [2, -2]]], np.int8)[None]
    assert arithmetic.average(image, axes((1, 2), (1, 2), {}), (-128, 127)).ravel().tolist() == [2, -2]
    padded = axes((1, 2), (1, 2), {"pads": (0, 1, 0, 0)})
    assert arithmetic.average(image, padded, (-128, 127)).ravel().tolist() == [1, -1, 2, -2]


def test_looking_up(rng):
    table = rng.integers(-128, 128, 256).astype(np.int8)
    stored = integers(rng, (3, 40), np.int8)
    equal(fast.look_up(stored, table), table[stored.astype(int) + 128])
    equal(fast.look_up(stored, table), plain.look_up(stored, table))
