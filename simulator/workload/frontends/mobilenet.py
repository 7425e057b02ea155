"""MobileNet versions 1 and 2 from their published tables, in int8 with batch normalization folded."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import Field

from simulator.base.errors import InputError, Problem
from simulator.base.spec import Spec
from simulator.workload.graph import Graph, Node
from simulator.workload.op import OPS
from simulator.workload.tensor import Constant, Tensor

#: Version 1: output channels and stride of each depthwise separable block (Howard et al., arXiv:1704.04861,
#: table 1). The table writes stride 2 at the last depthwise layer but keeps 7 x 7; stride 1 is meant.
_SEPARABLE = (
    (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2),
    (512, 1), (512, 1), (512, 1), (512, 1), (512, 1), (1024, 2), (1024, 1),
)  # fmt: skip
#: Version 2: expansion, output channels, repetitions and first stride of each group of bottlenecks (Sandler
#: et al., arXiv:1801.04381, table 2).
_BOTTLENECKS = (
    (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
)  # fmt: skip
_STEM, _HEAD = 32, 1280


class MobileNet(Spec):
    """Arguments of the builder."""

    version: Literal[1, 2] = Field(1, description="1: depthwise separable blocks; 2: inverted residuals")
    width: float = Field(1.0, description="Multiplier of all channels (version 2: in multiples of 8)", gt=0)
    resolution: int = Field(224, description="Rows and columns of the input image", ge=32)
    batch: int = Field(1, description="Images", ge=1)
    classes: int = Field(1000, description="Outputs of the classifier", ge=1)


def build(args: MobileNet, name: str) -> Graph:
    """The network.

    A float multiplier of version 2 rounds channels to multiples of 8, never below 90 % of the product, as
    the networks published with other widths have them; the head is not made narrower than 1 280.
    """
    net = _Net()
    last = net.entry("image", (args.batch, 3, args.resolution, args.resolution))
    if args.version == 1:
        last = net.convolution(last, "stem", _thin(_STEM, args.width), 3, 2)
        for i, (channels, stride) in enumerate(_SEPARABLE, 1):
            last = net.depthwise(last, f"dw{i}", stride)
            last = net.convolution(last, f"pw{i}", _thin(channels, args.width), 1, 1)
    else:
        last = net.convolution(last, "stem", _eights(_STEM * args.width), 3, 2, "clip")
        for i, (expansion, channels, times, stride) in enumerate(_BOTTLENECKS, 1):
            for j in range(times):
                block = f"block{i}_{j + 1}"
                last = net.bottleneck(
                    last, block, expansion, _eights(channels * args.width), 1 if j else stride
                )
        last = net.convolution(last, "head", _eights(_HEAD * max(1.0, args.width)), 1, 1, "clip")
    last = net.add("pool", "GlobalAveragePool", [last], epilogue=("requant",))
    last = net.add("flatten", "Flatten", [last], {"axis": 1})
    inner = net.tensors[last].shape[1]
    operands = [
        last,
        net.constant("fc.w", (inner, args.classes)),
        net.constant("fc.b", (args.classes,), "int32"),
    ]
    last = net.add("fc", "Gemm", operands, epilogue=("bias", "requant"))
    return Graph(name, tuple(net.nodes), net.tensors, tuple(net.inputs), (last,))


def _thin(channels: int, width: float) -> int:
    return max(8, int(channels * width))


def _eights(channels: float) -> int:
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


@dataclass
class _Net:
    """The graph so far."""

    nodes: list[Node] = field(default_factory=list)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    inputs: list[str] = field(default_factory=list)

    def entry(self, name: str, shape: tuple[int, ...]) -> str:
        """An input of the network."""
        self.tensors[name] = Tensor(name, shape, "int8")
        self.inputs.append(name)
        return name

    def constant(self, name: str, shape: tuple[int, ...], dtype: str = "int8") -> str:
        """A constant without values."""
        self.tensors[name] = Tensor(name, shape, dtype, constant=Constant(_no_values))
        return name

    def add(
        self,
        name: str,
        op: str,
        inputs: list[str],
        attrs: dict[str, Any] | None = None,
        epilogue: tuple[str, ...] = (),
    ) -> str:
        """Append a node; the name of its result."""
        shape = OPS[op].shape([self.tensors[one] for one in inputs], attrs or {})[0]
        out = f"{name}.out"
        self.tensors[out] = Tensor(out, shape, "int8")
        self.nodes.append(Node(name, op, tuple(inputs), (out,), attrs or {}, epilogue, name))
        return out

    def convolution(
        self,
        ifmap: str,
        name: str,
        filters: int,
        kernel: int,
        stride: int,
        act: str = "relu",
        groups: int = 1,
    ) -> str:
        """A convolution with bias, requantization and activation (none: ""), padded to keep the extent."""
        channels = self.tensors[ifmap].shape[1]
        weight = self.constant(f"{name}.w", (filters, channels // groups, kernel, kernel))
        attrs: dict[str, Any] = {
            "kernel_shape": (kernel, kernel),
            "strides": (stride, stride),
            "pads": (kernel // 2,) * 4,
            "group": groups,
        }
        if act == "clip":  # ReLU6
            attrs["clip"] = (0.0, 6.0)
        operands = [ifmap, weight, self.constant(f"{name}.b", (filters,), "int32")]
        return self.add(name, "Conv", operands, attrs, ("bias", "requant", *((act,) if act else ())))

    def depthwise(self, ifmap: str, name: str, stride: int, act: str = "relu") -> str:
        """A 3 x 3 convolution of each channel by itself."""
        channels = self.tensors[ifmap].shape[1]
        return self.convolution(ifmap, name, channels, 3, stride, act, groups=channels)

    def bottleneck(self, ifmap: str, name: str, expansion: int, filters: int, stride: int) -> str:
        """Expansion, depthwise, linear projection; added to the input where stride and channels allow it."""
        channels = self.tensors[ifmap].shape[1]
        last = ifmap
        if expansion > 1:
            last = self.convolution(last, f"{name}.expand", channels * expansion, 1, 1, "clip")
        last = self.depthwise(last, f"{name}.dw", stride, "clip")
        last = self.convolution(last, f"{name}.project", filters, 1, 1, "")
        if stride == 1 and channels == filters:
            last = self.add(f"{name}.add", "Add", [last, ifmap], epilogue=("requant",))
        return last


def _no_values() -> Any:
    raise InputError(Problem("a network built from its table has no weights: it can be timed, not executed"))
