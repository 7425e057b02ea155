"""From what YAML says to what a spec takes: quantities become numbers, and mistakes become messages."""

from collections.abc import Iterable, Mapping, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from simulator.base import units
from simulator.base.errors import did_you_mean, nearest, shown
from simulator.base.quantity import LONG_FORM, ORIGINS, Energy, Origin

_WRONG = object()  # stands for a value already reported, so that pydantic does not accept it
_BOUNDS = {
    "gt": "more than", "ge": "at least", "lt": "less than", "le": "at most", "multiple_of": "a multiple of",
}  # fmt: skip
_MAPPINGS = (dict, Mapping)
_LISTS = (list, tuple, Sequence)
_ORIGIN_WORDS = f"{', '.join(ORIGINS[:-1])} or {ORIGINS[-1]}"
_TYPE_ERRORS = ("_type", "_parsing", "literal_error")


def yaml_key(name: str) -> str:
    """Key that a field has in YAML: `clock_hz` is `clock`, `from_` is `from`."""
    return units.split_suffix(name)[0].rstrip("_")


def fields_by_key(cls: type[BaseModel]) -> dict[str, tuple[str, FieldInfo]]:
    """YAML key to Python name and definition, for every field of a spec."""
    return {field.alias or name: (name, field) for name, field in cls.model_fields.items()}


def join(path: str, key: object) -> str:
    """Extend a dotted path by a key."""
    return f"{path}.{key}" if path else str(key)


def choices(annotation: Any) -> list[Any]:
    """Flatten a field's type to its alternatives: `int | None` is int and NoneType."""
    if get_origin(annotation) is Annotated:
        return choices(get_args(annotation)[0])
    if get_origin(annotation) in {Union, UnionType}:
        return [choice for part in get_args(annotation) for choice in choices(part)]
    return [NoneType if annotation is None else annotation]


def is_spec(choice: Any) -> bool:
    """Whether a type is a spec."""
    return isinstance(choice, type) and issubclass(choice, BaseModel)


def expected(annotation: Any, dimension: str | None) -> str:
    """Say in words what a field takes, such as `a whole number, 'auto' or 'max'`."""
    words: list[str] = []
    for choice in choices(annotation):
        origin = get_origin(choice) or choice
        if origin is Literal:
            words += [shown(value) for value in get_args(choice)]
        elif choice in {int, float}:
            plain = "a whole number" if choice is int else "a number"
            words.append(units.DIMENSIONS[dimension].expected if dimension else plain)
        elif choice is NoneType:
            words += ["'unknown'"] if dimension else []
        elif origin is Energy:
            words += [units.DIMENSIONS["pj"].expected, "'unknown'"]
        elif origin in _LISTS:
            words.append("a list")
        elif origin in _MAPPINGS or is_spec(origin):
            words.append("a mapping")
        else:
            words.append({str: "text", bool: "true or false"}.get(choice, "a value"))
    return " or ".join(part for part in (", ".join(words[:-1]), words[-1]) if part)


