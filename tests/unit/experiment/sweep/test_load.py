"""Sweep files: what they mean, and every mistake in them at once, each at its place, before anything runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from simulator.base.errors import InputError
from simulator.experiment.sweep.load import load_sweep
from simulator.hw.chip import load_chip

Write = Callable[..., str]
STUDY = """\
name: study
chips: [mini.yaml]
workloads: [pair.yaml]
axes:
  cores.array.rows: [4, 8, 16]
  cores.array.cols: [4, 8, 16]
  memories.sram.capacity: [16 KiB, 64 KiB]
derived: {cores.array.area: 10000 um2 * cores.array.rows * cores.array.cols}
objectives: {latency_s: minimize, area_mm2: minimize}
"""


def refused(file: str) -> list[str]:
    with pytest.raises(InputError) as error:
        load_sweep(file)
    return [str(problem).removeprefix("study.yaml:") for problem in error.value.problems]


def test_a_sweep_as_it_is_meant(write: Write):
    sweep = load_sweep(write())
    assert sweep.name == "study"
    assert sweep.space.size == 18
    points = list(sweep.space.grid())
    assert len(points) == 18
    assert points[0].values == {
        "cores.array.rows": 4,
        "cores.array.cols": 4,
        "memories.sram.capacity": "16 KiB",
    }
    assert sweep.space.overrides(points[0])["cores.array.area"] == "0.16 mm2"
    assert [objective.metric for objective in sweep.objectives] == ["latency_s", "area_mm2"]
    assert sweep.search.kind == "grid"


def test_the_last_axis_varies_fastest(write: Write):
    points = list(load_sweep(write()).space.grid())
    assert [p.values["memories.sram.capacity"] for p in points[:3]] == ["16 KiB", "64 KiB", "16 KiB"]


def test_constraints_thin_the_grid(write: Write):
    text = "constraints: [cores.array.rows == cores.array.cols, memories.sram.capacity > 32 KiB]\n"
    found = list(load_sweep(write(STUDY + text)).space.grid())
    assert [(p.values["cores.array.rows"], p.values["cores.array.cols"]) for p in found] == [
        (4, 4),
        (8, 8),
        (16, 16),
    ]


def test_a_constraint_may_ask_what_the_chip_says_itself(write: Write):
    """acc has 16 KiB, banks of sram are 4: nothing of it is set by the sweep."""
    text = "constraints: [memories.acc.capacity == 16 KiB, memories.sram.banks * cores.array.rows <= 16]\n"
    assert {p.values["cores.array.rows"] for p in load_sweep(write(STUDY + text)).space.grid()} == {4}


def test_an_axis_under_a_condition_varies_only_there(write: Write):
    text = STUDY.replace(
        "  memories.sram.capacity: [16 KiB, 64 KiB]\n",
        "  memories.sram.banks: {values: [2, 4], when: cores.array.cols >= 16}\n",
    )
    points = list(load_sweep(write(text)).space.grid())
    assert len(points) == 3 * (1 + 1 + 2)
    assert all(("memories.sram.banks" in p.values) == (p.values["cores.array.cols"] >= 16) for p in points)


def test_axes_of_one_chip_alone(write: Write, here: Path):
    (here / "other.yaml").write_text((here / "mini.yaml").read_text().replace("name: mini", "name: other"))
    text = STUDY.replace("[mini.yaml]", "[mini.yaml, other.yaml]").replace(
        "  cores.array.cols", "  other.cores.array.cols"
    )
    points = list(load_sweep(write(text)).space.grid())
    assert len(points) == 3 * 2 + 18
    assert {path for p in points if p.chip == "mini.yaml" for path in p.values} == {
        "cores.array.rows",
        "memories.sram.capacity",
    }


def test_places_along_axes_are_a_point(write: Write):
    space = load_sweep(write(STUDY + "constraints: [cores.array.rows <= 8]\n")).space
    point = space.at("mini.yaml", (1, 2, 0))
    assert point is not None
    assert dict(point.values) == {
        "cores.array.rows": 8,
        "cores.array.cols": 16,
        "memories.sram.capacity": "16 KiB",
    }
    assert space.at("mini.yaml", (2, 0, 0)) is None


def test_the_digest_is_that_of_the_question(write: Write):
    one = load_sweep(write()).digest
    assert load_sweep(write(STUDY + "description: the same\n")).digest == one
    assert load_sweep(write(STUDY + "seed: 1\n")).digest != one
    assert load_sweep(write(STUDY.replace("8, 16]\n  mem", "8, 32]\n  mem"))).digest != one


def test_everything_that_is_wrong_comes_at_once(write: Write):
    lines = refused(
        write(
            "name: ../evil\n"
            "chips: [mini.yaml]\n"
            "workloads: [pair.yaml, no_such_net, {network: pair.yaml, name: pair}]\n"
            "set: {memories.acc.capacity: 16 KB, links.dam.width: 8 B/cycle}\n"
            "axes:\n"
            "  cores.array.rowz: [4, 8]\n"
            "  cores.array.cols: [4, 0, x]\n"
            "  memories.sramm.banks: [1]\n"
            "  memories.sram.banks: {values: [1, 2], when: cores.array.cols > 2 and cores.array.lanes < 3}\n"
            "constraints: [cores.array.cols * 2 <= memories.sram.capacity, 9**9 > 1, cores.arrray.rows < 3]\n"
            "derived: {cores.array.area: 1 mm2 * colz}\n"
            "objectives: {latency: minimize, area_mm2: smallest}\n"
            "limits: [area < 3]\n"
            "search: genetic\n"
            "screening: {keep: 0}\n"
        )
    )
    expected = [
        "1:1: name: expected a plain word, it names the output folder; got '../evil'",
        "3:24: workloads.1: no such network",
        "3:37: workloads.2: the name 'pair' is taken by workload 0; give this one a `name`",
        "4:37: set.links.dam.width: chip mini has no links.dam; did you mean 'dma'?",
        "8:3: axes.memories.sramm.banks: chip mini has no memories.sramm; did you mean 'sram'?",
        "9:41: axes.memories.sram.banks.when: chip mini has nothing called 'cores.array.lanes'",
        "10:63: constraints.1: expected an operator or the end at character 2, got '**'; there are no powers",
        "10:73: constraints.2: chip mini has nothing called 'cores.arrray.rows'; did you mean 'cores.array.rows'?",
        "11:11: derived.cores.array.area: chip mini has nothing called 'colz'; text is written in quotes: 'colz'",
        "12:14: objectives.latency: no such metric; did you mean 'latency_s'?",
        "12:33: objectives.area_mm2: expected minimize or maximize, got 'smallest'",
        "13:10: limits.0: no metric is called 'area'; did you mean 'area_mm2'?",
        "14:1: search: expected one of grid, random, nsga2, tpe, got 'genetic'",
        "15:13: screening.keep: expected a number of points such as 200, or a share such as 10 %; got 0",
    ]
    for start in expected:
        assert any(line.startswith(start) for line in lines), (start, lines)


def test_wrong_fields_and_values_are_found_by_building_chips(write: Write):
    lines = refused(
        write(
            STUDY.replace("cores.array.rows: [4, 8, 16]", "cores.array.rowz: [4, 8, 16]")
            .replace("[16 KiB, 64 KiB]", "[16 KB, 64 KiB]")
            .replace("cores.array.cols: [4, 8, 16]", "cores.array.cols: [4, 0]")
            .replace("cores.array.rows *", "4 *")
        )
    )
    assert lines == [
        "5:22: axes.cores.array.rowz.0: unknown key; did you mean 'rows'?",
        "5:25: axes.cores.array.rowz.1: unknown key; did you mean 'rows'?",
        "5:28: axes.cores.array.rowz.2: unknown key; did you mean 'rows'?",
        "6:25: axes.cores.array.cols.1: expected more than 0, got 0",
        "7:28: axes.memories.sram.capacity.0: expected a size such as '64 KiB', got '16 KB': KB is ambiguous, "
        "write KiB (1024 B)",
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("workload.precision: [int8, int9]", "8:30: axes.workload.precision.1: expected an element type"),
        (
            "workload.batch: [1, 0]",
            "8:23: axes.workload.batch.1: expected a whole number of at least 1, got 0",
        ),
        ("workload.prcision: [int8]", "8:3: axes.workload.prcision: unknown setting of a workload"),
        ("mapping.fuse: [auto, of]", "8:24: axes.mapping.fuse.1: expected 'auto' or 'off', got 'of'"),
    ],
)
def test_axes_of_workload_and_mapping(write: Write, line: str, message: str):
    lines = refused(write(STUDY.replace("derived:", f"  {line}\nderived:")))
    assert any(found.startswith(message) for found in lines), lines


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("constraints: [cores.array.rows > 99]\n", "10:1: constraints: no point meets the constraints"),
        (
            "constraints: [memories.sram.capacity > 3]\n",
            "10:15: constraints.0: expected the same on both sides of >, got a size and a bare number",
        ),
        (
            "search: {kind: grid, evaluations: 3}\n",
            "10:22: search.evaluations: grid has no use for evaluations",
        ),
        ("search: nsga2\nscreening: {keep: 3}\n", "11:1: screening: screening is for grid and random"),
        ("screening: {keep: many}\n", "10:13: screening.keep: expected a number of points such as 200"),
        (
            "limits: [area_mm2 < 3 mm2]\n",
            "10:10: limits.0: expected the same on both sides of <, got a bare number and an area",
        ),
        ("limits: [area_mm2]\n", "10:10: limits.0: expected a condition such as a <= b"),
        ("derived: {}\n", "10:1: derived: duplicate key"),
        ("axis: 3\n", "10:1: axis: unknown key; did you mean 'axes'?"),
        (
            "set: {cores.array.rows: 3}\n",
            "10:7: set.cores.array.rows: is an axis as well; leave one of the two out",
        ),
    ],
)
def test_what_else_may_be_wrong(write: Write, more: str, message: str):
    lines = refused(write(STUDY + more))
    assert any(line.startswith(message) for line in lines), lines


def test_other_files_are_told_by_what_they_are(write: Write):
    assert refused("mini.yaml")[0].endswith("this is a chip; expected a sweep with chips, workloads, axes")
    assert refused("pair.yaml")[0].endswith("this is a network; expected a sweep with chips, workloads, axes")
    assert refused(write("chips: [mini.yaml]\nworkloads: [pair.yaml]\n"))[0].startswith(
        "1:1: this is an experiment"
    )


def test_a_bomb_of_aliases_is_refused(write: Write):
    bomb = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
        f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 10)
    )
    assert "more than 200000 values once its aliases are expanded" in refused(write(bomb + STUDY))[0]


def test_a_grid_of_more_points_than_can_be_is_refused(write: Write):
    text = STUDY.replace("[4, 8, 16]\n  mem", "{from: 1, to: 2000, step: 1}\n  mem").replace(
        "rows: [4, 8, 16]", "rows: {from: 1, to: 2000, step: 1}"
    )
    assert any("8000000 points are more than the 1000000 of a grid" in line for line in refused(write(text)))


QUICK = """\
quick:
  axes: {cores.array.rows: [16, 4], memories.sram.capacity: [64 KiB]}
  workloads: [pair]
