"""Files of a finished sweep: points.csv, pareto.csv, the page, and Parquet where pyarrow is installed."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from simulator.base.files import write_atomic
from simulator.experiment.sweep.collect import SweepResult
from simulator.experiment.sweep.page import make_page
from simulator.experiment.sweep.summary import notice_lines


def export(result: SweepResult, folder: Path, *, page: bool = True) -> list[Path]:
    """Write the files of a sweep, each whole or not at all; rows by key, floats with all their digits.

    Parameters
    ----------
    result, folder
        What, and where to.
    page
        Whether report.html is written as well.

    Returns
    -------
    list of Path
        points.csv, pareto.csv, report.html, front.svg where there are two objectives, and points.parquet if
        it could be written.

    Raises
    ------
    InputError
        The folder cannot be written.
    """
    columns = list(result.records[0]) if result.records else ["key"]
    written = [folder / "points.csv", folder / "pareto.csv"]
    write_atomic(written[0], table_text(columns, result.records))
    write_atomic(written[1], table_text(columns, result.pareto))
    if page:
        from simulator.report.sweep import render  # the template engine: only where a page is written
        from simulator.report.sweepfigures import front_picture

        shown = make_page(result, notice_lines(result))
        drawing = front_picture(shown)
        for name, text in (("report.html", render(shown)), *((("front.svg", drawing),) if drawing else ())):
            written.append(folder / name)
            write_atomic(written[-1], text)
        if not drawing:
            (folder / "front.svg").unlink(missing_ok=True)  # that of another question
    if find_spec("pyarrow") is not None and result.records:
        written.append(folder / "points.parquet")
        write_atomic(written[-1], _parquet(columns, result.records))
    return written


def table_text(columns: Sequence[str], records: Iterable[Mapping[str, Any]]) -> str:
    """CSV text: None is empty, truth values are true and false."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(record.get(column)) for column in columns] for record in records)
    return text.getvalue()


def _cell(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


def _parquet(columns: Sequence[str], records: Sequence[Mapping[str, Any]]) -> bytes:
    """The same table as Parquet; axes whose values are of several sorts are text."""
    import pyarrow  # optional, and heavy
    import pyarrow.parquet

    arrays = []
    for column in columns:
        values = [record.get(column) for record in records]
        kinds = {type(value) for value in values if value is not None}
        mixed = len(kinds) > 1 and not kinds <= {int, float}
        arrays.append(pyarrow.array([None if v is None else str(v) for v in values] if mixed else values))
    table = pyarrow.table(dict(zip(columns, arrays, strict=True)))
    sink = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(table, sink)
    return bytes(sink.getvalue().to_pybytes())
