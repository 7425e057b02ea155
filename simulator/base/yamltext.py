"""The syntax of YAML 1.2: text to nodes, scalars to values, values to text."""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import yaml

from simulator.base.errors import InputError, Problem

MAX_DEPTH = 100
#: Characters of a text whose nodes are remembered.
MOST_REMEMBERED = 40_000

_TAG = "tag:yaml.org,2002:"
# YAML 1.2.2, 10.3.2 (core schema); PyYAML alone reads 1.1, where off is False, 2:30 is 150 and 010 is 8.
_SCALARS: list[tuple[str, str, list[str]]] = [
    ("null", r"null|Null|NULL|~|", ["n", "N", "~", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+.0123456789")),
    ("float", r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", list("-+.")),
]


class _Loader(getattr(yaml, "CBaseLoader", yaml.BaseLoader)):  # type: ignore[misc]  # libyaml is optional
    """Parses with libyaml; knows only the scalars of the core schema."""


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """Quotes exactly the text that `_Loader` would not read back as text."""

    yaml_implicit_resolvers: dict[str, list[Any]] = {}

    def ignore_aliases(self, data: Any) -> bool:
        return True


for _name, _pattern, _first in _SCALARS:
    for _side in (_Loader, _Dumper):
        _side.add_implicit_resolver(_TAG + _name, re.compile(rf"(?:{_pattern})\Z"), _first)


def compose(text: str, file: str) -> yaml.Node | None:
    """Parse text into nodes, each of which knows its line and column; they are not to be written to.

    Raises
    ------
    InputError
        If it is not YAML, or nested too deeply.
    """
    return _compose_again(text, file) if len(text) <= MOST_REMEMBERED else _compose(text, file)


@lru_cache(maxsize=256)  # the same chip's file and parts are read for every point of a sweep
def _compose_again(text: str, file: str) -> yaml.Node | None:
    return _compose(text, file)


def _compose(text: str, file: str) -> yaml.Node | None:
    try:
        _check_depth(text)
        node: yaml.Node | None = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        raise InputError(_syntax_problem(error, text, file)) from None
    except UnicodeEncodeError as error:
        raise InputError(Problem(f"expected UTF-8 text, got {error.object[error.start]!a}", file)) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise InputError(Problem(f"character {error.character:#x}: {error.reason}", file, line)) from None
    return node


def place(node: yaml.Node) -> tuple[int, int]:
    """Line and column of a node, counted from 1."""
    return node.start_mark.line + 1, node.start_mark.column + 1


def is_mapping(node: yaml.Node) -> bool:
    """Whether a node is a plain mapping."""
    return isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map"


def is_list(node: yaml.Node) -> bool:
    """Whether a node is a plain list."""
    return isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq"


def scalar(node: yaml.Node) -> Any:
    """Value of a scalar.

    Raises
    ------
    ValueError
        If it has a tag, or is no number of a size that can be read.
    """
    if node.tag not in _READERS:
        raise ValueError(f"expected a value without a tag, got {node.tag.replace(_TAG, '!!')}")
    try:
        return _READERS[node.tag](node.value)
    except ValueError:
        raise ValueError(f"expected a number, got '{node.value[:40]}'") from None


def key(node: yaml.Node) -> str | int:
    """Value of a node as a key: a whole number, else the text as it stands.

    Raises
    ------
    ValueError
        If it is a mapping or a list.
    """
    if not isinstance(node, yaml.ScalarNode):
        raise ValueError("expected a word as key, got a mapping or list")
    return _int(node.value) if node.tag == _TAG + "int" else str(node.value)


def dump(data: Any) -> str:
    """Write mappings, lists and scalars as block YAML that reads back the same; keys keep their order."""
    text: str = yaml.dump(
        data, Dumper=_Dumper, sort_keys=False, default_flow_style=False, allow_unicode=True, width=110
    )
    return text


def _check_depth(text: str) -> None:
    # libyaml composes by recursion in C, without a limit: deep nesting would end the process.
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH + 1:
            raise yaml.MarkedYAMLError(None, None, f"more than {MAX_DEPTH} levels", event.start_mark)


def _syntax_problem(error: yaml.MarkedYAMLError, text: str, file: str) -> Problem:
    mark = error.problem_mark
    line = [*text.splitlines(), ""][mark.line : mark.line + 1]
    message = ": ".join(part for part in (error.context, error.problem) if part)
    if line and line[0][mark.column : mark.column + 1] == "\t":
        message = "a tab; indent with spaces"
    elif error.context_mark and error.context_mark.line != mark.line:
        message += f" (it starts on line {error.context_mark.line + 1})"
    return Problem(f"not YAML: {message}", file, mark.line + 1, mark.column + 1)


def _int(text: str) -> int:
    return int(text, 0) if text[:2] in {"0o", "0x"} else int(text)


def _float(text: str) -> float:
    return float(re.sub(r"\.(?=[in])", "", text.lower()))


_READERS: dict[str, Callable[[str], Any]] = {
    _TAG + "str": str,
    _TAG + "null": lambda text: None,
    _TAG + "bool": lambda text: text.lower() == "true",
    _TAG + "int": _int,
    _TAG + "float": _float,
}
