"""The one place where numba's flags live.

Where compiled code is kept: ``kernels.cache``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba

from simulator.kernels.cache import cache_folder

Function = TypeVar("Function", bound=Callable[..., Any])

CACHE_FOLDER = cache_folder()

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
