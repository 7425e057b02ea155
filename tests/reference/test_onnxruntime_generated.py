"""Random quantized networks, in both ONNX forms, against onnxruntime, optimized and not (extra ``golden``).

Where all scales are powers of two, sums of reals in float32 are exact in whatever order a runtime adds them:
both forms must then agree bit for bit at every level, ties included, and ties are frequent. With other scales
the integer operators must agree as well; of networks with conversions, onnxruntime computes some in float32.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx_builder import LEVELS, Builder, session
from onnx_saturation import signed_weights

from simulator.workload.execute import execute
from simulator.workload.load import load_graph

pytest.importorskip("onnxruntime", reason="onnxruntime (extra golden) is not installed")


def generated(examples):
    """The same examples every time."""
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )


any_seed = given(seed=st.integers(0, 2**32 - 1), signed=st.booleans(), layers=st.integers(1, 3))


class Network(Builder):
    """A chain of layers on one feature map; ``at`` and ``shape`` are the tensor reached so far.

    In the form with conversions a tensor is real and known by its name; with integer operators it is stored,
    and ``quant`` names its scale and zero point.
    """

    def begin(self, integer):
        batch, channels, rows, columns = self.rng.integers((1, 1, 4, 4), (3, 7, 10, 10)).tolist()
        self.integer, self.shape, self.quant = integer, (batch, channels, rows, columns), self.scale("x")
        self.at = "x"
        self.count = 0
        self.inputs = [("x", self.dtype if integer else np.float32, self.shape)]
        if not integer:
            self.at = self.conversions("x", self.quant, "x")

    def conversions(self, real, quant, name):
        self.add("QuantizeLinear", [real, *quant], f"{name}.q")
        return self.add("DequantizeLinear", [f"{name}.q", *quant], f"{name}.d")

    def layer(self, kind):
        self.count += 1
        name = f"{kind}{self.count}"
        getattr(self, kind)(name)
        return name

    def store(self, real, name, shape, activation=True):
        """What follows a layer with conversions: perhaps an activation, then the conversions."""
        if activation and self.rng.random() < 0.5:
            kind = self.rng.choice(["Relu", "Clip"])
            ends = [self.constant(f"{name}.{end}", np.float32(v)) for end, v in (("low", -0.75), ("high", 1.5))]
            real = self.add(str(kind), [real, *(ends if kind == "Clip" else ())], f"{name}.act")
        self.quant = self.scale(f"{name}.y")
        self.at, self.shape = self.conversions(real, self.quant, name), shape

    def extreme(self, shape):
        """int8 over the whole range, or its ends alone."""
        return signed_weights(self.rng, shape, ends=self.rng.random() < 0.3)

    def weights(self, name, shape, axis, per_channel):
        count = shape[axis] if per_channel else ()
        scale = self.constant(f"{name}.ws", self.between(0.002, 0.01, count))
        zero = self.constant(f"{name}.wz", np.zeros(count, np.int8))
        return [self.constant(f"{name}.w", self.extreme(shape)), scale, zero]

    def bias(self, name, count):
        """Of 32 bits, at the product of the scales; absent in a third of the cases."""
        if self.rng.random() < 0.34:
            return None, None
        scale = (self.constants[self.quant[0]] * self.constants[f"{name}.ws"]).astype(np.float32)
        stored = self.constant(f"{name}.b", self.rng.integers(-3000, 3000, count).astype(np.int32))
        return stored, self.constant(f"{name}.bs", scale)

    def product(self, name, op, weight, bias, shape, axis, attrs):
        """Conv or Gemm between conversions."""
        per_channel = self.constants[weight[1]].ndim > 0
        real = [self.at, self.add("DequantizeLinear", weight, f"{name}.wd", **({"axis": axis} if per_channel else {}))]
        if bias[0]:
            zero = self.constant(f"{name}.bz", np.zeros(self.constants[bias[1]].shape, np.int32))
            along = {"axis": 0} if per_channel else {}
            real.append(self.add("DequantizeLinear", [bias[0], bias[1], zero], f"{name}.bd", **along))
        self.store(self.add(op, real, f"{name}.r", **attrs), name, shape)

    def conv(self, name):
        batch, channels, *sizes = self.shape
        groups = int(self.rng.choice([g for g in (1, 2, channels) if channels % g == 0]))
        filters = groups * int(self.rng.integers(1, 5))
        kernel = self.rng.integers(1, 4, 2).tolist()
        attrs = {
            "group": groups,
            "kernel_shape": kernel,
            "strides": self.rng.integers(1, 3, 2).tolist(),
            "dilations": self.rng.integers(1, 3, 2).tolist(),
        }
        auto = str(self.rng.choice(["NOTSET", "NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"]))
        if "SAME" in auto:
            attrs["dilations"] = [1, 1]  # onnxruntime refuses others
        reach = [(k - 1) * d + 1 for k, d in zip(kernel, attrs["dilations"], strict=True)]
        if auto == "NOTSET":
            attrs["pads"] = self.rng.integers(0, 3, 4).tolist()
        else:
            attrs["auto_pad"] = auto
        out = []
        for i, size in enumerate(sizes):
            pads = sum(attrs["pads"][i::2]) if auto == "NOTSET" else 0
            steps = -(-size // attrs["strides"][i]) if "SAME" in auto else (size + pads - reach[i]) // attrs["strides"][i] + 1
            out.append(steps)
        if min(out) < 1:
            attrs |= {"dilations": [1, 1], "kernel_shape": [1, 1], "strides": [1, 1]}
            kernel = [1, 1]
            out = [s + (sum(attrs["pads"][i::2]) if auto == "NOTSET" else 0) for i, s in enumerate(sizes)]
        weight = self.weights(name, (filters, channels // groups, *kernel), 0, self.rng.random() < 0.5)
        bias, shape = self.bias(name, filters), (batch, filters, *out)
        if not self.integer:
            return self.product(name, "Conv", weight, bias, shape, 0, attrs)
        quant = self.scale(f"{name}.y")
        names = [self.at, *self.quant, *weight, *quant, *([bias[0]] if bias[0] else [])]
        return self.reached(self.add("QLinearConv", names, f"{name}.q", **attrs), quant, shape)

    def reached(self, at, quant, shape):
        self.at, self.quant, self.shape = at, quant, shape

    def gemm(self, name):
        """After flattening; as MatMul, or as Gemm with a bias and perhaps a transposed weight."""
        flat = (self.shape[0], int(np.prod(self.shape[1:])))
        self.at = self.add("Flatten", [self.at], f"{name}.flat")
        if not self.integer:
            self.at = self.conversions(self.at, self.quant, f"{name}.in")
        count, transposed = int(self.rng.integers(1, 12)), int(self.rng.integers(2))
        if self.integer or self.rng.random() < 0.5:
            weight = self.weights(name, (flat[1], count), 1, False)
            if not self.integer:
                return self.product(name, "MatMul", weight, (None, None), (flat[0], count), 1, {})
            quant = self.scale(f"{name}.y")
            names = [self.at, *self.quant, *weight, *quant]
            return self.reached(self.add("QLinearMatMul", names, f"{name}.q"), quant, (flat[0], count))
        shape = (count, flat[1]) if transposed else (flat[1], count)
        weight = self.weights(name, shape, 1 - transposed, self.rng.random() < 0.5)
        bias = self.bias(name, count)
        return self.product(name, "Gemm", weight, bias, (flat[0], count), 1 - transposed, {"transB": transposed})

    def matmul(self, name):
        """A batch of images, each channel a matrix, by one matrix."""
        shape = (*self.shape[:3], int(self.rng.integers(1, 9)))
        weight = self.weights(name, (self.shape[3], shape[3]), 1, False)
        if not self.integer:
            return self.product(name, "MatMul", weight, (None, None), shape, 1, {})
        quant = self.scale(f"{name}.y")
        names = [self.at, *self.quant, *weight, *quant]
        return self.reached(self.add("QLinearMatMul", names, f"{name}.q"), quant, shape)

    def elements(self, name):
        """Add or Mul of a second input, which may broadcast."""
        op = str(self.rng.choice(["Add", "Mul"]))
        shapes = [self.shape, (1, self.shape[1], 1, 1), self.shape[3:], (1,)]
        shape = shapes[int(self.rng.integers(4))]
        self.inputs.append((name, self.dtype if self.integer else np.float32, shape))
        quant = self.scale(f"{name}.b")
        real = self.conversions(name, quant, f"{name}.b")
        operands = [self.at, real] if self.rng.random() < 0.5 else [real, self.at]
        self.store(self.add(op, operands, f"{name}.r"), name, self.shape)

    def maxpool(self, name):
        attrs = {"kernel_shape": [2, 3], "strides": self.rng.integers(1, 3, 2).tolist(), "pads": [1, 0, 0, 2]}
        at = self.add("MaxPool", [self.at], f"{name}.r", **attrs)
        rows, columns = self.shape[2] + 1 - 2, self.shape[3] + 2 - 3
        shape = (*self.shape[:2], rows // attrs["strides"][0] + 1, columns // attrs["strides"][1] + 1)
        if self.integer:
            return self.reached(at, self.quant, shape)
        self.at, self.shape = self.conversions(at, self.quant, name), shape
        return None

    def average(self, name):
        """Means of four elements, or of all: with power-of-two scales sums are exact, quotients rounded once."""
        if self.rng.random() < 0.5:
            at = self.add("GlobalAveragePool", [self.at], f"{name}.r")
            return self.store(at, name, (*self.shape[:2], 1, 1), activation=False)
        at = self.add("AveragePool", [self.at], f"{name}.r", kernel_shape=[2, 2])
        return self.store(at, name, (*self.shape[:2], self.shape[2] - 1, self.shape[3] - 1), activation=False)

    def concat(self, name):
        """With a second input of other channels and another scale."""
        shape = (self.shape[0], int(self.rng.integers(1, 4)), *self.shape[2:])
        self.inputs.append((name, np.float32, shape))
        other = self.conversions(name, self.scale(f"{name}.b"), f"{name}.b")
        whole = (shape[0], self.shape[1] + shape[1], *shape[2:])
        self.store(self.add("Concat", [self.at, other], f"{name}.r", axis=1), name, whole, activation=False)

    def end(self):
        """Stored integers that the network ends with, and their shape."""
        if self.integer:
            return self.at, self.shape
        self.nodes = [node for node in self.nodes if node.output[0] != self.at]
        return self.at.removesuffix(".d") + ".q", self.shape

    def differences(self, path, levels=LEVELS):
        """Per level, how many stored values differ from the runtime's, by how much at most, and of how many."""
        end, shape = self.end()
        self.save(path, self.inputs, [(end, self.dtype, shape)])
        feeds = self.feeds(self.inputs)
        found = execute(load_graph(path), feeds, "onnxruntime").outputs[end].astype(int)
        made = {}
        for level in levels:
            expected = session(path, level, self.dtype == np.uint8).run(None, feeds)[0].astype(int)
            off = np.abs(found - expected)
            made[level] = (int((off > 0).sum()), int(off.max(initial=0)), off.size)
        return made


