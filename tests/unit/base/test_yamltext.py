"""Scalars read as people expect, and broken text names its place."""

import pytest

from simulator.base import yamltext
from simulator.base.errors import InputError


def read(text: str) -> object:
    node = yamltext.compose(text, "t.yaml")
    assert node is not None
    return yamltext.scalar(node)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("off", "off"), ("on", "on"), ("yes", "yes"), ("no", "no"), ("true", True), ("False", False),
        ("null", None), ("~", None), ("2:30", "2:30"), ("010", 10), ("0x10", 16), ("0o10", 8), ("-3", -3),
        ("1e9", 1e9), ("1.5", 1.5), (".5", 0.5), ("1.", 1.0), ("1e-3", 0.001), ("-.inf", float("-inf")),
        ("1_000", "1_000"), ("2020-01-01", "2020-01-01"), ("'12'", "12"), ('"true"', "true"),
        ("!!str 12", "12"), ("+3", 3), ("64 KiB", "64 KiB"), ("30 %", "30 %"), ("0b1", "0b1"),
    ],
)  # fmt: skip
def test_scalars(text: str, value: object) -> None:
    found = read(text)
    assert found == value
    assert type(found) is type(value)


def test_tags_and_endless_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^expected a value without a tag, got !!python/name:os\.system$"):
        read("!!python/name:os.system ''")
    with pytest.raises(ValueError, match=rf"^expected a number, got '{'9' * 40}'$"):
        read("9" * 5000)
    with pytest.raises(ValueError, match="^expected a number, got 'x'$"):
        read("!!int x")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a:\n\tb: 1", "t.yaml:2:1: not YAML: a tab; indent with spaces"),
        ("a: b: c", "t.yaml:1:5: not YAML: mapping values are not allowed in this context"),
        ("a: *x", "t.yaml:1:4: not YAML: found undefined alias"),
        ("a: [1,\n\n",
         "t.yaml:3:1: not YAML: while parsing a flow node: did not find expected node content"),
        ("a: 'x\nb: 1", "t.yaml:2:5: not YAML: while scanning a quoted scalar: found unexpected end "
         "of stream (it starts on line 1)"),
        ("a: 1\n---\nb: 2", "t.yaml:2:1: not YAML: expected a single document in the stream: "
         "but found another document (it starts on line 1)"),
        ("a: 1\nb: \x07", "t.yaml:2: character 0x7: control characters are not allowed"),
        ("a: \udcff", "t.yaml: expected UTF-8 text, got '\\udcff'"),
        ("[" * 500, "t.yaml:1:102: not YAML: more than 100 levels"),
        ("- " * 400, "t.yaml:1:203: not YAML: more than 100 levels"),
    ],
)  # fmt: skip
def test_broken_text_names_its_place(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        yamltext.compose(text, "t.yaml")
    assert str(caught.value) == message


def test_keys_are_words_or_whole_numbers() -> None:
    node = yamltext.compose("{a: 1, 8: 2, 0.9: 3, true: 4, off: 5, [1]: 6}", "t.yaml")
    assert node is not None
    *plain, last = [key for key, _ in node.value]
    assert [yamltext.key(key) for key in plain] == ["a", 8, "0.9", "true", "off"]
    with pytest.raises(ValueError, match="^expected a word as key, got a mapping or list$"):
        yamltext.key(last)


def test_dump_is_block_style_in_order_and_quotes_only_what_needs_it() -> None:
    inner = {"x": None, "y": 1e9, "e": {}, "t": True}
    data = {"z": "off", "a": ["1e9", "010", "2:30", "", "true"], "n": inner}
    assert yamltext.dump(data).splitlines() == [
        "z: off", "a:", "- '1e9'", "- '010'", "- 2:30", "- ''", "- 'true'",
        "n:", "  x: null", "  y: 1000000000.0", "  e: {}", "  t: true",
    ]  # fmt: skip


def test_dump_repeats_shared_values_instead_of_aliasing_them() -> None:
    shared = {"a": 1}
    assert yamltext.dump({"x": shared, "y": shared}) == "x:\n  a: 1\ny:\n  a: 1\n"
