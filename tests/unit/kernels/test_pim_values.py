"""Kernels of memories that compute equal their meaning in plain numpy, bit for bit, whatever comes in.

NaN equals NaN: what a device leaves in its payload is not published.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.kernels import pim
from simulator.workload.pim import devices, fast, plain
from simulator.workload.pim.devices import DEVICES, GDDR6_AIM, HBM_PIM
from simulator.workload.pim.tables import LOW, table

HALVES = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
BRAINS = (np.arange(1 << 16, dtype=np.uint32) << np.uint32(16)).view(np.float32)
#: Vectors, outputs, inputs: around lanes, registers, tiles of 128, blocks of 64 outputs, chunks of 8 vectors.
SHAPES = (
    (1, 1, 1), (1, 8, 16), (2, 9, 17), (3, 65, 129), (9, 64, 256), (17, 7, 15), (1, 70, 700), (2, 5, 0), (0, 3, 4), (2, 0, 40),
)  # fmt: skip


@pytest.fixture(autouse=True)
def _reals_are_infinite_or_none_as_well():
    with np.errstate(all="ignore"):
        yield


def same(found, expected):
    """Equal by bits, and NaN where there is NaN."""
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    nothing = np.isnan(expected)
    np.testing.assert_array_equal(np.isnan(found), nothing)
    bits = f"u{expected.itemsize}"
    differ = (found.view(bits) != expected.view(bits)) & ~nothing
    assert not differ.any(), (found[differ][:4], expected[differ][:4])


def moderate(rng, shape):
    return rng.standard_normal(shape)


def wide(rng, shape):
    """From denormals of FP16 to its largest numbers."""
    return rng.standard_normal(shape) * np.exp2(rng.integers(-26, 16, shape))


def tiny(rng, shape):
    """Products among the denormals of float32."""
    return rng.standard_normal(shape) * np.exp2(rng.integers(-75, -55, shape))


def any_half(rng, shape):
    return rng.choice(HALVES, shape)


def any_brain(rng, shape):
    return rng.choice(BRAINS, shape)


def ends(rng, shape):
    """Zeros of both signs, largest, least normal and denormal numbers, ties, infinities, NaN."""
    some = [0, -0.0, 1, -1, 65504, -65504, 2048, 1025, 2.0**-24, -(2.0**-14), 2.0**-126, np.inf, -np.inf, np.nan]
    return rng.choice(some, shape, p=[*[0.09] * 11, *[0.01 / 3] * 3])


KINDS = (moderate, wide, tiny, any_half, any_brain, ends)


def sums_equal(rows, columns, start, device):
    same(fast.dot_fp16(rows, columns, device), plain.dot_fp16(rows, columns, device))
    for bits in (24, 11, 1):
        narrow = replace(device, aligned_bits=bits)
        expected = plain.dot_bf16(rows, columns, start, narrow)
        same(fast.dot_bf16(rows, columns, start, narrow), expected)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_products(shape, kind, rng):
    m, n, k = shape
    rows, columns, start = kind(rng, (m, k)), kind(rng, (n, k)), kind(rng, n)
    for device in (HBM_PIM, GDDR6_AIM):
        sums_equal(rows, columns, start, device)
        sums_equal(rows, columns, None, device)


@settings(max_examples=60, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 4), st.integers(1, 70), st.integers(1, 400)),
    seed=st.integers(0, 2**32 - 1),
    kind=st.sampled_from(KINDS),
    device=st.sampled_from(list(DEVICES.values())),
)
def test_products_of_any_shape(shape, seed, kind, device):
    rng = np.random.default_rng(seed)
    m, n, k = shape
    with np.errstate(all="ignore"):
        sums_equal(kind(rng, (m, k)), kind(rng, (n, k)), kind(rng, n), device)


@pytest.mark.parametrize("turn", range(0, 1 << 16, 2521))
def test_elements_of_every_half_and_brain_float(turn):
    """Each of 65,536 bit patterns with 26 others."""
    for name in ("add_fp16", "multiply_fp16"):
        other = np.roll(HALVES, turn)
        same(getattr(fast, name)(HALVES, other), getattr(plain, name)(HALVES, other))
    same(fast.multiply_bf16(BRAINS, np.roll(BRAINS, turn)), plain.multiply_bf16(BRAINS, np.roll(BRAINS, turn)))


def test_sums_and_products_of_neighbours_and_ties(rng):
    """Operands whose sums and products lie near ties: all exponents apart, last bits odd and even."""
    first = rng.choice(HALVES[(np.abs(HALVES) < 300) & (HALVES != 0)], 200_000)
    apart = np.exp2(rng.integers(-14, 3, first.size)) * rng.choice([1, -1, 1 + 2.0**-10, 2 - 2.0**-10], first.size)
    second = first.astype(np.float64) * apart
    for name in ("add_fp16", "multiply_fp16"):
        same(getattr(fast, name)(first, second), getattr(plain, name)(first, second))


def test_elements_broadcast(rng):
    first, second = rng.standard_normal((3, 1, 5)), rng.standard_normal((4, 1))
    for name in ("add_fp16", "multiply_fp16", "multiply_bf16"):
        same(getattr(fast, name)(first, second), getattr(plain, name)(first, second))
        same(getattr(fast, name)(second[0], second[0, 0]), getattr(plain, name)(second[0], second[0, 0]))


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "gelu", "gelu_by_tanh"])
def test_functions_of_every_brain_float(name):
    same(fast.activate(BRAINS, table(name)), plain.activate(BRAINS, table(name)))
    steps = (LOW + np.arange(-3, 1030) / 64).astype(np.float32)
    same(fast.activate(steps, table(name)), plain.activate(steps, table(name)))


def test_float32_becomes_the_nearest_half(rng):
    """Every half, every point between two, their neighbours in float32, and a million of any bits."""
    halves = np.sort(HALVES[np.isfinite(HALVES)].astype(np.float32))
    between = (halves[1:].astype(np.float64) + halves[:-1]) / 2
    special = [65519.996, 65520, 65536, 3.4e38, np.inf, -np.inf, np.nan, -0.0, 1e-45, 2.0**-25, 2.0**-126]
    some = np.concatenate((halves, between, special)).astype(np.float32)
    near = [np.nextafter(some, np.float32(to)) for to in (-np.inf, np.inf)]
    random = rng.integers(0, 1 << 32, 1_000_000, np.uint32).view(np.float32)
    every = np.concatenate((some, *near, random))
    found = np.empty(every.shape, np.float16)
    pim.round_fp16(every, found.view(np.uint16))
    same(found, every.astype(np.float16))
    assert set(found[np.isnan(found)].view(np.uint16)) == {pim.NAN_FP16}, "quiet, and one only"


def test_the_kernels_blocks_have_the_lanes_of_the_devices():
    assert pim.LANES == devices.LANES
    assert {pim.REGISTERS} == {device.registers for device in DEVICES.values()}


def test_what_is_made_of_a_constant_is_made_once(rng, monkeypatch):
    matrix = rng.standard_normal((70, 40)).astype(np.float32)
    rows = rng.standard_normal((2, 40))
    expected = plain.dot_fp16(rows, matrix, HBM_PIM), plain.dot_bf16(rows, matrix, None, GDDR6_AIM)
    matrix.flags.writeable = False
    dot = (lambda: fast.dot_fp16(rows, matrix, HBM_PIM)), (lambda: fast.dot_bf16(rows, matrix, None, GDDR6_AIM))
    for each, of in zip(dot, expected, strict=True):
        same(each(), of)
    for name in ("_blocks_fp16", "_blocks_bf16"):
        monkeypatch.setattr(fast, name, None)
    for each, of in zip(dot, expected, strict=True):
        same(each(), of)
