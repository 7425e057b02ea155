"""Closed forms of what a language model holds, multiplies and moves; the graphs of ``build`` have just this.

All take the arguments of the builder and count the blocks that these ask for. h is the width of the residual
stream, d of a head, T the rows of tokens (batch x new tokens), V the vocabulary.
"""

from __future__ import annotations

from simulator.workload.frontends.llm.architecture import Architecture, Product
from simulator.workload.frontends.llm.args import LanguageModel
from simulator.workload.tensor import BITS, FLOATS


def parameters(one: Architecture, layers: int | None = None) -> int:
    """Weights, biases and vectors of a model, or of its first blocks with embedding and head."""
    block = sum(each.outputs * (each.inputs + each.bias) for each in one.block_products())
    block += one.norms * one.norm_vectors * one.hidden
    tables = (1 if one.tied else 2) * one.vocabulary * one.hidden
    positions = one.context * one.hidden if one.positions == "learned" else 0
    return (layers or one.layers) * block + tables + positions + one.norm_vectors * one.hidden


def weight_bytes(args: LanguageModel) -> int:
    """Bytes of all parameters and of the scales of those that are integers."""
    one = args.architecture
    block = sum(_linear_bytes(args, each, args.weights) for each in one.block_products())
    tables = (1 if one.tied else 2) * _table_bytes(args)
    positions = one.context * one.hidden if one.positions == "learned" else 0
    vectors = (args.layers * one.norms + 1) * one.norm_vectors * one.hidden
    return args.layers * block + tables + _bytes(positions + vectors, args.vector_type)


def kv_bytes_per_token(args: LanguageModel) -> int:
    """Bytes that a token adds to the cache, keys and values of all blocks."""
    return 2 * args.layers * _bytes(args.architecture.kv_width, args.kv_type)


def kv_bytes(args: LanguageModel, tokens: int) -> int:
    """Bytes of the cache that are in use after so many tokens of each sequence; windows bound them."""
    one = args.architecture
    keys = sum(one.attended(layer, tokens) for layer in range(args.layers))
    return 2 * args.batch * keys * _bytes(one.kv_width, args.kv_type)


def macs(args: LanguageModel) -> int:
    """Multiply-accumulates of the phase.

    Linear layers take T per weight, the head batch x h x V. Scores and their product with values take
    2·heads·d for each pair of a new token and a key: in a prefill all pairs, those that the mask hides as
    well; in a decode step one new token and the keys that its window holds.
    """
    one = args.architecture
    rows = args.batch * args.new
    linear = sum(each.outputs * each.inputs for each in one.block_products())
    pairs = sum(rows * _keys(args, layer) for layer in range(args.layers))
    head = args.batch * one.hidden * one.vocabulary
    return args.layers * rows * linear + 2 * one.query_width * pairs + head


def activation_bytes(args: LanguageModel) -> int:
    """Bytes of all results that are no view of another, each once: what a network without fusion writes."""
    one, b, rows = args.architecture, args.batch, args.batch * args.new
    per_token = _block_elements(args) * args.layers
    scores = sum(2 * rows * one.heads * _keys(args, layer) for layer in range(args.layers))
    head = b * ((2 if args.new > 1 else 1) * one.hidden + (3 if one.logit_cap else 2) * one.vocabulary)
    embedded = one.hidden * ((args.head_type not in FLOATS) + one.scaled_embedding)
    embedded += one.hidden * (one.positions == "learned")
    computed = _bytes(rows * (per_token + embedded) + scores + head, args.activations)
    gathered = _bytes(rows * one.hidden, args.head_type) + rows * _row_scales(args)
    positions = _bytes(args.new * one.hidden, args.vector_type) * (one.positions == "learned")
    quantized = 2 * args.layers * _bytes(rows * one.kv_width, args.kv_type)
    kept = quantized * (args.kv_type != args.activations)
    return computed + gathered + positions + kept + _bytes(b, "int32")


def read_bytes(args: LanguageModel) -> int:
    """Bytes that have to come from memory: inputs, the cache, and what is used of the parameters, each once.

    Rotations read the angles of the new tokens for queries and for keys of each block.
    """
    one, rows = args.architecture, args.batch * args.new
    block = sum(_linear_bytes(args, each, args.weights) for each in one.block_products())
    vectors = (args.layers * one.norms + 1) * one.norm_vectors * one.hidden + one.scaled_embedding
    vectors += 2 * args.layers * ((args.kv_type != args.activations) + args.new * one.rotary_dim)
    learned = one.positions == "learned"
    vectors += args.new * one.hidden * learned
    read = _bytes(rows * one.hidden, args.head_type) + rows * _row_scales(args) + _table_bytes(args)
    lookups = 2 if args.head_type not in FLOATS else 1  # of rows, and of their scales
    read += _bytes(lookups * rows + args.new * learned, "int32")
    cache = kv_bytes(args, args.seen) if args.phase == "decode" else 0
    return args.layers * block + _bytes(vectors, args.vector_type) + read + cache


def _keys(args: LanguageModel, layer: int) -> int:
    """Keys that a new token is multiplied with."""
    return args.new if args.phase != "decode" else args.architecture.attended(layer, args.seen)


def _block_elements(args: LanguageModel) -> int:
    """Elements per token of what a block computes beside scores: products, splits, rotations, the rest."""
    one = args.architecture
    products = sum(each.outputs for each in one.block_products())
    if one.fused:
        products += one.query_width + 2 * one.kv_width + 2 * one.intermediate * one.gated
    rotated = (one.query_width + one.kv_width) * (one.rotary_dim > 0)
    wide = one.query_width + one.intermediate * (1 + one.gated)
    return products + rotated + wide + (one.norms + 2) * one.hidden


def _linear_bytes(args: LanguageModel, each: Product, dtype: str) -> int:
    """Weights, scales and bias of a linear layer."""
    bias = _bytes(each.outputs, args.bias_type) if each.bias else 0
    return _bytes(each.outputs * each.inputs, dtype) + each.outputs * _scales(args, each.inputs, dtype) + bias


def _table_bytes(args: LanguageModel) -> int:
    """The token table, or the LM head."""
    one = args.architecture
    return _linear_bytes(args, Product("head", one.vocabulary, one.hidden, False), args.head_type)


def _row_scales(args: LanguageModel) -> int:
    """Bytes of the scales of one row of the token table."""
    return _scales(args, args.architecture.hidden, args.head_type)


def _scales(args: LanguageModel, inputs: int, dtype: str) -> int:
    """Bytes of the scales of one output: one per group of int4, one for all of int8, none of floats."""
    groups = {"int4": -(-inputs // args.group), "int8": 1}.get(dtype, 0)
    return _bytes(groups, args.vector_type)


def _bytes(elements: int, dtype: str) -> int:
    return (elements * BITS[dtype] + 7) // 8
