"""Named arrays in files (.npz): read whole, or refused with the reason."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np

from simulator.base.errors import InputError, Problem


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
