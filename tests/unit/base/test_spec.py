"""What an architect writes, reads when it is wrong, and gets back filled in."""

import pickle
from typing import Any, Literal, Self

import pytest
from pydantic import Field, ValidationError, model_validator

from simulator.base import yamlio
from simulator.base.errors import InputError
from simulator.base.spec import Energy, FieldDoc, Origin, Spec, build, describe_fields, json_schema, resolved


class Port(Spec):
    """A port of a memory."""

    width_bytes_per_cycle: int = Field(description="Bytes per cycle", gt=0)
    direction: Literal["read", "write"] = Field("read", description="Which way")


class Memory(Spec):
    """A memory with one field of every sort."""

    kind: str = Field("sram", description="Which model")
    capacity_bytes: int = Field(description="Size", gt=0)
    clock_hz: int = Field(700_000_000, description="Clock", ge=1_000_000)
    bandwidth_bytes_per_s: float | None = Field(None, description="Peak")
    leakage_mw: float | None = None
    energy: dict[str, Energy] = Field(default_factory=dict, description="Per action")
    ports: dict[str, Port] = Field(default_factory=dict, description="By name")
    spares: list[Port] = Field(default_factory=list)
    timings_fs: dict[str, int] = Field(default_factory=dict)
    steps_fs: tuple[int, ...] = ()
    banks: int | Literal["auto", "max"] = "auto"
    yield_: float = Field(0.5, ge=0, le=1)
    gated: bool = False
    dataflows: tuple[Literal["ws", "os", "is"], ...] = ("ws",)
    by_bank: dict[int, str] = Field(default_factory=dict)
    extras: dict[str, Any] = Field(default_factory=dict)
    main: Port | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.yield_ == 0.25:
            raise ValueError("expected a yield that can be made, got a quarter")
        return self


GOOD = """\
mem:
  capacity: {value: 64 KiB, origin: published, source: "page 3", band: 30%}
  clock: 1 GHz
  bandwidth: 12.8 GB/s
  leakage: unknown
  energy:
    read: 0.07 pJ
    write: unknown
    mac: {value: 2 pJ, origin: derived, source: table 2, band: 5 %}
    idle: {value: unknown, source: nobody says}
  ports:
    a: {width: 32 B/cycle}
    b: {width: {value: 8 B/cycle, origin: estimate}, direction: write}
  spares: [{width: unlimited}]
  timings: {tRCD: 15 ns, tRP: {value: 14 ns, source: jedec}}
  steps: [1 ns, 2 ns]
  banks: 1e3
  yield: {value: 0.3, origin: fitted, source: three chips}
  gated: off
  dataflows: [ws, os]
  by_bank: {0: low}
  extras: {anything: {goes: here}}
  main: {width: 2 B/cycle}
"""


def memory(text: str) -> Memory:
    """Build the memory at `mem` of a chip's text."""
    document = yamlio.parse(text, "hwconfigs/edge.yaml")
    return build(Memory, document.data["mem"], document, "mem")


def complaints(text: str) -> list[str]:
    with pytest.raises(InputError) as caught:
        memory(text)
    return str(caught.value).split("\n")


def complaint(fields: str) -> str:
    """The one message about `mem: {capacity: 1 KiB, <fields>}`, without its place."""
    (message,) = complaints(f"mem: {{capacity: 1 KiB, {fields}}}")
    return message.split(": ", 1)[1]


def test_quantities_become_numbers_in_the_unit_of_the_name() -> None:
    found = memory(GOOD)
    assert found.capacity_bytes == 65536
    assert found.clock_hz == 10**9
    assert found.bandwidth_bytes_per_s == 12.8e9
    assert found.leakage_mw is None
    assert found.ports["a"] == Port(width_bytes_per_cycle=32)
    assert found.ports["b"] == Port(width_bytes_per_cycle=8, direction="write")
    assert found.spares[0].width_bytes_per_cycle == 2**62
    assert found.timings_fs == {"tRCD": 15_000_000, "tRP": 14_000_000}
    assert found.steps_fs == (1_000_000, 2_000_000)
    assert found.banks == 1000
    assert isinstance(found.banks, int)
    assert found.yield_ == 0.3
    assert found.gated is False
    assert found.dataflows == ("ws", "os")
    assert found.by_bank == {0: "low"}
    assert found.extras == {"anything": {"goes": "here"}}
    assert found.main == Port(width_bytes_per_cycle=2)


