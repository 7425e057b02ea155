"""schema: the fields of everything that YAML describes, as a table and as JSON Schema."""

from __future__ import annotations

from typing import Any

from simulator.base.errors import InputError, Problem, did_you_mean
from simulator.base.spec import FieldDoc, Spec, describe_fields, json_schema
from simulator.experiment.experiment import ExperimentFile, WorkloadEntry
from simulator.experiment.sweep.spec import Screening, Search, SweepFile
from simulator.hw.chip import FAMILIES, ChipFile
from simulator.hw.rules import MappingRules
from simulator.workload.frontends.built import Built
from simulator.workload.frontends.converted import Conversion
from simulator.workload.frontends.dense.args import Dense
from simulator.workload.frontends.layers import KINDS, Header
from simulator.workload.frontends.llm.args import LanguageModel
from simulator.workload.frontends.matching.args import Matching
from simulator.workload.frontends.mobilenet import MobileNet
from simulator.workload.frontends.packaged import Packaged
from simulator.workload.frontends.spikinglayers import SpikingLayers


def schema_kinds() -> dict[str, type[Spec]]:
    """Everything that YAML describes, by name."""
    kinds: dict[str, type[Spec]] = {
        "chip": ChipFile,
        "experiment": ExperimentFile,
        "sweep": SweepFile,
        "sweep.search": Search,
        "sweep.screening": Screening,
        "experiment.workload": WorkloadEntry,
        "mapping": MappingRules,
        "layers": Header,
        "packaged": Packaged,
        "built": Built,
        "built.mobilenet": MobileNet,
        "built.llm": LanguageModel,
        "built.matching": Matching,
        "built.dense": Dense,
        "built.converted": Conversion,
        "built.spiking_layers": SpikingLayers,
        **{f"layer.{name}": kind for name, kind in KINDS.items()},
    }
    for registry in FAMILIES.values():
        kinds.update({name: registry[name] for name in registry.names()})
    return kinds


def schema_fields(kind: str) -> list[FieldDoc]:
    """Fields of one kind with unit, default and meaning.

    Raises
    ------
    InputError
        There is no such kind.
    """
    return describe_fields(_kind(kind))


def schema_json(kind: str) -> dict[str, Any]:
    """JSON Schema of one kind; a chip's holds those of all components, chosen by their ``kind``.

    Raises
    ------
    InputError
        There is no such kind.
    """
    schema = json_schema(_kind(kind))
    if kind == "chip":
        definitions = schema.setdefault("$defs", {})
        for family, registry in FAMILIES.items():
            variants = []
            for name in registry.names():
                component = json_schema(registry[name])
                definitions.update(component.pop("$defs", {}))
                component.setdefault("properties", {})["kind"] = {"const": name}
                definitions[f"{family}.{name}"] = component
                variants.append({"$ref": f"#/$defs/{family}.{name}"})
            schema["properties"][family]["additionalProperties"] = {"oneOf": variants}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _kind(kind: str) -> type[Spec]:
    kinds = schema_kinds()
    if kind not in kinds:
        message = f"expected one of {', '.join(kinds)}, got '{kind}'{did_you_mean(kind, list(kinds))}"
        raise InputError(Problem(message, path="schema"))
    return kinds[kind]
