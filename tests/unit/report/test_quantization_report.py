"""Accuracy over energy of quantized networks: points, rules in words, what is left out."""

from __future__ import annotations

import dataclasses

import pytest

from simulator.report import REPORTS
from simulator.report.quantization import point_of, render
from simulator.results.values import Values


@pytest.fixture
def quantized(make):
    """A result of a network that was quantized so, and is right on so many of 200."""

    def build(right=190, energy=1.0, **settings):
        layers = [("fc", "dram", int(7000 * energy), 1_000_000, [1_000_000, 0, int(310_000 * energy), 0, 7_000_000])]
        chosen = {f"workload.quantize.{name}": value for name, value in settings.items()}
        result = make(layers, resolved={"experiment": {"set": chosen}})
        values = Values("tflite_ref", 200, labelled=200, correct=right, source="digits.csv")
        return dataclasses.replace(result, values=values, metrics=dataclasses.replace(result.metrics, accuracy=right / 200))

    return build


@pytest.mark.parametrize(
    ("settings", "weights", "activations", "how"),
    [
        ({"weights": "int4", "activations": "int8"}, "int4", "int8", ""),
        ({"weights": "int8", "activations": "int8", "per_channel": "true", "method": "mse"}, "int8", "int8", "a scale per channel, mse"),
        ({"weights": "int8", "activations": "uint8", "symmetric": True}, "int8", "uint8", "symmetric"),
        ({"weights": "int4", "rules": '[{"node": "fc3", "weights": "int8"}]'}, "mixed: int4 but for fc3", "int8", "fc3 with weights int8"),
    ],
)  # fmt: skip
def test_settings_in_words(quantized, settings, weights, activations, how):
    point = point_of(quantized(**settings))
    assert (point.weights, point.activations, point.how) == (weights, activations, how)


def test_a_network_that_is_not_quantized_is_the_level(quantized):
    assert point_of(quantized()) is None
    page = render([quantized(194), quantized(190, 0.5, weights="int4"), quantized(193, 0.9, weights="int8")])
    assert "In real numbers the network is right on 97 %." in page
    assert page.count(">real numbers</text>") == 2, "for wide screens, and for slim ones"
    assert "200 samples of digits.csv that calibration did not see" in page
    assert "91.0 to 97.3 %" in page
    assert "a wider type" not in page
    assert page.count("<tr><td") == 2


def test_runs_without_labels_are_left_out(result, quantized, tmp_path):
    (path,) = REPORTS["quantization"]([result], tmp_path)
    assert "No result is of a quantized network" in path.read_text()
    page = render([quantized(weights="int8"), dataclasses.replace(quantized(weights="int4"), network="other")])
    assert "net on npu/edge" in page
    assert "other on npu/edge" in page
