"""Windows of steps on compiled kernels; the meaning of each is in ``simulator.workload.spiking.plain``."""

from __future__ import annotations

from collections.abc import Callable

from simulator.kernels.spikingcuba import run_cuba
from simulator.kernels.spikinginteger import run_integer
from simulator.kernels.spikinglinear import run_linear
from simulator.kernels.spikingsanafe import run_sanafe
from simulator.workload.spiking.pack import Packed
from simulator.workload.spiking.window import Window

_KERNELS: dict[str, Callable[..., tuple[int, int]]] = {
    "integer": run_integer,
    "sanafe": run_sanafe,
    "cuba": run_cuba,
    "linear": run_linear,
}


def run_window(packed: Packed, window: Window) -> tuple[int, int]:
    """Steps done and spikes of a window; what it says is written, is."""
    stages = (packed.stages,) if packed.kind == "linear" else ()
    return _KERNELS[packed.kind](*window.arguments, *stages)
