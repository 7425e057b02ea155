"""Whether what was read from JSON is of the types that its dataclass states."""

from __future__ import annotations

import math
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

#: Says where a value differs and what is expected, such as ``.batch: a whole number``; "" where it fits.
Check = Callable[[Any], str]


def misfit(record: Any) -> str:
    """Where a dataclass, or one in it, holds something of another type than its fields say.

    Parameters
    ----------
    record
        An instance of a dataclass whose fields are plain values, tuples, mappings and other such dataclasses.

    Returns
    -------
    str
        Path and expected type of the first such place; "" where there is none. Whole numbers may stand for
        real ones; numbers that are not finite fit nowhere.
    """
    kind: Any = type(record)
    return _check_of(kind)(record)


@cache
def _check_of(kind: Any) -> Check:
    """The check of one annotation."""
    if kind is Any:
        return lambda value: ""
    if kind in (None, types.NoneType):
        return lambda value: "" if value is None else ": nothing"
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _either([_check_of(each) for each in get_args(kind)])
    if isinstance(kind, type) and is_dataclass(kind):
        return _record(kind)
    if origin is tuple or origin in (list, Sequence):
        return _several(get_args(kind), tuple if origin is tuple else list)
    if origin in (dict, Mapping):
        return _mapping(get_args(kind)[1])
    if kind in (int, float, str, bool):
        return _plain(kind)
    return lambda value: ""


def _plain(kind: type) -> Check:
    word = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}[kind]

    def check(value: Any) -> str:
        if kind is float and type(value) is float:
            return "" if math.isfinite(value) else f": {word}"
        fits = type(value) is kind or (kind is float and type(value) is int)
        return "" if fits else f": {word}"

    return check


def _either(checks: Sequence[Check]) -> Check:
    def check(value: Any) -> str:
        found = ""
        for each in checks:
            found = each(value)
            if not found:
                return ""
            if value is not None and found.startswith("."):  # it is deeper in: more to the point
                return found
        return next(text for text in (each(value) for each in checks) if text)

    return check


def _record(kind: type) -> Check:
    found: list[tuple[str, Check]] = []

    def check(value: Any) -> str:
        if type(value) is not kind:
            return f": a mapping ({kind.__name__})"
        if not found:
            hints = get_type_hints(kind)
            found.extend((field.name, _check_of(hints[field.name])) for field in fields(kind))
        for name, each in found:
            if wrong := each(getattr(value, name)):
                return f".{name}{wrong}"
        return ""

    return check


def _several(kinds: tuple[Any, ...], sort: type) -> Check:
    same = sort is list or (len(kinds) == 2 and kinds[1] is Ellipsis)
    checks = [_check_of(kind) for kind in kinds if kind is not Ellipsis]

    def check(value: Any) -> str:
        if not isinstance(value, list | tuple) or (not same and len(value) != len(checks)):
            return ": a list" if same else f": a list of {len(checks)}"
        for i, item in enumerate(value):
            if wrong := checks[0 if same else i](item):
                return f".{i}{wrong}"
        return ""

    return check


def _mapping(kind: Any) -> Check:
    inner = _check_of(kind)

    def check(value: Any) -> str:
        if not isinstance(value, Mapping):
            return ": a mapping"
        for key, item in value.items():
            if wrong := inner(item):
                return f".{key}{wrong}"
        return ""

    return check
