"""Chrome trace events of a run, compressed: opens in Perfetto."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

from simulator.base.files import write_atomic
from simulator.results.trace import Trace


def write_trace(trace: Trace, folder: Path) -> Path:
    """Write ``trace.json.gz`` into a folder: one track per unit, instants in microseconds.

    The same trace gives the same bytes.
    """
    path = Path(folder) / "trace.json.gz"
    write_atomic(path, gzip.compress(trace_text(trace).encode(), mtime=0))
    return path


def trace_text(trace: Trace) -> str:
    """The JSON text: a name per track, and a complete event per slice."""
    events = [
        json.dumps({"ph": "M", "pid": 1, "tid": i, "name": "thread_name", "args": {"name": name}})
        for i, name in enumerate(trace.tracks)
    ]
    events += [
        json.dumps({"ph": "M", "pid": 1, "tid": i, "name": "thread_sort_index", "args": {"sort_index": i}})
        for i in range(len(trace.tracks))
    ]
    names = [json.dumps(name) for name in trace.nodes]
    kinds = [json.dumps(kind) for kind in trace.kinds]
    for track, node, kind, start, end in trace.slices.tolist():
        event = f'"ph":"X","pid":1,"tid":{track},"name":{names[node]},"cat":{kinds[kind]}'
        events.append(f'{{{event},"ts":{_us(start)},"dur":{_us(end - start)}}}')
    return '{"displayTimeUnit":"ns","traceEvents":[\n' + ",\n".join(events) + "\n]}\n"


def _us(fs: int) -> str:
    """Femtoseconds as microseconds with all their digits."""
    whole, rest = divmod(fs, 10**9)
    return f"{whole}.{rest:09d}".rstrip("0").rstrip(".") if rest else str(whole)
