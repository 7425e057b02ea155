"""Named arrays in files (.npz, .csv): read whole, or refused with the reason."""

from __future__ import annotations

import csv
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simulator.base.errors import InputError, Problem


@dataclass(frozen=True, eq=False)
class Split:
    """Samples that a network carries: those to train and calibrate on, and those to test on.

    Each maps the name of an input to samples of its shape in one more axis, and ``labels`` to their classes.
    """

    train: Mapping[str, np.ndarray]
    test: Mapping[str, np.ndarray]


def read_arrays(path: str | Path, what: str = "inputs", each: str = "input") -> dict[str, np.ndarray]:
    """Arrays of an .npz file by name; ``what`` and ``each`` say what it is for, in messages.

    Raises
    ------
    InputError
        There is no such file, or it is none.
    """
    path = str(path)
    try:
        archive = np.load(path, allow_pickle=False)
        if isinstance(archive, np.ndarray):
            raise InputError(Problem(f"expected an .npz file with an array per {each}, got one array", path))
        with archive:
            return {name: archive[name] for name in archive.files}
    except OSError as error:
        raise InputError(Problem(f"cannot read the {what}: {error.strerror or error}", path)) from error
    except (ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        reason = "" if "allow_pickle" in str(error) else f": {error}"
        text = f"expected an .npz file with an array per {each}; it is none, or a damaged one{reason}"
        raise InputError(Problem(text, path)) from error


def read_table(path: str, labels: str, vectors: str) -> dict[str, np.ndarray]:
    """Arrays of a file: .npz as it is; .csv with a header, the column ``labels`` apart, others ``vectors``.

    Lines of a .csv that begin with # say nothing.

    Raises
    ------
    InputError
        The file cannot be read, or a cell is no number; with its place.
    """
    if Path(path).suffix != ".csv":
        return read_arrays(path, "data", "name")
    try:
        with open(path, encoding="utf-8", newline="") as file:
            rows = [(i, row) for i, row in enumerate(csv.reader(file), 1) if row and row[0][:1] != "#"]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(Problem(f"cannot read the data: {error}", path)) from error
    if len(rows) < 2:
        raise InputError(Problem("expected a header of names and at least one row of numbers", path))
    header = [name.strip() for name in rows[0][1]]
    table, problems = np.zeros((len(rows) - 1, len(header))), []
    for into, (line, row) in zip(table, rows[1:], strict=True):
        if len(row) != len(header):
            problems.append(Problem(f"expected {len(header)} numbers, got {len(row)}", path, line))
            continue
        for column, text in enumerate(row):
            try:
                into[column] = float(text)
            except ValueError:
                problems.append(
                    Problem(f"{header[column]}: expected a number, got '{text}'", path, line, column + 1)
                )
    if problems:
        raise InputError(*problems)
    rest = [j for j, name in enumerate(header) if name != labels]
    found = {vectors: table[:, rest]}
    return found | ({labels: table[:, header.index(labels)]} if labels in header else {})