def test_energies_keep_their_origin_and_may_be_unknown() -> None:
    assert memory(GOOD).energy == {
        "read": Energy(0.07),
        "write": Energy(None),
        "mac": Energy(2.0, "derived", "table 2", "5 %"),
        "idle": Energy(None, source="nobody says"),
    }


def test_origins_are_kept_by_path_within_the_spec() -> None:
    assert memory(GOOD).origins == {
        "capacity": Origin("published", "page 3", "30 %"),
        "ports.b.width": Origin("estimate"),
        "timings.tRP": Origin(source="jedec"),
        "yield": Origin("fitted", "three chips"),
    }


def test_resolved_fills_in_defaults_and_builds_the_same_again() -> None:
    small = resolved(build(Memory, {"capacity": {"value": "1 KiB", "origin": "estimate"}, "leakage": "2 W"}))
    assert small == {
        "kind": "sram",
        "capacity": {"value": "1 KiB", "origin": "estimate"},
        "clock": "700 MHz",
        "bandwidth": "unknown",
        "leakage": "2 W",
        "energy": {},
        "ports": {},
        "spares": [],
        "timings": {},
        "steps": [],
        "banks": "auto",
        "yield": 0.5,
        "gated": False,
        "dataflows": ["ws"],
        "by_bank": {},
        "extras": {},
        "main": None,
    }
    found = memory(GOOD)
    again = yamlio.parse(yamlio.dump({"mem": resolved(found)}))
    assert build(Memory, again.data["mem"], again, ("mem",)) == found
    assert resolved(found)["energy"]["idle"] == {"value": "unknown", "source": "nobody says"}
    assert resolved(found)["spares"] == [{"width": "unlimited", "direction": "read"}]


def test_specs_are_frozen_picklable_and_made_from_numbers_in_python() -> None:
    found = memory(GOOD)
    copy = pickle.loads(pickle.dumps(found))
    assert copy == found
    assert copy.origins == found.origins
    assert Memory(capacity_bytes=1024).clock_hz == 700_000_000
    with pytest.raises(ValidationError, match="frozen"):
        found.kind = "dram"
    with pytest.raises(ValidationError, match="rows"):
        Memory(capacity_bytes=1024, rows=3)  # type: ignore[call-arg]


