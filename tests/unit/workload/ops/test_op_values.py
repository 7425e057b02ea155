"""What operators compute, where the cases of the onnx package do not reach: types, operands, stored integers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from one_node import results_of

from simulator.base.errors import InputError
from simulator.workload.execute import execute
from simulator.workload.graph import Graph, Node
from simulator.workload.op import OPS
from simulator.workload.tensor import Quant, Tensor

Q = Quant((0.5,), (3,))
PROFILES = ("onnxruntime", "tflite_ref", "half_up")
each_profile = pytest.mark.parametrize("profile", PROFILES)
quick = settings(max_examples=60, deadline=None)
i64 = np.int64

#: Operator -> the same in float64, written out another way.
REDUCTIONS = {
    "ReduceSum": lambda x, **a: x.sum(**a),
    "ReduceMean": lambda x, **a: x.sum(**a) / (x.size / max(x.sum(**a).size, 1)),
    "ReduceMax": lambda x, **a: -(-x).min(**a),
    "ReduceMin": lambda x, **a: -(-x).max(**a),
    "ReduceProd": lambda x, **a: x.prod(**a),
    "ReduceL1": lambda x, **a: np.where(x < 0, -x, x).sum(**a),
    "ReduceL2": lambda x, **a: (x * x).sum(**a) ** 0.5,
    "ReduceSumSquare": lambda x, **a: (x**2).sum(**a),
    "ReduceLogSumExp": lambda x, **a: np.log(np.exp(x).sum(**a)),
}
shapes = arrays.array_shapes(min_dims=1, max_dims=4, max_side=4)


@st.composite
def reductions(draw):
    """Operator, data, axes (some from behind, none: all), whether axes stay."""
    kind = draw(st.sampled_from((np.float32, np.float64, np.float16)))
    x = draw(arrays.arrays(kind, draw(shapes), elements=st.integers(-4, 4)))
    axes = draw(st.lists(st.integers(0, x.ndim - 1), unique=True))
    signed = [axis - x.ndim if draw(st.booleans()) else axis for axis in axes]
    return draw(st.sampled_from(sorted(REDUCTIONS))), x, signed, draw(st.booleans())


@quick
@given(case=reductions(), computed=st.booleans())
def test_reductions_over_any_axes_are_those_of_numpy(case, computed):
    op, x, axes, keep = case
    attrs = {"keepdims": int(keep)}
    over = tuple(axes) or None
    expected = np.asarray(REDUCTIONS[op](x.astype(np.float64), axis=over, keepdims=keep))
    operands = [x]
    if computed:
        operands.append(np.array(axes, i64))
    else:
        attrs["axes"] = tuple(axes)
    (found,) = results_of(op, operands, attrs, shapes=[expected.shape])
    assert found.dtype == x.dtype
    rough = 5e-3 if x.dtype == np.float16 else 1e-5
    np.testing.assert_allclose(found, expected.astype(x.dtype), rtol=rough, atol=rough)


@pytest.mark.parametrize("op", sorted(REDUCTIONS))
def test_no_axes_may_mean_that_nothing_is_summed(op):
    x = np.array([[-1.5, 2.0], [0.5, 3.0]], np.float32)
    (found,) = results_of(op, [x], {"noop_with_empty_axes": 1})
    expected = {"ReduceL1": np.abs(x), "ReduceL2": np.abs(x), "ReduceSumSquare": x * x}.get(op, x)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@quick
@given(x=arrays.arrays(np.int32, st.tuples(st.integers(1, 3), st.integers(1, 6)), elements=st.integers(-2, 2)),
       largest=st.booleans(), data=st.data())  # fmt: skip
def test_top_k_takes_the_first_of_equals(x, largest, data):
    k = data.draw(st.integers(1, x.shape[1]))
    attrs = {"k": (k,), "largest": int(largest)}
    values, places = results_of("TopK", [x], attrs, outputs=2)
    for row, found, at in zip(x.tolist(), values.tolist(), places.tolist(), strict=True):
        order = sorted(range(len(row)), key=lambda i: (-row[i] if largest else row[i], i))[:k]
        assert at == order
        assert found == [row[i] for i in order]


@quick
@given(x=arrays.arrays(np.int64, shapes, elements=st.integers(-9, 9)), reverse=st.booleans(),
       exclusive=st.booleans(), data=st.data())  # fmt: skip
def test_running_sums_add_up_what_lies_before(x, reverse, exclusive, data):
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    attrs = {"reverse": int(reverse), "exclusive": int(exclusive)}
    (found,) = results_of("CumSum", [x, np.array(axis)], attrs)
    rows, sums = np.moveaxis(x, axis, 0), np.moveaxis(found, axis, 0)
    for i in range(len(rows)):
        first, last = (i + exclusive, len(rows)) if reverse else (0, i + 1 - exclusive)
        np.testing.assert_array_equal(sums[i], rows[first:last].sum(axis=0))


@quick
@given(n=st.integers(1, 6), start=st.integers(-9, 9), end=st.integers(-9, 9),
       step=st.sampled_from([-3, -1, 1, 2]), computed=st.booleans())  # fmt: skip
def test_slices_clamp_their_bounds(n, start, end, step, computed):
    """Bounds beyond either end mean the end: a start before the first element is the first one."""
    x = np.arange(10 * n, dtype=np.float32).reshape(10, n)[0]
    first, last = (bound + n if bound < 0 else bound for bound in (start, end))
    if step > 0:
        chosen = [i for i in range(max(first, 0), n, step) if i < last]
    else:
        chosen = [i for i in range(min(max(first, 0), n - 1), -1, step) if i > last]
    names = ("starts", "ends", "axes", "steps")
    bounds = [(start,), (end,), (-1,), (step,)]
    if computed:
        operands = [x, *(np.array(b, i64) for b in bounds)]
        (found,) = results_of("Slice", operands, shapes=[(len(chosen),)])
    else:
        (found,) = results_of("Slice", [x], dict(zip(names, bounds, strict=True)))
    np.testing.assert_array_equal(found, x[chosen])


STORED = np.arange(-12, 12, dtype=np.int8).reshape(2, 3, 4)
HELD = {
    "Slice": ([STORED, np.array([1], i64), np.array([9], i64), np.array([2], i64)], {}, STORED[:, :, 1:]),
    "Gather": ([STORED, np.array([2, -3], i64)], {"axis": 1}, STORED[:, [2, 0]]),
    "GatherND": ([STORED, np.array([[1, 0]], i64)], {}, STORED[1, :1]),
    "ReverseSequence": (
        [STORED, np.array([2, 3], i64)], {"batch_axis": 0, "time_axis": 1},
        np.stack([STORED[0, [1, 0, 2]], STORED[1, [2, 1, 0]]]),
    ),
    "Trilu": ([STORED, np.array(1, i64)], {}, np.where(np.triu(np.ones((3, 4)), 1) > 0, STORED, 3)),
    "Pad": ([STORED, np.array([0, 0, 0, 0, 0, 2], i64)], {}, np.pad(STORED, [(0, 0)] * 2 + [(0, 2)],
                                                                 constant_values=3)),
    "ScatterElements": (
        [STORED, np.full((1, 1, 1), -1, i64), np.full((1, 1, 1), 99, np.int8)], {"axis": 2},
        np.where(np.arange(24).reshape(2, 3, 4) == 3, 99, STORED),
    ),
    "OneHot": ([np.array([1, -1], i64), np.array(3, i64), np.array([-7, 8], np.int8)], {},
               np.array([[-7, 8, -7], [-7, -7, 8]])),
    "Upsample": ([STORED], {"scales": (1.0, 1.0, 2.0)}, np.repeat(STORED, 2, axis=2)),
    "Resize": ([STORED], {"sizes": (2, 6, 4)}, np.repeat(STORED, 2, axis=1)),
}  # fmt: skip


@each_profile
@pytest.mark.parametrize("op", HELD)
def test_moved_integers_stay_what_they_are(op, profile):
    """Not even by way of their real values: 0 is what stands for it, 3."""
    given, attrs, expected = HELD[op]
    (found,) = results_of(op, given, attrs, profile=profile, quant=Q, to=("int8", Q), shapes=[expected.shape])
    assert found.dtype == np.int8
    np.testing.assert_array_equal(found, expected)


def test_pad_fills_with_the_stored_form_of_its_value():
    x = np.zeros((1, 2), np.int8)
    attrs = {"pads": (0, 1, 0, 0), "value": -1.5}
    (found,) = results_of("Pad", [x], attrs, quant=Q)
    assert found.tolist() == [[0, 0, 0]], "-1.5 / 0.5 + 3"
    (found,) = results_of("Pad", [x, None, np.array(2.0, np.float32)], {"pads": (0, 1, 0, 0)}, quant=Q)
    assert found.tolist() == [[7, 0, 0]]


def test_updates_are_reduced_with_what_is_there():
    x, i = np.zeros((3,), np.float32), np.array([1, 1, 2], i64)
    u = np.array([2, 5, -1], np.float32)
    for reduction, expected in (("add", [0, 7, -1]), ("max", [0, 5, 0]), ("min", [0, 0, -1]), ("mul", [0, 0, 0])):
        (found,) = results_of("ScatterElements", [x, i, u], {"reduction": reduction})
        assert found.tolist() == expected


def test_sums_of_stored_updates_are_refused():
    x = np.zeros((3,), np.int8)
    with pytest.raises(InputError, match=r"node 'n': ScatterElements with sums or products"):
        results_of("ScatterElements", [x, np.array([1], i64), x[:1]], {"reduction": "add"}, quant=Q)


@pytest.mark.parametrize(
    ("real", "bits"),
    [
        (1.0, 0x3F80),
        (1.00390625, 0x3F80),  # half way between two: to the even one below
        (1.01171875, 0x3F82),  # half way: to the even one above
        (1.003907, 0x3F81),
        (3.4e38, 0x7F80),  # nearer to what is infinity there than to the largest number
        (-np.inf, 0xFF80),
    ],
)
def test_bfloat16_is_the_nearest_with_ties_to_even(real, bits):
    (found,) = results_of("Neg", [np.array([-real], np.float32)], to=("bf16", None))
    assert found.view(np.uint32)[0] == bits << 16


def test_bfloat16_keeps_what_is_no_number():
    (found,) = results_of("Neg", [np.array([np.nan], np.float32)], to=("bf16", None))
    assert np.isnan(found).all()


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [("int4", [-8, -1, 0, 1, 7, -8, 1]), ("uint4", [8, 15, 0, 1, 7, 8, 1]), ("int2", [0, -1, 0, 1, -1, 0, 1])],
)
def test_casts_cut_off_and_keep_low_bits(dtype, expected):
    x = np.array([-8.7, -1.9, -0.9, 1.5, 7.0, 8.2, 17.0], np.float32)
    (found,) = results_of("Cast", [x], to=(dtype, None))
    assert found.tolist() == expected


@each_profile
def test_infinity_saturates(profile):
    """1/sqrt(0) is the largest stored integer, log(0) the least, wherever the zero point lies."""
    x = np.array([3, 5], np.int8)  # 0 and 1
    for zero in (-128, 0, 100):
        for op, expected in (("Rsqrt", 127), ("Log", -128)):
            (found,) = results_of(op, [x], profile=profile, quant=Q, to=("int8", Quant((0.25,), (zero,))))
            assert found[0] == expected


def test_dropout_in_training_is_refused_and_keeps_everything_else():
    x = np.ones((2, 3), np.float32)
    found, mask = results_of("Dropout", [x], outputs=2)
    assert mask.all()
    np.testing.assert_array_equal(found, x)
    half = np.array(0.5, np.float32)
    with pytest.raises(InputError, match="drops elements at random"):
        results_of("Dropout", [x, half, np.array(True)])


def test_weighted_integers_are_resized_where_the_arithmetic_is_known():
    """Half way between 0 and 3, and between -1 and 0: 1.5 is 2, -0.5 is -1 half away, 0 half up."""
    x = np.array([[0, 3], [-1, 0]], np.int8).reshape(2, 1, 2)
    attrs = {"mode": "linear", "sizes": (2, 1, 3), "coordinate_transformation_mode": "align_corners"}
    for profile, middle in (("tflite_ref", [2, -1]), ("tflite_xnnpack", [2, 0])):
        (found,) = results_of("Resize", [x], attrs, profile=profile, quant=Q)
        assert found[:, 0, 1].tolist() == middle
    for change in ({"mode": "cubic"}, {"antialias": 1}, {"sizes": (4, 2, 3)}):
        with pytest.raises(InputError, match=r"node 'n': Resize on stored integers is executed"):
            results_of("Resize", [x], attrs | change, profile="tflite_ref", quant=Q)
    with pytest.raises(InputError, match="another scale for the result"):
        results_of("Resize", [x], attrs, profile="tflite_ref", quant=Q, to=("int8", Quant((0.25,), (0,))))


def test_weighted_unsigned_integers_are_refused_where_they_are_not_known():
    tensors = [Tensor("x", (1, 2), "uint8", Q), Tensor("y", (1, 3), "uint8", Q)]
    attrs = {"mode": "linear", "sizes": (1, 3), "coordinate_transformation_mode": "align_corners"}
    node = Node("n", "Resize", ("x",), ("y",), attrs)
    graph = Graph("g", (node,), {t.name: t for t in tensors}, ("x",), ("y",))
    feeds = {"x": np.array([[3, 200]], np.uint8)}
    assert execute(graph, feeds, "tflite_xnnpack").outputs["y"].tolist() == [[3, 102, 200]]
    with pytest.raises(InputError, match="Resize of unsigned integers"):
        execute(graph, feeds, "tflite_ref")


@pytest.mark.parametrize("mode", ["linear", "cubic"])
@pytest.mark.parametrize("extra", [{}, {"antialias": 1}, {"exclude_outside": 1}])
def test_weights_of_a_resizing_add_up(mode, extra):
    """What is the same everywhere stays the same."""
    x = np.full((1, 5, 7), 2.5, np.float32)
    (found,) = results_of("Resize", [x], {"mode": mode, "sizes": (1, 8, 3), **extra})
    np.testing.assert_allclose(found, 2.5, rtol=1e-6)


def test_infinity_stays_where_it_is():
    x = np.array([0, 1, np.inf, 1, 0, 0, 0], np.float32)
    (found,) = results_of("Resize", [x], {"mode": "linear", "sizes": (14,)})
    assert np.isinf(found).tolist() == [3 <= i <= 6 for i in range(14)]


def test_every_function_of_one_operand_has_values():
    x = np.array([0.25, 0.5], np.float32)
    for name in OPS.names():
        op = OPS[name]
        if op.pointwise and name not in ("Not", "Acosh"):
            assert np.isfinite(op.values([x], {})[0]).all(), name


def test_soft_capping_keeps_small_values_and_bounds_large_ones():
    found = OPS["SoftCap"].values([np.array([-1e6, 0.0, 0.01, 30.0, 1e6], np.float32)], {"cap": 30.0})[0]
    assert found.tolist() == pytest.approx([-30.0, 0.0, 0.01, 30.0 * np.tanh(1.0), 30.0])
