"""An explanation as text for a terminal: sentences, tables, bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from simulator.report.rounding import THIN_SPACE, binary, number, percent, si
from simulator.results.causes import CAUSES, MEMORY_WAITS, USEFUL
from simulator.results.explanation import Explanation, Hint, LayerView, TaskView

BAR = 30
#: A change that takes off less than this share is not called a help.
WORTH = 0.001
_WAITED_FOR = {"weight_wait": "weights", "input_wait": "inputs", "output_wait": "room for results"}
_TRAFFIC = {"weight_wait": "weight", "input_wait": "input", "output_wait": "result"}


def explanation_lines(explanation: Explanation, top: int = 8) -> list[str]:
    """All that `chipsim explain` shows, a line each; lists have at most ``top`` entries."""
    if explanation.layer is None:
        return [*_network_lines(explanation, top), *_hint_lines(explanation, top)]
    return [*_layer_lines(explanation, explanation.layer), *_hint_lines(explanation, top)]


def verdict(view: LayerView) -> str:
    """One sentence: what a layer is bound by, and how much of its time that is."""
    name, total, causes = view.node, _cycles(view.cycles), view.causes_cycles
    if not view.cycles:
        return f"{name} takes no time: it moves no data and computes nothing."
    waits = {cause: causes[cause] for cause in MEMORY_WAITS if cause in causes}
    most = max(waits, key=lambda cause: waits[cause], default="")
    waiting = percent(sum(waits.values()) / view.cycles)
    if view.bound == "latency" and causes.get("fill_drain", 0) >= sum(waits.values()):
        share = percent(causes.get("fill_drain", 0) / view.cycles)
        return f"{name} is bound by filling and draining {view.core}: that is {share} of its {total} cycles."
    if view.bound == "latency":
        return (
            f"{name} is bound by latency: {waiting} of its {total} cycles wait for memory, mostly for "
            f"{_WAITED_FOR[most]}, which is idle for most of that time."
        )
    if view.limiter_cycles and view.bound not in USEFUL and _useful(view) > sum(waits.values()):
        what = "the interconnect" if view.bound == "noc" else view.bound
        useful = percent(_useful(view) / view.cycles)
        by = "" if view.limiter == view.bound else f" {view.limiter},"
        return (
            f"{name} is bound by {what}:{by} busy with it for {_cycles(view.limiter_cycles)} of its {total} "
            f"cycles; meanwhile {view.core} takes useful steps in {useful} of them."
        )
    own = {"compute": "useful steps", "vector": "its tiles", "pim": "its streams",
           "noc": "waits for transfers on it", "sync": "waits for their tiles and transfers"}  # fmt: skip
    if view.bound in own:
        what = {"compute": f"the array {view.core}", "vector": f"the vector unit {view.core}",
                "pim": f"the memory's own units, {view.core}",
                "noc": "the interconnect", "sync": "other layers"}[view.bound]  # fmt: skip
        share = percent(causes.get(view.bound, 0) / view.cycles)
        return f"{name} is bound by {what}: {share} of its {total} cycles are {own[view.bound]}."
    if not waits:
        return f"{name} is bound by {view.bound}: {percent(view.utilization)} of its MAC slots are used."
    share = percent(waits[most] / view.cycles)
    others = sum(waits.values()) - waits[most]
    rest = f", {waiting} for memory in all" if others >= 0.01 * view.cycles else ""
    return (
        f"{name} is bound by {view.bound} {_TRAFFIC[most]} traffic: {share} of its {total} cycles wait for "
        f"{_WAITED_FOR[most]}{rest}."
    )


def _useful(view: LayerView) -> int:
    return sum(view.causes_cycles.get(cause, 0) for cause in USEFUL)


def columns(rows: Sequence[Sequence[str]], left: Sequence[int] = (0,), indent: str = "  ") -> list[str]:
    """Rows as aligned lines; columns in ``left`` begin together, the others end together."""
    widths = [max(len(row[j]) for row in rows) for j in range(len(rows[0]))] if rows else []
    return [
        (indent + "  ".join(
            f"{cell:<{width}}" if j in left else f"{cell:>{width}}"
            for j, (cell, width) in enumerate(zip(row, widths, strict=True))
        )).rstrip()
        for row in rows
    ]  # fmt: skip


def bar(share: float) -> str:
    """A bar of at most ``BAR`` characters."""
    return "█" * round(BAR * share) or ("▏" if share else "")


def _most(causes: Mapping[str, int], total: int) -> list[str]:
    """The one or two causes that take most; a second one only if it can be seen (0.01 %)."""
    ranked = sorted(causes.items(), key=lambda item: -item[1])[:2] if total else []
    return [
        f"{percent(time / total)} {cause}"
        for i, (cause, time) in enumerate(ranked)
        if not i or time >= 1e-4 * total
    ]


def _network_lines(explanation: Explanation, top: int) -> list[str]:
    total = explanation.latency_fs
    ranked = sorted(explanation.causes_fs.items(), key=lambda item: -item[1])
    first = " and ".join(_most(explanation.causes_fs, total))
    lines = [
        f"{explanation.network} on {explanation.chip} takes {si(total / 1e15, 's')}: {first}.",
        "",
        "where the time goes (exposed time; adds up to the latency)",
        *_cause_rows({c: si(t / 1e15, "s") for c, t in ranked}, explanation.causes_fs, total),
        "",
        f"layers that cost most, of {len(explanation.layers)}",
    ]
    rows = [["layer", "op", "core", "exposed", "share", "bound", "mostly"]]
    for cost in [cost for cost in explanation.layers if cost.exposed_fs][:top]:
        words = ", ".join(_most(cost.causes_fs, cost.exposed_fs))
        share = percent(cost.exposed_fs / total)
        rows.append(
            [cost.node, cost.op, cost.core, si(cost.exposed_fs / 1e15, "s"), share, cost.bound, words]
        )
    return [*lines, *columns(rows, left=(0, 1, 2, 5, 6))]


def _layer_lines(explanation: Explanation, view: LayerView) -> list[str]:
    shape = f", {view.shape} (M x N x K)" if view.shape else ""
    clock = si(view.clock_hz, "Hz")
    share = percent(view.exposed_fs / explanation.latency_fs) if explanation.latency_fs else "0 %"
    lines = [
        verdict(view),
        "",
        f"{view.node} is layer {view.index} of {explanation.network} on {explanation.chip}: "
        f"{view.op}{shape}, on {view.core}.",
        f"It takes {si(view.latency_fs / 1e15, 's')}, {_cycles(view.cycles)} cycles at {clock}, and adds "
        f"{si(view.exposed_fs / 1e15, 's')} to the run, {share} of its latency.",
        "",
        "cycles by cause (add up)",
        *_cause_rows(
            {cause: _cycles(n) for cause, n in view.causes_cycles.items()}, view.causes_cycles, view.cycles
        ),
    ]
    if view.limits:
        lines += ["", "it cannot take less than"]
        rows = [[_cycles(limit.cycles), "cycles", limit.what, _distance(view.cycles, limit.cycles)]
                for limit in view.limits]  # fmt: skip
        lines += columns(rows, left=(1, 2, 3))
    for task in view.tasks:
        lines += ["", *_task_lines(task)]
    return lines


def _cause_rows(texts: Mapping[str, str], values: Mapping[str, int], total: int) -> list[str]:
    rows = [
        [cause, text, percent(values[cause] / total), bar(values[cause] / total), CAUSES[cause]]
        for cause, text in texts.items()
    ]
    return columns(rows, left=(0, 3, 4))


def _distance(cycles: int, limit: int) -> str:
    if cycles < limit:
        return "it takes less: a part was fetched under earlier layers"
    times = number(cycles / limit) if limit else ""
    return "it takes as much" if times == "1" else f"it takes {times} times that" if times else ""


def _task_lines(task: TaskView) -> list[str]:
    lines = [f"{task.name} on {task.core}: {task.work}", f"  {task.tiling}"]
    lines += [f"  {task.beside}"] if task.beside else []
    operands = [[f"{name}", way, binary(size), f"in {memory}"] for name, memory, size, way in task.operands]
    lines += columns(operands, left=(0, 1, 3))
    if task.buffers:
        rooms = (f"{role} {n} x {binary(size)} in {memory}" for role, memory, n, size in task.buffers)
        lines.append(f"  buffers: {', '.join(rooms)}")
    if task.alternatives:
        lines.append("  considered by the planner (its estimates)")
        rows = [["tiling", "cycles", "traffic", "buffers", "why not"]]
        for choice in task.alternatives:
            why = choice.lost or "taken"
            traffic = "–" if choice.traffic_bytes is None else binary(choice.traffic_bytes)
            sizes = [_cycles(choice.expected_cycles), traffic, binary(choice.buffer_bytes)]
            rows.append([choice.tiling, *sizes, why])
        lines += columns(rows, left=(0, 4), indent="    ")
    return lines


def _hint_lines(explanation: Explanation, top: int) -> list[str]:
    if not explanation.hints:
        return []
    what = explanation.layer.node if explanation.layer else "the network"
    helpful = [hint for hint in explanation.hints if hint.gain >= WORTH]
    lines = ["", f"what would help {what} (each change alone; planned and simulated anew)"]
    if not helpful:
        lines.append(f"  nothing: none of the {len(explanation.hints)} parameters helps by 0.1 % or more")
    else:
        lines += columns(_hint_rows(explanation, helpful[:top]), left=(0,))
        left = len(explanation.hints) - len(helpful)
        more = f"; {len(helpful) - top} more help" if len(helpful) > top else ""
        lines.append(
            f"  of {len(explanation.hints)} parameters, {left} change nothing or make it slower{more}"
        )
        lines.append("  area and leakage stay as they are stated: they do not follow a change")
    if explanation.refused:
        lines.append(
            f"  does not run: {'; '.join(f'{change} ({why})' for change, why in explanation.refused)}"
        )
    if helpful:
        lines += ["", f"try: {explanation.command} --set {helpful[0].set}"]
    return lines


def _hint_rows(explanation: Explanation, hints: Sequence[Hint]) -> list[list[str]]:
    rows = [_header(explanation), *(_row(hint) for hint in hints)]
    if any(hint.area_mm2 and hint.area_mm2[0] != hint.area_mm2[1] for hint in hints):
        areas = [hint.area_mm2 for hint in hints]
        rows[0].append("area")
        for row, area in zip(rows[1:], areas, strict=True):
            row.append(_signed(area[1] / area[0] - 1) if area and area[0] else "–")
    return rows


def _header(explanation: Explanation) -> list[str]:
    layer = ["layer", "change"] if explanation.layer else []
    return ["change", "from", *layer, "network", "change", "energy"]


def _row(hint: Hint) -> list[str]:
    pairs = [hint.layer_fs, hint.latency_fs] if hint.layer_fs else [hint.latency_fs]
    cells = [f"--set {hint.set}", hint.before]
    for before, after in pairs:
        cells += [si(after / 1e15, "s"), _signed(after / before - 1) if before else "–"]
    known_j, then_j = hint.energy_j or (0.0, 0.0)
    return [*cells, _signed(then_j / known_j - 1) if known_j else "–"]


def _signed(share: float) -> str:
    return f"{100 * share:+.1f} %"


def _cycles(count: int) -> str:
    return f"{count:,}".replace(",", THIN_SPACE)