def test_all_problems_come_at_once_in_the_order_of_the_file() -> None:
    text = """\
mem:
  kind: 7
  clock: 700
  bandwith: 1 GB/s
  energy: {read: 0.07, write: unknwn, mac: {value: 2, origin: drived, source: 7, band: 5, colour: red}}
  ports: {a: {widht: 32 B/cycle}, b: {width: 0 B/cycle, direction: reed}, c: 3}
  yield: 2
"""
    assert complaints(text) == [
        "hwconfigs/edge.yaml:1:1: mem.capacity: missing; expected a size such as '64 KiB'",
        "hwconfigs/edge.yaml:2:3: mem.kind: expected text, got 7",
        "hwconfigs/edge.yaml:3:3: mem.clock: expected a frequency such as '700 MHz', got 700 (a bare number)",
        "hwconfigs/edge.yaml:4:3: mem.bandwith: unknown key; did you mean 'bandwidth'?",
        "hwconfigs/edge.yaml:5:12: mem.energy.read: "
        "expected an energy such as '0.07 pJ', got 0.07 (a bare number)",
        "hwconfigs/edge.yaml:5:24: mem.energy.write: expected an energy such as '0.07 pJ', got 'unknwn'",
        "hwconfigs/edge.yaml:5:45: mem.energy.mac.value: "
        "expected an energy such as '0.07 pJ', got 2 (a bare number)",
        "hwconfigs/edge.yaml:5:55: mem.energy.mac.origin: "
        "expected published, derived, estimate or fitted, got 'drived'; did you mean 'derived'?",
        "hwconfigs/edge.yaml:5:71: mem.energy.mac.source: expected text, got 7",
        "hwconfigs/edge.yaml:5:82: mem.energy.mac.band: "
        "expected a percentage such as '30 %', got 5 (a bare number)",
        "hwconfigs/edge.yaml:5:91: mem.energy.mac.colour: unknown key",
        "hwconfigs/edge.yaml:6:15: mem.ports.a.widht: unknown key; did you mean 'width'?",
        "hwconfigs/edge.yaml:6:39: mem.ports.b.width: expected more than 0 B/cycle, got 0 B/cycle",
        "hwconfigs/edge.yaml:6:57: mem.ports.b.direction: "
        "expected 'read' or 'write', got 'reed'; did you mean 'read'?",
        "hwconfigs/edge.yaml:6:75: mem.ports.c: expected a mapping, got 3",
        "hwconfigs/edge.yaml:7:3: mem.yield: expected at most 1, got 2",
    ]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ("capacity_bytes: 2 KiB", "mem.capacity_bytes: unknown key; did you mean 'capacity'?"),
        ("clock: 1 kHz", "mem.clock: expected at least 1 MHz, got 1 kHz"),
        ("clock: unknown", "mem.clock: expected a frequency such as '700 MHz', got 'unknown'"),
        ("leakage: 3", "mem.leakage: expected a power such as '5 mW', got 3 (a bare number)"),
        ("energy: {read: }", "mem.energy.read: expected an energy such as '0.07 pJ', got nothing"),
        ("energy: {read: {valu: 1 pJ}}", "mem.energy.read.valu: unknown key; did you mean 'value'?"),
        ("energy: {read: {source: me}}", "mem.energy.read.value: missing"),
        ("energy: 3 pJ", "mem.energy: expected a mapping, got '3 pJ'"),
        ("ports: {a: {width: 0.5 B/cycle}}",
         "mem.ports.a.width: expected a whole number of B/cycle, got '0.5 B/cycle'"),
        ("ports: {a: {}}", "mem.ports.a.width: missing; expected a width such as '32 B/cycle'"),
        ("spares: [{width: 1 B/cycle}, 2]", "mem.spares.1: expected a mapping, got 2"),
        ("spares: {a: 1}", "mem.spares: expected a list, got a mapping"),
        ("timings: {tRCD: 15}", "mem.timings.tRCD: expected a time such as '15 ns', got 15 (a bare number)"),
        ("timings: {tRCD: {value: 15}}",
         "mem.timings.tRCD.value: expected a time such as '15 ns', got 15 (a bare number)"),
        ("steps: [1 ns, 2 MHz]",
         "mem.steps.1: expected a time such as '15 ns', got '2 MHz': 'MHz' is none of fs, ps, ns, us, ms, s"),
        ("banks: atuo",
         "mem.banks: expected a whole number, 'auto' or 'max', got 'atuo'; did you mean 'auto'?"),
        ("banks: 0.5", "mem.banks: expected a whole number, 'auto' or 'max', got 0.5"),
        ("banks: true", "mem.banks: expected a whole number, 'auto' or 'max', got true"),
        ("banks: '4'", "mem.banks: expected a whole number, 'auto' or 'max', got '4'"),
        ("yield: high", "mem.yield: expected a number, got 'high'"),
        ("yield: .inf", "mem.yield: expected a finite number, got inf"),
        ("yield: 0.25", "mem: expected a yield that can be made, got a quarter"),
        ("gated: maybe", "mem.gated: expected true or false, got 'maybe'"),
        ("dataflows: [ws, oss]",
         "mem.dataflows.1: expected 'ws', 'os' or 'is', got 'oss'; did you mean 'os'?"),
        ("extras: 3", "mem.extras: expected a mapping, got 3"),
        ("by_bank: {a: b}",
         "mem.by_bank.a: expected a valid integer, unable to parse string as an integer, got 'a'"),
        ("main: {direction: read}", "mem.main.width: missing; expected a width such as '32 B/cycle'"),
        ("3: x", "mem.3: unknown key"),
    ],
)  # fmt: skip
def test_each_mistake_has_its_message(fields: str, message: str) -> None:
    assert complaint(fields) == message


def test_messages_point_into_parts_and_overrides(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "part.yaml").write_text("capacity: 1 KiB\nclock: fast\n")
    (tmp_path / "chip.yaml").write_text("mem:\n  use: part.yaml\n  gated: off\n")
    document = yamlio.load("chip.yaml")
    document.set("mem.gated", "perhaps")
    with pytest.raises(InputError) as caught:
        build(Memory, document.data["mem"], document, "mem")
    assert str(caught.value) == (
        "--set: mem.gated: expected true or false, got 'perhaps'\n"
        "part.yaml:2:1: mem.clock: expected a frequency such as '700 MHz', got 'fast'"
    )


