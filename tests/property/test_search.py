"""The planner's tiling against every other one, judged by the simulator."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from networks import Sketch
from tilings import Layer

from simulator.hw.chip import Chip, load_chip
from simulator.workload.graph import Graph

#: A 4 x 4 array with exposed weights behind a slow DRAM; buffers of some tens of tiles.
SMALL = """
name: small
cores:
  array: {kind: systolic, rows: 4, cols: 4, clock: 500 MHz, weights: exposed, precision: {int8: 1},
          buffers: {ifmap: sram, weight: sram, ofmap: sram, psum: acc}}
memories:
  sram: {kind: sram, capacity: 1 KiB, port: unlimited, clock: 1 GHz}
  acc: {kind: sram, capacity: 512 B, port: unlimited, clock: 1 GHz}
  dram: {kind: bandwidth, capacity: 1 MiB, bandwidth: 4 GB/s, burst: 32 B, latency: 30 ns}
links:
  dma: {kind: dma, from: dram, to: sram, width: 16 B/cycle, clock: 1 GHz, outstanding: 2, start_cycles: 4}
"""
#: The edge NPU with buffers so small that these layers do not fit whole.
EDGE = {
    "cores.npu.rows": "8",
    "cores.npu.cols": "8",
    "cores.vec.contractions": "false",
    "memories.sram.capacity": "2 KiB",
    "memories.acc.capacity": "2 KiB",
}


def product(m: int, n: int, k: int) -> Graph:
    sketch = Sketch()
    sketch.add("MatMul", [sketch.input(m, k), sketch.constant(k, n)], {}, ("requant",))
    return sketch.graph()


def batched(groups: int, m: int, n: int, k: int) -> Graph:
    sketch = Sketch()
    sketch.add("MatMul", [sketch.input(groups, m, k), sketch.input(groups, k, n)], {}, ("requant",))
    return sketch.graph()


def conv(image: tuple[int, ...], filters: int, stride: int = 1, group: int = 1) -> Graph:
    """3 x 3, padded by one."""
    sketch = Sketch()
    attrs = {"pads": (1, 1, 1, 1), "strides": (stride, stride), "group": group}
    operands = [sketch.input(*image), sketch.constant(filters, image[1] // group, 3, 3)]
    sketch.add("Conv", operands, attrs, ("requant",))
    return sketch.graph()


LAYERS: dict[str, Callable[[], Graph]] = {
    "square": lambda: product(32, 24, 20),
    "deep": lambda: product(10, 12, 48),
    "vector": lambda: product(1, 48, 40),
    "conv": lambda: conv((1, 8, 10, 10), 12),
    "strided": lambda: conv((2, 6, 9, 9), 16, stride=2),
    "depthwise": lambda: conv((1, 12, 10, 10), 12, group=12),
    "grouped": lambda: conv((1, 12, 8, 8), 15, group=3),
    "attention": lambda: batched(4, 12, 16, 10),
}
#: Those of which all tilings are simulated: products that leave fewer to be simulated.
SEARCHED = {**LAYERS, "square": lambda: product(48, 16, 16), "vector": lambda: product(1, 32, 24)}
#: A tiling that is faster by less is as good as the planner's.
TOLERANCE = 0.02


@pytest.fixture(params=["small", "edge"])
def chip(request: pytest.FixtureRequest, tmp_path: Path) -> Chip:
    if request.param == "edge":
        return load_chip("npu/edge_npu", EDGE)
    file = tmp_path / "small.yaml"
    file.write_text(SMALL)
    return load_chip(file)


@pytest.mark.parametrize("name", SEARCHED)
def test_no_tiling_is_faster_than_the_planners(chip: Chip, name: str, record_property):
    """Every tile size, order and hold is simulated, but for those whose tiles alone or bytes alone take longer."""
    layer = Layer.of(SEARCHED[name](), chip)
    chosen_fs = layer.chosen_fs()
    every = layer.all_that_fit()
    could = np.flatnonzero(layer.least_fs(every) < (1 - TOLERANCE) * chosen_fs)
    best_fs, best = chosen_fs, layer.schedule.tasks[0].tiling
    for tiling, buffers in layer.tilings(every.take(could)) if could.size else ():
        latency_fs = layer.latency_fs(tiling, buffers)
        if latency_fs < best_fs:
            best_fs, best = latency_fs, tiling
    record_property("worst_ratio", chosen_fs / best_fs)
    message = (
        f"{best_fs} fs with {best} (of {could.size} simulated, {every.rows.size} fit), planned {chosen_fs}"
    )
    print(f"{chip.name} {name}: planned / best of all = {chosen_fs / best_fs:.4f}; {message}")
    assert best_fs >= (1 - TOLERANCE) * chosen_fs, message
