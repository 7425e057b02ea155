"""Operators on reals against onnxruntime, with what the cases of the onnx package leave out."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from onnx_saturation import signed_weights

from simulator.workload.execute import execute
from simulator.workload.load import load_graph

runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
F, H = np.float32, np.float16


def compare(path, op, arrays, outputs=1, domain="", constants=(), tolerance=1e-4, opset=21, **attrs):
    """Execute one node on arrays (None: left out; those in ``constants`` are no inputs) and on the runtime."""
    names = ["" if array is None else f"x{i}" for i, array in enumerate(arrays)]
    given = {name: np.asarray(array) for name, array in zip(names, arrays, strict=True) if name}
    results = [f"y{i}" for i in range(outputs)] if isinstance(outputs, int) else outputs
    node = helper.make_node(op, names, results, "n", domain=domain, **attrs)
    kept = [name for name in given if int(name[1:]) in constants]
    values = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
        for name, array in given.items()
        if name not in kept
    ]
    ends = [helper.make_empty_tensor_value_info(name) for name in results if name]
    graph = helper.make_graph([node], "g", values, ends, [numpy_helper.from_array(given[name], name) for name in kept])
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), path)
    options = runtime.SessionOptions()
    options.log_severity_level = 4
    session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    feeds = {name: array for name, array in given.items() if name not in kept}
    found = execute(load_graph(path), feeds, "onnxruntime").outputs
    for name, right in zip([n for n in results if n], session.run(None, feeds), strict=True):
        assert found[name].dtype == right.dtype
        assert found[name].shape == right.shape
        if right.dtype.kind == "f":
            np.testing.assert_allclose(found[name].astype(F), right.astype(F), rtol=tolerance, atol=tolerance, err_msg=name)
        else:
            np.testing.assert_array_equal(found[name], right, err_msg=name)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "n.onnx"


def reals(rng, *shape, dtype=F):
    return rng.normal(size=shape).astype(dtype)


CONVOLUTIONS = [
    ((2, 6, 20), (4, 3, 3), {"group": 2, "strides": [2], "dilations": [2], "pads": [2, 1]}),
    ((1, 4, 7, 8, 9), (6, 2, 3, 2, 3), {"group": 2, "strides": [2, 1, 2], "dilations": [1, 2, 1], "pads": [1, 0, 2, 0, 1, 1]}),
    ((1, 4, 6, 5, 5), (4, 1, 2, 3, 3), {"group": 4, "auto_pad": "SAME_LOWER", "strides": [2, 2, 1]}),
]


@pytest.mark.parametrize(("image", "weight", "attrs"), CONVOLUTIONS)
def test_convolution(path, rng, image, weight, attrs):
    compare(path, "Conv", [reals(rng, *image), reals(rng, *weight), reals(rng, weight[0])], **attrs)


@pytest.mark.parametrize(("image", "weight", "attrs"), CONVOLUTIONS)
def test_convolution_of_integers(path, rng, image, weight, attrs):
    x = rng.integers(0, 256, image).astype(np.uint8)
    w = rng.integers(0, 256, weight).astype(np.uint8)
    if len(image) == 4 or "auto_pad" not in attrs:
        compare(path, "ConvInteger", [x, w, np.uint8(7), np.uint8(200)], constants=(2, 3), **attrs)


@pytest.mark.parametrize("zeros", [(7, 9), (None, 9), (7, None)])
def test_product_of_integers(path, rng, zeros):
    first, second = rng.integers(0, 256, (2, 5, 9)).astype(np.uint8), signed_weights(rng, (9, 4))
    types = (np.uint8, np.int8)
    operands = [None if zero is None else kind(zero) for kind, zero in zip(types, zeros, strict=True)]
    compare(path, "MatMulInteger", [first, second, *operands])


def test_product_of_integers_with_a_zero_point_per_column(path, rng):
    first, second = rng.integers(0, 256, (5, 9)).astype(np.uint8), signed_weights(rng, (9, 4))
    compare(path, "MatMulInteger", [first, second, np.uint8(3), np.array([1, -2, 3, 4], np.int8)])


@pytest.mark.parametrize(
    ("image", "weight", "attrs"),
    [
        ((2, 6, 9), (6, 2, 4), {"group": 3, "strides": [3], "dilations": [2], "output_padding": [2], "pads": [1, 2]}),
        ((1, 4, 5, 6), (4, 3, 3, 2), {"group": 2, "strides": [2, 3], "output_padding": [1, 0], "pads": [1, 0, 0, 1]}),
        ((1, 4, 5, 6), (4, 3, 3, 2), {"dilations": [2, 3], "strides": [2, 1]}),
        ((1, 2, 4, 3, 5), (2, 3, 2, 3, 3), {"strides": [2, 1, 2], "pads": [0, 1, 1, 1, 0, 1]}),
        ((1, 3, 4, 4), (3, 2, 3, 3), {"strides": [3, 2], "output_shape": [10, 8]}),
        ((1, 3, 4, 4), (3, 2, 3, 3), {"strides": [3, 2], "auto_pad": "SAME_UPPER"}),
        ((1, 3, 4, 4), (3, 2, 3, 3), {"strides": [3, 2], "auto_pad": "SAME_LOWER"}),
        ((1, 3, 4, 4), (3, 2, 3, 3), {"strides": [1, 2], "auto_pad": "VALID"}),
        ((1, 3, 4, 4), (3, 2, 2, 2), {"strides": [4, 3]}),
    ],
)
def test_transposed_convolution(path, rng, image, weight, attrs):
    filters = weight[1] * attrs.get("group", 1)
    compare(path, "ConvTranspose", [reals(rng, *image), reals(rng, *weight), reals(rng, filters)], **attrs)


POOLS = [
    ((2, 3, 17), {"kernel_shape": [4], "strides": [3], "pads": [1, 2]}),
    ((1, 2, 9, 8), {"kernel_shape": [3, 2], "strides": [2, 3], "dilations": [2, 1], "pads": [1, 0, 1, 1]}),
    ((1, 2, 9, 8), {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1}),
    ((1, 2, 6, 7, 8), {"kernel_shape": [2, 3, 2], "strides": [2, 1, 2], "pads": [0, 1, 1, 1, 1, 0]}),
    ((1, 2, 6, 7, 8), {"kernel_shape": [3, 3, 3], "strides": [2, 2, 2], "ceil_mode": 1, "pads": [1] * 6}),
    ((2, 2, 9, 8), {"kernel_shape": [3, 3], "strides": [2, 2], "auto_pad": "SAME_LOWER"}),
]


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize(("image", "attrs"), POOLS)
def test_maxima_and_where_they_lie(path, rng, image, attrs, order):
    compare(path, "MaxPool", [reals(rng, *image)], outputs=2, storage_order=order, **attrs)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
def test_maxima_of_integers(path, rng, dtype):
    info = np.iinfo(dtype)
    x = rng.integers(info.min, info.max + 1, (1, 3, 9, 8)).astype(dtype)
    compare(path, "MaxPool", [x], kernel_shape=[3, 2], pads=[1, 1, 1, 0], strides=[2, 2])


@pytest.mark.parametrize("count", [0, 1])
@pytest.mark.parametrize(("image", "attrs"), POOLS)
def test_means(path, rng, image, attrs, count):
    compare(path, "AveragePool", [reals(rng, *image)], count_include_pad=count, **attrs)


@pytest.mark.parametrize("p", [1, 2, 3])
def test_norms(path, rng, p):
    compare(path, "LpPool", [reals(rng, 1, 2, 9, 8)], kernel_shape=[3, 2], strides=[2, 2], pads=[1, 0, 1, 1], p=p)
    compare(path, "GlobalLpPool", [reals(rng, 2, 3, 5, 4)], p=p)
    if p < 3:
        compare(path, "LpNormalization", [reals(rng, 2, 3, 5)], p=p, axis=1)


def test_normalizations(path, rng):
    x, vector = reals(rng, 2, 6, 5, 4), [reals(rng, 6) for _ in range(3)]
    variance = np.abs(reals(rng, 6)) + F(0.1)
    compare(path, "BatchNormalization", [x, *vector, variance], epsilon=1e-3)
    compare(path, "InstanceNormalization", [x, *vector[:2]], epsilon=1e-3)
    compare(path, "GroupNormalization", [x, *vector[:2]], num_groups=3, epsilon=1e-3)
    compare(path, "GroupNormalization", [x, vector[0][:3], vector[1][:3]], num_groups=3, opset=18)
    compare(path, "MeanVarianceNormalization", [x], axes=[1, 2])
    compare(path, "LRN", [x], size=5, alpha=0.2, beta=0.6, bias=2.0)
    scale, shift = reals(rng, 5, 4), reals(rng, 5, 4)
    compare(path, "LayerNormalization", [x, scale, shift], outputs=3, axis=2)
    compare(path, "LayerNormalization", [x, scale], outputs=["y0", "", "y2"], axis=-2, epsilon=1e-2)


@pytest.mark.parametrize("dtype", [F, H])
def test_normalizations_of_sums(path, rng, dtype):
    x, skip = reals(rng, 2, 3, 8, dtype=dtype), reals(rng, 2, 3, 8, dtype=dtype)
    vectors = [reals(rng, 8, dtype=dtype) for _ in range(3)]
    tolerance, microsoft = 1e-4 if dtype is F else 4e-3, "com.microsoft"
    compare(path, "SkipLayerNormalization", [x, skip, *vectors], outputs=["y", "", "", "sum"], domain=microsoft, tolerance=tolerance)
    compare(path, "SkipLayerNormalization", [x, skip, vectors[0]], domain=microsoft, tolerance=tolerance, epsilon=1e-3)
    compare(path, "SkipSimplifiedLayerNormalization", [x, skip, vectors[0]], outputs=["y", "", "", "sum"], domain=microsoft, tolerance=tolerance)
    compare(path, "SkipSimplifiedLayerNormalization", [x, skip, *vectors[:2]], domain=microsoft, tolerance=tolerance)
    compare(path, "SimplifiedLayerNormalization", [x, vectors[0]], tolerance=tolerance, axis=-1)
    compare(path, "LayerNormalization", [x, *vectors[:2]], tolerance=tolerance)


def test_kinds_of_gelu(path, rng):
    x, bias = reals(rng, 3, 8), reals(rng, 8)
    compare(path, "Gelu", [x], approximate="tanh")
    compare(path, "Gelu", [x], domain="com.microsoft")
    compare(path, "FastGelu", [x, bias], domain="com.microsoft")
    compare(path, "FastGelu", [x], domain="com.microsoft")
    compare(path, "BiasGelu", [x, bias], domain="com.microsoft")


@pytest.mark.parametrize("transposed", [(0, 0), (1, 0), (0, 1), (1, 1)])
def test_fused_product(path, rng, transposed):
    first = reals(rng, 2, 5, 3) if transposed[0] else reals(rng, 2, 3, 5)
    second = reals(rng, 2, 4, 5) if transposed[1] else reals(rng, 2, 5, 4)
    attrs = {"transA": transposed[0], "transB": transposed[1], "alpha": 0.3}
    compare(path, "FusedMatMul", [first, second], domain="com.microsoft", **attrs)


@pytest.mark.parametrize("zeros", [None, "packed", "real"])
@pytest.mark.parametrize("bits", [4, 8])
def test_product_with_packed_weights(path, rng, bits, zeros):
    n, k, size = 6, 80, 32
    blocks, per_byte = -(-k // size), 8 // bits
    packed = rng.integers(0, 256, (n, blocks, size // per_byte)).astype(np.uint8)
    scales = rng.uniform(0.01, 0.1, (n, blocks)).astype(F)
    points = {
        None: None,
        "packed": rng.integers(0, 256, (n, -(-blocks // per_byte))).astype(np.uint8),
        "real": rng.uniform(0, 15, (n, blocks)).astype(F),
    }[zeros]
    if bits == 8 and zeros == "real":
        pytest.skip("onnxruntime takes zero points of eight bits as integers alone")
    attrs = {"K": k, "N": n, "bits": bits, "block_size": size}
    operands = [reals(rng, 2, 3, k), packed, scales, points]
    compare(path, "MatMulNBits", operands, domain="com.microsoft", constants=(1, 2, 3), tolerance=1e-3, **attrs)


@pytest.mark.parametrize(
    ("equation", "shapes"),
    [
        ("ij,jk", [(3, 4), (4, 5)]),
        ("...ij,...jk->...ik", [(2, 1, 3, 4), (2, 5, 4, 2)]),
        ("bij,bjk,bkl->bil", [(2, 3, 4), (2, 4, 5), (2, 5, 2)]),
        ("iij->j", [(3, 3, 4)]),
        ("abc->cb", [(2, 3, 4)]),
        ("i,j->ij", [(3,), (4,)]),
        ("ij,ij->", [(3, 4), (3, 4)]),
    ],
)
def test_einsum(path, rng, equation, shapes):
    compare(path, "Einsum", [reals(rng, *shape) for shape in shapes], equation=equation)


def test_dynamic_quantization(path, rng):
    for x in (reals(rng, 50), np.abs(reals(rng, 50)) + 1, -np.abs(reals(rng, 50)) - 1):
        compare(path, "DynamicQuantizeLinear", [x.astype(F)], outputs=3)


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int16, np.uint16])
@pytest.mark.parametrize("scale", [F(0.03), H(0.03)])
def test_conversions_with_computed_parameters(path, rng, kind, scale):
    zero = kind(5)
    x = reals(rng, 40).astype(scale.dtype) * scale.dtype.type(20)
    compare(path, "QuantizeLinear", [x, scale, zero])
    stored = rng.integers(np.iinfo(kind).min, np.iinfo(kind).max + 1, (3, 4)).astype(kind)
    compare(path, "DequantizeLinear", [stored, scale, zero], tolerance=1e-3 if scale.dtype == H else 1e-6)
    scales, zeros = (np.arange(1, 5) * scale).astype(scale.dtype), np.arange(4).astype(kind)
    compare(path, "DequantizeLinear", [stored, scales, zeros], axis=-1, tolerance=1e-2 if scale.dtype == H else 1e-6)
    compare(path, "QuantizeLinear", [x.reshape(10, 4), scales, zeros], axis=-1)
