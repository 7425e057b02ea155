"""What a task reads and writes, as searches want it: widths, places, broadcast, slices."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from simulator.hw.chip import Chip
from simulator.mapping.cost import Operands
from simulator.mapping.parts import row_channels
from simulator.mapping.route import route
from simulator.mapping.runs import operand_groups
from simulator.mapping.schedule import Place, Task
from simulator.mapping.slices import Operand, make_operand
from simulator.workload.graph import Graph
from simulator.workload.work import Contraction

#: Whether a storage lies in the very memory from which a task's core works in a role.
Local = Callable[[str, str], bool]


def local_places(task: Task, chip: Chip, places: Mapping[str, Place]) -> Local:
    """``Local`` for storages whose places are known."""
    core = chip.cores[task.core]
    return lambda name, role: places[name].memory == route(chip, core, role).memory


def operand_bits(task: Task, graph: Graph) -> tuple[int, int, int]:
    """Bits per element of the first operand, of the last and of the result.

    What passes between two works of one node is no tensor of the graph and is as wide as the node's result.
    """
    result = graph.results(graph.nodes[task.node])[0].bits
    first, last = (
        graph.tensors[name].bits if name in graph.tensors else result
        for name in (task.reads[0], task.reads[:2][-1])
    )
    return first, last, result


def contraction_operands(task: Task, graph: Graph, sizes: Mapping[str, int], local: Local) -> Operands:
    """Widths and places of a contraction's operands; ``sizes`` are bytes of storages."""
    assert isinstance(task.whole, Contraction)
    ifmap, weight = task.reads[:2]
    ifmap_bits, weight_bits, ofmap_bits = operand_bits(task, graph)
    groups = operand_groups(task.whole, (sizes[ifmap], sizes[weight]), (ifmap_bits, weight_bits))
    if task.part is not None and task.part.along == "groups":
        groups = (0, 0)  # of a part of them, as many as the work
    return Operands(
        ifmap_bits=ifmap_bits,
        weight_bits=weight_bits,
        ofmap_bits=ofmap_bits,
        bias_bytes=task.bias_bytes,
        ifmap_local=local(ifmap, "ifmap"),
        weight_local=local(weight, "weight"),
        ofmap_local=local(task.writes[0], "ofmap"),
        ifmap_groups=groups[0],
        weight_groups=groups[1],
        ops=task.ops,
        row_channels=row_channels(task),
        density=task.density,
    )


def sliced_operands(
    task: Task, graph: Graph, sizes: Mapping[str, int], local: Local
) -> tuple[list[Operand], list[Operand]]:
    """Inputs and outputs of work that is no contraction; ``sizes`` are bytes of storages."""
    read = [sizes[name] for name in task.reads]
    inputs = []
    for i, name in enumerate(task.reads):
        tensor = graph.tensors.get(name)
        elements = None if tensor is None else tensor.elements
        inputs.append(make_operand(task, i, read, elements, local(name, "ifmap")))
    return inputs, [Operand(name, sizes[name], local(name, "ofmap"), True) for name in task.writes]