class Scattered(Network):
    """Scales along any axis of the weights, with zero points; results with a scale per channel; a mover at the end.

    Few bits, so that sums in float32 stay exact.
    """

    def weights(self, name, shape, axis, per_channel):
        self.axis = int(self.rng.integers(len(shape)))
        count = shape[self.axis] if self.rng.random() < 0.75 else ()
        scale = self.constant(f"{name}.ws", self.between(0.03, 0.12, count))
        zero = self.constant(f"{name}.wz", self.rng.integers(-7, 8, count).astype(np.int8))
        return [self.constant(f"{name}.w", self.rng.integers(-15, 16, shape).astype(np.int8)), scale, zero]

    def bias(self, name, count):
        return None, None

    def product(self, name, op, weight, bias, shape, axis, attrs):
        super().product(name, op, weight, bias, shape, self.axis, attrs)

    def store(self, real, name, shape, activation=True):
        self.shape = shape
        super().store(real, name, shape, activation)

    def scale(self, name, low=0.03, high=0.12):
        names = super().scale(name, low, high)
        if name.endswith(".y") and self.rng.random() < 0.5:
            ends = np.iinfo(self.dtype)
            self.constant(names[0], self.between(low, high, self.shape[1]))
            self.constant(names[1], self.rng.integers(ends.min, ends.max + 1, self.shape[1]).astype(self.dtype))
        return names

    def conversions(self, real, quant, name):
        along = {"axis": 1} if self.constants[quant[0]].ndim else {}
        self.add("QuantizeLinear", [real, *quant], f"{name}.q", **along)
        return self.add("DequantizeLinear", [f"{name}.q", *quant], f"{name}.d", **along)

    def end(self):
        stored, _ = super().end()
        op, attrs = (
            ("Transpose", {"perm": [0, 2, 3, 1]}), ("Flatten", {}), ("Identity", {}), ("MaxPool", {"kernel_shape": [1, 1]})
        )[self.rng.integers(4)]  # fmt: skip
        return self.add(op, [stored], "moved", **attrs), None


