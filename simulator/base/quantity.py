"""A number together with where it comes from."""

from dataclasses import dataclass
from typing import Any

from pydantic import GetJsonSchemaHandler

from simulator.base import units

ORIGINS = ("published", "derived", "estimate", "fitted")
LONG_FORM = ("value", "origin", "source", "band")


@dataclass(frozen=True)
class Origin:
    """Where a number comes from.

    Attributes
    ----------
    origin : str
        One of `ORIGINS`, or empty if not stated.
    source : str
        Paper, table, page; what it was fitted on.
    band : str
        How far the truth may be off, such as `30 %`; empty if not stated.
    """

    origin: str = ""
    source: str = ""
    band: str = ""


@dataclass(frozen=True)
class Energy:
    """Energy of one action.

    Attributes
    ----------
    pj : float or None
        Picojoules; None if unknown, which reports list and never count as 0.
    origin, source, band : str
        As in `Origin`.
    """

    pj: float | None = None
    origin: str = ""
    source: str = ""
    band: str = ""

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return quantity_schema({"anyOf": [{"type": "number"}, {"type": "null"}]}, "pj")


def long_form(written: Any, origin: Origin | Energy) -> Any:
    """Write a number, already text, with its origin if it has one."""
    facts = {name: getattr(origin, name) for name in LONG_FORM[1:] if getattr(origin, name)}
    return {"value": written, **facts} if facts else written


def quantity_schema(schema: dict[str, Any], dimension: str | None) -> dict[str, Any]:
    """Rewrite the JSON Schema of a field so that numbers are as in YAML: text with a unit, or the long form.

    Parameters
    ----------
    schema : dict
        Schema of the field as pydantic makes it; lists and mappings of numbers are followed.
    dimension : str or None
        Key of `units.DIMENSIONS`; None for plain numbers.
    """
    schema = dict(schema)
    for inner in ("items", "additionalProperties"):
        if isinstance(schema.get(inner), dict):
            schema[inner] = quantity_schema(schema[inner], dimension)
    for inner in ("anyOf", "prefixItems"):
        if inner in schema:
            schema[inner] = [quantity_schema(part, dimension) for part in schema[inner]]
    default = schema.get("default")
    if dimension and isinstance(default, int | float) and not isinstance(default, bool):
        schema["default"] = units.format(default, dimension)
    if schema.get("type") == "null" and dimension:
        return {"const": "unknown"}
    if schema.get("type") not in {"integer", "number"}:
        return schema
    about = {key: schema.pop(key) for key in ("title", "description", "default") if key in schema}
    value = _text_schema(units.DIMENSIONS[dimension]) if dimension else schema
    return about | {"anyOf": [value, _long_form_schema(value)]}


def _text_schema(dimension: units.Dimension) -> dict[str, Any]:
    accepted = "|".join(dimension.units).replace(".", r"\.")
    pattern = rf"^[-+]?[0-9_.]+([eE][-+]?[0-9]+)?\s*({accepted})$"
    if dimension.unlimited:
        pattern += "|^unlimited$"
    return {"type": "string", "pattern": pattern, "examples": [dimension.example]}


def _long_form_schema(value: dict[str, Any]) -> dict[str, Any]:
    facts: dict[str, Any] = {"origin": {"enum": list(ORIGINS)}, "source": {"type": "string"}}
    band = _text_schema(units.DIMENSIONS["percent"])
    return {
        "type": "object",
        "properties": {"value": value, **facts, "band": band},
        "required": ["value"],
        "additionalProperties": False,
    }
