"""A number and where it comes from, in YAML and in JSON Schema."""

import re

from simulator.base.quantity import Energy, Origin, long_form, quantity_schema


def test_long_form_only_where_there_is_something_to_say() -> None:
    assert long_form("3 pJ", Origin()) == "3 pJ"
    assert long_form("3 pJ", Energy(3.0)) == "3 pJ"
    written = long_form("3 pJ", Origin("derived", band="30 %"))
    assert written == {"value": "3 pJ", "origin": "derived", "band": "30 %"}


def test_unknown_energy_is_not_zero() -> None:
    assert Energy().pj is None


def test_numbers_become_text_with_a_unit_or_the_long_form() -> None:
    field = {"type": "integer", "exclusiveMinimum": 0, "title": "Clock", "default": 10**9}
    schema = quantity_schema(field, "hz")
    text, long = schema.pop("anyOf")
    assert schema == {"title": "Clock", "default": "1 GHz"}
    assert re.fullmatch(text["pattern"], "1.5 GHz")
    assert not re.fullmatch(text["pattern"], "1500")
    assert long["properties"]["value"] == text
    assert long["properties"]["origin"] == {"enum": ["published", "derived", "estimate", "fitted"]}


def test_schema_of_what_holds_numbers_is_followed_and_the_rest_is_kept() -> None:
    assert quantity_schema({"type": "boolean", "default": True}, "hz") == {"type": "boolean", "default": True}
    assert quantity_schema({"type": "null"}, None) == {"type": "null"}
    optional = quantity_schema({"anyOf": [{"type": "number"}, {"type": "null"}], "default": None}, "mw")
    assert optional["anyOf"][1] == {"const": "unknown"}
    pair = quantity_schema({"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}]}, "fs")
    assert pair["prefixItems"][0]["anyOf"][0]["examples"] == ["15 ns"]
    assert pair["prefixItems"][1] == {"type": "string"}
    plain = quantity_schema({"type": "number", "maximum": 1}, None)
    assert plain["anyOf"][0] == {"type": "number", "maximum": 1}
