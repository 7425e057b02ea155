"""Axes as files write them."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.base import yamlio
from simulator.experiment.sweep.axes import read_axes


def read(text: str) -> Any:
    document = yamlio.parse(f"axes:\n  {text}\n", "s.yaml")
    axes, problems = read_axes(document.data["axes"], document)
    return axes, [str(problem) for problem in problems]


def values(text: str) -> list[Any]:
    axes, problems = read(f"a.b.c: {text}")
    assert problems == []
    return [row[0] for row in axes[0].values]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[16, 32]", [16, 32]),
        ("[ws, os]", ["ws", "os"]),
        ("[256 KiB, 1 MiB]", ["256 KiB", "1 MiB"]),
        ("[16, 16, 32]", [16, 32]),
        ("{from: 16, to: 64, step: 16}", [16, 32, 48, 64]),
        ("{from: 16, to: 63, step: 16}", [16, 32, 48]),
        ("{from: 1, to: 32, factor: 2}", [1, 2, 4, 8, 16, 32]),
        ("{from: 1, to: 100, count: 3, spacing: log}", [1, 10, 100]),
        ("{from: 1, to: 3, count: 5, spacing: log}", [1, 2, 3]),
        ("{from: 0.5, to: 1.5, count: 3}", [0.5, 1.0, 1.5]),
        ("{from: 256 KiB, to: 1 MiB, factor: 2}", ["256 KiB", "512 KiB", "1 MiB"]),
        ("{from: 500 MHz, to: 1 GHz, step: 250 MHz}", ["500 MHz", "750 MHz", "1 GHz"]),
        ("{from: 500 MHz, to: 1 GHz, count: 3}", ["500 MHz", "750 MHz", "1 GHz"]),
        ("{from: 0.1 pJ, to: 0.4 pJ, factor: 2}", ["0.1 pJ", "0.2 pJ", "0.4 pJ"]),
        ("{values: [1, 2]}", [1, 2]),
        ("{from: 4, to: 4, step: 1}", [4]),
    ],
)
def test_lists_and_ranges(text: str, expected: list[Any]):
    assert values(text) == expected


def test_the_ends_of_a_logarithmic_range_are_exact():
    found = values("{from: 1 MiB, to: 7 MiB, count: 4, spacing: log}")
    assert (found[0], found[-1], len(found)) == ("1 MiB", "7 MiB", 4)


def test_paths_that_are_tied_move_together():
    axes, problems = read("size: {tie: {a.b: [1, 2, 3], c.d: {from: 10, to: 30, step: 10}}}")
    assert problems == []
    assert axes[0].paths == ("a.b", "c.d")
    assert axes[0].values == ((1, 10), (2, 20), (3, 30))
    assert axes[0].settings(1) == {"a.b": 2, "c.d": 20}


def test_a_condition_is_kept():
    axes, problems = read("a.b: {values: [1], when: c.d > 2}")
    assert problems == []
    assert axes[0].when.text == "c.d > 2"


@pytest.mark.parametrize(
    ("text", "ordered"), [("[1, 2]", True), ("[1 KiB]", True), ("[ws]", False), ("[true]", False)]
)
def test_numbers_and_quantities_have_an_order(text: str, ordered: bool):
    assert read(f"a.b: {text}")[0][0].ordered is ordered


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("a.b: []", ["s.yaml:2:3: axes.a.b: expected at least one value"]),
        ("a.b: 3", ["s.yaml:2:3: axes.a.b: expected a list of values, {from, to, step | count | factor}, {values: [...]} or {tie: {path: values}}; got 3"]),
        ("a.b: [1, [2], null]", [
            "s.yaml:2:12: axes.a.b.1: expected a number, a word or a quantity, got a list",
            "s.yaml:2:17: axes.a.b.2: expected a number, a word or a quantity, got nothing",
        ]),
        ("a.b: {from: 1, to: 2}", ["s.yaml:2:3: axes.a.b: expected one of step, count and factor, got none"]),
        ("a.b: {from: 1, to: 2, step: 1, count: 3}", ["s.yaml:2:3: axes.a.b: expected one of step, count and factor, got step and count"]),
        ("a.b: {from: 1, step: 1}", ["s.yaml:2:3: axes.a.b.to: missing; a range has from and to"]),
        ("a.b: {from: 3, to: 1, step: 1}", ["s.yaml:2:18: axes.a.b.to: expected at least 3, got 1"]),
        ("a.b: {from: 1 KiB, to: 2 MHz, count: 3}", ["s.yaml:2:22: axes.a.b.to: expected two of a kind, got '1 KiB' and '2 MHz'"]),
        ("a.b: {from: x, to: 2, count: 3}", ["s.yaml:2:9: axes.a.b.from: expected a number or a quantity such as 256 KiB, got 'x'"]),
        ("a.b: {from: 1, to: 2, step: 0}", ["s.yaml:2:25: axes.a.b.step: expected a number above 0, got 0"]),
        ("a.b: {from: 1 KiB, to: 2 KiB, step: 1}", ["s.yaml:2:33: axes.a.b.step: expected a size such as '64 KiB', got 1"]),
        ("a.b: {from: 1, to: 2, count: 1}", ["s.yaml:2:25: axes.a.b.count: expected a whole number from 2 to 100000, got 1"]),
        ("a.b: {from: 1, to: 2, factor: 1}", ["s.yaml:2:25: axes.a.b.factor: expected a number above 1, got 1"]),
        ("a.b: {from: 0, to: 2, factor: 2}", ["s.yaml:2:9: axes.a.b.from: expected more than 0, got 0"]),
        ("a.b: {from: 1, to: 2, count: 3, spacing: lgo}", ["s.yaml:2:35: axes.a.b.spacing: expected linear or log, beside count; got 'lgo'; did you mean 'log'?"]),
        ("a.b: {from: 1, to: 1000000000, step: 1}", ["s.yaml:2:34: axes.a.b.step: makes more than 100000 values"]),
        ("a.b: {valeus: [1]}", [
            "s.yaml:2:9: axes.a.b.valeus: unknown key, an axis has values, from, to, step, count, factor, spacing, tie, when; did you mean 'values'?",
            "s.yaml:2:3: axes.a.b: expected a list of values, {from, to, step | count | factor}, {values: [...]} or {tie: {path: values}}; got a mapping",
        ]),
        ("a.b: {values: [1], from: 1}", ["s.yaml:2:3: axes.a.b: expected values or a range, got both (values and from)"]),
        ("a.b: {values: [1], when: 1 <}", ["s.yaml:2:22: axes.a.b.when: expected a number, a name or ( at character 4, got the end"]),
        ("t: {tie: {a.b: [1, 2], c.d: [1]}}", ["s.yaml:2:7: axes.t.tie: expected as many values of each path, they go together; a.b has 2, c.d has 1"]),
        ("t: {tie: {a.b: [1, 2]}}", ["s.yaml:2:7: axes.t.tie: expected two or more paths with their values"]),
        ("t: {tie: [1]}", ["s.yaml:2:7: axes.t.tie: expected two or more paths with their values, got a list"]),
        ("{a.b: [1], t: {tie: {chip.a.b: [1], c.d: [2]}}}", ["s.yaml:2:14: axes.t: axis 'a.b' sets chip.a.b already; a path is on one axis"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_where_it_stands(text: str, problems: list[str]):
    assert read(text)[1] == problems


def test_a_value_written_in_two_ways_is_one():
    assert values("[32, 16, 32, 16.0]") == [32, 16]
    assert values("[1 MiB, 2 MiB, 1024 KiB]") == ["1 MiB", "2 MiB"]
    assert values("[true, 1]") == [True, 1]


@pytest.mark.parametrize(
    "text",
    [
        "{from: .inf, to: .inf, step: 1}",
        "{from: 1, to: .nan, step: 1}",
        "{from: 1, to: 10, step: .inf}",
        "{from: 1, to: 10, factor: .inf}",
        f"{{from: 1, to: 1{'0' * 400}, factor: 2}}",
        "{from: 1, to: 1e6, factor: 1.00001}",
    ],
)
def test_ranges_without_end_are_refused(text: str):
    axes, problems = read(f"a.b.c: {text}")
    assert (axes, len(problems)) == ([], 1)


def test_a_range_of_many_small_factors_is_exact_enough():
    found = values("{from: 1.0, to: 3.0, factor: 1.001}")
    assert len(found) == 1100
    assert found[-1] == pytest.approx(1.001**1099, rel=1e-12)


def test_a_logarithmic_range_may_be_wide():
    assert values("{from: 1.0e-300, to: 1.0e300, count: 3, spacing: log}")[1] == pytest.approx(1, rel=1e-9)
