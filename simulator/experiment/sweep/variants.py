"""Components of a chip at many design points: each is built once for each setting that concerns it."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from simulator.base.spec import build
from simulator.base.yamlio import Document
from simulator.hw.chip import FAMILIES, Chip, load_chip
from simulator.hw.component import Component

#: What is set of one component, as text, in a fixed order.
Setting = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Variant:
    """A chip at a design point: its components, and a key of each that tells it from its other forms."""

    base: Chip
    components: Mapping[str, Component]
    keys: Mapping[str, tuple[Any, ...]]


class Variants:
    """Variants of one chip. What is set outside its components takes a chip of its own.

    Checks across components are those of ``load_chip``, which the simulation does; here they are left out.
    """

    def __init__(self, chip: str) -> None:
        self.chip = chip
        self._bases: dict[Setting, Chip] = {}
        self._built: dict[tuple[Any, ...], Component] = {}

    def at(self, overrides: Mapping[str, str]) -> Variant:
        """The chip under overrides.

        Raises
        ------
        InputError
            A value that cannot be.
        """
        whole: dict[str, str] = {}
        apart: dict[tuple[str, str], list[tuple[str, str]]] = {}
        for path, value in overrides.items():
            family, _, rest = path.partition(".")
            name, _, field = rest.partition(".")
            if family in FAMILIES and field:
                apart.setdefault((family, name), []).append((field, value))
            else:
                whole[path] = value
        outside = tuple(sorted(whole.items()))
        if outside not in self._bases:
            self._bases[outside] = load_chip(self.chip, whole)
        base = self._bases[outside]
        settings = {member: tuple(sorted(fields)) for member, fields in apart.items()}
        components, keys = dict(base.components), {}
        for family in FAMILIES:
            for name in getattr(base, family):
                setting = settings.get((family, base.written_as(name)), ())
                keys[name] = (outside, name, setting)
                if setting:
                    components[name] = self._component(base, family, name, keys[name])
        return Variant(base, components, keys)

    def _component(self, base: Chip, family: str, name: str, key: tuple[Any, ...]) -> Component:
        if key not in self._built:
            file = f"{self.chip} with {', '.join(f'{name}.{field}={value}' for field, value in key[2])}"
            document = Document(deepcopy(base.document.data[family][name]), {}, file)
            for field, value in key[2]:
                *above, _ = field.split(".")
                level = document.data
                for part in above:
                    level = level.setdefault(part, {})
                document.set(field, value)
            kind = FAMILIES[family][document.data["kind"]]
            self._built[key] = build(kind, document.data, document, "")
        return self._built[key]
