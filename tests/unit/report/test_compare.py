"""Comparison: what is relative to what, and what must not be compared."""

import dataclasses
import re

import pytest

from simulator.report import REPORTS
from simulator.report.compare import (
    caveats,
    comparison,
    differences,
    models,
    omissions,
    ratio,
    references,
    render,
    titles,
)


@pytest.fixture
def faster(make, result):
    layers = [(row.node, row.bound, (row.end_fs - row.start_fs) // 2_000_000, row.macs, counts)
              for row, counts in zip(result.rows, result.ledger.counts.tolist(), strict=True)]  # fmt: skip
    return make(layers, chip="npu/big")


def test_figures_are_absolute_and_relative_to_the_first(result, faster):
    headers, rows = comparison([result, faster])
    at = headers.index("Latency")
    assert [row[at] for row in rows] == ["10.5 µs", "5.25 µs (2x faster)"]
    at = headers.index("Throughput")
    assert rows[1][at] == "190\u202f476 /s (2x faster)"
    assert caveats([result, faster]) == []


def test_a_small_difference_in_time_is_said_in_per_cent(make):
    def of(ns):
        return make([("conv1", "compute", ns, 1, [1, 1, 1, 1, 1])], chip=str(ns))

    assert ratio("latency_s", of(100_423), of(100_000)) == "0.423 % slower"
    assert ratio("throughput_per_s", of(99_600), of(100_000)) == "0.402 % faster"
    assert ratio("latency_s", of(101_000), of(100_000)) == "1.01x slower"
    assert ratio("latency_s", of(100_001), of(100_000)) == "the same"


def test_models_of_memories_are_named_where_they_differ(result, commands, bandwidth):
    exact, plain = commands(result), bandwidth(result)
    found = models([exact, plain])
    assert [each[:2] for each in found] == [("npu/edge / net", "dram"), ("npu/edge / net (2)", "dram")]
    assert [each[3] for each in found] == ["row hits 90 %, misses 6 %, conflicts 4 %", ""]
    assert found[0][2].startswith("LPDDR5_6400, LPDDR5_16Gb_x16: every command")
    assert caveats([exact, plain]) == [
        "npu/edge / net (2): external memory known by bandwidth alone, the reference's by every command. "
        "Part of a difference may be that of the models."
    ]
    page = render([exact, plain])
    for text in ("Models of external memory", "no commands", "rows are not followed", "row hits 90 %"):
        assert text in page, text
    headers, rows = comparison([exact, plain])
    at = headers.index("memory")
    assert [row[at] for row in rows] == [
        "dram: LPDDR5_6400, every command",
        "dram: LPDDR5_6400, bandwidth alone",
    ]


def test_models_that_are_alike_are_not_named(result, commands, make):
    for pair in ([result, make(chip="x")], [commands(result), commands(make(chip="x"))]):
        assert models(pair) == caveats(pair) == []
        assert "Models of external memory" not in render(pair)
        assert "memory" not in comparison(pair)[0]


def test_a_result_is_compared_within_its_network(make):
    results = [make(), make(network="b"), make(chip="x"), make(chip="x", network="b")]
    assert references(results) == [0, 1, 0, 1]
    assert caveats(results) == [
        "Different networks do different work, so a result is compared with the first of its own network "
        "only: net, b."
    ]


def test_another_batch_is_not_compared_per_batch(make, result):
    batched = make(chip="x", batch=4)
    assert ratio("latency_s", batched, result) == "–"
    assert ratio("energy_j", batched, result) == "–"
    assert ratio("throughput_per_s", batched, result) == "–"
    assert caveats([result, batched])[0].startswith("x / net: batch 4, the reference 1. Latency, throughput")


def test_another_precision_is_said(make, result):
    (said,) = caveats([result, make(chip="x", precision="int4")])
    assert said.startswith("x / net: precision int4, the reference int8.")


def test_incomplete_energy_is_a_lower_bound_and_not_compared(result, partly, unknown):
    for other in (partly, unknown):
        for name in ("energy_j", "average_power_w", "tops_per_w", "edp_js"):
            assert ratio(name, other, result) == "–"
            assert ratio(name, result, other) == "–"
        assert ratio("latency_s", other, result) == "the same"
    assert (
        "energy is a lower bound and is not compared (left out, energy unknown: npu.mac_int8, dram.read)"
        in (caveats([result, partly])[0])
    )
    energy = comparison([result, unknown])
    assert energy[1][1][energy[0].index("Energy")] == "unknown (–)"


def test_different_work_under_one_name_is_said(make, result):
    other = make([("conv1", "compute", 3000, 9, [9, 1, 1, 1, 1])], chip="x")
    assert caveats([result, other]) == [
        "x / net: 9 MACs, the reference 5\u202f000\u202f000, though the network has the same name."
    ]


def test_repeated_results_are_numbered_and_their_settings_told_apart(make):
    results = [
        make(resolved={"rows": 32, "clock": "1 GHz"}),
        make(resolved={"rows": 64, "clock": "1 GHz"}),
        make(chip="x"),
    ]
    assert titles(results) == ["npu/edge / net", "npu/edge / net (2)", "x / net"]
    assert differences(results) == [("npu/edge / net (2)", "rows", ["32", "64"])]


def test_what_is_not_modelled_is_listed_with_where(make):
    results = [make(not_modelled=["refresh", "host"]), make(chip="x", not_modelled=["host"])]
    assert omissions(results) == [("refresh", "npu/edge / net"), ("host", "all")]


def test_the_page_has_a_row_per_result_and_links_that_are_quoted(make, unknown):
    evil = "<script>x"
    text = render([make(), make(chip=evil), unknown], ["a/report.html", "b c%#/report.html", "d/report.html"])
    assert text.count("<script>") == 1
    assert 'href="b%20c%25%23/report.html"' in text
    assert text.count('<th scope="row"') == 3
    assert text.count(">reference<") == 11
    assert not re.search(r">0 [fpnµm]?J<", text)


def test_without_links_the_page_stands_alone(make):
    assert "<a href" not in render([make(), make(chip="x")])


def test_a_zero_reference_has_no_ratio(make, result):
    nothing = make([("reshape", "latency", 0, 0, [0, 0, 0, 0, 0])])
    assert ratio("latency_s", result, nothing) == "–"


def test_a_missing_area_is_not_compared(result):
    other = dataclasses.replace(result, metrics=dataclasses.replace(result.metrics, area_mm2=3.0))
    assert ratio("area_mm2", other, result) == "–"


def test_the_kind_compare_draws_one_page(make, tmp_path):
    assert REPORTS["compare"]([make(), make(chip="x")], tmp_path) == [tmp_path / "compare.html"]
    assert "2 results compared" in (tmp_path / "compare.html").read_text(encoding="utf-8")
    assert {"page", "compare"} <= set(REPORTS.names())


def test_external_traffic_is_compared_and_slower_is_said(result, faster):
    headers, rows = comparison([faster, result])
    assert rows[1][headers.index("Latency")] == "10.5 µs (2x slower)"
    at = headers.index("External traffic")
    assert [row[at] for row in rows] == ["420.9 KiB", "420.9 KiB (the same)"]
    assert headers[at + 1] == "Peak memory"


def test_long_names_break_after_separators_only(make):
    page = render([make(chip="npu/a_b.c"), make(network="<i>")])
    assert "npu/<wbr>a_<wbr>b.<wbr>c" in page
    assert "&lt;i&gt;" in page
    assert "<i></th>" not in page


def test_further_pages_are_linked(result, faster):
    page = render([result, faster], pages=["language_models.html", "families.html"])
    assert '<a href="language_models.html">language models</a>' in page
    assert '<a href="families.html">families</a>' in page
    assert "Further pages" not in render([result, faster])


def test_what_all_others_have_in_common_is_said_once(make):
    results = [make(), make(chip="x", precision="int4"), make(chip="y", precision="int4")]
    assert caveats(results)[0].startswith("All but the first: precision int4, the reference int8.")
    some = [*results, make(chip="z")]
    assert caveats(some)[0].startswith("x / net, y / net: precision int4, the reference int8.")


def test_unknown_energies_of_the_same_results_are_one_line(make):
    said = [f"energy of {name} is unknown" for name in ("npu.requant", "vec.op_exp")]
    results = [make(not_modelled=[*said, "refresh"]), make(chip="x", not_modelled=said[:1])]
    assert omissions(results) == [
        ("refresh", "npu/edge / net"),
        ("energy of npu.requant is unknown", "all"),
        ("energy of vec.op_exp is unknown", "npu/edge / net"),
    ]
    assert omissions(results[:1])[1][0] == "energies of npu.requant, vec.op_exp are unknown"
