"""What a decoder-only transformer is made of: hyperparameters, and the matrices that follow from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple


class Product(NamedTuple):
    """A linear layer: weights of ``outputs`` x ``inputs``, and whether it adds a bias."""

    name: str
    outputs: int
    inputs: int
    bias: bool


@dataclass(frozen=True)
class Architecture:
    """Hyperparameters of one model, as its published configuration has them.

    Attributes
    ----------
    name, source
        Name of the model; where its hyperparameters are published.
    layers, hidden, heads, kv_heads, head_dim, intermediate, vocabulary
        Transformer blocks; width of the residual stream; query heads; heads of keys and values; width of a
        head; width of the MLP; tokens.
    context
        Most tokens that it was made for.
    tied
        The LM head is the token table.
    norm
        ``rms`` (one vector of weights) or ``layer`` (weights and biases).
    gated
        The MLP multiplies two projections, one of them behind the activation.
    activation
        ``silu``, or GELU by its tanh formula.
    positions
        ``learned``: a table of ``context`` rows added to the embedding; ``rotary``: rotations of queries and
        keys, of the first ``rotary_dim`` elements of each head.
    qkv_bias, output_bias, mlp_bias
        Biases of the products that make queries, keys and values; of the one behind attention; of the MLP.
    fused
        Queries, keys and values come from one product, and so do both halves of a gated MLP.
    windows
        Keys that a query attends to at most, per block in turn; 0: all.
    attention_cap, logit_cap
        Bounds c of the soft-capping c·tanh(x/c) of scores and of logits; 0: none.
    post_norms
        Attention and MLP are normalized once more before they are added.
    scaled_embedding
        Embeddings are multiplied by a constant.
    published
        Published number of parameters, 0 where there is none.
    """

    name: str
    source: str
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate: int
    vocabulary: int
    context: int
    tied: bool
    norm: Literal["rms", "layer"] = "rms"
    gated: bool = True
    activation: Literal["silu", "gelu_tanh"] = "silu"
    positions: Literal["learned", "rotary"] = "rotary"
    rotary_share: float = 1.0
    qkv_bias: bool = False
    output_bias: bool = False
    mlp_bias: bool = False
    fused: bool = False
    windows: tuple[int, ...] = (0,)
    attention_cap: float = 0.0
    logit_cap: float = 0.0
    post_norms: bool = False
    scaled_embedding: bool = False
    published: int = 0

    @property
    def query_width(self) -> int:
        """Elements of all query heads."""
        return self.heads * self.head_dim

    @property
    def kv_width(self) -> int:
        """Elements of all key heads, and as many of all value heads."""
        return self.kv_heads * self.head_dim

    @property
    def rotary_dim(self) -> int:
        """Elements of a head that are rotated; 0 where positions are learned."""
        return int(self.head_dim * self.rotary_share) if self.positions == "rotary" else 0

    @property
    def norms(self) -> int:
        """Normalizations of a block."""
        return 4 if self.post_norms else 2

    @property
    def norm_vectors(self) -> int:
        """Vectors of parameters of a normalization."""
        return 2 if self.norm == "layer" else 1

    def attended(self, layer: int, tokens: int) -> int:
        """Keys that the last of ``tokens`` attends to in a block."""
        window = self.windows[layer % len(self.windows)]
        return min(tokens, window) if window else tokens

    def attention_products(self) -> tuple[Product, ...]:
        """Linear layers that make queries, keys and values."""
        query, kv, inner, bias = self.query_width, self.kv_width, self.hidden, self.qkv_bias
        if self.fused:
            return (Product("qkv", query + 2 * kv, inner, bias),)
        return tuple(Product(name, n, inner, bias) for name, n in (("q", query), ("k", kv), ("v", kv)))

    def output_product(self) -> Product:
        """Linear layer behind attention."""
        return Product("output", self.hidden, self.query_width, self.output_bias)

    def mlp_products(self) -> tuple[Product, ...]:
        """Linear layers into the MLP."""
        wide, inner, bias = self.intermediate, self.hidden, self.mlp_bias
        if not self.gated:
            return (Product("up", wide, inner, bias),)
        if self.fused:
            return (Product("gate_up", 2 * wide, inner, bias),)
        return Product("gate", wide, inner, bias), Product("up", wide, inner, bias)

    def down_product(self) -> Product:
        """Linear layer out of the MLP."""
        return Product("down", self.hidden, self.intermediate, self.mlp_bias)

    def block_products(self) -> tuple[Product, ...]:
        """All linear layers of a block."""
        before, after = self.attention_products(), self.mlp_products()
        return (*before, self.output_product(), *after, self.down_product())
