"""Names of the folders in which the reports of several results lie."""

from __future__ import annotations

import re
from collections.abc import Sequence

from simulator.results.result import Result

# What some file system forbids in a name; '_' takes its place.
_FORBIDDEN = re.compile(r'[/\\:*?"<>|\x00-\x1f]')
LONGEST_BYTES = 200


def folder_name(result: Result) -> str:
    """``<chip>__<network>`` as a name of one folder."""
    name = _FORBIDDEN.sub("_", f"{result.chip}__{result.network}")
    return name.encode()[:LONGEST_BYTES].decode(errors="ignore")


def folder_names(results: Sequence[Result]) -> list[str]:
    """Name each result; a repeated one gets ``_2``, ``_3``, … (case does not tell names apart)."""
    taken: set[str] = set()
    names = []
    for result in results:
        base = name = folder_name(result)
        number = 1
        while name.casefold() in taken:
            number += 1
            name = f"{base}_{number}"
        taken.add(name.casefold())
        names.append(name)
    return names
