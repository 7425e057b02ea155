"""convert: from the file of a network of rectified units to a spiking one, and how well that does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from simulator.base.errors import InputError, Problem
from simulator.experiment.execute import carried_samples, located, write_arrays
from simulator.workload.arrays import read_arrays
from simulator.workload.call import Value
from simulator.workload.execute import execute, samples_of
from simulator.workload.graph import Graph
from simulator.workload.labels import check_labels, split_labels
from simulator.workload.load import load_graph
from simulator.workload.spiking.conversion.convert import Converted, convert
from simulator.workload.spiking.conversion.evaluate import Evaluated, evaluate
from simulator.workload.spiking.store import arrays_of


@dataclass(frozen=True, eq=False)
class Comparison:
    """A converted network beside the one that it was made of, on samples.

    Attributes
    ----------
    samples
        How many.
    correct
        Of the given network, as the labels say; None without labels.
    spiking
        The converted one after several numbers of steps.
    agree, right
        Samples whose largest output is the given network's, or as the labels say, by number of steps.
    """

    samples: int
    correct: int | None
    spiking: Evaluated
    agree: list[int]
    right: list[int] | None


def convert_files(
    network: str, inputs: str | None, out: Path, *, steps: Sequence[int], percentile: float
) -> tuple[Converted, Comparison | None]:
    """Convert the network of a file, compare both on the samples of another, and write the result.

    Parameters
    ----------
    network
        Path, or name under workloads/, of an .onnx file.
    inputs
        Path of an .npz file: samples of each input, under its name, and ``labels`` if there are any. They
        tell thresholds where the network's activations do not. None: what the network carries, thresholds
        from those to train on and the comparison on those to test on; without any, nothing is compared.
    out
        Where the spiking network goes, .npz.
    steps
        After how many steps to compare.
    percentile
        See ``simulator.workload.spiking.conversion.convert.convert``.

    Raises
    ------
    InputError
        A file is not as it should be, with its name, or a node has no spiking form.
    """
    if out.suffix.lower() != ".npz":
        raise InputError(Problem(f"expected a file name that ends in .npz, got '{out.name}'", "--out"))
    if not steps or min(steps) < 1:
        raise InputError(Problem("expected numbers of steps from 1 on, such as 4,8,16", "--steps"))
    carried = carried_samples(network, {}) if inputs is None else None
    graph = load_graph(network, batch=1 if carried is None else None)
    source = inputs or (network if carried is None else carried[1])
    telling, testing = (read_arrays(inputs),) * 2 if inputs is not None else (None, None)
    if carried is not None:
        telling, testing = dict(carried[0].train), dict(carried[0].test)
    try:
        samples = None if telling is None else split_labels(telling, graph)[0]
        converted = convert(graph, samples, percentile=percentile)
        compared = None
        if testing is not None:
            compared = _compare(converted, graph, *split_labels(testing, graph), steps)
    except InputError as error:
        raise located(error, {"inputs": source}, network) from error
    write_arrays(arrays_of(converted.network), out)
    return converted, compared


def _compare(
    converted: Converted, graph: Graph, arrays: dict[str, np.ndarray], labels: np.ndarray | None,
    steps: Sequence[int],
) -> Comparison:  # fmt: skip
    if len(graph.outputs) != 1:
        text = f"comparing needs a network of one output, it has {len(graph.outputs)}"
        raise InputError(Problem(text, path="inputs"))
    samples = samples_of(graph, arrays)
    if labels is not None:
        check_labels(labels, graph, len(samples))
    given = execute(graph, arrays, graph.native).outputs[graph.outputs[0]].reshape(len(samples), -1)
    best = given.argmax(axis=1)
    currents = [
        {name: Value(graph.tensors[name], array).real()[0] for name, array in sample.items()}
        for sample in samples
    ]
    spiking = evaluate(converted.network, currents, steps)
    return Comparison(
        samples=len(samples),
        correct=None if labels is None else int((best == labels.ravel()).sum()),
        spiking=spiking,
        agree=spiking.right(best),
        right=None if labels is None else spiking.right(labels),
    )


def convert_record(converted: Converted, compared: Comparison | None) -> dict[str, Any]:
    """What was made, and how it did, as plain values."""
    network = converted.network
    record: dict[str, Any] = {
        "network": network.name,
        "neurons": int(network.computed.sum()),
        "synapses": network.synapses.count,
        "layers": [asdict(each) for each in converted.thresholds],
        "assumptions": list(network.assumptions),
        "samples": None,
    }
    if compared is None:
        return record
    rows = [
        {
            "steps": end,
            "correct": None if compared.right is None else compared.right[i],
            "agree": compared.agree[i],
            "spikes": float(compared.spiking.spikes[i]),
            "synaptic_operations": float(compared.spiking.synaptic_operations[i]),
        }
        for i, end in enumerate(compared.spiking.steps)
    ]
    return record | {"samples": compared.samples, "correct": compared.correct, "by_steps": rows}


def layer_rows(record: dict[str, Any]) -> list[list[str]]:
    """Layers as text."""
    return [
        [
            each["layer"],
            str(each["neurons"]),
            f"{each['threshold']:.6g}",
            f"{each['amplitude']:.6g}",
            str(each["levels"] or "-"),
            each["source"],
        ]
        for each in record["layers"]
    ]


def step_rows(record: dict[str, Any]) -> list[list[str]]:
    """Accuracy by number of steps as text."""
    samples = record["samples"]
    return [
        [
            str(each["steps"]),
            "-" if each["correct"] is None else f"{100 * each['correct'] / samples:.2f} %",
            f"{100 * each['agree'] / samples:.2f} %",
            f"{each['spikes']:.1f}",
            f"{each['synaptic_operations']:.0f}",
        ]
        for each in record["by_steps"]
    ]
