"""Where windows lie along an axis."""

import numpy as np
import pytest

from simulator.workload.window import axes, explicit


def place(size, kernel, **attrs):
    (axis,) = axes((size,), (kernel,), attrs)
    return axis


@pytest.mark.parametrize("size", range(3, 12))
@pytest.mark.parametrize("kernel", [1, 2, 3])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("dilation", [1, 2])
def test_windows_are_all_that_fit(size, kernel, stride, dilation):
    reach = (kernel - 1) * dilation + 1
    padded = np.arange(1 + size + 2)  # one before, two behind
    starts = [s for s in range(0, len(padded), stride) if s + reach <= len(padded)]
    axis = place(size, kernel, strides=(stride,), dilations=(dilation,), pads=(1, 2))
    assert (axis.out, axis.reach) == (len(starts), reach)


def test_ceil_mode_has_no_window_in_the_padding_behind():
    assert place(5, 2, strides=(2,), ceil_mode=1).out == 3
    assert place(5, 2, strides=(2,)).out == 2
    assert place(4, 1, strides=(3,), pads=(0, 2), ceil_mode=1).out == 2  # a third would begin at element 6


@pytest.mark.parametrize(
    ("mode", "pads"), [("SAME_UPPER", (0, 1)), ("SAME_LOWER", (1, 0)), ("VALID", (0, 0))]
)
def test_automatic_padding(mode, pads):
    axis = place(8, 3, strides=(2,), auto_pad=mode)
    assert (axis.begin, axis.end) == pads
    assert axis.out == (3 if mode == "VALID" else 4)


def test_explicit_attributes_place_the_same_windows():
    first = axes((9, 7), (3, 2), {"auto_pad": "SAME_LOWER", "strides": (2, 3)})
    attrs = explicit(first)
    assert attrs == {"kernel_shape": (3, 2), "strides": (2, 3), "dilations": (1, 1), "pads": (1, 1, 1, 0)}
    assert [axis.out for axis in axes((9, 7), (3, 2), attrs)] == [axis.out for axis in first]


@pytest.mark.parametrize(
    ("attrs", "message"),
    [
        (
            {"strides": (1,)},
            r"kernel \[3, 3\], strides \[1\], dilations \[1, 1\] and pads .* do not fit 2 spatial axes",
        ),
        ({"dilations": (4, 4)}, r"a window that reaches over 9 does not fit 8 elements with padding 0 \+ 0"),
    ],
)
def test_windows_that_fit_nowhere(attrs, message):
    with pytest.raises(ValueError, match=message):
        axes((8, 8), (3, 3), attrs)
