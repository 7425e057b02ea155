"""YAML in and out: every key keeps its place, files use parts, and scalars read as people expect."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from yaml import Node

from simulator.base import yamltext
from simulator.base.errors import InputError, Problem, did_you_mean, shown
from simulator.base.yamltext import MAX_DEPTH, dump

__all__ = ["Document", "KeyPath", "Mark", "dotted", "dump", "load", "parse"]

KeyPath = tuple[str | int, ...]
MAX_NODES = 200_000  # after aliases are expanded: a few lines of nested aliases can stand for billions


class Mark(NamedTuple):
    """Place of a key or list item: file, and line and column counted from 1 (0: none)."""

    file: str
    line: int
    col: int


@dataclass
class Document:
    """What a YAML file says, with the place of every key.

    Attributes
    ----------
    data : dict
        Plain mappings, lists and scalars.
    marks : dict
        Place of each key path: of the key itself in a mapping, of the item in a list. `()` is the file.
    file : str
        The file that was asked for.
    files : list of str
        Every file that was read, this one first.
    """

    data: dict[Any, Any]
    marks: dict[KeyPath, Mark]
    file: str
    files: list[str] = field(default_factory=list)

    def problem(self, message: str, path: str | KeyPath = ()) -> Problem:
        """Say what is wrong at a key path; the place is that of the nearest key above it that was written."""
        path = path if isinstance(path, str) else dotted(path)
        marks = {dotted(keys): mark for keys, mark in self.marks.items()}
        nearest = path
        while nearest and nearest not in marks:
            nearest = nearest.rpartition(".")[0]
        mark = marks.get(nearest, Mark(self.file, 0, 0))
        return Problem(message, mark.file, mark.line, mark.col, path)

    def set(self, path: str, value_text: str, source: str = "--set") -> None:
        """Override one value.

        Parameters
        ----------
        path : str
            Dotted key path, such as `cores.npu.rows`; list items by number. All but the last key must exist.
        value_text : str
            The value as YAML.
        source : str
            Where it came from; stands for the file in messages about the value.

        Raises
        ------
        InputError
            If the path leads nowhere or the text is not YAML.
        """
        *parents, last = path.split(".")
        keys: KeyPath = ()
        level: Any = self.data
        try:
            for part in parents:
                key = _existing_key(level, part)
                keys, level = (*keys, key), level[key]
            new = isinstance(level, dict) and last not in map(str, level)
            key = last if new else _existing_key(level, last)
        except KeyError as error:
            raise InputError(Problem(error.args[0], source, path=path)) from None
        reader = _Reader()
        reader.unfold(reader.read_text(value_text, source, (*keys, key)), (*keys, key))
        reader.finish()
        for old in [place for place in self.marks if place[: len(keys) + 1] == (*keys, key)]:
            del self.marks[old]
        for place, mark in reader.marks.items():
            self.marks[place] = Mark(source, 0, 0) if mark.file == source else mark
        level[key] = reader.data


def dotted(path: KeyPath) -> str:
    """Write a key path as messages show it."""
    return ".".join(map(str, path))


def load(path: str | Path, *, search: Sequence[str | Path] = ()) -> Document:
    """Read a YAML file and the parts that it uses.

    In any mapping, `use: file` merges that file's mapping there, key by key and level by level. Keys beside
    `use:` win; a mapping with the key `value` is one quantity and is replaced as a whole, so that a source
    never ends up beside another's value.

    Parameters
    ----------
    path : str or Path
        The file.
    search : sequence of str or Path
        Folders in which `path`, and any `use:` not found beside the file that uses it, is looked for.

    Raises
    ------
    InputError
        With every problem of the files: syntax, duplicate keys, missing or cyclic parts, too much data.
    """
    reader = _Reader(search)
    reader.unfold(reader.read_file(str(path), "", Problem("", file=str(path)), ()), ())
    reader.finish()
    return Document(reader.data, reader.marks, reader.files[0], reader.files)


def parse(text: str, file: str = "<text>", *, search: Sequence[str | Path] = ()) -> Document:
    """Read YAML text as if it stood in `file`; otherwise as `load`.

    Raises
    ------
    InputError
        With every problem of the text.
    """
    reader = _Reader(search)
    reader.unfold(reader.read_document(text, file, ()), ())
    reader.finish()
    return Document(reader.data, reader.marks, file, [file, *reader.files])


def _existing_key(level: Any, part: str) -> str | int:
    """Key of a mapping or list that is written so; KeyError holds the message for the user."""
    if not isinstance(level, dict | list):
        raise KeyError(f"expected a mapping to hold '{part}', got {shown(level)}")
    keys = list(level) if isinstance(level, dict) else list(range(len(level)))
    found = next((key for key in keys if str(key) == part), None)
    if found is None and isinstance(level, list):
        there = f"an item from 0 to {len(level) - 1}" if level else "no item, the list is empty"
        raise KeyError(f"expected {there}, got '{part}'")
    if found is None:
        raise KeyError(f"unknown key '{part}'{did_you_mean(part, keys)}")
    return found


class _Located(NamedTuple):
    """A scalar, a list of `_Located` or a dict to `_Located`, and the place of the key that holds it."""

    value: Any
    mark: Mark


class _Reader:
    """Collects data, places and problems of one text and of the files that it uses."""

    def __init__(self, search: Sequence[str | Path] = ()) -> None:
        self.search = search
        self.data: Any = None
        self.marks: dict[KeyPath, Mark] = {}
        self.files: list[str] = []
        self.problems: list[Problem] = []
        self.nodes = 0
        self.open: list[str] = []

    def finish(self) -> None:
        """Raise InputError with all that was found, if anything was."""
        if self.problems:
            raise InputError(*self.problems)

    def unfold(self, item: _Located, path: KeyPath) -> None:
        """Set `data` and `marks` from the located tree that stands at `path`."""

        def plain(item: _Located, path: KeyPath) -> Any:
            self.marks[path] = item.mark
            if isinstance(item.value, dict):
                return {key: plain(child, (*path, key)) for key, child in item.value.items()}
            if isinstance(item.value, list):
                return [plain(child, (*path, index)) for index, child in enumerate(item.value)]
            return item.value

        self.data = plain(item, path)

    def read_file(self, name: str, folder: str, where: Problem, path: KeyPath) -> _Located:
        """Read a file found in `folder` or in the search path, to stand at `path`."""
        candidates = [os.path.normpath(os.path.join(place, name)) for place in (folder, *self.search)]
        file = next((candidate for candidate in candidates if os.path.isfile(candidate)), candidates[0])
        nothing = _Located({}, Mark(file, 1, 1))
        if os.path.realpath(file) in map(os.path.realpath, self.open):
            chain = " uses ".join([*self.open, file])
            self.problems.append(replace(where, message=f"the file ends up using itself: {chain}"))
            return nothing
        try:
            text = Path(file).read_bytes().decode("utf-8-sig")
        except FileNotFoundError:
            self.problems.append(replace(where, message=f"no file '{name}'{_near_file(name, file)}"))
            return nothing
        except OSError as error:
            self.problems.append(replace(where, message=f"'{name}' cannot be read: {error.strerror}"))
            return nothing
        except UnicodeDecodeError as error:
            byte = f"{error.object[error.start]:#x}"
            self.problems.append(Problem(f"expected UTF-8 text, got the byte {byte}", file))
            return nothing
        self.files.append(file)
        self.open.append(file)
        try:
            return self.read_document(text, file, path)
        except InputError as error:
            self.problems += error.problems
            return nothing
        finally:
            self.open.pop()

    def read_document(self, text: str, file: str, path: KeyPath) -> _Located:
        """Read the text of a file, which has to hold a mapping."""
        located = self.read_text(text, file, path)
        if not isinstance(located.value, dict):
            if located.value is not None:
                self._problem(located.mark, "expected a mapping (key: value) at the top of the file", path)
            return _Located({}, located.mark)
        return located

    def read_text(self, text: str, file: str, path: KeyPath) -> _Located:
        """Read any YAML text; wrong syntax, and too much of it, is raised at once."""
        node = yamltext.compose(text, file)
        value = None if node is None else self._value(node, file, path)
        return _Located(value, Mark(file, 1, 1))

    def _value(self, node: Node, file: str, path: KeyPath) -> Any:
        self.nodes += 1
        if self.nodes > MAX_NODES or len(path) > MAX_DEPTH:
            limit = f"{MAX_NODES} values" if self.nodes > MAX_NODES else f"{MAX_DEPTH} levels"
            message = f"more than {limit} once its aliases are expanded"
            raise InputError(Problem(message, file, *yamltext.place(node)))
        if yamltext.is_mapping(node):
            return self._mapping(node, file, path)
        if yamltext.is_list(node):
            return [
                _Located(self._value(child, file, (*path, index)), Mark(file, *yamltext.place(child)))
                for index, child in enumerate(node.value)
            ]
        try:
            return yamltext.scalar(node)
        except ValueError as error:
            self._problem(Mark(file, *yamltext.place(node)), str(error), path)
            return None

    def _mapping(self, node: Node, file: str, path: KeyPath) -> dict[str | int, _Located]:
        own: dict[str | int, _Located] = {}
        for key_node, value_node in node.value:
            mark = Mark(file, *yamltext.place(key_node))
            try:
                key = yamltext.key(key_node)
            except ValueError as error:
                self._problem(mark, str(error), path)
                continue
            if key == "<<":
                self._problem(mark, "expected `use: file` to merge a mapping, got <<", path)
            elif key in own:
                self._problem(mark, f"duplicate key; first on line {own[key].mark.line}", (*path, key))
            else:
                own[key] = _Located(self._value(value_node, file, (*path, key)), mark)
        return self._with_used(own, file, path) if "use" in own else own

    def _with_used(
        self, own: dict[str | int, _Located], file: str, path: KeyPath
    ) -> dict[str | int, _Located]:
        name, mark = own.pop("use")
        where = Problem("", *mark, path=dotted((*path, "use")))
        if not isinstance(name, str):
            self.problems.append(replace(where, message="expected the path of a file"))
            return own
        return _merge(self.read_file(name, os.path.dirname(file), where, path).value, own)

    def _problem(self, mark: Mark, message: str, path: KeyPath) -> None:
        self.problems.append(Problem(message, *mark, path=dotted(path)))


def _merge(used: dict[str | int, _Located], own: dict[str | int, _Located]) -> dict[str | int, _Located]:
    merged = dict(used)
    for key, item in own.items():
        under = used.get(key, _Located(None, item.mark))
        if isinstance(item.value, dict) and isinstance(under.value, dict) and "value" not in item.value:
            item = _Located(_merge(under.value, item.value), item.mark)
        merged[key] = item
    return merged


def _near_file(name: str, file: str) -> str:
    try:
        entries = sorted(os.listdir(os.path.dirname(file) or "."))
    except OSError:
        return ""
    return did_you_mean(os.path.basename(name), [entry for entry in entries if entry.endswith(".yaml")])
