"""What a reader sees of results: tables, figures, pages. It reads a ``Result`` and nothing else.

A report kind is one module here that registers ``draw(results, folder) -> list[Path]``.
"""

from simulator.base.registry import Registry

REPORTS = Registry("reports", package="simulator.report")
