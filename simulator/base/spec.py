"""Specs: frozen models whose quantities are written with units, and whose errors name the place."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, PrivateAttr, ValidationError

from simulator.base import units
from simulator.base.errors import InputError, Problem
from simulator.base.quantity import Energy, Origin, long_form, quantity_schema
from simulator.base.reading import Reader, choices, expected, fields_by_key, is_spec, join, yaml_key
from simulator.base.yamlio import Document, KeyPath, dotted

__all__ = [
    "Energy", "FieldDoc", "Origin", "Spec", "build", "describe_fields", "json_schema", "resolved",
]  # fmt: skip

S = TypeVar("S", bound="Spec")


class Spec(BaseModel):
    """Base of everything that YAML describes: frozen, and unknown keys are errors.

    A number whose field name ends in a unit (`clock_hz`) is written in YAML without it and with its unit in
    the value (`clock: 1 GHz`). Any number may be written `{value, origin, source, band}`. In Python the
    fields have their own names and plain numbers: `Sram(capacity_bytes=65536)`.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        populate_by_name=True,
        alias_generator=yaml_key,
        allow_inf_nan=False,
        defer_build=True,  # listing what there is need not compile validators
    )
    _origins: dict[str, Origin] = PrivateAttr(default_factory=dict)

    @property
    def origins(self) -> Mapping[str, Origin]:
        """Origins of the numbers that were written with one, by dotted YAML path within this spec."""
        return self._origins

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        names = [field.alias for field in cls.model_fields.values()]
        twice = sorted({str(name) for name in names if names.count(name) > 1})
        if twice:
            raise TypeError(f"{cls.__name__}: two fields have the YAML key {', '.join(twice)}")

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        reference = handler(core_schema)
        properties = handler.resolve_ref_schema(reference).setdefault("properties", {})
        for key, (name, _) in fields_by_key(cls).items():
            properties[key] = quantity_schema(properties[key], units.split_suffix(name)[1])
        properties["use"] = {"type": "string", "description": "A YAML file whose keys are merged here"}
        return reference


def build(cls: type[S], data: Any, document: Document | None = None, path: str | KeyPath = "") -> S:
    """Make a spec of what a user wrote.

    Parameters
    ----------
    cls : type of Spec
        What to make.
    data : Any
        Mapping of YAML keys; the part of `document.data` at `path`.
    document : Document, optional
        Where `data` stands, for messages; without it they have no file and line.
    path : str or KeyPath
        Key path of `data` in the document, dotted or key by key.

    Raises
    ------
    InputError
        With every problem at once, in the order of the file.
    """
    reader = Reader(path if isinstance(path, str) else dotted(path))
    plain = reader.spec(cls, data, reader.root)
    try:
        spec = cls.model_validate(plain)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            reader.explain(detail, plain)
    if reader.problems:
        found = [
            document.problem(message, place) if document else Problem(message, path=place)
            for place, message in reader.problems.items()
        ]
        raise InputError(*sorted(found, key=lambda problem: (problem.file or "", problem.line, problem.col)))
    spec._origins.update(reader.origins)
    return spec


def resolved(spec: Spec) -> dict[str, Any]:
    """Write a spec for YAML with every default filled in; `build` makes an equal one of it.

    Returns
    -------
    dict
        YAML key to value; quantities are text with their unit, origins are kept.
    """
    return _plain_spec(spec, spec.origins, "")


@dataclass(frozen=True)
class FieldDoc:
    """One row of the table of a spec's fields.

    Attributes
    ----------
    name : str
        Dotted YAML path; `<name>` stands for a free key, `[]` for the items of a list.
    unit : str
        Accepted units, or what is expected instead of a quantity.
    default : str
        As written in YAML; empty if required.
    meaning : str
        The field's description.
    required : bool
        Whether it has to be written.
    """

    name: str
    unit: str
    default: str
    meaning: str
    required: bool


def describe_fields(cls: type[Spec]) -> list[FieldDoc]:
    """List the fields of a spec, those of nested specs below the field that holds them."""
    return list(_describe(cls, "", ()))


def json_schema(cls: type[Spec]) -> dict[str, Any]:
    """JSON Schema of the YAML that describes a spec, for editors."""
    return cls.model_json_schema(by_alias=True)


def _plain_spec(spec: Spec, origins: Mapping[str, Origin], path: str) -> dict[str, Any]:
    return {
        key: _plain(getattr(spec, name), units.split_suffix(name)[1], origins, join(path, key))
        for key, (name, _) in fields_by_key(type(spec)).items()
    }


def _plain(value: Any, dimension: str | None, origins: Mapping[str, Origin], path: str) -> Any:
    if isinstance(value, Spec):
        return _plain_spec(value, origins, path)
    if isinstance(value, Energy):
        return long_form(_plain(value.pj, "pj", {}, ""), value)
    if isinstance(value, Mapping):
        return {key: _plain(item, dimension, origins, join(path, key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, dimension, origins, join(path, index)) for index, item in enumerate(value)]
    if value is None and dimension:
        written: Any = "unknown"
    elif dimension and isinstance(value, int | float) and not isinstance(value, bool):
        written = units.format(value, dimension)
    else:
        written = value
    return long_form(written, origins.get(path, Origin()))


def _describe(cls: type[BaseModel], path: str, above: tuple[type, ...]) -> Iterator[FieldDoc]:
    for key, (name, field) in fields_by_key(cls).items():
        here, required = join(path, key), field.is_required()
        dimension = units.split_suffix(name)[1]
        default = "" if required else _default_text(field.get_default(call_default_factory=True), dimension)
        unit = _unit(field.annotation, dimension)
        yield FieldDoc(here, unit, default, field.description or "", required)
        for kind in choices(field.annotation):
            free = "" if is_spec(kind) else "[]" if get_origin(kind) in (list, tuple) else ".<name>"
            for spec in filter(is_spec, [kind, *get_args(kind)]):
                if spec not in (*above, cls):
                    yield from _describe(spec, here + free, (*above, cls))


def _unit(annotation: Any, dimension: str | None) -> str:
    leaves = list(_leaves(annotation))
    if Energy in leaves:
        dimension = "pj"
    elif int not in leaves and float not in leaves:
        dimension = None
    return " ".join(units.DIMENSIONS[dimension].units) if dimension else expected(annotation, None)


def _leaves(annotation: Any) -> Iterator[Any]:
    for kind in choices(annotation):
        if get_origin(kind) in (list, tuple, dict, Mapping):
            for part in get_args(kind):
                yield from _leaves(part)
        else:
            yield kind


def _default_text(value: Any, dimension: str | None) -> str:
    if isinstance(value, Spec):
        return ""
    plain = _plain(value, dimension, {}, "")
    return plain if isinstance(plain, str) else json.dumps(plain)
