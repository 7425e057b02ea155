"""Colours that everybody tells apart, on light and on dark."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest

from simulator.report import palette

# Machado, Oliveira, Fernandes, IEEE TVCG 2009, severity 1: what is seen of linear red, green, blue.
VISIONS = {
    "normal": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
# Ottosson 2020: linear red, green, blue to the cones of OKLab, and these to lightness and two hues.
CONES = np.array([[0.4122, 0.5363, 0.0514], [0.2119, 0.6807, 0.1074], [0.0883, 0.2817, 0.6300]])
OKLAB = np.array([[0.2105, 0.7936, -0.0041], [1.9780, -2.4286, 0.4506], [0.0259, 0.7828, -0.8087]])


def linear(colour: str) -> np.ndarray:
    value = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def seen(colour: str, vision: str) -> np.ndarray:
    return OKLAB @ np.cbrt(CONES @ np.clip(np.array(VISIONS[vision]) @ linear(colour), 0, 1))


def contrast(a: str, b: str) -> float:
    low, high = sorted(float(linear(each) @ (0.2126, 0.7152, 0.0722)) for each in (a, b))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("colours", [palette.LIGHT, palette.DARK], ids=["light", "dark"])
@pytest.mark.parametrize("vision", VISIONS)
def test_any_two_colours_are_told_apart(vision: str, colours: tuple[str, ...]):
    """A distance of 0.02 in OKLab is just noticed; a palette chosen by eye has pairs of 0.015 to 0.03."""
    distances = {
        (a, b): np.linalg.norm(seen(a, vision) - seen(b, vision))
        for a, b in itertools.combinations(colours, 2)
    }
    closest = min(distances, key=distances.get)
    assert distances[closest] > 0.055, closest


def test_bars_stand_out_from_the_page():
    assert min(contrast(colour, "#ffffff") for colour in palette.LIGHT) > 2.5
    assert min(contrast(colour, "#14171b") for colour in palette.DARK) > 2.9


def test_one_chart_never_uses_a_colour_twice():
    for uses in (
        palette.BOUNDS,
        palette.KINDS,
        palette.WAYS,
        palette.ROOMS,
        palette.OUTCOMES,
        palette.CAUSES,
    ):
        assert len(set(uses.values())) == len(uses)
    assert not set(palette.MEMORIES) & set(palette.BOUNDS.values())


def test_a_word_has_one_colour_wherever_it_stands():
    assert palette.CAUSES["compute"] == palette.BOUNDS["compute"] == palette.KINDS["compute"]
    assert palette.CAUSES["vector"] == palette.BOUNDS["vector"]
    assert palette.WAYS["read"] == palette.KINDS["load"] == palette.MEMORIES[0]
    assert palette.WAYS["write"] == palette.KINDS["store"]


def test_the_sheet_defines_every_colour_for_light_and_dark():
    sheet = palette.sheet()
    for index, (light, dark) in enumerate(zip(palette.LIGHT, palette.DARK, strict=True)):
        assert re.search(rf"^:root{{.*--c{index}:{light}", sheet, re.MULTILINE)
        assert re.search(rf"dark\){{:root{{.*--c{index}:{dark}", sheet)
        assert f".c{index}{{fill:var(--c{index})" in sheet
