"""Components that were built before: chips of a sweep differ in few, and checking fields takes time.

What comes out depends on class and fields alone, components are frozen, and their plain forms are not written
to; so equal fields may share them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simulator.base.spec import build, resolved
from simulator.base.yamlio import Document, KeyPath
from simulator.hw.component import Component

#: Forms that are kept; then all are forgotten.
_MOST = 2000
_built: dict[tuple[type[Component], str], Component] = {}
#: Number of a component (``id``) that is kept -> it, and its plain form.
_plain: dict[int, tuple[Component, dict[str, Any]]] = {}


def component(
    kind: type[Component], fields: Mapping[str, Any], document: Document, path: KeyPath
) -> Component:
    """A component from its fields, built once; parameters and errors as for ``spec.build``."""
    key = kind, repr(fields)
    if key not in _built:
        made = build(kind, fields, document, path)
        if len(_built) >= _MOST:
            _built.clear()
            _plain.clear()
        _built[key] = made
        _plain[id(made)] = made, resolved(made)
    return _built[key]


def plain_form(made: Component) -> dict[str, Any]:
    """``spec.resolved`` of a component; not to be written to."""
    known = _plain.get(id(made))
    return known[1] if known is not None and known[0] is made else resolved(made)
