"""Headline cards."""

import dataclasses

import numpy as np

from simulator.report.headline import headline, metric_names, metric_table, metric_text, missing_energy
from simulator.results.ledger import Ledger


def card(result, label):
    (found,) = [(value, note) for name, value, note in headline(result) if name == label]
    return found


def test_cards_state_values_with_units_and_context(result):
    assert card(result, "Latency") == ("10.5 µs", "batch 1, int8")
    assert card(result, "Achieved") == ("952.4 GOPS", "peak 8.192 TOPS")
    assert card(result, "Utilization") == ("11.6 %", "5\u202f000\u202f000 MACs done")
    assert card(result, "Energy") == ("7.132 µJ", "of which static 21 nJ")
    assert card(result, "External traffic") == ("420.9 KiB", "400.4 KiB read, 20.51 KiB written: dram")
    assert card(result, "Area") == ("unknown", "the chip states none")


def test_without_any_known_energy_no_card_says_zero(unknown):
    for label in ("Energy", "Average power", "Efficiency", "Efficiency of the chip", "Energy × delay"):
        assert card(unknown, label)[0] == "unknown", label
    assert card(unknown, "Energy")[1] == (
        "left out, energy unknown: npu.mac_int8, sram.read, dram.read, dram.write, npu.static"
    )
    assert metric_text(unknown, "static_energy_j") == "unknown"


def test_a_card_does_not_grow_by_a_long_list(make, result):
    names = [f"{name}_{i}" for name, _ in result.ledger.columns for i in range(2)]
    columns = tuple((name, "op") for name in names)
    counts = np.tile(result.ledger.counts, 2)
    blind = dataclasses.replace(result, ledger=Ledger(result.ledger.nodes, columns, counts), energy=())
    assert card(blind, "Energy")[1].endswith(" kinds of action left out, energy unknown: see below")


def test_a_part_of_the_energy_is_a_lower_bound(partly):
    value, note = card(partly, "Energy")
    assert value == "≥ 632 nJ"
    assert note == "left out, energy unknown: npu.mac_int8, dram.read"
    assert card(partly, "Average power") == ("≥ 60.19 mW", "energy is incomplete")
    assert card(partly, "Efficiency") == ("unknown", "energy is incomplete")
    assert metric_text(partly, "static_energy_j") == "21 nJ"


def test_the_chip_alone_is_known_when_only_external_memory_is_not(make, result):
    chip = make(energy=[entry for entry in result.energy if entry.component != "dram"])
    value, note = card(chip, "Efficiency of the chip")
    assert value.endswith("OPS/W")
    assert note == "without external memories"
    assert card(chip, "Efficiency")[0] == "unknown"


def test_a_run_that_counted_nothing_has_unknown_energy(make):
    nothing = make([("reshape", "latency", 0, 0, [0, 0, 0, 0, 0])])
    assert card(nothing, "Energy") == ("unknown", "no action was counted")
    assert card(nothing, "Latency")[0] == "0 s"


def test_incomplete_without_a_named_action_points_to_what_is_not_modelled(result):
    metrics = dataclasses.replace(result.metrics, energy_complete=False, tops_per_w=None)
    odd = dataclasses.replace(result, metrics=metrics)
    assert missing_energy(odd) == "incomplete; see what is not modelled"
    assert card(odd, "Energy")[0] == "≥ 7.132 µJ"


def test_every_scalar_metric_has_a_row_and_none_is_shown_as_zero(result):
    _, rows = metric_table(result)
    named = {row[0]: row[1] for row in rows}
    for field in dataclasses.fields(result.metrics):
        assert field.name in named or field.name == "traffic_bytes" or field.default is None
    assert named["area_mm2"] == "unknown"
    assert named["energy_complete"] == "yes"


def test_metrics_of_other_kinds_of_run_appear_only_with_a_value(result):
    fields = [(field.name, field.type) for field in dataclasses.fields(result.metrics)]
    more = dataclasses.make_dataclass("More", [*fields, ("novel_bytes", int)])
    values = {field.name: getattr(result.metrics, field.name) for field in dataclasses.fields(result.metrics)}
    extended = dataclasses.replace(result, metrics=more(**values | {"ttft_s": 0.25}, novel_bytes=2048))
    assert "tpot_s" not in metric_names(extended)
    assert "sops" not in metric_names(extended)
    assert card(extended, "Time to first token")[0] == "250 ms"
    assert card(extended, "Novel bytes")[0] == "2 KiB"
