"""How far a quantized network is from the float one: noise per layer and output, accuracy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import log10

import numpy as np

from simulator.workload.execute import execute
from simulator.workload.graph import Graph


@dataclass
class Noise:
    """Sums over all samples.

    Attributes
    ----------
    signal
        Σ x² of the float network.
    noise
        Σ (x − x̂)².
    """

    signal: float = 0.0
    noise: float = 0.0

    def see(self, real: np.ndarray, approximate: np.ndarray) -> None:
        """Take in a tensor of both networks."""
        x = real.astype(np.float64)
        self.signal += float(np.sum(x**2))
        self.noise += float(np.sum((x - approximate) ** 2))

    @property
    def sqnr_db(self) -> float | None:
        """Signal to quantization noise, 10·log10(Σ x² / Σ (x − x̂)²); None: no noise, or no signal."""
        if self.noise == 0 or self.signal == 0:
            return None
        return 10 * log10(self.signal / self.noise)


@dataclass(frozen=True)
class Comparison:
    """Noise of each compared tensor of the float network, and of each how often the answer was right."""

    noise: Mapping[str, Noise]
    accuracy: tuple[float, float] | None


def compare(
    graphs: tuple[Graph, Graph],
    samples: Iterable[Mapping[str, np.ndarray]],
    shown: Mapping[str, str],
    labels: np.ndarray | None,
    output: str,
) -> Comparison:
    """Put samples through the float and the quantized network.

    Parameters
    ----------
    graphs
        Float and quantized; both give the compared tensors as outputs.
    samples
        Inputs of one sample each.
    shown
        Tensor of the float network -> the one that stands for it in the quantized.
    labels
        Class of each sample; None: no accuracy.
    output
        The output whose largest element is the answer.
    """
    noise = {name: Noise() for name in shown}
    right = [0, 0]
    for i, sample in enumerate(samples):
        real, approximate = (execute(graph, sample, "onnxruntime").outputs for graph in graphs)
        for name, other in shown.items():
            noise[name].see(real[name], approximate[other])
        if labels is not None:
            for j, outputs in enumerate((real, approximate)):
                right[j] += int(np.argmax(outputs[output]) == labels.flat[i])
    count = 0 if labels is None else labels.size
    return Comparison(noise, (right[0] / count, right[1] / count) if count else None)
