"""What the command line shows: tables on stdout, progress and problems on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from textwrap import wrap
from time import monotonic
from typing import TYPE_CHECKING, Any

from simulator.base.files import write_atomic

if TYPE_CHECKING:
    from simulator.results.explanation import Explanation
    from simulator.results.result import Result

#: Seconds between two lines of progress.
PACE_S = 2.0
#: Columns of the layer table that fit a terminal; the files have all.
TERMINAL_COLUMNS = (
    "node", "population", "op", "core", "M x N x K", "bound", "exposed", "work", "utilization", "achieved",
    "neurons", "spikes", "per step", "synaptic", "messages", "hops", "energy",
)  # fmt: skip


#: Layers that the table marks.
COSTLIEST = 5
#: A table of more layers shows so many, those that cost most; the files have all.
MOST_ROWS = 200
SHOWN_ROWS = 40


def emit_json(document: Any) -> None:
    """One JSON document on stdout."""
    sys.stdout.write(json.dumps(document, indent=1, ensure_ascii=False) + "\n")


def emit(lines: Iterable[str]) -> None:
    """Plain lines on stdout."""
    for line in lines:
        sys.stdout.write(line + "\n")


def note(text: str, quiet: bool) -> None:
    """A line on stderr."""
    if not quiet:
        sys.stderr.write(text + "\n")


def paced(verb: str, quiet: bool) -> Callable[[str], None]:
    """Say ``verb`` and what is said on stderr, at most once in ``PACE_S`` seconds."""
    last = -PACE_S

    def say(text: str) -> None:
        nonlocal last
        now = monotonic()
        if now - last >= PACE_S:
            last = now
            note(f"{verb} {text}", quiet)

    return say


def teller(verb: str, quiet: bool) -> Callable[[str], None]:
    """Say ``verb`` and what is said on stderr, every time."""
    return lambda text: note(f"{verb} {text} ...", quiet)


@contextmanager
def progress(text: str, quiet: bool) -> Iterator[None]:
    """Say on stderr what is being done, with a spinner where that is a terminal."""
    if quiet:
        yield
    elif sys.stderr.isatty():
        from rich.console import Console  # heavy; only where a person watches

        with Console(stderr=True).status(text):
            yield
    else:
        sys.stderr.write(text + "\n")
        yield


def show_table(
    headers: Sequence[str], rows: Sequence[Sequence[str]], text_columns: int = 1, title: str = ""
) -> None:
    """A table on stdout, as wide as the terminal; piped output is not cut."""
    from rich.console import Console  # heavy; only where a table is shown
    from rich.table import Table

    console = Console(width=None if sys.stdout.isatty() else 200)
    table = Table(title=title or None, title_justify="left", header_style="bold", pad_edge=False)
    for j, header in enumerate(headers):
        left = j < text_columns
        table.add_column(header, justify="left" if left else "right", no_wrap=not left, overflow="fold")
    for row in rows:
        table.add_row(*row)
    console.print(table, markup=False)


def show_result(result: Result) -> None:
    """Headline, per-layer table, and what was assumed or not modelled."""
    from rich.console import Console  # heavy; only where a result is shown

    from simulator.report import matching, memorymodel, spiking, values
    from simulator.report.stream import fusion_sentence, stream_figures, stream_title
    from simulator.report.table import TEXT_COLUMNS, headline, layer_table
    from simulator.report.title import title

    headers, rows = layer_table(result)
    keep = [j for j, h in enumerate(headers) if h.startswith(TERMINAL_COLUMNS) or _is_external(h, result)]
    keep.sort(key=lambda j: headers[j] not in TEXT_COLUMNS)
    costly = sorted(range(len(rows)), key=lambda i: -result.rows[i].exposed_fs)[:COSTLIEST]
    costly = [i for i in costly if result.rows[i].exposed_fs] if len(rows) > COSTLIEST else []
    shown = [[f"{i}{' *' if i in costly else ''}", *(row[j] for j in keep)] for i, row in enumerate(rows)]
    left_out = ""
    if len(rows) > MOST_ROWS:
        most = sorted(sorted(range(len(rows)), key=lambda i: -result.rows[i].exposed_fs)[:SHOWN_ROWS])
        shown = [shown[i] for i in most]
        left_out = f", the {SHOWN_ROWS} that cost most of {len(rows)}; layers.csv has all"
    names = ["#", *(headers[j] for j in keep)]
    show_table(
        names,
        shown,
        1 + sum(name in TEXT_COLUMNS for name in names),
        f"{title(result)}, per {'layer' if result.spiking is None else 'population'}{left_out}",
    )
    console = Console(width=None if sys.stdout.isatty() else 200, highlight=False)
    things = "layers" if result.spiking is None else "populations"
    star = f"* the {len(costly)} costliest {things}; " if costly else ""
    exposed = "by how much the layer moves the end of the run"
    if result.spiking is not None:
        exposed = "its part of the slowest cores and of the barriers"
    console.print(f"{star}exposed: {exposed}; sums to the latency", markup=False)
    for label, value, remark in [
        *headline(result),
        *matching.screen_lines(result),
        *values.screen_lines(result),
        *memorymodel.screen_lines(result),
        *spiking.screen_lines(result),
    ]:
        console.print(_figure(label, value, remark, console.width), markup=False)
    if result.stream is not None:
        console.print(
            f"{stream_title(result.stream)}, once steady; all above but the throughput is of one alone:"
        )
        for label, value, remark in stream_figures(result):
            console.print(f"  {label:<20} {value:>14}  {remark}", markup=False)
    fused = fusion_sentence(result)
    if fused:
        console.print(f"fused: {fused}", markup=False)
    for sentence in result.assumptions:
        console.print(f"assumed: {sentence}", markup=False)
    if result.not_modelled:
        for sentence in result.not_modelled:
            console.print(f"not modelled: {sentence}", markup=False)
    else:
        console.print("not modelled: nothing was left out", markup=False)


def _figure(label: str, value: str, remark: str, width: int) -> str:
    """A figure on one line, its remark wrapped below itself where the terminal is narrow."""
    start = f"{label:<22} {value:>14}  "
    lines = wrap(remark, max(width - len(start), 24), break_long_words=False, break_on_hyphens=False) or [""]
    return start + f"\n{' ' * len(start)}".join(lines)


def show_activity(summary: dict[str, Any], out: Path) -> None:
    """Outputs and density of every tensor of an executed network."""
    rows = [
        [name.split(";")[0], f"{tensor['elements']:,}".replace(",", " "), f"{100 * tensor['density']:.2f} %"]
        for name, tensor in summary["tensors"].items()
    ]
    samples = f"{summary['samples']} sample{'s' if summary['samples'] != 1 else ''}"
    title = f"{summary['network']} as {summary['profile']}, {samples}"
    if "neurons" in summary:
        from simulator.report.matching import held_lines
        from simulator.results.matching import Neurons

        held = held_lines(Neurons.from_dict(summary["neurons"]))
        emit([title, *(_figure(*line, 200) for line in held)])
    else:
        show_table(["tensor", "elements", "not zero"], rows, 1, title)
    if summary["correct"] is not None:
        emit([f"{summary['correct']} of {samples} as their labels say: {100 * summary['accuracy']:.1f} %"])
    emit(f"output '{name}': {each['dtype']} {each['shape']}" for name, each in summary["outputs"].items())
    emit([f"wrote {out}"])


def show_spikes(summary: dict[str, Any], out: Path) -> None:
    """Populations of an executed spiking network, with their spikes."""
    rows = [
        [
            each["name"],
            each["kind"],
            *(f"{each[key]:,}".replace(",", " ") for key in ("neurons", "synapses", "spikes")),
            f"{100 * each['rate']:.3f} %",
            f"{each['synaptic_operations']:,}".replace(",", " "),
        ]
        for each in summary["populations"]
    ]
    headers = ["population", "kind", "neurons", "synapses", "spikes", "per step", "synaptic operations"]
    title = f"{summary['network']} ({summary['model']}), {summary['steps']} steps"
    show_table(headers, rows, 2, title)
    emit(f"output '{name}': {each['dtype']} {each['shape']}" for name, each in summary["outputs"].items())
    emit(f"assumed: {sentence}" for sentence in summary["assumptions"])
    emit([f"wrote {out}"])


def _is_external(header: str, result: Result) -> bool:
    return any(header.startswith(f"{memory.name} ") for memory in result.memories if memory.external)


def write_explanation(explanation: Explanation, lines: Sequence[str], folder: Path) -> None:
    """Write what `explain` shows to ``explain.txt``, and all of it to ``explain.json``."""
    write_atomic(folder / "explain.txt", "\n".join(lines) + "\n")
    write_atomic(
        folder / "explain.json", json.dumps(explanation.to_dict(), indent=1, ensure_ascii=False) + "\n"
    )


def show_plan(records: Sequence[dict[str, object]], layout: Sequence[dict[str, object]]) -> None:
    """The schedule, a few lines per task, and where everything lies."""
    for record in records:
        emit([f"{record['task']} on {record['core']}: {record['work']}", f"    {record['tiling']}"])
        emit(
            [
                f"    {what}: {record[what]}"
                for what in ("placed", "reads", "writes", "buffers", "chain")
                if record[what]
            ]
        )
    emit(["", "layout: memory, address, bytes, tensor"])
    emit([f"{p['memory']:<12} {p['address']:>12} {p['bytes']:>12}  {p['storage']}" for p in layout])


def gemm_lines(record: dict[str, Any]) -> list[str]:
    """What one GEMM on one chip takes, a figure a line."""
    energy = (
        f"{record['energy_j'] * 1e6:.4g} uJ" if record["energy_complete"] else "incomplete (see not modelled)"
    )
    traffic = ", ".join(
        f"{memory} {t['read']} B read {t['write']} B written" for memory, t in record["traffic_bytes"].items()
    )
    accesses = ", ".join(f"{name} {count}" for name, count in record["accesses"].items())
    size = f"{record['m']} x {record['n']} x {record['k']} {record['precision']}"
    core = f"{record['chip']}.{record['core']}"
    utilization = f"{100 * record['utilization']:.2f} %"
    lines = [
        f"{size} on {core}" + (f", {record['dataflow']}" if record["dataflow"] else ""),
        f"  compute_cycles {record['compute_cycles']} (memory ideal), utilization {utilization}",
        f"  cycles         {record['cycles']} (simulated), latency {record['latency_s'] * 1e6:.6g} us",
        f"  traffic        {traffic}",
        f"  accesses       {accesses} (elements at the array)",
        f"  energy         {energy}",
    ]
    lines += [f"  assumed        {text}" for text in record["assumptions"]]
    return lines + [f"  not modelled   {text}" for text in record["not_modelled"]]
