"""Tables as CSV text."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def csv_text(columns: Sequence[str], records: Iterable[Mapping[str, Any]]) -> str:
    """CSV text; floats with all their digits, None empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([record[column] for column in columns] for record in records)
    return text.getvalue()
