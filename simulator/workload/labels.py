"""Labels among the inputs of a network, and how many samples come out as they say."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from simulator.base.errors import InputError, Problem
from simulator.workload.execute import Activity
from simulator.workload.graph import Graph

#: Name of the array, unless the network has an input of that name.
LABELS = "labels"


def split_labels(
    arrays: Mapping[str, np.ndarray], graph: Graph, name: str = LABELS
) -> tuple[dict[str, np.ndarray], np.ndarray | None]:
    """Inputs without the labels, and these; None where there are none."""
    inputs = dict(arrays)
    return inputs, None if name in graph.inputs else inputs.pop(name, None)


def count_right(labels: np.ndarray, graph: Graph, activity: Activity) -> int:
    """Samples whose largest element of the one output is where the label says.

    Raises
    ------
    InputError
        As for ``check_labels``.
    """
    check_labels(labels, graph, activity.samples)
    output = activity.outputs[graph.outputs[0]]
    return int((output.reshape(activity.samples, -1).argmax(axis=1) == labels.ravel()).sum())


def check_labels(labels: np.ndarray, graph: Graph, samples: int) -> None:
    """Raise InputError unless labels are a whole number per sample below the elements of the one output."""
    problems = []
    if len(graph.outputs) != 1:
        problems.append(f"labels need a network of one output, it has {len(graph.outputs)}")
    if labels.dtype.kind not in "iuf" or not (np.isfinite(labels) & (labels == np.rint(labels))).all():
        problems.append(f"expected labels as whole numbers, got {labels.dtype}")
    elif labels.size != samples:
        shape = f", of shape {list(labels.shape)}: the number of its class" if labels.ndim > 1 else ""
        problems.append(f"expected a label for each of {samples} samples, got {labels.size}{shape}")
    elif len(graph.outputs) == 1:
        classes = graph.tensors[graph.outputs[0]].elements
        if labels.size and not 0 <= int(labels.min()) <= int(labels.max()) < classes:
            low, high = int(labels.min()), int(labels.max())
            problems.append(f"expected labels from 0 to {classes - 1}, got {low} to {high}")
    if problems:
        raise InputError(*(Problem(text, path="inputs") for text in problems))