@pytest.mark.parametrize(("data", "came"), [(3, "3"), (None, "nothing"), (["a"], "a list")])
def test_a_spec_is_a_mapping(data: Any, came: str) -> None:
    with pytest.raises(InputError) as caught:
        build(Memory, data)
    assert str(caught.value) == f"expected a mapping, got {came}"


def test_two_fields_with_one_yaml_key_are_a_defect_of_the_class() -> None:
    with pytest.raises(TypeError, match="^Twice: two fields have the YAML key size$"):
        type("Twice", (Spec,), {"__annotations__": {"size_bytes": int, "size_bits": int}})


def test_an_alias_of_the_field_wins() -> None:
    class Link(Spec):
        outer: str = Field(alias="from")
        to: str

    assert build(Link, {"from": "dram", "to": "sram"}).outer == "dram"
    with pytest.raises(InputError, match="^outer: unknown key$"):
        build(Link, {"from": "dram", "to": "sram", "outer": "x"})


def test_a_spec_inside_a_spec_may_be_made_beforehand() -> None:
    port = Port(width_bytes_per_cycle=4)
    assert build(Memory, {"capacity": "1 KiB", "main": port, "ports": {"a": port}}).ports["a"] is port


def test_fields_are_described_with_unit_default_and_meaning() -> None:
    rows = {row.name: row for row in describe_fields(Memory)}
    assert rows["capacity"] == FieldDoc("capacity", "B KiB MiB GiB TiB", "", "Size", True)
    assert rows["clock"] == FieldDoc("clock", "Hz kHz MHz GHz", "700 MHz", "Clock", False)
    assert rows["leakage"].default == "unknown"
    assert rows["energy"] == FieldDoc("energy", "fJ pJ nJ uJ", "{}", "Per action", False)
    width = "ports.<name>.width"
    assert rows[width] == FieldDoc(width, "B/cycle", "", "Bytes per cycle", True)
    assert rows["spares[].direction"].unit == "'read' or 'write'"
    assert rows["main.width"].required
    assert rows["timings"].unit == "fs ps ns us ms s"
    assert rows["banks"] == FieldDoc("banks", "a whole number, 'auto' or 'max'", "auto", "", False)
    assert rows["yield"].unit == "a number"
    assert rows["gated"] == FieldDoc("gated", "true or false", "false", "", False)
    assert list(rows)[:3] == ["kind", "capacity", "clock"]


def test_a_spec_within_itself_is_described_once() -> None:
    class Tree(Spec):
        size_bytes: int
        below: dict[str, "Tree"] = Field(default_factory=dict)

    Tree.model_rebuild(_types_namespace={"Tree": Tree})
    assert [row.name for row in describe_fields(Tree)] == ["size", "below"]
    nested = build(Tree, {"size": "1 B", "below": {"x": {"size": "2 B"}}})
    assert nested.below["x"].size_bytes == 2


def test_json_schema_has_the_keys_and_texts_of_yaml() -> None:
    schema = json_schema(Memory)
    assert schema["required"] == ["capacity"]
    assert schema["additionalProperties"] is False
    fields = schema["properties"]
    assert set(fields) == {*resolved(Memory(capacity_bytes=1)), "use"}
    text, long_form = fields["clock"]["anyOf"]
    assert text["pattern"] == r"^[-+]?[0-9_.]+([eE][-+]?[0-9]+)?\s*(Hz|kHz|MHz|GHz)$"
    assert long_form["required"] == ["value"]
    assert fields["clock"]["default"] == "700 MHz"
    assert fields["clock"]["description"] == "Clock"
    assert {"const": "unknown"} in fields["leakage"]["anyOf"]
    assert fields["timings"]["additionalProperties"]["anyOf"][0]["examples"] == ["15 ns"]
    assert fields["yield"]["anyOf"][0] == {"type": "number", "minimum": 0, "maximum": 1}
    assert fields["ports"]["additionalProperties"] == {"$ref": "#/$defs/Port"}
    assert schema["$defs"]["Port"]["required"] == ["width"]
    assert "unlimited" in schema["$defs"]["Port"]["properties"]["width"]["anyOf"][0]["pattern"]
    assert {"const": "unknown"} in schema["$defs"]["Energy"]["anyOf"]
