"""How memories were simulated and what the coarser model says, as the page, the terminal and a comparison have it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from simulator.report.memorymodel import (
    beside_sentence,
    beside_table,
    changed,
    finer,
    loss_words,
    model_table,
    row_words,
    screen_lines,
    short_models,
    way,
)
from simulator.report.page import render
from simulator.results.ledger import Ledger
from simulator.results.result import Result

OPTION = "--set memories.dram.model=commands"
NEW = ("model", "hits", "misses", "conflicts")


def old(result: Result) -> Result:
    """The result as a file without any of the new fields has it."""
    data = json.loads(result.dumps())
    del data["beside"]
    for memory in data["memories"]:
        for name in NEW:
            del memory[name]
    for use in data["timeline"]["memories"]:
        for name in NEW[1:]:
            del use[name]
    return Result.from_dict(data)


def refreshed(result: Result, count: int) -> Result:
    """The result with so many refreshes of its first node."""
    ledger, column = result.ledger, np.zeros((len(result.rows), 1), np.int64)
    column[0] = count
    counts = np.hstack([ledger.counts, column])
    return replace(result, ledger=Ledger(ledger.nodes, (*ledger.columns, ("dram", "refresh")), counts))


def test_a_memory_is_simulated_by_commands_or_by_bandwidth_where_there_is_a_choice(
    result, commands, bandwidth
):
    assert [way(memory) for memory in result.memories] == ["", ""]
    assert [way(memory) for memory in commands(result).memories] == ["", "commands"]
    assert [way(memory) for memory in bandwidth(result).memories] == ["", "bandwidth"]


def test_what_rows_did_is_said_in_shares(commands, result):
    dram = commands(result).memories[1]
    assert row_words(dram) == "row hits 90 %, misses 6 %, conflicts 4 %"
    assert row_words(replace(dram, hits=0, misses=0, conflicts=0)) == "no access"
    assert row_words(result.memories[1]) == ""


def test_the_model_of_each_external_memory_stands_in_a_table(result, commands, bandwidth):
    headers, rows = model_table(refreshed(commands(result), 12))
    assert headers == ["memory", "row hits", "misses", "conflicts", "accesses", "refreshes", "simulated as"]
    assert rows[0][0] == "dram"
    assert rows[0][6].startswith("LPDDR5_6400, LPDDR5_16Gb_x16: every command")
    assert rows[0][1:6] == ["90 %", "6 %", "4 %", "40\u202f000", "12"]
    headers, rows = model_table(bandwidth(result))
    assert headers == ["memory", "simulated as"], "what rows did is left out where they are not followed"
    assert rows[0][1].endswith("no commands")
    assert model_table(result)[1] == [["dram", "kind dram; the result names no model"]]


def test_how_to_get_the_other_model_is_said(result, commands, bandwidth):
    assert finer(bandwidth(result)) == [("dram", OPTION)]
    assert finer(commands(result)) == finer(result) == []
    copies = replace(bandwidth(result), copies={"dram": "far"})
    assert finer(copies) == [("dram", "--set memories.far.model=commands")]
    assert f"<code>{OPTION}</code>" in render(bandwidth(result))
    assert "model=commands" not in render(commands(result))


def test_what_kept_a_memory_below_its_peak(result, commands, bandwidth):
    """431 000 B at 51.2 GB/s take 8.42 us of the 10.5 us in which there was work."""
    busy = refreshed(commands(result), 12)
    assert loss_words(busy, busy.memories[1]) == (
        "80.2 % while it had work: 12 refreshes, opening rows and turns took the rest"
    )
    plain = refreshed(bandwidth(result), 12)
    assert loss_words(plain, plain.memories[1]) == "12 refreshes"
    assert loss_words(result, result.memories[1]) == ""


def test_beside_the_coarser_model_stand_latency_energy_and_the_layers_that_change_most(result, commands):
    """conv1 3 us - 0.3, relu 0.5 us - 0.05, fc 7 us - 1.4: 10.5 us are 8.75 us."""
    headers, rows = beside_table(commands(result))
    assert headers == ["figure", "this run", "bandwidth alone", "difference", "in %"]
    assert rows == [
        ["latency", "10.5 µs", "8.75 µs", "-1.75 µs", "-16.7 %"],
        ["energy", "7.132 µJ", "6.419 µJ", "-713.2 nJ", "-10 %"],
        ["exposed time of fc", "7 µs", "5.6 µs", "-1.4 µs", "-20 %"],
        ["exposed time of conv1", "3 µs", "2.7 µs", "-300 ns", "-10 %"],
        ["exposed time of relu", "500 ns", "450 ns", "-50 ns", "-10 %"],
    ]
    assert beside_sentence(commands(result)) == (
        "The same program with dram known by bandwidth alone takes 8.75 µs, 1.75 µs (16.7 %) less than this run."
    )
    assert changed(commands(result)) == [3, 0, 2], "the layer without time does not change"


def test_an_incomplete_energy_is_a_lower_bound_and_has_no_difference(partly, unknown, commands):
    energy = beside_table(commands(partly))[1][1]
    assert energy[0] == "energy"
    assert [text[:2] for text in energy[1:3]] == ["≥ ", "≥ "]
    assert energy[3:] == ["unknown", "unknown"]
    blind = commands(unknown)
    blind = replace(blind, beside=replace(blind.beside, energy_j=None))
    assert [row[0] for row in beside_table(blind)[1]][:2] == ["latency", "exposed time of fc"]


def test_nothing_that_changes_is_said_as_such(result, commands):
    same = commands(result)
    exposed = tuple(row.exposed_fs for row in result.rows)
    beside = replace(same.beside, latency_s=result.metrics.latency_s, exposed_fs=exposed)
    same = replace(same, beside=beside)
    assert beside_sentence(same).endswith("takes 10.5 µs, as long as this run.")
    assert [row[0] for row in beside_table(same)[1]] == ["latency", "energy"]
    assert beside_table(same)[1][0][3:] == ["0 s", "the same"]
    assert screen_lines(same)[1] == ("By bandwidth alone", "10.5 µs", "the same")


def test_a_layer_that_was_hidden_has_no_share(result, commands):
    more = commands(result)
    more = replace(more, beside=replace(more.beside, exposed_fs=(0, 10**10, 0, 0)))
    assert ["exposed time of reshape", "0 s", "10 µs", "+10 µs", "–"] in beside_table(more)[1]


def test_without_the_coarser_model_nothing_is_said_of_it(result, bandwidth):
    for each in (result, bandwidth(result)):
        assert beside_table(each)[1] == []
        assert beside_sentence(each) == ""
        assert "Beside the model" not in render(each)


def test_the_terminal_has_a_line_per_memory_and_one_beside(result, commands, bandwidth):
    assert screen_lines(commands(result)) == [
        ("Memory", "commands", "dram: LPDDR5_6400, row hits 90 %, misses 6 %, conflicts 4 %"),
        ("By bandwidth alone", "8.75 µs", "-16.7 %"),
    ]
    assert screen_lines(bandwidth(result)) == [
        ("Memory", "bandwidth", f"dram: LPDDR5_6400, bandwidth alone; {OPTION} simulates its commands")
    ]
    assert screen_lines(result) == []


def test_models_are_short_where_many_results_stand_side_by_side(result, commands, bandwidth):
    assert short_models(commands(result)) == "dram: LPDDR5_6400, every command"
    assert short_models(bandwidth(result)) == "dram: LPDDR5_6400, bandwidth alone"
    assert short_models(result) == "dram: bandwidth alone"


def test_the_page_says_what_the_tables_say(result, run, commands):
    page = render(commands(run(result)))
    for text in (
        "Memory model",
        "LPDDR5_16Gb_x16: every command",
        "Beside the model of bandwidth alone",
        "exposed time of fc",
    ):
        assert text in page, text


@pytest.mark.parametrize("kind", ["commands", "bandwidth"])
def test_an_old_file_without_the_new_fields_is_read_and_drawn(result, run, kind, request):
    there = old(request.getfixturevalue(kind)(run(result)))
    assert there.beside is None
    assert there.memories[1].hits is None
    page = render(there)
    assert "kind dram; the result names no model" in page
    assert "row buffers of external memory</h3>" not in page
    assert screen_lines(there) == []
