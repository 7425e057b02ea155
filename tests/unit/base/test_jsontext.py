"""JSON text: the same values back, a line per row."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.base.jsontext import dumps

PLAIN = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
VALUES = st.recursive(PLAIN, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


@given(VALUES)
def test_it_is_json_of_the_same_value(value):
    assert json.loads(dumps(value)) == value


def test_a_list_of_plain_values_is_one_line_and_a_table_a_line_per_row():
    text = dumps(
        {"name": "слой", "column": [1, 2, None], "table": [[1, "a"], [2, "b"]], "none": [], "of": {}}
    )
    assert text.split("\n") == [
        "{",
        ' "name": "слой",',
        ' "column": [1, 2, null],',
        ' "table": [',
        '  [1, "a"],',
        '  [2, "b"]',
        " ],",
        ' "none": [],',
        ' "of": {}',
        "}",
    ]


def test_tuples_are_lists():
    assert dumps((1, (2, 3))) == "[\n 1,\n [2, 3]\n]"


def test_what_json_cannot_say_is_refused():
    with pytest.raises(TypeError, match="not JSON serializable"):
        dumps({"a": object()})
