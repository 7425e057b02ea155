"""Screening."""

from __future__ import annotations

from typing import Any

SCREENED = ("latency_s",)


def screen(sweep: Any, points: Any) -> Any: ...


def errors(records: Any, objectives: Any) -> dict[str, Any]: ...
