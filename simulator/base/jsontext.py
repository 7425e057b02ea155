"""JSON for people and programs: a line per entry, a list of plain values on one line."""

from __future__ import annotations

import json
from typing import Any


def dumps(value: Any) -> str:
    """JSON text of mappings, lists and plain values; the same value gives the same text.

    A list of nothing but plain values stands on one line, whatever its length: a column of numbers stays a
    column, and a table is a line per row.
    """
    return _text(value, 0)


def _text(value: Any, depth: int) -> str:
    inner, outer = "\n" + " " * (depth + 1), "\n" + " " * depth
    if isinstance(value, dict) and value:
        entries = [f"{_plain(str(key))}: {_text(each, depth + 1)}" for key, each in value.items()]
        return f"{{{inner}{f',{inner}'.join(entries)}{outer}}}"
    if isinstance(value, (list, tuple)) and any(isinstance(each, (dict, list, tuple)) for each in value):
        return f"[{inner}{f',{inner}'.join(_text(each, depth + 1) for each in value)}{outer}]"
    return _plain(value)


def _plain(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
