"""A spiking chip: its cores, the mesh that they sit on, and the memory that each keeps its synapses in."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.base.errors import InputError
from simulator.hw.chip import Chip
from simulator.hw.component import Memory
from simulator.hw.cores.spiking import Spiking
from simulator.hw.links.spike_mesh import SpikeMesh


@dataclass(frozen=True)
class SpikingParts:
    """The components that a spiking network runs on, with their names."""

    core_name: str
    core: Spiking
    mesh_name: str
    mesh: SpikeMesh
    memory_name: str
    memory: Memory

    @property
    def synapse_bits(self) -> int:
        """What one core can store."""
        return 8 * self.memory.capacity_bytes


def is_spiking(chip: Chip) -> bool:
    """Whether a chip has cores for spiking networks."""
    return any(isinstance(core, Spiking) for core in chip.cores.values())


def spiking_parts(chip: Chip) -> SpikingParts:
    """The components of a spiking chip.

    Raises
    ------
    InputError
        Something is missing, or there twice.
    """
    cores = {name: core for name, core in chip.cores.items() if isinstance(core, Spiking)}
    meshes = {name: link for name, link in chip.links.items() if isinstance(link, SpikeMesh)}
    problems = []
    if len(cores) != 1 or len(chip.cores) != 1:
        text = "expected one core of kind spiking, which stands for all, and no other"
        problems.append(chip.problem(f"{text}; got {', '.join(chip.cores)}", "cores"))
    if len(meshes) != 1:
        text = "expected one link of kind spike_mesh, which the cores sit on"
        problems.append(chip.problem(f"{text}; got {', '.join(meshes) or 'none'}", "links"))
    if problems:
        raise InputError(*problems)
    core_name, core = next(iter(cores.items()))
    mesh_name, mesh = next(iter(meshes.items()))
    memory = core.buffer("synapses")
    return SpikingParts(core_name, core, mesh_name, mesh, memory, chip.memories[memory])
