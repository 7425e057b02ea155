"""Graph and inputs to Activity: a network's numbers, bit for bit as a profile of hardware has them.

Values never depend on time; time may depend on values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import ModuleType

import numpy as np

from simulator.base.errors import InputError, Problem, did_you_mean
from simulator.workload import lite, plain
from simulator.workload.call import Call, NotExecuted, Value, stored_type
from simulator.workload.graph import Graph, Node
from simulator.workload.numerics import Numerics, on_device, profile
from simulator.workload.op import OPS, is_modelled
from simulator.workload.pim.devices import DEVICES
from simulator.workload.pim.run import check_placed
from simulator.workload.pim.run import run as run_on_pim
from simulator.workload.rescale import limits
from simulator.workload.tensor import FLOATS, Tensor


@dataclass(frozen=True)
class Activity:
    """What the numbers of a network did.

    Attributes
    ----------
    network, profile
        Names of the graph and of the numerics.
    samples
        How many inputs were put through.
    outputs
        Network output -> stored values; in front an axis of samples if the inputs had one.
    tensors
        As ``outputs``, of every computed tensor; empty unless asked for.
    nonzeros
        Tensor that is read or computed -> elements that stand for a real number other than 0, over all
        samples. Constants are left out.
    elements
        The same tensors -> elements, over all samples.
    """

    network: str
    profile: str
    samples: int
    outputs: Mapping[str, np.ndarray]
    nonzeros: Mapping[str, int]
    elements: Mapping[str, int]
    tensors: Mapping[str, np.ndarray] = field(default_factory=dict)

    def density(self, name: str) -> float:
        """Share of elements of a tensor that are not zero."""
        return self.nonzeros[name] / max(self.elements[name], 1)


def execute(
    graph: Graph,
    inputs: Mapping[str, np.ndarray],
    numerics: str | Numerics,
    *,
    pim: Mapping[str, str] | None = None,
    all_tensors: bool = False,
    readable: bool = False,
) -> Activity:
    """Put inputs through a network.

    Parameters
    ----------
    graph
        As ``load_graph`` reads it.
    inputs
        Input name -> array of the tensor's shape and stored type. All of them may hold several samples: in
        one more axis in front, or in the first where the network has a batch of 1 there. The network is
        executed sample by sample.
    numerics
        Profile or its name.
    pim
        Node -> memory that computes it (``simulator.workload.pim.devices.DEVICES``), in that one's
        arithmetic. Other nodes follow the profile.
    all_tensors
        Keep every computed tensor.
    readable
        Compute in plain numpy instead of compiled kernels: the same numbers, slowly.

    Raises
    ------
    InputError
        Inputs are not those of the network, or a node cannot be executed, or not on its memory; with its name
        and the reason.
    """
    if not isinstance(graph, Graph):
        raise InputError(Problem("expected a graph; execute_spikes runs spiking networks"))
    numerics, pim = profile(numerics), pim or {}
    join = _check_inputs(graph, inputs)[1]
    samples = samples_of(graph, inputs)
    _check_nodes(graph)
    check_placed(graph, pim)
    placed = {node: on_device(numerics, DEVICES[device]) for node, device in pim.items()}
    run = _Run(graph, numerics, placed, _arithmetic(readable), all_tensors)
    kept: dict[str, list[np.ndarray]] = {}
    for feeds in samples:
        for name, array in run.once(feeds).items():
            kept.setdefault(name, []).append(array)
    arrays = {name: _joined(each, join) for name, each in kept.items()}
    outputs = {name: arrays[name] for name in graph.outputs}
    everything = arrays if all_tensors else {}
    return Activity(graph.name, numerics.name, len(samples), outputs, run.nonzeros, run.elements, everything)


def samples_of(graph: Graph, inputs: Mapping[str, np.ndarray]) -> list[dict[str, np.ndarray]]:
    """Inputs sample by sample, each array of its tensor's shape.

    Raises
    ------
    InputError
        They are not those of the network.
    """
    samples, join = _check_inputs(graph, inputs)
    return [
        {
            name: np.asarray(array if join == "none" else array[i], stored_type(graph.tensors[name])).reshape(
                graph.tensors[name].shape
            )
            for name, array in inputs.items()
        }
        for i in range(samples)
    ]


def _joined(arrays: list[np.ndarray], join: str) -> np.ndarray:
    """Samples of one tensor as the inputs have them: in an axis in front, or in the first if that is 1."""
    if join == "none":
        return arrays[0]
    along = join == "batch" and arrays[0].shape[:1] == (1,)
    return np.concatenate(arrays) if along else np.stack(arrays)


def _arithmetic(readable: bool) -> ModuleType:
    if readable:
        return plain
    from simulator.workload import fast  # loads numba, which readable execution does without

    return fast


class _Run:
    """One network with its constants, and what is counted over its samples."""

    def __init__(
        self,
        graph: Graph,
        numerics: Numerics,
        placed: Mapping[str, Numerics],
        arithmetic: ModuleType,
        all_tensors: bool,
    ) -> None:
        self.graph, self.numerics, self.placed, self.arithmetic = graph, numerics, placed, arithmetic
        self.nonzeros: dict[str, int] = {}
        self.elements: dict[str, int] = {}
        self.keep = set(graph.outputs)
        if all_tensors:
            self.keep.update(name for node in graph for name in node.outputs if name)
        self.last = {name: readers[-1] for name, readers in graph.consumers.items()}

    def once(self, feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Values of all tensors that are kept, for one sample."""
        held = dict(feeds)
        for name, array in feeds.items():
            self._count(self.graph.tensors[name], array)
        for i, node in enumerate(self.graph):
            results = [self.graph.tensors[name] for name in node.outputs if name]
            for tensor, array in zip(results, self._fire(node, results, held), strict=False):
                held[tensor.name] = array
                self._count(tensor, array)
            for name in dict.fromkeys(node.inputs):
                if self.last.get(name) == i and name not in self.keep:
                    held.pop(name, None)
        return {name: self._held(name, held) for name in self.keep}

    def _held(self, name: str, held: Mapping[str, np.ndarray]) -> np.ndarray:
        constant = self.graph.tensors[name].constant
        return held[name] if constant is None or name in held else constant.array()

    def _fire(self, node: Node, results: list[Tensor], held: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        operands = [
            Value(self.graph.tensors[name], self._held(name, held)) if name else None for name in node.inputs
        ]
        numerics = self.placed.get(node.name, self.numerics)
        if numerics.sixteen is not None and any(v and v.tensor.dtype == "int16" for v in operands):
            numerics = numerics.sixteen
        call = Call(node, operands, results, numerics, self.arithmetic)
        try:
            op = OPS[node.op]
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # inf and NaN are reals, too
                own = run_on_pim(call) if numerics.pim is not None else None
                if own is None and numerics.library:
                    own = lite.run(op, call)
                return op.run(call) if own is None else own
        except NotExecuted as error:
            raise InputError(Problem(f"node '{node.name}': {node.op} {error}")) from error
        except ValueError as error:
            raise InputError(Problem(f"node '{node.name}' ({node.op}): {error}")) from error

    def _count(self, tensor: Tensor, array: np.ndarray) -> None:
        zero: np.ndarray | int = tensor.quant.zero_point[0] if tensor.quant else 0
        if tensor.quant is not None and len(set(tensor.quant.zero_point)) > 1:
            zero = np.reshape(
                tensor.quant.zero_point, [-1 if i == tensor.quant.axis else 1 for i in range(array.ndim)]
            )
            count = plain.nonzeros(array, zero)
        else:
            count = self.arithmetic.nonzeros(array, zero)
        self.nonzeros[tensor.name] = self.nonzeros.get(tensor.name, 0) + count
        self.elements[tensor.name] = self.elements.get(tensor.name, 0) + array.size


def _check_inputs(graph: Graph, inputs: Mapping[str, np.ndarray]) -> tuple[int, str]:
    """How many samples there are, and how they are joined: none, stack or batch.

    Raises unless all inputs fit the network.
    """
    names = ", ".join(f"'{name}'" for name in graph.inputs)
    problems = [
        Problem(f"expected inputs {names}, got '{name}'{did_you_mean(name, graph.inputs)}", path="inputs")
        for name in inputs
        if name not in graph.inputs
    ]
    problems += [
        Problem(f"input '{name}' is missing", path="inputs") for name in graph.inputs if name not in inputs
    ]
    found: list[tuple[int, str]] = []
    for name in graph.inputs:
        if name not in inputs:
            continue
        tensor, array = graph.tensors[name], np.asarray(inputs[name])
        expected = np.dtype(stored_type(tensor))
        if array.dtype.newbyteorder("=") != expected:
            text = f"input '{name}': expected {expected}, got {array.dtype}{_how(tensor)}"
            problems.append(Problem(text, path="inputs"))
        samples = _samples(tensor, array)
        if samples is None:
            shape = list(tensor.shape)
            text = f"expected shape {shape}, or samples of it in front, got {list(array.shape)}"
            problems.append(Problem(f"input '{name}': {text}", path="inputs"))
        else:
            found.append(samples)
    if not problems and len(set(found)) > 1:
        text = "expected as many samples of every input, joined in the same way"
        problems.append(Problem(text, path="inputs"))
    if problems:
        raise InputError(*problems)
    return found[0] if found else (1, "none")


def _samples(tensor: Tensor, array: np.ndarray) -> tuple[int, str] | None:
    """How many samples of a tensor an array holds, and how; None if it is none of these."""
    if array.shape == tensor.shape:
        return 1, "none"
    if not array.ndim or not array.size:
        return None
    if array.shape[1:] == tensor.shape:
        return len(array), "stack"
    if tensor.shape[:1] == (1,) and array.shape[1:] == tensor.shape[1:]:
        return len(array), "batch"
    return None


def _how(tensor: Tensor) -> str:
    """How to make an input of a quantized network from real numbers."""
    if tensor.quant is None:
        return ""
    scale, zero = tensor.quant.scale[0], tensor.quant.zero_point[0]
    low, high = limits(tensor.dtype)
    return f"; real numbers x are stored as clip(round(x / {scale:.9g}) + {zero}, {low}, {high})"


def _check_nodes(graph: Graph) -> None:
    """Raise for what cannot be executed, all of it at once."""
    problems = []
    for node in graph:
        if not is_modelled(node.op):
            problems.append(Problem(f"node '{node.name}': operator {node.op} is not supported"))
        for name in node.outputs:
            tensor = graph.tensors.get(name)
            if tensor and "requant" in node.epilogue and tensor.quant is None and tensor.dtype not in FLOATS:
                text = f"its result '{name}' is {tensor.dtype} without scale, as of a network without values"
                problems.append(Problem(f"node '{node.name}' ({node.op}): {text}"))
    if problems:
        raise InputError(*problems)
