"""Every key keeps its place, through parts, aliases and overrides."""

from pathlib import Path

import pytest

from simulator.base import yamlio
from simulator.base.errors import InputError, Problem
from simulator.base.yamlio import Document, Mark

CHIP = """\
name: edge
tech: {use: ../parts/energy.yaml, energy: {mac: 1 pJ, read: {value: 3 pJ}, move: {band: 5 %}}, node: 7 nm}
cores:
  npu: {kind: systolic, rows: 32}
  8: [1, {a: b}]
"""
ENERGY = """\
voltage: 0.8 V
energy:
  mac: 9 pJ
  add: {value: 2 pJ, source: table 1}
  read: {value: 2 pJ, source: table 2}
  move: {value: 4 pJ, source: table 3}
"""


@pytest.fixture
def chip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Document:
    monkeypatch.chdir(tmp_path)
    write("hw/npu/edge.yaml", CHIP)
    write("hw/parts/energy.yaml", ENERGY)
    return yamlio.load("hw/npu/edge.yaml")


def write(name: str, text: str) -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(text)


def problems(text: str) -> list[str]:
    with pytest.raises(InputError) as caught:
        yamlio.parse(text, "t.yaml")
    return str(caught.value).split("\n")


def test_keys_and_items_know_their_place(chip: Document) -> None:
    assert chip.data["cores"] == {"npu": {"kind": "systolic", "rows": 32}, 8: [1, {"a": "b"}]}
    assert chip.marks[()] == Mark("hw/npu/edge.yaml", 1, 1)
    assert chip.marks["cores", "npu", "rows"] == Mark("hw/npu/edge.yaml", 4, 25)
    assert chip.marks["cores", 8, 1] == Mark("hw/npu/edge.yaml", 5, 10)
    assert chip.marks["cores", 8, 1, "a"] == Mark("hw/npu/edge.yaml", 5, 11)


def test_a_used_part_is_merged_below_the_keys_beside_it(chip: Document) -> None:
    assert chip.data["tech"] == {
        "voltage": "0.8 V",
        "energy": {
            "mac": "1 pJ",
            "add": {"value": "2 pJ", "source": "table 1"},
            "read": {"value": "3 pJ"},  # a quantity is replaced whole: table 2 did not say 3 pJ
            "move": {"value": "4 pJ", "source": "table 3", "band": "5 %"},
        },
        "node": "7 nm",
    }
    assert chip.files == ["hw/npu/edge.yaml", "hw/parts/energy.yaml"]


def test_marks_point_to_the_file_that_holds_the_key(chip: Document) -> None:
    assert chip.marks["tech", "energy", "add", "source"] == Mark("hw/parts/energy.yaml", 4, 22)
    assert chip.marks["tech", "energy", "mac"] == Mark("hw/npu/edge.yaml", 2, 44)
    assert ("tech", "energy", "read", "source") not in chip.marks
    assert ("tech", "use") not in chip.marks


def test_parts_use_parts_and_are_searched_for(chip: Document) -> None:
    write("shared/deep.yaml", "{use: hw/parts/energy.yaml, voltage: 1 V}")
    write("a.yaml", "t: {use: deep.yaml}")
    found = yamlio.load("a.yaml", search=["shared", "."])
    assert found.data["t"]["voltage"] == "1 V"
    assert found.data["t"]["energy"]["mac"] == "9 pJ"
    assert found.files == ["a.yaml", "shared/deep.yaml", "hw/parts/energy.yaml"]


