"""Parts: pieces make up the whole, read the rows that they need, and share what they can."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.hw.chip import load_chip
from simulator.mapping.parts import cut_contraction, cut_slices, cuts, shared_operand
from simulator.mapping.schedule import Task
from simulator.mapping.shape import input_rows
from simulator.workload.work import Contraction, Elementwise, Window

PROPERTY = Path(__file__).parents[2] / "property"
CORES = ("a", "b", "c", "d")


def task(work) -> Task:
    return Task(0, "n", "a", work, ("x", "w"), ("y",))


def conv(**extents) -> Contraction:
    sizes = {"k": 16, "c": 8, "oy": 14, "ox": 14, "fy": 3, "fx": 3, "pad_top": 1, "iy": 14, "ix": 14}
    return Contraction(**{**sizes, **extents})


@given(st.integers(1, 40), st.integers(1, 5), st.sampled_from([1, 4, 16]))
def test_channels_are_cut_in_whole_granules_as_evenly_as_they_allow(k: int, cores: int, granule: int):
    parts = cut_contraction(task(conv(k=k)), CORES[:1] * cores, "n", granule)
    sizes = [part.work.k for part in parts]
    assert sum(sizes) == k
    assert [part.part.first for part in parts] == list(np.cumsum([0, *sizes[:-1]]))
    assert all(size % granule == 0 for size in sizes[:-1])
    assert max(sizes) - min(sizes) <= granule
    assert len(parts) == min(cores, -(-k // granule))


@given(
    st.integers(1, 12),
    st.integers(1, 4),
    st.integers(1, 3),
    st.integers(1, 2),
    st.integers(0, 3),
    st.integers(1, 4),
)
def test_rows_of_a_part_are_those_of_the_whole(oy: int, fy: int, sy: int, dy: int, pad: int, cores: int):
    """Row by row: what a part reads for its row r is what the whole reads for row first + r."""
    iy = max((oy - 1) * sy + (fy - 1) * dy + 1 - 2 * pad, 1)
    whole = conv(oy=oy, fy=fy, sy=sy, dy=dy, pad_top=min(pad, (fy - 1) * dy), iy=iy)
    parts = cut_contraction(task(whole), CORES[:cores], "rows", 1)
    assert sum(part.work.oy for part in parts) == oy
    for part in parts:
        for row in range(part.work.oy):
            low, high = input_rows(part.work, row, row + 1)
            first = part.part.first + row
            expected = input_rows(whole, first, first + 1)
            assert (low + part.part.row_in, high + part.part.row_in) == expected


def test_groups_and_images_are_counted_from_the_first():
    parts = cut_contraction(task(conv(groups=6, k=1, c=1)), CORES, "groups", 1)
    assert [(part.part.first, part.work.groups) for part in parts] == [(0, 1), (1, 2), (3, 1), (4, 2)]
    parts = cut_contraction(task(conv(batch=3)), CORES, "batch", 1)
    assert [(part.part.first, part.work.batch) for part in parts] == [(0, 1), (1, 1), (2, 1)]


@pytest.mark.parametrize(
    ("work", "there"),
    [
        (conv(), ["n", "rows"]),
        (conv(batch=2), ["n", "batch"]),
        (conv(groups=4), ["groups", "rows"]),
        (Contraction(k=1, c=9), []),
    ],
)
def test_what_a_contraction_can_be_cut_along(work: Contraction, there: list[str]):
    assert cuts(work) == there


def test_slices_of_a_window_stay_with_their_image():
    """Four images of 5 rows on 2 cores: two images each; one image is cut between its rows."""
    pool = Elementwise((("max", 100),), split=20, window=Window(3, 2, 1, 10, 5))
    assert [(p.part.first, p.part.end) for p in cut_slices(task(pool), CORES[:2])] == [(0, 10), (10, 20)]
    one = Elementwise((("max", 100),), split=5, window=Window(3, 2, 1, 10, 5))
    assert [(p.part.first, p.part.end) for p in cut_slices(task(one), CORES[:2])] == [(0, 2), (2, 5)]


@pytest.mark.parametrize(
    ("name", "along", "role"),
    [
        ("shared_memory", "n", "ifmap"),
        ("shared_memory", "rows", "weight"),
        ("shared_memory", "groups", ""),
        ("private_memories", "n", "ifmap"),
        ("private_memories", "batch", "weight"),
    ],
)
def test_what_comes_once_for_all(name: str, along: str, role: str):
    chip = load_chip(PROPERTY / f"{name}.yaml")
    assert shared_operand(chip, chip.alike("npu_0"), along) == role


def test_without_a_medium_in_common_nothing_comes_once(tmp_path):
    """Engines of their own straight to the DRAM: each loads for itself."""
    text = (PROPERTY / "private_memories.yaml").read_text()
    kept = [line for line in text.splitlines() if "noc" not in line and line != "links:"]
    file = tmp_path / "apart.yaml"
    edge = Path(__file__).parents[3] / "hwconfigs" / "npu" / "edge_npu.yaml"
    file.write_text("\n".join(kept).replace("../../hwconfigs/npu/edge_npu.yaml", str(edge)) + "\n")
    chip = load_chip(file)
    assert shared_operand(chip, chip.alike("npu_0"), "n") == ""