#: Layers after which a feature map is still there, and those of which none is.
MAPS = ("conv", "elements", "maxpool", "average", "concat")
LAST = (*MAPS, "gemm", "matmul")
#: Layers that onnxruntime, optimized, computes as QLinearAdd, QLinearMul and QLinearAveragePool.
FUSED = ("elements", "average")
UNFUSED = ("conv", "maxpool", "concat")


def build(seed, signed, layers, integer, powers, kinds=MAPS, last=LAST, even=False, form=Network):
    network = form(seed, signed, powers, even)
    network.begin(integer)
    for kind in [*network.rng.choice(kinds, layers - 1), network.rng.choice(last)]:
        small = min(network.shape[2:]) < 3
        network.layer("conv" if small and kind in ("maxpool", "average") else str(kind))
    return network


def exact(found, levels=LEVELS):
    assert all(found[level][0] == 0 for level in levels), found


@generated(250)
@any_seed
def test_conversions_without_optimization(seed, signed, layers, tmp_path):
    """Chains of all layers, scales that are powers of two."""
    network = build(seed, signed, layers, integer=False, powers=True)
    exact(network.differences(tmp_path / "g.onnx"), LEVELS[:1])


@generated(200)
@any_seed
def test_scales_that_do_not_factor_out(seed, signed, layers, tmp_path):
    network = build(seed, signed, layers, False, True, last=(*MAPS, "matmul"), form=Scattered)
    # optimizing, onnxruntime makes operators of such networks that it then cannot run
    exact(network.differences(tmp_path / "g.onnx", LEVELS[:1]), LEVELS[:1])


