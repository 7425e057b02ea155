"""The page on language models, the table of what ran where, and the lines on it."""

import re

import pytest

from simulator import run
from simulator.report.language import draw, render
from simulator.report.lines import Line, line_chart
from simulator.report.page import render as render_page
from simulator.report.placement import kind_of, placement_table
from simulator.report.roofline import draw_roofline, roofline
from simulator.results.result import Result

SMALL = {"workload.blocks": 2, "workload.prompt": 16, "workload.generate": 3}


@pytest.fixture(scope="module")
def results():
    """GPT-2 on two chips, one of which also without its units, at two batches."""
    found = [run("pim/edge_npu_lpddr5", "llm/gpt2", overrides=SMALL)]
    for rule in ("auto", "off"):
        settings = {**SMALL, "mapping.cores.pim": rule}
        found.append(run("pim/edge_npu_gddr6_aim", "llm/gpt2", overrides=settings))
    wide = {**SMALL, "workload.phase": "generate"}
    found += [run(chip, "llm/gpt2", overrides=wide, batch=4)
              for chip in ("pim/edge_npu_lpddr5", "pim/edge_npu_gddr6_aim")]  # fmt: skip
    return [Result.from_dict(result.to_dict()) for result in found]


def test_the_page_has_a_row_per_chip_and_says_whose_units_are_off(results, tmp_path):
    (page,) = draw(results, tmp_path)
    text = page.read_text(encoding="utf-8")
    assert text == render(results)
    for name in ("edge_npu_lpddr5", "edge_npu_gddr6_aim", "edge_npu_gddr6_aim, pim off"):
        assert f'<td class="name">{name}</td>' in text
    assert "://" not in re.sub(r'xmlns="[^"]+"', "", text)


def test_memories_are_printed_with_channels_pins_and_both_rates(results):
    rows = re.findall(r"<tr>(?:(?!</tr>).)*?GDDR6_AIM(?:(?!</tr>).)*", render(results), re.S)
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", rows[0])
    assert cells[2:] == ["16 GiB", "32", "512", "1.024 TB/s", "16.38 TB/s", "16"]


def test_factors_are_those_of_the_first_chip(results):
    text = render(results)
    speed = results[1].metrics.tokens_per_s / results[0].metrics.tokens_per_s
    assert f"×{speed:.3g}" in text


def test_curves_and_winners_are_there_where_a_size_varies(results):
    text = render(results)
    assert "sequences side by side (batch)" in text
    assert "tokens in the cache (context)" not in text  # one context alone
    assert re.search(r"<td[^>]*>batch 4</td>", text)


def test_what_ran_where_counts_blocks_together(results):
    headers, rows = placement_table(results[1])
    assert headers[:3] == ["nodes", "how many", "ran on"]
    mine = {row[0].split("/")[-1]: row for row in rows if row[0].startswith("decode/")}
    assert mine["block.up"][1:4] == ["2", "pim", "expected first"]
    assert "npu" in mine["block.up"][4]
    assert placement_table(results[0])[1] == []


def test_a_rule_is_named_as_the_reason():
    result = run("pim/edge_npu_lpddr5_pim", "llm/gpt2",
                 overrides={**SMALL, "workload.phase": "decode", "mapping.cores.pim": "prefer"})  # fmt: skip
    why = {row[0]: row[3] for row in placement_table(result)[1]}
    assert why["block.up"] == "rule of the chip (mapping.cores)"
    assert "What ran where and why" in render_page(result)


def test_names_of_kinds_have_no_number():
    assert kind_of("decode/block12.up") == "decode/block.up"
    assert kind_of("head") == "head"


def test_the_roofline_of_a_memory_that_computes_has_both_roofs(results):
    inside, outside = roofline(results[1]), roofline(results[0])
    assert inside.inside_bytes_per_s == pytest.approx(16.384e12)
    assert inside.bytes_per_s == pytest.approx(1.024e12)
    assert outside.inside_bytes_per_s is None
    assert "inside the memory 16.38 TB/s" in draw_roofline(inside, {})
    assert "inside the memory" not in draw_roofline(outside, {})
    by_name = {dot.name: dot for dot in inside.dots}
    # two operations of each weight of 16 bit: padding takes some of it
    assert 0.5 < by_name["decode/block0.up"].ops_per_byte <= 1.0


class TestLines:
    def test_points_lie_by_their_logarithm_and_their_share_of_the_largest(self):
        text = line_chart("t", [Line("a", 0, ((1, 5.0), (4, 10.0), (16, 0.0)))], "x", "y", "s")
        centres = re.findall(r'cx="([\d.]+)%" cy="([\d.]+)"', text)
        assert [float(x) for x, _ in centres] == pytest.approx([4.0, 50.0, 96.0])
        heights = [float(y) for _, y in centres]
        assert heights[1] < heights[0] < heights[2]
        assert heights[0] == pytest.approx((heights[1] + heights[2]) / 2)

    def test_nothing_is_drawn_of_nothing(self):
        assert line_chart("t", [Line("a", 0, ())], "x", "y", "s") == ""

    def test_names_are_escaped(self):
        assert "<b>" not in line_chart("<b>", [Line("<b>", 0, ((1, 1.0),))], "<b>", "<b>", "s")
