"""Each headline metric, defined once, with its formula."""

from __future__ import annotations

from collections.abc import Sequence

from simulator.results.ledger import STATIC, Ledger
from simulator.results.result import EnergyEntry, MemoryInfo, Metrics, NodeRow

FORMULAS = {
    "latency_s": "last byte out - first byte in",
    "throughput_per_s": "1 / latency (one inference at a time); of a stream, 1 / steady interval",
    "ops": "2 x MACs of contractions",
    "tops": "ops / latency / 1e12 (achieved)",
    "peak_tops": "2 x MAC slots per second of all arrays at the precision used / 1e12",
    "utilization": "MACs / (MAC slots x latency)",
    "energy_j": (
        "sum over actions of count x energy each, static included; unknown ones are left out and named"
    ),
    "static_energy_j": "(leakage + background power) x latency",
    "average_power_w": "energy / latency",
    "tops_per_w": "ops / energy / 1e12, chip and its DRAM, static included",
    "tops_per_w_chip": "the same without external memories",
    "edp_js": "energy x latency",
    "peak_memory_bytes": "sum over memories of the most bytes in use at once: weights, maps, buffers",
    "accuracy": "labelled samples with their largest output where the label says / labelled samples",
    "ttft_s": "time to the first token: the prefill of the prompt",
    "tpot_s": "mean time of a token after the first",
    "tokens_per_s": "batch / time per token, while generating",
    "energy_per_token_j": "energy of all decode steps / tokens generated, of all sequences",
    "kv_bytes": "cache of keys and values after the last token",
    "steps": "time steps of a spiking network",
    "step_s": "latency / steps: mean time of a time step",
    "spikes": "neurons that spiked, over all steps; events of inputs are not among them",
    "sops": "synaptic operations: synapses that spikes and events of inputs went over, on the chip",
    "sops_per_s": "synaptic operations / latency",
    "energy_per_sop_j": "energy / synaptic operations, everything included",
    "traffic_bytes": "bytes read from and written to each memory",
}


def measure(
    latency_fs: int,
    rows: Sequence[NodeRow],
    ledger: Ledger,
    energy: Sequence[EnergyEntry],
    memories: Sequence[MemoryInfo],
    *,
    peak_macs_per_s: float,
    area_mm2: float | None,
    peak_memory_bytes: int,
) -> Metrics:
    """Metrics of one run from its rows and counts; the formulas are ``FORMULAS``.

    ``peak_macs_per_s`` is 0 where nothing contracts; then ``peak_tops`` and ``utilization`` are None.
    """
    latency_s = latency_fs / 1e15
    macs = sum(row.macs for row in rows)
    price = {(entry.component, entry.action): entry.pj for entry in energy}
    external = {memory.name for memory in memories if memory.external}
    total = static = chip = 0.0
    complete = chip_complete = True
    known = known_static = False
    for component, action, count in ledger.totals():
        pj = price.get((component, action))
        if pj is None:
            complete = False
            chip_complete = chip_complete and component in external
            continue
        joules = pj * count * 1e-12
        known, known_static = True, known_static or action in STATIC
        total += joules
        static += joules if action in STATIC else 0.0
        chip += joules if component not in external else 0.0
    tops = 2 * macs / latency_s / 1e12 if latency_s else 0.0
    traffic = {
        memory.name: {way: ledger.total(memory.name, way) for way in ("read", "write")} for memory in memories
    }
    return Metrics(
        latency_s=latency_s,
        throughput_per_s=1 / latency_s if latency_s else 0.0,
        macs=macs,
        ops=2 * macs,
        tops=tops,
        peak_tops=2 * peak_macs_per_s / 1e12 if peak_macs_per_s else None,
        utilization=macs / (peak_macs_per_s * latency_s) if peak_macs_per_s and latency_s else None,
        energy_j=total if known else None,
        static_energy_j=static if known_static else None,
        energy_complete=complete,
        average_power_w=total / latency_s if known and latency_s else None,
        tops_per_w=2 * macs / total / 1e12 if complete and total else None,
        tops_per_w_chip=2 * macs / chip / 1e12 if chip_complete and chip else None,
        edp_js=total * latency_s if complete else None,
        area_mm2=area_mm2,
        peak_memory_bytes=peak_memory_bytes,
        traffic_bytes=traffic,
    )
