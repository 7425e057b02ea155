"""A float network and samples in, a quantized network and what became of its numbers out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from simulator.base.errors import InputError, Problem
from simulator.base.files import write_atomic
from simulator.workload.execute import execute, samples_of
from simulator.workload.frontends.onnx import load_model
from simulator.workload.graph import Graph
from simulator.workload.labels import LABELS, check_labels, split_labels
from simulator.workload.quantization.calibrate import (
    Extremes,
    Histogram,
    Range,
    mse_range,
    percentile_range,
    quant_of,
)
from simulator.workload.quantization.choose import Choice, Layer, choose
from simulator.workload.quantization.measure import compare
from simulator.workload.quantization.network import Network, read_network
from simulator.workload.quantization.rules import Rule, RuleBook, Settings
from simulator.workload.quantization.write import Written, write_qdq
from simulator.workload.tensor import Quant


@dataclass(frozen=True)
class LayerReport:
    """What became of one layer.

    Attributes
    ----------
    node, op
        Name and operator.
    weights
        Element type of its weights; "" where it has none.
    activations
        Element type of its results.
    low, high
        What its first result is clipped to; None where it stays real.
    scale, zero_point
        Of its first result.
    sqnr_db
        Of its first result: 10·log10(Σ x² / Σ (x − x̂)²) over all samples; None: no noise, or no signal.
    """

    node: str
    op: str
    weights: str
    activations: str
    low: float | None
    high: float | None
    scale: float | None
    zero_point: int | None
    sqnr_db: float | None


@dataclass(frozen=True)
class Quantized:
    """A quantized network and how far it is from the float one.

    Attributes
    ----------
    network
        Name of the network.
    model
        Bytes of the ONNX file.
    settings
        As asked.
    samples
        How many it was calibrated and compared on.
    layers
        Every quantized node that computes, in order.
    outputs
        Output of the network -> SQNR in dB; None: no noise, or no signal.
    constant_bytes
        Bytes of weights, biases and all other constants, before and after.
    accuracy
        Share of samples whose largest output is at their label, before and after; None without labels.
    """

    network: str
    model: bytes
    settings: Settings
    samples: int
    layers: tuple[LayerReport, ...]
    outputs: Mapping[str, float | None]
    constant_bytes: tuple[int, int]
    accuracy: tuple[float, float] | None

    def write(self, path: str | Path) -> None:
        """Write the ONNX file; it appears under its name when it is whole."""
        write_atomic(path, self.model)

    def record(self) -> dict[str, Any]:
        """All but the model, as plain data."""
        whole = {name: value for name, value in vars(self).items() if name != "model"}
        pairs = {
            name: None if value is None else dict(zip(("before", "after"), value, strict=True))
            for name, value in (("constant_bytes", self.constant_bytes), ("accuracy", self.accuracy))
        }
        layers = [asdict(layer) for layer in self.layers]
        return {
            **whole,
            "settings": asdict(self.settings),
            "layers": layers,
            "outputs": dict(self.outputs),
            **pairs,
        }


def quantize(
    network: str | Path,
    inputs: Mapping[str, np.ndarray],
    *,
    weights: str = "int8",
    activations: str = "int8",
    per_channel: bool = False,
    symmetric: bool = False,
    method: str = "minmax",
    percentile: float = 99.99,
    rules: str | Path | Sequence[Rule] = (),
    labels: str | None = None,
    arguments: Mapping[str, str] | None = None,
    measure: bool = True,
    say: Callable[[str], None] = lambda text: None,
) -> Quantized:
    """Quantize a float network after training.

    Parameters
    ----------
    network
        Path, or name under workloads/, of an .onnx file, or of the .yaml of a builder that gives values.
    inputs
        Input name -> float32 samples, as ``execute`` takes them; and labels.
    weights, activations, per_channel, symmetric, method, percentile
        See ``Settings``.
    rules
        Rules of a mixed precision, or the YAML file of such, see ``Rules``.
    labels
        Name among ``inputs`` of the class of each sample; None: ``labels`` if that is there.
    arguments
        Arguments of a builder, as YAML, in place of those in its file.
    measure, say
        Whether to put the samples through both networks for noise and accuracy; is told what is done.

    Raises
    ------
    InputError
        The network, the inputs, the settings or the rules are not as they should be.
    """
    settings = Settings(weights, activations, per_channel, symmetric, method, percentile)
    settings.check()
    book = RuleBook(settings, rules)
    float_network = read_network(network, arguments)
    choice = choose(float_network, book)
    computed = [layer for layer in choice.layers if not layer.moves]
    sources = choice.sources()
    constants = float_network.constants
    wanted = [name for names in sources.values() for name in names if name not in constants]
    wanted += [layer.results[0] for layer in computed if layer.results]
    also = [name for name in dict.fromkeys(wanted) if name not in float_network.inputs]
    model = float_network.write(float_network.nodes, constants, also)
    graph = load_model(model, float_network.path)
    samples, classes = _samples(graph, float_network, inputs, labels)
    quants, spans = _calibrated(graph, samples, choice, constants, settings, say)
    say("writing the quantized network")
    written = write_qdq(float_network, choice, quants, per_channel=settings.per_channel, method=method)
    compared = dict.fromkeys([*(layer.results[0] for layer in computed), *float_network.outputs])
    shown = {name: written.shown.get(name, name) for name in compared if name in float_network.floats}
    if measure:
        say(f"comparing on {len(samples)} samples")
    found = compare(
        (graph, load_model(_showing(written, shown), float_network.path)), samples if measure else (), shown,
        classes if measure else None, float_network.outputs[0],
    )  # fmt: skip
    reports = [
        _report(layer, choice, quants, spans, found.noise[layer.results[0]].sqnr_db) for layer in computed
    ]
    return Quantized(
        network=graph.name,
        model=written.model.SerializeToString(),
        settings=settings,
        samples=len(samples),
        layers=tuple(reports),
        outputs={name: found.noise[name].sqnr_db for name in float_network.outputs if name in shown},
        constant_bytes=written.constant_bytes,
        accuracy=found.accuracy,
    )


def _samples(
    graph: Graph, network: Network, inputs: Mapping[str, np.ndarray], labels: str | None
) -> tuple[list[dict[str, np.ndarray]], np.ndarray | None]:
    """Checked inputs sample by sample, and the labels if there are any."""
    if labels is not None and labels in graph.inputs:
        text = f"'{labels}' is an input of the network; expected another array for the labels"
        raise InputError(Problem(text, path="inputs"))
    if labels is not None and labels not in inputs:
        raise InputError(Problem(f"there is no array '{labels}' for the labels", path="inputs"))
    arrays = {name: np.asarray(array) for name, array in inputs.items()}
    feeds, classes = split_labels(arrays, graph, labels or LABELS)
    samples = samples_of(graph, feeds)
    for name, array in feeds.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            at = np.argwhere(~np.isfinite(array))[0].tolist()
            text = f"input '{name}': expected finite numbers, got {array[tuple(at)]} at {at}"
            raise InputError(Problem(text, path="inputs"))
    if classes is not None:
        check_labels(classes, replace(graph, outputs=tuple(network.outputs)), len(samples))
    return samples, classes


def _calibrated(
    graph: Graph,
    samples: Sequence[Mapping[str, np.ndarray]],
    choice: Choice,
    constants: Mapping[str, np.ndarray],
    settings: Settings,
    say: Callable[[str], None],
) -> tuple[dict[str, Quant], dict[str, Range]]:
    """Scale and range of every tensor that has its own, from all samples."""
    sources = choice.sources()

    def observe(into: Mapping[str, Extremes] | Mapping[str, Histogram]) -> None:
        for root, names in sources.items():
            for name in names:
                if name in constants:
                    into[root].see(constants[name])
        for i, sample in enumerate(samples):
            values = {**sample, **execute(graph, sample, "onnxruntime").outputs}
            for root, names in sources.items():
                for name in names:
                    if name not in constants:
                        _check_finite(name, values[name], i)
                        into[root].see(values[name])

    say(f"observing ranges on {len(samples)} samples")
    extremes = {root: Extremes() for root in sources}
    observe(extremes)
    spans = {root: seen.range for root, seen in extremes.items()}
    if settings.method != "minmax":
        say(f"observing histograms on {len(samples)} samples")
        histograms = {root: Histogram(span) for root, span in spans.items()}
        observe(histograms)
        for root, histogram in histograms.items():
            spans[root] = _chosen(histogram, choice.types[root], settings)
    quants = {
        root: quant_of(span, choice.types[root], symmetric=settings.symmetric) for root, span in spans.items()
    }
    return quants, spans


def _chosen(histogram: Histogram, dtype: str, settings: Settings) -> Range:
    if settings.method == "percentile":
        return percentile_range(histogram, settings.percentile, symmetric=settings.symmetric)
    return mse_range(histogram, dtype, symmetric=settings.symmetric)


def _check_finite(name: str, array: np.ndarray, sample: int) -> None:
    if not np.isfinite(array).all():
        raise InputError(Problem(f"tensor '{name}' is not finite for sample {sample}: no range can hold it"))


def _showing(written: Written, shown: Mapping[str, str]) -> Any:
    """The quantized model with the compared tensors among its outputs."""
    from onnx import TensorProto, helper  # heavy: needed for ONNX files alone

    model = type(written.model)()
    model.CopyFrom(written.model)
    present = {value.name for value in model.graph.output}
    for name in dict.fromkeys(shown.values()):
        if name not in present:
            model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
    return model


def _report(
    layer: Layer, choice: Choice, quants: Mapping[str, Quant], spans: Mapping[str, Range], sqnr: float | None
) -> LayerReport:
    name = layer.results[0]
    stored = name in choice.types
    quant = quants[choice.root(name)] if stored else None
    span = spans[choice.root(name)] if stored else None
    return LayerReport(
        layer.node.name, layer.node.op_type, layer.types.weights if layer.weight else "",
        layer.types.activations, span.low if span else None, span.high if span else None,
        quant.scale[0] if quant else None, quant.zero_point[0] if quant else None, sqnr,
    )  # fmt: skip