"""


def test_a_quick_sweep_keeps_what_its_file_says(write: Write):
    file = write(STUDY + QUICK)
    assert load_sweep(file).space.size == 18
    quick = load_sweep(file, quick=True)
    assert quick.space.size == 6
    assert [axis.values for axis in quick.space.axes] == [((4,), (16,)), ((4,), (8,), (16,)), (("64 KiB",),)]
    assert quick.digest != load_sweep(file).digest
    assert load_sweep(write(STUDY), quick=True).space.size == 18, "nothing is left out where nothing is said"


def test_what_is_wrong_with_a_quick_sweep_is_told_without_it(write: Write):
    wrong = "quick: {axes: {cores.array.rowz: [4], cores.array.cols: [4, 5], cores.array.rows: []}, workloads: [par]}\n"
    assert refused(write(STUDY + wrong)) == [
        "10:16: quick.axes.cores.array.rowz: no axis is called 'cores.array.rowz'; did you mean 'cores.array.rows'?",
        "10:61: quick.axes.cores.array.cols.1: expected a value of the axis (4, 8, 16), got 5",
        "10:65: quick.axes.cores.array.rows: expected at least one value",
        "10:100: quick.workloads.0: no workload is called 'par'; did you mean 'pair'?",
    ]


CHIPS_AND_NETWORK = "chips: [npu/quad_npu_mesh]\nworkloads: [mobilenet_v1]\n"


@pytest.mark.parametrize(
    ("axis", "problems"),
    [
        ("links.mesh.at.dram.1: [0, 1]", []),  # an item of a list
        ("memories.dram.timing.tRCD: [15 ns, 18 ns]", []),  # left out in the file: its fields have defaults
        ("memories.dram.controller.read_queue: [16, 32]", []),
        ("cores.npu.energy.mac_int8.value: [0.2 pJ, 0.3 pJ]", []),
        ("cores.vec.lanes: [16, 32]", []),  # of a part that the file uses
        ("links.mesh.at.dram.7: [0]", ["3:31: axes.links.mesh.at.dram.7.0: expected an item from 0 to 1, got '7'"]),
        ("cores.npu.buffers: [{ifmap: sram}]",
         ["3:28: axes.cores.npu.buffers.0: expected a number, a word or a quantity, got a mapping"]),
        ("memories.dram.controler.read_queue: [16]",
         ["3:45: axes.memories.dram.controler.read_queue.0: unknown key; did you mean 'controller'?"]),
        ("cores.vec.use: [other.yaml]", ["3:24: axes.cores.vec.use.0: unknown key"]),
        ("mapping.nodez.conv.core: [npu]", ["3:34: axes.mapping.nodez.conv.core.0: unknown key; did you mean 'nodes'?"]),
        ("cores.npu_2.rows: [16]", ["3:8: axes.cores.npu_2.rows: chip quad_npu_mesh has no cores.npu_2; did you mean 'npu'?"]),
        ("technology.node: [5 nm]", ["3:8: axes.technology.node: expected a path that starts with one of chip, "
          "workload, mapping, cores, memories, links, clusters, quad_npu_mesh"]),
    ],
)  # fmt: skip
def test_paths_into_lists_parts_and_what_is_left_out(write: Write, axis: str, problems: list[str]):
    file = write(f"{CHIPS_AND_NETWORK}axes: {{{axis}}}\n")
    if problems:
        assert refused(file) == problems
        return
    space = load_sweep(file).space
    first, *_ = space.grid()
    (path, value), *_ = first.values.items()
    assert load_chip(first.chip, {path: value}).digest != load_chip(first.chip).digest or value == 0


def test_networks_that_a_chip_does_not_run_are_told_at_their_place(write: Write):
    axes = "axes: {cores.core.update: [3 ns]}\n"
    (line,) = refused(write(f"chips: [neuromorphic/loihi_1]\nworkloads: [mobilenet_v1]\n{axes}"))
    assert line.startswith("2:13: workloads.0: expected a spiking network")
    sweep = load_sweep(write(f"chips: [neuromorphic/loihi_1]\nworkloads: [digits_snn]\n{axes}"))
    assert [workload.name for workload in sweep.workloads] == ["digits_snn"]


def test_a_path_by_the_name_of_its_chip_is_the_same_path(write: Write):
    twice = STUDY.replace("axes:\n", "axes:\n  mini.cores.array.rows: [4, 8]\n")
    assert "axis 'mini.cores.array.rows' sets cores.array.rows of mini already" in refused(write(twice))[0]
    for key in ("set", "derived"):
        text = STUDY if key == "set" else STUDY.replace("derived: {cores.array.area", "x: {a")
        text = text.replace("x: {a: 10000 um2 * cores.array.rows * cores.array.cols}\n", "")
        lines = refused(write(f"{text}{key}: {{mini.cores.array.rows: 8}}\n"))
        assert any("is an axis as well; leave one of the two out" in line for line in lines), lines


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("baseline: {cores.array.rows: x}\n", "10:1: baseline: '10000 um2 * cores.array.rows * cores"),
        ("baseline: {mini.cores.array.rows: 0}\n", "10:12: baseline.mini.cores.array.rows: expected more"),
        ("seed: 4294967296\n", "10:1: seed: expected less than 4294967296"),
        (
            "search: {kind: random, evaluations: 2000000}\n",
            "10:24: search.evaluations: expected at most 1000000",
        ),
    ],
)
def test_where_and_how_much(write: Write, more: str, message: str):
    lines = refused(write(STUDY + more))
    assert any(line.startswith(message) for line in lines), lines


def test_a_name_of_blanks_is_none(write: Write):
    assert "expected a plain word" in refused(write(STUDY.replace("name: study", "name: ' '")))[0]


def test_what_is_wrong_with_a_chip_is_told_in_its_file(write: Write, here: Path):
    (here / "other.yaml").write_text("name: other\ncore: {}\n")
    lines = refused(write(STUDY.replace("[mini.yaml]", "[other.yaml]")))
    assert any(line.startswith("other.yaml:2:1: core: unknown key") for line in lines), lines
