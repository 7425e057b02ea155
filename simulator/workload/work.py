"""The few shapes of work that hardware sees: operators produce them, cores accept them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Contraction:
    """The seven-loop convolution nest with groups; GEMM, GEMV and attention products are cases of it.

    For every group g, image b, output pixel (oy, ox) and output channel k::

        out[b, oy, ox, g, k] = sum over c, fy, fx of
            ifmap[b, oy*sy + fy*dy - pad_top, ox*sx + fx*dx - pad_left, g, c] * weight[g, k, c, fy, fx]

    A GEMM of M x K by K x N has ``oy=M, k=N, c=K`` and the rest 1; a batch of GEMMs has ``groups`` = batch
    and ``batched=True``: then ifmap and ofmap lie group-major (each group contiguous), not channels-last.

    ``k`` and ``c`` count channels of one group; ``iy, ix`` are the extents of the ifmap; ``precision`` names
    the multiplication (``int8``, ``int4``, ``fp16``, ...), the wider of the two operands.
    """

    k: int
    c: int
    oy: int = 1
    ox: int = 1
    fy: int = 1
    fx: int = 1
    batch: int = 1
    groups: int = 1
    sy: int = 1
    sx: int = 1
    dy: int = 1
    dx: int = 1
    pad_top: int = 0
    pad_left: int = 0
    iy: int = 0  # 0: as many as a stride-1, unpadded nest reads
    ix: int = 0
    batched: bool = False
    precision: str = "int8"

    @property
    def M(self) -> int:
        """Rows of the equivalent GEMM of one group: output pixels of all images."""
        return self.batch * self.oy * self.ox

    @property
    def N(self) -> int:
        """Columns of the equivalent GEMM of one group: output channels."""
        return self.k

    @property
    def K(self) -> int:
        """Inner dimension of the equivalent GEMM of one group."""
        return self.c * self.fy * self.fx

    @property
    def macs(self) -> int:
        """Multiply-accumulates, padding included as every published count does."""
        return self.groups * self.M * self.N * self.K


@dataclass(frozen=True, slots=True)
class Elementwise:
    """Arithmetic without reuse: activations, element-wise operators, poolings, reductions, normalizations.

    ``ops`` lists (operation class, count over the whole node). Classes: those of ``OPERATION_CLASSES``; what
    one costs is the core's business. ``split`` is the number of equal slices along the leading axes that are
    independent of each other, so that the work can be cut into tiles between them. A window (pooling) has
    ``rows_in`` input rows per slice group: slice ``r`` needs rows ``r*stride - pad`` to ``+ kernel``.
    """

    ops: tuple[tuple[str, int], ...]
    split: int = 1
    window: Window | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """Row window of a pooling: slice (b, oy) reads ``kernel`` rows of ``iy`` from ``oy * stride - pad``."""

    kernel: int
    stride: int
    pad: int
    iy: int  # input rows per image
    oy: int  # output rows per image


@dataclass(frozen=True, slots=True)
class Move:
    """Data that changes place or order and is not computed on. ``split`` as in ``Elementwise``.

    ``bytes_read`` and ``bytes_written`` may be less than the node's tensors hold (Slice, Gather).
    """

    bytes_read: int
    bytes_written: int
    split: int = 1


@dataclass(frozen=True, slots=True)
class Match:
    """Vectors put to stored prototypes, to be learned or to find the nearest; or prototypes that move.

    ``counts`` lists (class, count over the whole node), as ``Elementwise.ops`` does. Classes: those of
    ``MATCH_CLASSES``; what one costs is the core's business. ``neurons`` prototypes of ``length`` components
    are what a core must be able to store. ``split`` as in ``Elementwise``: the vectors, one after the other.
    """

    counts: tuple[tuple[str, int], ...]
    neurons: int
    length: int
    split: int = 1


@dataclass(frozen=True, slots=True)
class Spike:
    """Spiking neurons that are updated in every time step, and the synapses that lead to them.

    Not the work of a node: spiking networks are populations, not graphs of operators.
    """

    neurons: int
    synapses: int


Work = Contraction | Elementwise | Move | Match

#: How synapses between two populations are kept: all pairs, each with the number of its target, or equal
#: ones once (weights that are shared along rows and columns).
SYNAPSE_FORMATS = ("dense", "sparse", "conv")

#: What element-wise work is made of; a vector core states a cost for each.
OPERATION_CLASSES = (
    "add", "mul", "max", "div", "exp", "log", "sqrt", "pow", "sigmoid", "tanh", "erf", "sin", "round",
    "logic", "mac",
)  # fmt: skip

#: What matching is made of; a pattern-matching core states a cost for each.
MATCH_CLASSES = (
    "vector",  # vector broadcast to all neurons
    "component",  # component of one
    "onto_empty",  # of the vectors, while no neuron is committed
    "compare",  # component compared with that of one neuron
    "teach",  # category written, to learn the vector broadcast before
    "teach_known",  # of these, where a neuron of that category fires already
    "commit",  # neuron that takes the vector as its prototype
    "shrink",  # neuron whose influence field gets smaller
    "status",  # status read: identified, uncertain or unknown
    "distance",  # distance of the next nearest neuron read
    "category",  # its category read
    "category_identified",  # of these, where all neurons that fire agree
    "session",  # switch to saving or restoring, and back
    "save",  # neuron read out as a whole
    "restore",  # neuron written as a whole
)
