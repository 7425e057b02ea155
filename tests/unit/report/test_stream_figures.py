"""What is told of streams and of chains."""

import dataclasses

import pytest

from simulator.report.headline import headline
from simulator.report.page import render
from simulator.report.stream import fusion_sentence, stream_figures, stream_title
from simulator.results.result import FusedChain, Fusion
from simulator.results.stream import Stream

TRAFFIC = {"sram": {"read": 9, "write": 9}, "dram": {"read": 102_400, "write": 2048}}
STREAM = Stream(50, 15, 10**11, 2 * 10**9, 0, 4e-6, TRAFFIC, 1_247_328, 4)


@pytest.fixture
def streamed(result):
    metrics = dataclasses.replace(result.metrics, throughput_per_s=STREAM.throughput_per_s)
    return dataclasses.replace(result, metrics=metrics, stream=STREAM)


def test_a_stream_has_figures_of_its_own_with_units(streamed):
    found = {label: (value, note) for label, value, note in stream_figures(streamed)}
    assert found["Interval"][0] == "2 µs"
    assert found["Throughput"] == ("500\u202f000 /s", "1 / interval")
    assert found["All of them"][0] == "100 µs"
    assert found["Energy per inference"] == ("4 µJ", "static included")
    assert found["Efficiency"][0] == "2.5 TOPS/W"  # 10 000 000 ops in 4 µJ
    assert found["External traffic"] == (
        "102 KiB", "per inference: 100 KiB read, 2 KiB written; 420.9 KiB alone",
    )  # fmt: skip
    assert found["Weights that stay"][0] == "1.19 MiB"
    assert found["Stages"][0] == "4"


def test_an_incomplete_energy_is_a_lower_bound_and_gives_no_efficiency(streamed):
    stream = dataclasses.replace(STREAM, energy_complete=False)
    found = {label: value for label, value, _ in stream_figures(dataclasses.replace(streamed, stream=stream))}
    assert found["Energy per inference"] == "≥ 4 µJ"
    assert found["Efficiency"] == "unknown"
    none = dataclasses.replace(streamed, stream=dataclasses.replace(STREAM, energy_j=None))
    assert ("Energy per inference", "unknown", "static included") in stream_figures(none)


def test_without_a_stream_there_is_nothing_to_tell(result):
    assert stream_figures(result) == []
    assert "Stream of" not in render(result)
    (note,) = [note for label, _, note in headline(result) if label == "Throughput"]
    assert note == "1 / latency"


def test_the_title_counts_what_was_simulated():
    assert stream_title(STREAM) == "Stream of 50 inferences (15 of them simulated)"
    assert stream_title(dataclasses.replace(STREAM, inferences=15)) == "Stream of 15 inferences"


def test_the_page_tells_a_stream_from_one_inference_alone(streamed):
    page = render(streamed)
    assert "Stream of 50 inferences (15 of them simulated)" in page
    assert "are of one inference alone" in page
    assert ">steady, of a stream of 50<" in page


def test_what_fusing_saves_is_told_in_units_as_planned(result):
    chain = FusedChain(("a", "b", "c"), 4, 2, 640, 100, 300)
    assert fusion_sentence(result) == ""
    fused = dataclasses.replace(result, fusion=Fusion((chain,), 1536 * 1024, 2048 * 1024))
    assert fusion_sentence(fused) == (
        "3 nodes run in 1 chain, stripe by stripe: planned are 1.5 MiB to and from memory off chip, "
        "2 MiB in the best plan without, 25 % less"
    )
    assert "6 nodes run in 2 chains" in fusion_sentence(
        dataclasses.replace(result, fusion=Fusion((chain, chain), 1, 2))
    )


def test_cores_that_share_layers_say_why_nothing_is_fused(result):
    shared = (dataclasses.replace(result.rows[0], core="npu_0+npu_1"), *result.rows[1:])
    assert fusion_sentence(dataclasses.replace(result, rows=shared)) == (
        "nothing; layers shared by several cores are not run stripe by stripe"
    )