class Reader:
    """Turns what a user wrote into what pydantic validates.

    Attributes
    ----------
    problems : dict
        Dotted path to message.
    origins : dict
        Dotted path, from the root on, to the origin of a number that was written with one.
    """

    def __init__(self, root: str) -> None:
        self.root = root
        self.problems: dict[str, str] = {}
        self.origins: dict[str, Origin] = {}
        self._fields: dict[str, tuple[Any, str | None]] = {}

    def spec(self, cls: type[BaseModel], data: Any, path: str) -> Any:
        """Read the mapping that describes a spec."""
        if not isinstance(data, Mapping):
            return self._wrong(path, f"expected a mapping, got {shown(data)}")
        fields = fields_by_key(cls)
        plain = dict(data)
        meant = self._unknown_keys(data, fields, path)
        for key, (name, field) in fields.items():
            dimension = units.split_suffix(name)[1]
            if key in data:
                plain[key] = self._value(field.annotation, dimension, data[key], join(path, key))
            elif field.is_required() and key not in meant:
                self._wrong(join(path, key), f"missing; expected {expected(field.annotation, dimension)}")
        return plain

    def explain(self, detail: Mapping[str, Any], plain: Any) -> None:
        """Add the problem that pydantic found, unless one is known at that place."""
        path = self._place(detail["loc"], plain)
        below = f"{path}." if path else ""
        if any(known == path or known.startswith(below) for known in self.problems):
            return
        annotation, dimension = self._fields.get(path, (Any, None))
        bound = next((name for name in _BOUNDS if name in detail.get("ctx", {})), None)
        value = detail["input"]
        if bound:
            limit = _written(detail["ctx"][bound], dimension)
            message = f"expected {_BOUNDS[bound]} {limit}, got {_written(value, dimension)}"
        elif detail["type"] == "too_short":
            message = f"expected at least {detail['ctx']['min_length']}, got {shown(value)} with none"
        elif detail["type"] == "value_error":
            message = str(detail["ctx"]["error"])
        elif detail["type"].endswith(_TYPE_ERRORS) and path in self._fields and "[key]" not in detail["loc"]:
            wanted = expected(annotation, dimension)
            message = f"expected {wanted}, got {shown(value)}{_near(annotation, value)}"
        else:
            message = f"{detail['msg'].replace('Input should be', 'expected')}, got {shown(value)}"
        self.problems[path] = message

    def _place(self, loc: Sequence[str | int], plain: Any) -> str:
        """Dotted path of a pydantic location, without the names of the alternatives that it tried."""
        path, level = self.root, plain
        for part in loc:
            if isinstance(level, Mapping):
                key = next((key for key in level if str(key) == str(part)), None)
                if key is None:
                    continue
                path, level = join(path, key), level[key]
            elif isinstance(level, list) and isinstance(part, int):
                path, level = join(path, part), level[part]
        return path

    def _value(self, annotation: Any, dimension: str | None, value: Any, path: str) -> Any:
        self._fields[path] = (annotation, dimension)
        kinds = choices(annotation)
        if Energy in kinds:
            return self._energy(value, path)
        numeric = int in kinds or float in kinds
        if numeric and _is_long_form(value, kinds):
            place = path.removeprefix(f"{self.root}.")
            value, self.origins[place] = self._long_form(value, path)
            path = join(path, "value")
        for kind in kinds:
            origin, inner = get_origin(kind), get_args(kind)
            if isinstance(value, Mapping) and is_spec(kind):
                return self.spec(kind, value, path)
            if isinstance(value, Mapping) and origin in _MAPPINGS:
                items = ((key, item, inner[1]) for key, item in value.items())
                return {key: self._value(of, dimension, item, join(path, key)) for key, item, of in items}
            if isinstance(value, list) and origin in _LISTS:
                parts = ((i, item, _item(kind, i)) for i, item in enumerate(value))
                return [self._value(of, dimension, item, join(path, i)) for i, item, of in parts]
            plain = kind in (str, bool, NoneType) and kind is type(value)
            if plain or (origin is Literal and value in inner):
                return value
        return self._number(annotation, dimension, value, path) if numeric else value

    def _number(self, annotation: Any, dimension: str | None, value: Any, path: str) -> Any:
        if value is _WRONG:
            return _WRONG
        if value == "unknown" and dimension and NoneType in choices(annotation):
            return None
        whole = float not in choices(annotation)
        wanted = expected(annotation, None)
        number = value
        if dimension:
            wanted = f"a whole number of {units.DIMENSIONS[dimension].canonical}"
            try:
                number = units.parse(value, dimension)
            except ValueError as error:
                return self._wrong(path, f"{error}{_near(annotation, value)}")
        if isinstance(number, bool) or not isinstance(number, int | float) or (whole and number % 1):
            return self._wrong(path, f"expected {wanted}, got {shown(value)}{_near(annotation, value)}")
        return int(number) if whole else number

    def _energy(self, value: Any, path: str) -> Any:
        if isinstance(value, Energy):
            return value
        origin = Origin()
        if _is_long_form(value, kinds=[]):
            value, origin = self._long_form(value, path)
            path = join(path, "value")
        pj = self._number(float | None, "pj", value, path)
        return _WRONG if pj is _WRONG else Energy(pj, origin.origin, origin.source, origin.band)

    def _long_form(self, written: Mapping[Any, Any], path: str) -> tuple[Any, Origin]:
        """Take a number apart from what is said about it."""
        meant = self._unknown_keys(written, LONG_FORM, path)
        if "value" not in written and "value" not in meant:
            self._wrong(join(path, "value"), "missing")
        facts = {name: written.get(name, "") for name in LONG_FORM[1:]}
        if facts["origin"] not in ("", *ORIGINS):
            near = did_you_mean(facts["origin"], ORIGINS)
            came = shown(facts["origin"])
            self._wrong(join(path, "origin"), f"expected {_ORIGIN_WORDS}, got {came}{near}")
        if not isinstance(facts["source"], str):
            self._wrong(join(path, "source"), f"expected text, got {shown(facts['source'])}")
        if facts["band"] != "":
            try:
                facts["band"] = units.format(units.parse(facts["band"], "percent"), "percent")
            except ValueError as error:
                self._wrong(join(path, "band"), str(error))
        return written.get("value", _WRONG), Origin(**facts)

    def _unknown_keys(self, data: Mapping[Any, Any], known: Iterable[str], path: str) -> set[str]:
        """Report keys that are not known; return those that were probably meant."""
        known = list(known)
        meant = set()
        for key in data:
            if key not in known:
                near = yaml_key(str(key)) if yaml_key(str(key)) in known else nearest(key, known)
                self._wrong(join(path, key), "unknown key" + (f"; did you mean '{near}'?" if near else ""))
                meant |= {near} if near else set()
        return meant

    def _wrong(self, path: str, message: str) -> object:
        self.problems.setdefault(path, message)
        return _WRONG


def _is_long_form(value: Any, kinds: list[Any]) -> bool:
    mappings = [kind for kind in kinds if is_spec(kind) or get_origin(kind) in _MAPPINGS]
    return isinstance(value, Mapping) and not mappings


def _item(kind: Any, index: int) -> Any:
    """Type of one item of a list or tuple."""
    inner = get_args(kind)
    if get_origin(kind) is tuple and Ellipsis not in inner:
        return inner[index] if index < len(inner) else Any
    return inner[0]


def _near(annotation: Any, value: Any) -> str:
    words = [word for kind in choices(annotation) if get_origin(kind) is Literal for word in get_args(kind)]
    return did_you_mean(value, words) if isinstance(value, str) else ""


def _written(value: Any, dimension: str | None) -> str:
    whole = isinstance(value, float) and value.is_integer()
    return units.format(value, dimension) if dimension else shown(int(value) if whole else value)
