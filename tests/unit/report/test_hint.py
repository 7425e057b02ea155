"""The hint after a run: from the result alone."""

from __future__ import annotations

from dataclasses import replace

from simulator.report.hint import hint
from simulator.results.result import Result

COMMAND = {"command": "chipsim run npu/edge net --batch 2 --set a.b=3"}


def with_causes(result: Result, causes: list[dict[str, int]]) -> Result:
    rows = tuple(replace(row, exposed_causes_fs=each) for row, each in zip(result.rows, causes, strict=True))
    return replace(result, rows=rows, provenance=COMMAND)


def test_it_names_the_cause_the_layers_and_the_command(result):
    nothing = [{} for _ in result.rows[2:]]
    waits = with_causes(result, [{"compute": 20}, {"weight_wait": 60, "compute": 20}, *nothing])
    node = result.rows[1].node
    assert hint(waits) == (
        f"cores wait for weights for 60 % of the time, most of it in {node}; "
        f"`chipsim explain npu/edge net --batch 2 --set a.b=3 {node}` shows what would help"
    )


def test_several_layers_are_counted(result):
    rest = [{} for _ in result.rows[3:]]
    spread = with_causes(result, [{"vector": 30}, {"vector": 40}, {"vector": 30}, *rest])
    assert f"most of it in 2 of {len(result.rows)} layers, {result.rows[1].node} first" in hint(spread)


def test_a_result_without_causes_gives_none(result):
    assert hint(result) == ""
