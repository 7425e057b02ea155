"""The hint after a run: from the result alone."""

from __future__ import annotations

from dataclasses import replace

from simulator.report.hint import hint
from simulator.results.result import Result

COMMAND = {"command": "chipsim run npu/edge net --batch 2 --set a.b=3"}


def with_causes(result: Result, causes: list[dict[str, int]]) -> Result:
    rows = tuple(replace(row, exposed_causes_fs=each) for row, each in zip(result.rows, causes, strict=True))
    return replace(result, rows=rows, provenance=COMMAND)


def test_it_names_the_cause_the_layer_that_can_gain_most_and_the_command(result):
    """The second layer takes longest, in useful steps and behind others; the third waits for most."""
    rest = [{} for _ in result.rows[3:]]
    waits = with_causes(
        result,
        [{"compute": 20}, {"compute": 30, "vector": 5, "sync": 20}, {"weight_wait": 15, "noc": 10}, *rest],
    )
    node = result.rows[2].node
    assert hint(waits) == (
        f"arrays compute for 50 % of the run's time; most can be gained in {node}, 25 % of the run's time "
        f"without useful steps; `chipsim explain npu/edge net --batch 2 --set a.b=3 {node}` shows what would help"
    )


def test_where_all_steps_are_useful_it_is_the_costliest(result):
    rest = [{} for _ in result.rows[2:]]
    busy = with_causes(result, [{"compute": 400, "fill_drain": 4}, {"compute": 596}, *rest])
    assert f"the costliest layer is {result.rows[1].node} with 59.6 % of the run's time; `" in hint(busy)


def test_streams_are_left_out_and_names_stay_quoted(result):
    asked = "chipsim run 'my chips/a.yaml' net --stream 50 --set 'a.b={c: 1}'"
    streamed = replace(
        with_causes(result, [{"compute": 1}, *({} for _ in result.rows[1:])]), provenance={"command": asked}
    )
    node = result.rows[0].node
    assert f"`chipsim explain 'my chips/a.yaml' net --set 'a.b={{c: 1}}' {node}`" in hint(streamed)


def test_a_result_without_causes_gives_none(result):
    assert hint(result) == ""
