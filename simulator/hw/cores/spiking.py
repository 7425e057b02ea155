"""Spiking cores: each updates its neurons once per time step, and goes over synapses of what it hears."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from simulator.base.units import UNLIMITED, format
from simulator.hw import scaling
from simulator.hw.component import CORES, Core
from simulator.workload.work import SYNAPSE_FORMATS, Spike

if TYPE_CHECKING:
    import numpy as np
else:
    from simulator.base.lazy import numpy as np

#: How each format of synapses is called among actions and fields.
SYNAPSE_ACTIONS = tuple(f"synapse_{name}" for name in SYNAPSE_FORMATS)


@CORES.register("spiking")
class Spiking(Core):
    """All neuromorphic cores of a chip, alike; how many there are, and where, says the chip's `spike_mesh`.

    Model
    -----
    In a time step a core does two things side by side. It sends: each of its neurons takes ``access``, one
    with something to do ``update`` besides, one that spikes ``spike``, and each message of a spike, one per
    destination core, ``axon_out``. It receives: each message takes ``axon_in``, and each synaptic event the
    time of its format. Without queueing it is done after the longer of the two.

    Not modelled
    ------------
    Learning; dendrites of several compartments; spikes that carry a value.

    Source
    ------
    The chip's own; docs/models/spiking_chips.md.
    """

    ACTIONS: ClassVar = (*SYNAPSE_ACTIONS, "access", "update", "spike", "axon_in", "axon_out")
    ROLES: ClassVar = ("synapses",)
    ALONE: ClassVar = True
    SPENT_IN: ClassVar = {"*": scaling.MIXED}  # an event is arithmetic and what it reads of its core's memory
    CLOCKED: ClassVar = False
    BETTER: ClassVar = {
        "clock_hz": "", "neurons": "", "axons_in": "", "axons_out": "", "stored_dense_bits": "",
        "stored_sparse_bits": "", "stored_conv_bits": "",
    }  # fmt: skip

    clock_hz: int = Field(10**15, description="Grid of times; such cores need no clock", gt=0)
    neurons: int = Field(description="Neurons of one core at most", gt=0)
    axons_in: int = Field(UNLIMITED, description="Neurons that one core hears at most", gt=0)
    axons_out: int = Field(
        UNLIMITED, description="Destination cores of the neurons of one core at most, summed over them", gt=0
    )
    stored_dense_bits: int = Field(description="Bits of a synapse where all pairs are connected", gt=0)
    stored_sparse_bits: int = Field(description="Bits of a synapse with the number of its target", gt=0)
    stored_conv_bits: int = Field(description="Bits of a synapse of a convolution; equal ones share", gt=0)
    access_fs: int = Field(description="Time of looking at a neuron, every step", ge=0)
    update_fs: int = Field(description="Further time if it has something to do", ge=0)
    spike_fs: int = Field(description="Further time if it spikes", ge=0)
    axon_out_fs: int = Field(description="Time of sending a message, one per destination core", ge=0)
    axon_in_fs: int = Field(description="Time of receiving a message", ge=0)
    synapse_dense_fs: int = Field(description="Time of a synaptic event, dense", ge=0)
    synapse_sparse_fs: int = Field(description="Time of a synaptic event, sparse", ge=0)
    synapse_conv_fs: int = Field(description="Time of a synaptic event, convolutional", ge=0)

    def accepts(self, work: object) -> bool:
        """Populations of spiking neurons, of any size: they are spread over cores."""
        return isinstance(work, Spike)

    def event_fs(self) -> np.ndarray:
        """Time of a synaptic event by format, int64, shape (formats,)."""
        times = [getattr(self, f"{action}_fs") for action in SYNAPSE_ACTIONS]
        return np.array(times, np.int64)

    def bits(self) -> np.ndarray:
        """Bits of a synapse by format, int64, shape (formats,)."""
        return np.array([getattr(self, f"stored_{name}_bits") for name in SYNAPSE_FORMATS], np.int64)

    def extent(self) -> str:
        """What one core holds."""
        return f"{self.neurons} neurons each"

    def traits(self) -> tuple[str, ...]:
        """Limits and the times of the commonest actions."""
        limits = [
            f"{value} {name.replace('_', ' ')}"
            for name, value in (("axons_in", self.axons_in), ("axons_out", self.axons_out))
            if value < UNLIMITED
        ]
        event, update = format(self.synapse_sparse_fs, "fs"), format(self.access_fs + self.update_fs, "fs")
        return (*limits, f"{event} per sparse synaptic event", f"{update} per neuron update")
