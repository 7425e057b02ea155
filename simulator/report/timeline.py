"""The timeline of the page: layers, units, bandwidth and room over time, how cores worked together."""

from __future__ import annotations

from typing import Any

from simulator.report.figure import legend
from simulator.report.groups import groups
from simulator.report.memorychart import ROOM_NAMES, WAY_NAMES, Chart, follows_rows, room, rows, traffic
from simulator.report.memorymodel import OUTCOME_NAMES, loss_words
from simulator.report.palette import BLUE, COLOURS, GREEN, KINDS, OUTCOMES, ROOMS, VIOLET, WAYS
from simulator.report.rounding import percent, si
from simulator.report.timechart import Piece, bars, time_axis
from simulator.report.together import together
from simulator.results.result import Result
from simulator.results.timeline import Lane, Timeline

#: Colours of what cores of a kind do.
CORE_KINDS = {"vector": GREEN, "hbm_pim": VIOLET, "lpddr5_pim": VIOLET, "gddr6_aim": VIOLET}
OUTCOME_WORDS = {
    "hits": "row hits: the row was open",
    "misses": "misses: no row was open",
    "conflicts": "conflicts: another row was open",
}
#: Layer boundaries closer than this share of the time are not drawn.
MARK = 1 / 300


def panels(result: Result, colours: dict[str, int], coarse: float = 1.0) -> dict[str, Any]:
    """What the template shows; empty where the result has no timeline or took no time.

    Parameters
    ----------
    result
        The result.
    colours
        Index of the colour of each bound.
    coarse
        Above 1, more short spans are gathered and the page gets smaller.
    """
    timeline = result.timeline
    if timeline is None or not timeline.end_fs:
        return {"timeline": None}
    total = timeline.end_fs / 1e15
    infos = {memory.name: memory for memory in result.memories}
    marks, last = [], 0
    for end in _frontiers(result):
        if end - last >= timeline.end_fs * MARK:
            marks.append(end / 1e15)
            last = end
    layers = bars("Layers over time", _layers(result, colours), total, coarse)
    drawn: dict[bool, list[Chart]] = {True: [], False: []}
    found = []
    for use in timeline.memories:
        info = infos[use.memory]
        if any(use.read_bytes) or any(use.write_bytes):
            drawn[info.external].append(traffic(use, info, timeline, marks, loss_words(result, info)))
        if follows_rows(use):
            found.append(rows(use, info, timeline, marks))
    taken = {use.memory: use for use in timeline.memories if any(use.room_bytes)}
    rooms = {name: [taken[each] for each in names] for name, names in groups(result, taken).items()}
    return {
        "timeline": {
            "seconds": total,
            "axis": time_axis(total),
            "lanes": [Chart("layers", "coloured by what bounds each", layers),
                      *(unit_lane(lane, result, coarse) for lane in timeline.lanes)],
            "lane_legend": legend(_kinds(timeline, result, colours)),
            "external": drawn[True],
            "internal": drawn[False],
            "way_legend": legend([(WAYS[way], WAY_NAMES[way]) for way in WAYS]),
            "found": found,
            "found_legend": legend([(OUTCOMES[name], OUTCOME_WORDS[name]) for name in OUTCOME_NAMES]),
            "rooms": [room(uses, infos[uses[0].memory], timeline, marks, name)
                      for name, uses in rooms.items()],
            "room_legend": legend(
                [(ROOMS[name], ROOM_NAMES[name]) for name in ROOMS]
                + ([(COLOURS, "what the fullest copy has above the mean")] if len(rooms) < len(taken) else [])
            ),
            "copies": [room([use], infos[use.memory], timeline, marks, use.memory)
                       for uses in rooms.values() if len(uses) > 1 for use in uses],
            "together": [together(each, result) for each in timeline.together],
        }
    }  # fmt: skip


def _frontiers(result: Result) -> list[int]:
    """Instant in fs up to which each layer moved the end of the run."""
    ends, now = [], 0
    for row in result.rows:
        now += row.exposed_fs
        ends.append(now)
    return ends


def _layers(result: Result, colours: dict[str, int]) -> list[Piece]:
    """A piece per layer that was exposed, in the colour of its bound."""
    pieces = []
    for row, end in zip(result.rows, _frontiers(result), strict=True):
        if row.exposed_fs:
            start_s, end_s = (end - row.exposed_fs) / 1e15, end / 1e15
            title = (
                f"{row.node} ({row.op}): exposed {si(row.exposed_fs / 1e15, 's')} from {si(start_s, 's')}, "
                f"bound by {row.bound}"
            )
            pieces.append(Piece(start_s, end_s, colours.get(row.bound, COLOURS), title, row.node))
    return pieces


def lane_colour(lane: Lane) -> int:
    """Colour of what a unit does."""
    return KINDS[lane.kind] if lane.kind != "compute" else CORE_KINDS.get(lane.unit_kind, BLUE)


def _kinds(timeline: Timeline, result: Result, colours: dict[str, int]) -> list[tuple[int, str]]:
    """Legend of the lanes: what units do, and the bounds of layers in colours that no unit has."""
    names: dict[int, list[str]] = {}
    for lane in timeline.lanes:
        names.setdefault(lane_colour(lane), []).append(
            lane.unit_kind if lane.kind == "compute" else lane.kind
        )
    for row in result.rows:
        if row.exposed_fs:
            names.setdefault(colours.get(row.bound, COLOURS), []).append(f"bound by {row.bound}")
    return [(index, ", ".join(dict.fromkeys(words))) for index, words in sorted(names.items())]


def unit_lane(lane: Lane, result: Result, coarse: float = 1.0) -> Chart:
    """What one unit did of one kind."""
    assert result.timeline is not None
    total_fs, shade = result.timeline.end_fs, lane_colour(lane)
    word = "busy" if lane.kind == "compute" else "in flight"
    pieces = []
    for node, start, end, busy in zip(lane.node, lane.start_fs, lane.end_fs, lane.busy_fs, strict=True):
        share = busy / (end - start)
        title = f"{result.rows[node].node}: {si((end - start) / 1e15, 's')} from {si(start / 1e15, 's')}"
        title += f", {word} {percent(share)}" if share < 0.995 else ""
        pieces.append(Piece(start / 1e15, end / 1e15, shade, title, result.rows[node].node, share))
    kind = "" if lane.kind == "compute" else f" · {lane.kind}"
    title = f"{lane.unit}{kind}"
    note = f"{word} {percent(lane.total_fs / total_fs)}"
    return Chart(title, note, bars(title, pieces, total_fs / 1e15, coarse))
