"""How fields are named in YAML and described in messages."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from simulator.base.quantity import Energy
from simulator.base.reading import Reader, choices, expected, join, yaml_key


class Inner(BaseModel):
    """A model of no fields."""


@pytest.mark.parametrize(("name", "key"), [("clock_hz", "clock"), ("from_", "from"), ("rows", "rows")])
def test_yaml_key(name: str, key: str) -> None:
    assert yaml_key(name) == key


def test_choices_look_through_annotations_and_unions() -> None:
    found = choices(Annotated[int, Field(gt=0)] | Literal["auto"] | None)
    assert found == [int, Literal["auto"], type(None)]


@pytest.mark.parametrize(
    ("annotation", "dimension", "words"),
    [
        (int, None, "a whole number"),
        (float, None, "a number"),
        (int, "hz", "a frequency such as '700 MHz'"),
        (float | None, "mw", "a power such as '5 mW' or 'unknown'"),
        (str | None, None, "text"),
        (bool, None, "true or false"),
        (Literal["a", "b", "c"], None, "'a', 'b' or 'c'"),
        (int | Literal["auto", "max"], None, "a whole number, 'auto' or 'max'"),
        (list[int], "fs", "a list"),
        (tuple[int, ...], None, "a list"),
        (dict[str, int], None, "a mapping"),
        (Mapping[str, int], None, "a mapping"),
        (Inner, None, "a mapping"),
        (Energy, None, "an energy such as '0.07 pJ' or 'unknown'"),
        (Any, None, "a value"),
    ],
)
def test_expected_says_it_in_words(annotation: Any, dimension: str | None, words: str) -> None:
    assert expected(annotation, dimension) == words


def test_join_starts_without_a_dot() -> None:
    assert join(join("", "a"), 3) == "a.3"


def test_reader_follows_the_types_of_a_fixed_tuple() -> None:
    class Pair(BaseModel):
        window_fs: tuple[int, Literal["open", "shut"]] = Field(alias="window")

    reader = Reader("")
    assert reader.spec(Pair, {"window": ["1 ns", "open"]}, "") == {"window": [1_000_000, "open"]}
    assert reader.problems == {}
    plain = reader.spec(Pair, {"window": [1, "open", "more"]}, "")
    assert plain["window"][1:] == ["open", "more"]
    assert reader.problems == {"window.0": "expected a time such as '15 ns', got 1 (a bare number)"}