@generated(200)
@any_seed
def test_conversions_around_products_optimized_and_not(seed, signed, layers, tmp_path):
    network = build(seed, signed, layers, False, True, UNFUSED, (*UNFUSED, "gemm", "matmul"))
    exact(network.differences(tmp_path / "g.onnx"))


@pytest.mark.parametrize("kind", FUSED)
@generated(150)
@given(seed=st.integers(0, 2**32 - 1), signed=st.booleans(), even=st.booleans())
def test_fused_layers_round_ties_with_their_zero_point(kind, even, seed, signed, tmp_path):
    """QuantizeLinear rounds half to even and then adds the zero point. onnxruntime's QLinearMul, QLinearAdd
    and QLinearAveragePool, into which it fuses conversions, add it first (mlas/lib/qlmul.cpp, qladd.cpp): an
    odd one sends ties the other way. With even ones there is no difference at all.
    """
    network = build(seed, signed, 1, False, True, last=[kind], even=even)
    found = network.differences(tmp_path / "g.onnx")
    exact(found, LEVELS if even else LEVELS[:1])
    assert found["ORT_ENABLE_ALL"][1] <= 1


@pytest.mark.parametrize("powers", [True, False], ids=["powers of two", "any scales"])
@generated(200)
@any_seed
def test_integer_operators(powers, seed, signed, layers, tmp_path):
    """QLinearConv, QLinearMatMul, MaxPool, Flatten."""
    kinds = ("conv", "maxpool"), ("conv", "maxpool", "gemm", "matmul")
    network = build(seed, signed, layers, True, powers, *kinds)
    exact(network.differences(tmp_path / "g.onnx"))


@pytest.mark.parametrize("kind", LAST)
@generated(150)
@given(seed=st.integers(0, 2**32 - 1), signed=st.booleans())
def test_one_layer_between_conversions_with_any_scales(kind, seed, signed, tmp_path):
    network = build(seed, signed, 1, integer=False, powers=False, last=[kind])
    exact(network.differences(tmp_path / "g.onnx"))