def test_wrong_parts_are_all_named(chip: Document) -> None:
    write("loop.yaml", "x: {use: pool.yaml}")
    write("pool.yaml", "y: {use: loop.yaml}")
    write("list.yaml", "[1]")
    write("tab.yaml", "a:\n\tb: 1")
    write("top.yaml", "a: {use: loop.yaml}\nb: {use: hw/npu/edgy.yaml}\nc: {use: list.yaml}\nd: {use: [1]}\n"
          "e: {use: tab.yaml}\nf: {use: none/x.yaml}\n")  # fmt: skip
    with pytest.raises(InputError) as caught:
        yamlio.load("top.yaml")
    assert str(caught.value).split("\n") == [
        "pool.yaml:1:5: a.x.y.use: the file ends up using itself: "
        "top.yaml uses loop.yaml uses pool.yaml uses loop.yaml",
        "top.yaml:2:5: b.use: no file 'hw/npu/edgy.yaml'; did you mean 'edge.yaml'?",
        "list.yaml:1:1: c: expected a mapping (key: value) at the top of the file",
        "top.yaml:4:5: d.use: expected the path of a file",
        "tab.yaml:2:1: not YAML: a tab; indent with spaces",
        "top.yaml:6:5: f.use: no file 'none/x.yaml'",
    ]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("edg.yaml", "edg.yaml: no file 'edg.yaml'; did you mean 'edge.yaml'?"),
        (".", ".: '.' cannot be read: Is a directory"),
        ("latin.yaml", "latin.yaml: expected UTF-8 text, got the byte 0xb5"),
    ],
)
def test_files_that_cannot_be_read(
    name: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write("edge.yaml", "a: 1")
    Path("latin.yaml").write_bytes("a: 1 µs".encode("latin-1"))
    with pytest.raises(InputError) as caught:
        yamlio.load(name)
    assert str(caught.value) == message


def test_all_structural_mistakes_are_reported_at_once() -> None:
    text = "a: 1\na: 2\nb: {c: 1, d: 2, c: 3}\ne: !mine 3\n? [1, 2]\n: 3\ng: {<<: {}}\n"
    assert problems(text) == [
        "t.yaml:2:1: a: duplicate key; first on line 1",
        "t.yaml:3:17: b.c: duplicate key; first on line 3",
        "t.yaml:4:4: e: expected a value without a tag, got !mine",
        "t.yaml:5:3: expected a word as key, got a mapping or list",
        "t.yaml:7:5: g: expected `use: file` to merge a mapping, got <<",
    ]


def test_the_top_is_a_mapping_or_nothing() -> None:
    assert yamlio.parse("").data == {}
    assert yamlio.parse("# only a comment\n").data == {}
    assert problems("- 1") == ["t.yaml:1:1: expected a mapping (key: value) at the top of the file"]


def test_aliases_are_expanded_into_separate_values() -> None:
    document = yamlio.parse("a: &x {b: [1]}\nc: *x\n")
    document.set("c.b.0", "2")
    assert document.data == {"a": {"b": [1]}, "c": {"b": [2]}}


def test_a_yaml_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yamlio, "MAX_NODES", 2000)
    levels = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    once = "once its aliases are expanded"
    assert problems("\n".join(levels)) == [f"t.yaml:1:34: more than 2000 values {once}"]
    assert problems("a: &a [*a]") == [f"t.yaml:1:4: more than 100 levels {once}"]


def test_problem_points_to_the_nearest_written_key(chip: Document) -> None:
    place = Problem("m", "hw/npu/edge.yaml", 4, 3, "cores.npu.clock.x")
    assert chip.problem("m", "cores.npu.clock.x") == place
    assert chip.problem("m", ("cores", "npu", "clock", "x")) == place
    assert str(chip.problem("m", ("cores", 8, 1, "a"))) == "hw/npu/edge.yaml:5:11: cores.8.1.a: m"
    assert str(chip.problem("m", "clock")) == "hw/npu/edge.yaml:1:1: clock: m"


def test_set_replaces_a_value_and_its_marks(chip: Document) -> None:
    chip.set("cores.npu.rows", "64")
    chip.set("cores.npu.cols", "{value: 32, origin: estimate}")
    chip.set("cores.8.1.a", "off")
    chip.set("tech.energy", "{}", "sweep.yaml")
    assert chip.data["cores"]["npu"]["rows"] == 64
    assert chip.data["cores"]["npu"]["cols"] == {"value": 32, "origin": "estimate"}
    assert chip.data["cores"][8][1] == {"a": "off"}
    assert str(chip.problem("m", "cores.npu.rows")) == "--set: cores.npu.rows: m"
    assert str(chip.problem("m", "cores.npu.cols.origin")) == "--set: cores.npu.cols.origin: m"
    assert str(chip.problem("m", "tech.energy.mac")) == "sweep.yaml: tech.energy.mac: m"
    assert str(chip.problem("m", "cores.npu.kind")) == "hw/npu/edge.yaml:4:9: cores.npu.kind: m"


def test_set_can_use_a_part(chip: Document) -> None:
    chip.set("tech", "{use: hw/parts/energy.yaml, node: 5 nm}")
    assert chip.data["tech"]["energy"]["mac"] == "9 pJ"
    assert chip.marks["tech", "energy", "mac"] == Mark("hw/parts/energy.yaml", 3, 3)
    assert chip.marks["tech", "node"] == Mark("--set", 0, 0)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("cores.npuu.rows", "1", "--set: cores.npuu.rows: unknown key 'npuu'; did you mean 'npu'?"),
        ("cores.npu.rows.x", "1", "--set: cores.npu.rows.x: expected a mapping to hold 'x', got 32"),
        ("cores.8.7", "1", "--set: cores.8.7: expected an item from 0 to 1, got '7'"),
        ("cores.npu.rows", "[1", "--set:2:1: not YAML: while parsing a flow sequence: "
         "did not find expected ',' or ']' (it starts on line 1)"),
        ("cores.npu.rows", "{a: 1, a: 2}", "--set:1:8: cores.npu.rows.a: duplicate key; first on line 1"),
    ],
)  # fmt: skip
def test_set_that_leads_nowhere_changes_nothing(chip: Document, path: str, value: str, message: str) -> None:
    before = repr(chip)
    with pytest.raises(InputError) as caught:
        chip.set(path, value)
    assert str(caught.value) == message
    assert repr(chip) == before
