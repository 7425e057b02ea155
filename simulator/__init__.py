"""chipsim: networks on AI chips, with latency, energy and memory traffic.

The verbs of the pipeline; each is imported when first used, so that ``import simulator`` stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simulator.engine.simulate import simulate
    from simulator.experiment.compare import Comparison, compare
    from simulator.experiment.explain import explain
    from simulator.experiment.run import run
    from simulator.experiment.sweep.collect import SweepResult, read_sweep
    from simulator.experiment.sweep.merge import merge
    from simulator.experiment.sweep.run import sweep
    from simulator.hw.chip import load_chip
    from simulator.mapping.lower import lower
    from simulator.mapping.plan import plan
    from simulator.report.write import write_report
    from simulator.results.explanation import Explanation
    from simulator.results.result import Result
    from simulator.workload.execute import Activity, execute
    from simulator.workload.load import load_graph, load_spiking
    from simulator.workload.quantization.quantize import Quantized, quantize
    from simulator.workload.spiking.conversion.convert import Converted, convert
    from simulator.workload.spiking.execute import SpikeActivity, execute_spikes
    from simulator.workload.spiking.network import SpikingNetwork

__version__ = "0.1.0"

_HOMES = {
    "load_chip": "simulator.hw.chip",
    "load_graph": "simulator.workload.load",
    "execute": "simulator.workload.execute",
    "Activity": "simulator.workload.execute",
    "load_spiking": "simulator.workload.load",
    "execute_spikes": "simulator.workload.spiking.execute",
    "SpikeActivity": "simulator.workload.spiking.execute",
    "SpikingNetwork": "simulator.workload.spiking.network",
    "convert": "simulator.workload.spiking.conversion.convert",
    "Converted": "simulator.workload.spiking.conversion.convert",
    "quantize": "simulator.workload.quantization.quantize",
    "Quantized": "simulator.workload.quantization.quantize",
    "plan": "simulator.mapping.plan",
    "lower": "simulator.mapping.lower",
    "simulate": "simulator.engine.simulate",
    "run": "simulator.experiment.run",
    "compare": "simulator.experiment.compare",
    "Comparison": "simulator.experiment.compare",
    "explain": "simulator.experiment.explain",
    "sweep": "simulator.experiment.sweep.run",
    "merge": "simulator.experiment.sweep.merge",
    "read_sweep": "simulator.experiment.sweep.collect",
    "SweepResult": "simulator.experiment.sweep.collect",
    "write_report": "simulator.report.write",
    "Explanation": "simulator.results.explanation",
    "Result": "simulator.results.result",
}
__all__ = [
    "Activity", "Comparison", "Converted", "Explanation", "Quantized", "Result", "SpikeActivity",
    "SpikingNetwork", "SweepResult", "__version__", "compare", "convert", "execute", "execute_spikes",
    "explain", "load_chip", "load_graph", "load_spiking", "lower", "merge", "plan", "quantize", "read_sweep",
    "run", "simulate", "sweep", "write_report",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Import a verb when it is first asked for (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'simulator' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)
