"""How the memories of a result were simulated, what rows did, and what the coarser model says beside it."""

from __future__ import annotations

from simulator.report.headline import Table
from simulator.report.rounding import UNKNOWN, number, percent, si
from simulator.results.result import MemoryInfo, Result

COMMANDS, BANDWIDTH = "commands", "bandwidth"
#: Whether rows are followed -> how that is said.
WAY_WORDS = {True: "every command", False: "bandwidth alone"}
#: Counts of ``MemoryInfo`` -> what they are called.
OUTCOME_NAMES = {"hits": "row hits", "misses": "misses", "conflicts": "conflicts"}
#: Layers that are named beside the coarser model.
TOP_CHANGES = 3
REFRESHES = ("refresh", "refresh_bank")


def way(memory: MemoryInfo) -> str:
    """``commands`` or ``bandwidth`` for a memory that can be simulated by either, else empty."""
    if memory.hits is not None:
        return COMMANDS
    return BANDWIDTH if memory.model else ""


def outcomes(memory: MemoryInfo) -> dict[str, int]:
    """What accesses found: row hits, misses, conflicts; empty where rows are not followed."""
    counts = {name: getattr(memory, name) for name in OUTCOME_NAMES}
    return {} if None in counts.values() else counts


def row_words(memory: MemoryInfo) -> str:
    """``row hits 98 %, misses 1.2 %, conflicts 0.8 %`` of a run; empty where rows are not followed."""
    found = outcomes(memory)
    accesses = sum(found.values())
    if not accesses:
        return "no access" if found else ""
    return ", ".join(f"{OUTCOME_NAMES[name]} {percent(count / accesses)}" for name, count in found.items())


def refreshes(result: Result, memory: str) -> int:
    """Refresh commands of a memory, those of all its channels and ranks together."""
    return sum(result.ledger.total(memory, action) for action in REFRESHES)


def loss_words(result: Result, memory: MemoryInfo) -> str:
    """What kept a memory below its peak: how near it came with something to move, and its refreshes.

    Only a memory that is simulated by its commands is busy with more than data.
    """
    count, busy_fs = refreshes(result, memory.name), sum(r.busy_fs.get(memory.name, 0) for r in result.rows)
    times = f"{number(count)} refreshes" if count else ""
    peak = memory.bandwidth_bytes_per_s
    if way(memory) != COMMANDS or not peak or not busy_fs:
        return times
    moved = sum(result.metrics.traffic_bytes.get(memory.name, {}).values())
    others = f"{times}, opening rows and turns" if times else "opening rows and turns"
    return f"{percent(moved / (busy_fs / 1e15) / peak)} while it had work: {others} took the rest"


def setting(result: Result, memory: str) -> str:
    """The option that has a memory simulated by its commands."""
    return f"--set memories.{result.copies.get(memory, memory)}.model={COMMANDS}"


def finer(result: Result) -> list[tuple[str, str]]:
    """Memories known by bandwidth alone though their commands could be simulated, each with the option."""
    options: dict[str, list[str]] = {}
    for memory in result.memories:
        if way(memory) == BANDWIDTH:
            options.setdefault(setting(result, memory.name), []).append(memory.name)
    return [(", ".join(names), option) for option, names in options.items()]


def model_table(result: Result) -> Table:
    """How each external memory was simulated and what its rows did; columns that say nothing are left out."""
    headers = ["memory", "row hits", "misses", "conflicts", "accesses", "refreshes", "simulated as"]
    rows = []
    for memory in result.memories:
        if not memory.external:
            continue
        found = outcomes(memory)
        accesses, count = sum(found.values()), refreshes(result, memory.name)
        shares = [percent(each / accesses) if accesses else "–" for each in found.values()] or ["–"] * 3
        total = number(accesses) if found else "–"
        rows.append([memory.name, *shares, total, number(count) if count else "–", model_words(memory)])
    kept = [j for j in range(len(headers)) if any(row[j] != "–" for row in rows)]
    return [headers[j] for j in kept], [[row[j] for j in kept] for row in rows]


