"""Ranges, scales and zero points, checked by hand and by brute force."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.workload.quantization.calibrate import (
    BINS,
    Extremes,
    Histogram,
    Range,
    dequantize,
    mse_range,
    percentile_range,
    quant_of,
    quantize,
    weight_quant,
)
from simulator.workload.tensor import Quant


def histogram(*arrays):
    extremes = Extremes()
    for array in arrays:
        extremes.see(array)
    found = Histogram(extremes.range)
    for array in arrays:
        found.see(array)
    return found


@pytest.mark.parametrize(
    ("span", "dtype", "symmetric", "scale", "zero"),
    [
        ((-1, 3), "int8", False, 4 / 255, -64),  # -128 + 63.75
        ((-1, 3), "uint8", False, 4 / 255, 64),
        ((-1, 3), "int16", False, 4 / 65535, -16384),  # -32768 + 16383.75
        ((-1, 3), "uint16", False, 4 / 65535, 16384),
        ((-1, 3), "int8", True, 3 / 127, 0),
        ((-1, 3), "uint8", True, 3 / 127, 128),
        ((-4, 3), "int16", True, 4 / 32767, 0),
        ((0, 6), "int8", False, 6 / 255, -128),
        ((-6, 0), "int8", False, 6 / 255, 127),
        ((2, 5), "int8", False, 5 / 255, -128),  # a constant of 5 or all above 2: 0 belongs to the range
        ((0, 0), "int8", False, 1.0, 0),
        ((0, 0), "uint8", True, 1.0, 128),
    ],
)
def test_scale_and_zero_point(span, dtype, symmetric, scale, zero):
    found = quant_of(Range(*span), dtype, symmetric=symmetric)
    assert found == Quant((float(np.float32(scale)),), (zero,))
    assert quantize(np.zeros(1), found, dtype).item() == zero, "0 is exact"


def test_a_range_too_small_for_float32_still_has_a_scale():
    found = quant_of(Range(0.0, 1e-44), "int8", symmetric=False)
    assert np.float32(found.scale[0]) > 0
    assert np.isfinite(np.float32(1) / np.float32(found.scale[0]))


def test_minmax_holds_zero_and_everything_seen():
    extremes = Extremes()
    extremes.see(np.array([2.0, 5.0]))
    assert extremes.range == (0.0, 5.0)
    extremes.see(np.array([-1.5]))
    extremes.see(np.empty(0))
    assert extremes.range == (-1.5, 5.0)


def test_percentiles_of_an_even_spread():
    values = np.arange(-500, 501, dtype=np.float32)
    width = 1000 / BINS
    found = percentile_range(histogram(values[:300], values[300:]), 98, symmetric=False)
    assert found == pytest.approx((-490, 490), abs=2 + width), "1 % is cut from each tail"
    found = percentile_range(histogram(np.append(values, values[values > 0])), 90, symmetric=True)
    assert found.high == -found.low == pytest.approx(450, abs=2 + width), "90 % of |x| lie below 450"
    assert percentile_range(histogram(values), 100, symmetric=False) == pytest.approx((-500, 500))


def test_percentiles_with_zeros():
    values = np.append(np.zeros(900), np.arange(1, 101)).astype(np.float32)
    found = percentile_range(histogram(values), 99, symmetric=False)
    assert found == pytest.approx((0, 95), abs=1), "5 of 1000 values are cut at the top, none at the bottom"
    found = percentile_range(histogram(values), 80, symmetric=False)
    assert found == (0.0, 0.0), "nine tenths are 0"


def test_one_outlier(rng):
    values = np.append(rng.normal(size=20000), 40.0).astype(np.float32)
    seen = histogram(values)
    assert percentile_range(seen, 99.9, symmetric=False).high == pytest.approx(3.3, abs=0.2)
    assert mse_range(seen, "int4", symmetric=False).high < 10
    assert seen.range.high == 40.0


@pytest.mark.parametrize("dtype", ["int4", "int8"])
@pytest.mark.parametrize("symmetric", [False, True])
def test_mse_is_the_best_of_all_ranges(rng, dtype, symmetric):
    values = np.maximum(rng.standard_t(3, 5000) + 0.3, -1.0).astype(np.float32)

    def error(low, high):
        quant = quant_of(Range(low, high), dtype, symmetric=symmetric)
        return np.sum((values - dequantize(quantize(values.astype(np.float64), quant, dtype), quant)) ** 2)

    found = error(*mse_range(histogram(values), dtype, symmetric=symmetric))
    low, high = values.min(), values.max()
    shares = np.linspace(0.02, 1, 50)
    tried = min(error(low * a, high * b) for a in (shares if not symmetric else [1e-9]) for b in shares)
    assert found <= 1.03 * tried
    assert found <= error(low, high)


def test_nothing_but_zeros():
    seen = histogram(np.zeros(10, np.float32))
    assert percentile_range(seen, 99, symmetric=False) == (0.0, 0.0)
    assert mse_range(seen, "int8", symmetric=True) == (0.0, 0.0)


def test_weight_scales():
    weight = np.array([[1.0, -2.0], [0.5, 0.25]], np.float32)

    def scales(*values):
        return tuple(np.array(values, np.float32).astype(float).tolist())

    assert weight_quant(weight, "int8", None, "minmax") == Quant(scales(2 / 127), (0,))
    assert weight_quant(weight, "int8", 0, "minmax") == Quant(scales(2 / 127, 0.5 / 127), (0, 0), 0)
    assert weight_quant(weight, "int4", 1, "percentile") == Quant(scales(1 / 7, 2 / 7), (0, 0), 1)
    assert weight_quant(np.zeros((2, 3)), "int4", 0, "mse") == Quant((1.0, 1.0), (0, 0), 0)


def test_mse_clips_weights_where_that_helps(rng):
    weight = np.append(rng.normal(size=500), 6.0).astype(np.float32).reshape(1, -1)
    clipped, whole = (weight_quant(weight, "int4", 0, method) for method in ("mse", "minmax"))
    errors = [
        np.sum((dequantize(quantize(weight.astype(np.float64), quant, "int4"), quant) - weight) ** 2)
        for quant in (clipped, whole)
    ]
    assert clipped.scale[0] < whole.scale[0]
    assert errors[0] < 0.8 * errors[1]
