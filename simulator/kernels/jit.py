"""The one place where numba's flags live.

numba's on-disk cache notices an edit of the function's own file only, and freezes globals; so the cache
folder is named by a digest of all kernel sources: an edit anywhere in this package starts from a fresh cache.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numba

Function = TypeVar("Function", bound=Callable[..., Any])

_HERE = Path(__file__).parent


def _cache_folder() -> Path:
    digest = hashlib.sha256()
    for source in sorted(_HERE.glob("*.py")):
        digest.update(source.read_bytes())
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = home / "chipsim" / f"kernels-{digest.hexdigest()[:16]}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:  # a read-only home: compile into the temporary folder instead
        folder = Path(tempfile.gettempdir()) / f"chipsim-kernels-{os.getuid()}-{digest.hexdigest()[:16]}"
        folder.mkdir(parents=True, exist_ok=True)
    return folder


CACHE_FOLDER = _cache_folder()

_njit: Any = numba.njit  # its types leave out _nrt: whether the run time that counts references is there
_flags: Any = numba.config  # makes its names while it is imported, so that none of them has a type
_flags.CACHE_DIR = str(CACHE_FOLDER)


def kernel(function: Function) -> Function:
    """Compile a function at its first call; it then runs without the interpreter's lock."""
    compiled: Any = numba.njit(cache=True, nogil=True)(function)
    return compiled


def lean(function: Function) -> Function:
    """Compile what allocates nothing: without counting references to the arrays that it is given."""
    compiled: Any = _njit(cache=True, nogil=True, _nrt=False)(function)
    return compiled


def part(function: Function) -> Function:
    """Compile what only other kernels call, into them: handing arrays over costs more than the work."""
    compiled: Any = _njit(nogil=True, forceinline=True, _nrt=False)(function)
    return compiled