def device(memory: MemoryInfo) -> str:
    """``LPDDR5_6400, `` of the words about the model, for what follows; empty where there are none."""
    name = memory.model.partition(",")[0].partition(":")[0]
    return f"{name}, " if name else ""


def ways(result: Result) -> str:
    """``bandwidth alone`` and ``every command``, those of the external memories; empty without any."""
    found = {WAY_WORDS[memory.hits is not None] for memory in result.memories if memory.external}
    return " and ".join(sorted(found))


def short_models(result: Result) -> str:
    """``dram: LPDDR5_6400, every command``, of each external memory."""
    return "; ".join(
        f"{memory.name}: {device(memory)}{WAY_WORDS[memory.hits is not None]}"
        for memory in result.memories
        if memory.external
    )


def model_words(memory: MemoryInfo) -> str:
    """The model in the words of the result, else the kind of memory."""
    return memory.model or f"kind {memory.kind}; the result names no model"


def beside_sentence(result: Result) -> str:
    """By how much the latency differs beside the coarser model; empty where there is none beside."""
    if result.beside is None:
        return ""
    names, here, other = ", ".join(result.beside.memories), result.metrics.latency_s, result.beside.latency_s
    takes = f"The same program with {names} known by bandwidth alone takes {si(other, 's')}"
    if other == here:
        return f"{takes}, as long as this run."
    word = "less" if other < here else "more"
    share = f" ({percent(abs(other - here) / here)})" if here else ""
    return f"{takes}, {si(abs(other - here), 's')}{share} {word} than this run."


def beside_table(result: Result) -> Table:
    """Latency, energy, and the layers whose exposed time differs most: here, by bandwidth alone, change."""
    headers = ["figure", "this run", "bandwidth alone", "difference", "in %"]
    beside, metrics = result.beside, result.metrics
    if beside is None:
        return headers, []
    rows = [["latency", *_pair(metrics.latency_s, beside.latency_s, "s")]]
    if metrics.energy_j is not None and beside.energy_j is not None:
        if metrics.energy_complete:
            rows.append(["energy", *_pair(metrics.energy_j, beside.energy_j, "J")])
        else:
            known = [f"≥ {si(joules, 'J')}" for joules in (metrics.energy_j, beside.energy_j)]
            rows.append(["energy", *known, UNKNOWN, UNKNOWN])
    for i in changed(result):
        row = result.rows[i]
        rows.append(
            [f"exposed time of {row.node}", *_pair(row.exposed_fs / 1e15, beside.exposed_fs[i] / 1e15, "s")]
        )
    return headers, rows


def changed(result: Result) -> list[int]:
    """Rows of the layers whose exposed time differs most from that beside, most first."""
    if result.beside is None:
        return []
    by = [
        abs(row.exposed_fs - other) for row, other in zip(result.rows, result.beside.exposed_fs, strict=True)
    ]
    return [i for i in sorted(range(len(by)), key=lambda i: -by[i])[:TOP_CHANGES] if by[i]]


def screen_lines(result: Result) -> list[tuple[str, str, str]]:
    """What the terminal shows as (label, value, remark): each external memory's model, the latency beside."""
    lines = []
    for memory in result.memories:
        word = way(memory)
        if not memory.external or not word:
            continue
        rows = row_words(memory) or f"bandwidth alone; {setting(result, memory.name)} simulates its commands"
        lines.append(("Memory", word, f"{memory.name}: {device(memory)}{rows}"))
    if result.beside is not None:
        here, other = result.metrics.latency_s, result.beside.latency_s
        lines.append(("By bandwidth alone", si(other, "s"), change(here, other)))
    return lines


def change(here: float, other: float) -> str:
    """``-0.35 %``: by how much the other is more than what is here."""
    if other == here:
        return "the same"
    return f"{100 * (other - here) / here:+.3g} %" if here else "–"


def _pair(here: float, other: float, unit: str) -> list[str]:
    """What is here, the other, the difference in the unit and in per cent of what is here."""
    difference = f"{'+' if other > here else ''}{si(other - here, unit)}"
    return [si(here, unit), si(other, unit), difference, change(here, other)]
