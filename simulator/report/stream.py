"""What is told of a stream and of chains of layers: figures that are not of one inference alone."""

from __future__ import annotations

from simulator.report.rounding import UNKNOWN, binary, number, percent, si
from simulator.results.result import Result
from simulator.results.stream import Stream


def stream_title(stream: Stream) -> str:
    """``Stream of 50 inferences``, and how many were simulated where that is fewer."""
    few = f" ({stream.simulated} of them simulated)" if stream.simulated < stream.inferences else ""
    return f"Stream of {stream.inferences} inferences{few}"


def stream_figures(result: Result) -> list[tuple[str, str, str]]:
    """Figures of the stream as (label, value with unit, note); empty where there was none."""
    stream = result.stream
    if stream is None:
        return []
    interval_s, joules = stream.interval_fs / 1e15, stream.energy_j
    complete = stream.energy_complete and result.metrics.energy_complete
    energy = UNKNOWN if joules is None else ("" if complete else "≥ ") + si(joules, "J")
    efficiency = si(result.metrics.ops / joules, "OPS/W") if complete and joules else UNKNOWN
    samples = f"{number(result.batch * stream.throughput_per_s)} samples/s" if result.batch > 1 else ""
    figures = [
        ("Interval", si(interval_s, "s"), "from the end of one inference to the end of the next"),
        ("Throughput", f"{number(stream.throughput_per_s)} /s", samples or "1 / interval"),
        ("All of them", si(stream.latency_fs / 1e15, "s"), "first byte in to last byte out"),
        ("Energy per inference", energy, "static included" if complete else "energy is incomplete"),
        ("Efficiency", efficiency, "of a steady inference" if complete else "energy is incomplete"),
    ]
    external = [memory.name for memory in result.memories if memory.external]
    if external:
        read, written = (sum(stream.traffic_bytes.get(name, {}).get(way, 0) for name in external)
                         for way in ("read", "write"))  # fmt: skip
        alone = sum(sum(result.metrics.traffic_bytes.get(name, {}).values()) for name in external)
        note = f"per inference: {binary(read)} read, {binary(written)} written; {binary(alone)} alone"
        figures.append(("External traffic", binary(read + written), note))
    figures.append(("Weights that stay", binary(stream.resident_bytes), "on chip, loaded once"))
    staged = "groups of cores, each with layers of its own" if stream.stages > 1 else "no pipeline of layers"
    return [*figures, ("Stages", str(stream.stages), staged)]


def fusion_sentence(result: Result) -> str:
    """What depth-first execution did; why there is none where cores share layers, else empty."""
    fusion = result.fusion
    if not fusion.chains:
        shared = any("+" in row.core for row in result.rows)
        return "nothing; layers shared by several cores are not run stripe by stripe" if shared else ""
    nodes = sum(len(chain.nodes) for chain in fusion.chains)
    several = "chains" if len(fusion.chains) > 1 else "chain"
    saved = fusion.unfused_bytes - fusion.bytes
    if saved == 0:
        return (
            f"{nodes} nodes run in {len(fusion.chains)} {several}, stripe by stripe: cores side by side; "
            f"as much to and from memory off chip as without, {binary(fusion.bytes)} planned"
        )
    share = f", {percent(saved / fusion.unfused_bytes)} less" if fusion.unfused_bytes and saved > 0 else ""
    return (
        f"{nodes} nodes run in {len(fusion.chains)} {several}, stripe by stripe: planned are "
        f"{binary(fusion.bytes)} to and from memory off chip, {binary(fusion.unfused_bytes)} in the best "
        f"plan without{share}"
    )
