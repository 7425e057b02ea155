"""How cores of a kind worked together, and what kept those that stood still."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from simulator.report.together import ELSEWHERE, FEWER, REST, idle_reasons, together
from simulator.results.result import NodeRow
from simulator.results.timeline import Lane, Timeline, Together

US = 10**9
EACH = Together("systolic", ("a", "b"), (5 * US, 2 * US), (3 * US, 3 * US, 2 * US))


@pytest.fixture
def shared(result):
    """8 us: 4 on both cores with 2 of waiting, 2 on one core alone, 2 on the vector unit."""

    def row(node, core, start, end, causes):
        spent = (end - start) * US
        return NodeRow(node, "Op", core, "", start * US, end * US, spent, 0, 0.0, "dram", {}, "", {}, causes)

    rows = (
        row("both", "a+b", 0, 4, {"compute": 2 * US, "input_wait": US, "weight_wait": US}),
        row("one", "a", 4, 6, {"compute": 2 * US}),
        row("pool", "vec", 6, 8, {"vector": 2 * US}),
    )
    a = Lane("a", "systolic", "compute", 5 * US, (0, 1), (0, 4 * US), (4 * US, 6 * US), (3 * US, 2 * US))
    b = Lane("b", "systolic", "compute", 2 * US, (0,), (0,), (2 * US,), (2 * US,))
    return replace(result, rows=rows, timeline=Timeline(8 * US, 4, (a, b), (), (EACH,)))


def test_what_kept_cores_sums_to_the_time_that_they_stood_still(shared):
    found = idle_reasons(EACH, shared)
    assert found == {
        ELSEWHERE: 4 * US,
        FEWER: 2 * US,
        "waits for inputs": 1.5 * US,
        "waits for weights": 1.5 * US,
    }
    assert sum(found.values()) == 2 * 8 * US - sum(EACH.busy_fs)


def test_what_no_wait_explains_is_named_as_the_rest(shared):
    calm = replace(shared.rows[0], exposed_causes_fs={"compute": 3 * US, "sync": US})
    found = idle_reasons(EACH, replace(shared, rows=(calm, *shared.rows[1:])))
    assert found["waits for other layers"] == 2 * US
    assert found[REST] == US


def test_cores_together_say_how_many_were_busy_and_why_not_all(shared):
    found = together(EACH, shared)
    assert found["title"] == "Why 2 systolic cores are not 2 times as fast"
    assert found["said"] == (
        "On average 0.88 of 2 were busy at once. What kept the others, of the time that they stood still: "
        "layers on other units 44.4 %, layers cut for fewer cores 22.2 %, waits for inputs 16.7 %, "
        "waits for weights 16.7 %."
    )
    assert re.findall(r"</i>([^<]*)<", found["legend"]) == [
        "all 2 busy 25 %",
        "1 busy 37.5 %",
        "none busy 37.5 %",
    ]
    assert "62.5 %" in found["chart"]
