"""Sizes of tensors, and constants that are made once and late."""

import numpy as np
import pytest

from simulator.workload.op import NUMPY
from simulator.workload.tensor import BITS, FLOATS, Constant, Tensor


@pytest.mark.parametrize(
    ("shape", "dtype", "elements", "size"),
    [
        ((), "fp32", 1, 4),
        ((3,), "int4", 3, 2),
        ((2, 3), "int8", 6, 6),
        ((5,), "int2", 5, 2),
        ((0, 4), "fp16", 0, 0),
    ],
)
def test_sizes(shape, dtype, elements, size):
    tensor = Tensor("t", shape, dtype)
    assert (tensor.elements, tensor.bytes, tensor.bits) == (elements, size, BITS[dtype])


def test_every_element_type_can_be_held():
    assert set(NUMPY) == set(BITS)
    assert set(FLOATS) < set(BITS)


def test_a_constant_is_made_once_when_asked_for():
    calls = []
    constant = Constant(lambda: calls.append(1) or np.arange(3))
    assert calls == []
    assert constant.array() is constant.array()
    assert calls == [1]


def test_constants_do_not_take_part_in_comparison():
    assert Tensor("t", (1,), constant=Constant(lambda: np.zeros(1))) == Tensor("t", (1,))
