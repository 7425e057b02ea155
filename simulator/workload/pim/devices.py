"""Memories that compute, as arithmetic: formats, order of additions, roundings (docs/models/pim.md)."""

from __future__ import annotations

from dataclasses import dataclass

#: Elements of 16 bits of one access: what a unit multiplies at once.
LANES = 16
#: Operators of products, and those of elements.
PRODUCTS, ELEMENTS = ("MatMul", "Gemm", "MatMulNBits"), ("Add", "Sum", "Mul", "Relu")
#: Products of stored integers, which need no arithmetic of their own: sums modulo 2^32 are the same in any
#: order.
INTEGER_PRODUCTS = ("MatMul", "Gemm", "MatMulInteger")


@dataclass(frozen=True)
class PimArithmetic:
    """What a device computes real numbers in, and which operators it has.

    Attributes
    ----------
    name
        Also that of the profile in which it computes all that it can of a network.
    element
        ``fp16``: every product and every sum is rounded apart, 16 lanes have sums of their own, which the
        host adds. ``bf16``: products are exact, those of the lanes are aligned to the largest and added at
        once into one accumulator.
    operators
        ONNX names.
    registers
        Registers of inputs: as many times ``LANES`` are a tile.
    sets
        Sets of banks (even, odd) that the tiles of inputs lie in by turns; a set's tiles come together.
    aligned_bits
        Of ``bf16``: significant bits of the largest product below which those of others are cut off.
    integers
        Whether it multiplies stored integers of 8 bits, in accumulators of 32 bits that wrap.
    sources
        Where each statement comes from.
    """

    name: str
    element: str
    operators: tuple[str, ...]
    sources: tuple[str, ...]
    registers: int = 8
    sets: int = 1
    aligned_bits: int = 24
    integers: bool = False

    def has(self, op: str) -> bool:
        """Whether an operator is among what it computes, of real numbers or of integers."""
        return op in self.operators or (self.integers and op in INTEGER_PRODUCTS)


HBM_PIM = PimArithmetic(
    "hbm_pim",
    "fp16",
    (*PRODUCTS, *ELEMENTS),
    (
        "HBM-PIM (ISCA 2021, Hot Chips 33): products and sums rounded apart to FP16, 16 lanes, 8 registers "
        "of sums per unit",
        "assumptions: half to even, denormals kept, the host adds 16 lanes in float32 in their order",
    ),
    sets=2,
)
GDDR6_AIM = PimArithmetic(
    "gddr6_aim",
    "bf16",
    (*PRODUCTS, "Mul", "Relu", "Sigmoid", "Tanh", "Gelu"),
    (
        "GDDR6-AiM (ISSCC 2022; JSSC 58(1), 2023): BF16, 16 products aligned at once to the largest exponent "
        "(bank-wide mantissa shift), functions by table",
        "assumptions: 24 aligned bits, accumulator float32, results half to even, tables of 1024 points",
    ),
)
LPDDR5_PIM = PimArithmetic(
    "lpddr5_pim",
    "fp16",
    (*PRODUCTS, *ELEMENTS),
    (
        "LPDDR5-PIM (Hot Chips 2023, of which the bandwidth alone is published); assumed: 8-bit integers in "
        "sums of 32 bits, FP16 as HBM-PIM with a unit per bank",
    ),
    integers=True,
)
DEVICES = {device.name: device for device in (HBM_PIM, GDDR6_AIM, LPDDR5_PIM)}
