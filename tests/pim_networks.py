"""Small chips with a memory that computes, and networks for them; shared by tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from simulator.hw.chip import Chip, load_chip
from simulator.workload.graph import Graph, Node
from simulator.workload.op import OPS
from simulator.workload.tensor import Constant, Tensor

#: Standard (and kind of core) -> capacity of a channel in MiB, where its results go.
KINDS = {"hbm_pim": ("hbm2_pim", 256, "dram"), "gddr6_aim": ("gddr6_aim", 512, "sram"), "lpddr5_pim": ("lpddr5_pim", 2048, "dram")}
TEXT = """
name: small_{kind}
cores:
  npu: {{kind: dot, rows: 2, cols: 16, lanes: 16, clock: 1 GHz, precision: {{fp16: 1, bf16: 1, int8: 2}}, buffers: {{ifmap: sram, weight: sram, psum: acc, ofmap: sram}}}}
  vec: {{kind: vector, lanes: 16, clock: 1 GHz, start_cycles: 4, contractions: false, buffers: {{data: sram}}}}
  pim: {{kind: {kind}, buffers: {{ifmap: sram, weight: dram, ofmap: {results}}}}}
memories:
  sram: {{kind: sram, capacity: 256 KiB, banks: 8, port: 32 B/cycle, clock: 1 GHz}}
  acc: {{kind: sram, capacity: 64 KiB, banks: 8, port: 32 B/cycle, clock: 1 GHz}}
  dram: {{kind: dram, standard: {standard}, channels: {channels}, capacity: {capacity} MiB}}
links:
  dma: {{kind: dma, from: dram, to: sram, engines: 4, width: 64 B/cycle, clock: 1 GHz, start_cycles: 8}}
"""


def chip_text(kind: str, channels: int = 2) -> str:
    standard, each, results = KINDS[kind]
    return TEXT.format(kind=kind, standard=standard, channels=channels, capacity=each * channels, results=results)


def small_chip(folder: Path, kind: str, channels: int = 2, **rules: Any) -> Chip:
    """The chip with ``mapping`` rules, as YAML texts; names of nodes go in ``nodes``."""
    path = folder / f"{kind}_{channels}.yaml"
    path.write_text(chip_text(kind, channels))
    return load_chip(path, {f"mapping.{name}": str(value) for name, value in rules.items()})


class Sketch:
    """A network while it grows. Every method returns the name of the result; nodes are named after it."""

    def __init__(self, dtype: str = "fp16", rng: np.random.Generator | None = None) -> None:
        self.dtype, self.rng = dtype, rng or np.random.default_rng(7)
        self.tensors: dict[str, Tensor] = {}
        self.nodes: list[Node] = []
        self.inputs: list[str] = []

    def input(self, name: str, *shape: int) -> str:
        self.tensors[name] = Tensor(name, shape, self.dtype)
        self.inputs.append(name)
        return name

    def constant(self, name: str, *shape: int, dtype: str = "") -> str:
        dtype = dtype or self.dtype
        made = self.rng.integers(-3, 4, shape) if "int" in dtype else self.rng.standard_normal(shape) / 8
        stored = made.astype({"int8": np.int8, "int32": np.int32, "fp16": np.float16}.get(dtype, np.float32))
        self.tensors[name] = Tensor(name, shape, dtype, constant=Constant(lambda: stored))
        return name

    def node(self, op: str, name: str, *operands: str, epilogue: Sequence[str] = (), **attrs: Any) -> str:
        shapes = OPS[op].shape([self.tensors[each] for each in operands], attrs)
        self.tensors[name] = Tensor(name, tuple(shapes[0]), self.dtype)
        self.nodes.append(Node(name, op, operands, (name,), attrs, tuple(epilogue)))
        return name

    def linear(self, name: str, operand: str, outputs: int, epilogue: Sequence[str] = (), weight: str = "") -> str:
        """A layer with constant weights ``name.w`` (or those of ``weight``), and a bias where its epilogue has one."""
        if not weight:
            weight = self.constant(f"{name}.w", outputs, self.tensors[operand].shape[-1])
        bias = [self.constant(f"{name}.b", outputs, dtype="int32" if "int" in self.dtype else self.dtype)] if "bias" in epilogue else []
        return self.node("Gemm", name, operand, weight, *bias, epilogue=epilogue, transB=1)

    def graph(self, *outputs: str, name: str = "sketch") -> Graph:
        return Graph(name, tuple(self.nodes), self.tensors, tuple(self.inputs), outputs or (self.nodes[-1].outputs[0],))
