"""The graph of a prefill or of a decode step.

Rows of tokens run through the blocks, B·S x hidden; attention sees them as B x S x heads x d. The queries
that share a head of keys and values are rows of one product with it, so that each is read once.
"""

from __future__ import annotations

from simulator.workload.frontends.llm.architecture import Product
from simulator.workload.frontends.llm.args import LanguageModel
from simulator.workload.frontends.llm.net import Net
from simulator.workload.graph import Graph


def build(args: LanguageModel, name: str) -> Graph:
    """The network of ``args.phase``; where that is all, of the prefill.

    Inputs are the tokens (and their positions where these are learned) and, in a decode step, the cache of
    each block, ``block0.k.cache`` and ``block0.v.cache``, B x keys x heads x d with room for the new token.
    Results are the next tokens and each block's new rows of the cache.
    """
    net = Net(args)
    last, caches = _embedding(net), []
    for layer in range(args.layers):
        last, rows = _block(net, layer, last)
        caches += rows
    token = _head(net, last)
    return Graph(name, tuple(net.nodes), net.tensors, tuple(net.inputs), (token, *caches))


def _embedding(net: Net) -> str:
    """Rows of the token table, scaled, with those of positions; B·S x hidden."""
    args, one = net.args, net.args.architecture
    tokens = net.entry("tokens", (args.batch, args.new), "int32")
    last = net.rows("embed", "tokens", (one.vocabulary, one.hidden), tokens, args.head_type)
    if one.scaled_embedding:
        last = net.add("embed_scaled", "Mul", [last, net.constant("embed.factor", (), args.vector_type)])
    if one.positions == "learned":
        places = net.entry("positions", (args.new,), "int32")
        table = net.constant("positions.w", (one.context, one.hidden), args.vector_type)
        rows = net.add("positions_rows", "Gather", [table, places], dtype=args.vector_type)
        last = net.add("embed_positions", "Add", [last, rows])
    return net.view("embed_flat", last, (args.batch * args.new, one.hidden))


def _block(net: Net, layer: int, last: str) -> tuple[str, list[str]]:
    """A transformer block: its result, and the new rows of its cache."""
    one, at = net.args.architecture, f"block{layer}"
    normed = net.norm(f"{at}.norm_attention", last)
    mixed, rows = _attention(net, layer, normed)
    out = net.linear(f"{at}.output", mixed, one.output_product(), net.args.weights)
    if one.post_norms:
        out = net.norm(f"{at}.norm_after_attention", out)
    last = net.add(f"{at}.add_attention", "Add", [last, out])
    out = _mlp(net, at, net.norm(f"{at}.norm_mlp", last))
    if one.post_norms:
        out = net.norm(f"{at}.norm_after_mlp", out)
    return net.add(f"{at}.add_mlp", "Add", [last, out]), rows


def _attention(net: Net, layer: int, normed: str) -> tuple[str, list[str]]:
    """What the heads give, B·S x (heads · d), and the new rows of keys and values."""
    args, one, at = net.args, net.args.architecture, f"block{layer}"
    b, s, n, d = args.batch, args.new, one.kv_heads, one.head_dim
    made = _products(net, at, normed, one.attention_products(), args.weights)
    if one.fused:
        made = _split(net, f"{at}.qkv_split", made[0], (one.query_width, one.kv_width, one.kv_width), "qkv")
    q, k, v = (
        net.view(f"{at}.{name}_heads", each, (b, s, heads, d))
        for name, each, heads in zip("qkv", made, (one.heads, n, n), strict=True)
    )
    if one.rotary_dim:
        angles = net.constant("angles", (s, one.rotary_dim), args.vector_type)
        q = net.add(f"{at}.q_rotated", "Rotate", [q, angles])
        k = net.add(f"{at}.k_rotated", "Rotate", [k, angles])
    keys, key_rows = _cached(net, layer, "k", k)
    values, value_rows = _cached(net, layer, "v", v)
    grouped = net.view(f"{at}.q_grouped", q, (b, s, n, one.heads // n, d))
    scores = net.add(f"{at}.scores", "Einsum", [grouped, keys], {"equation": "bsngd,btnd->bngst"})
    attrs = {"cap": one.attention_cap, "masked": int(s > 1)}
    weights = net.add(f"{at}.softmax", "ScoreSoftmax", [scores], attrs)
    mixed = net.add(f"{at}.mix", "Einsum", [weights, values], {"equation": "bngst,btnd->bsngd"})
    return net.view(f"{at}.mix_flat", mixed, (b * s, one.query_width)), [key_rows, value_rows]


def _cached(net: Net, layer: int, name: str, rows: str) -> tuple[str, str]:
    """All keys or values that are attended to, and the new rows, both in the type of the cache."""
    args, one, at = net.args, net.args.architecture, f"block{layer}.{name}"
    if args.kv_type != args.activations:
        scale = net.constant(f"{at}.step", (), args.vector_type)
        rows = net.add(f"{at}_quantized", "QuantizeLinear", [rows, scale], dtype=args.kv_type)
    if args.phase != "decode":
        return rows, rows
    keys = one.attended(layer, args.seen)
    cache = net.entry(f"{at}.cache", (args.batch, keys, one.kv_heads, one.head_dim), args.kv_type)
    return net.add(f"{at}_append", "CacheAppend", [cache, rows], dtype=args.kv_type), rows


def _mlp(net: Net, at: str, normed: str) -> str:
    """The MLP behind its normalization."""
    args, one = net.args, net.args.architecture
    made = _products(net, at, normed, one.mlp_products(), args.weights)
    if one.gated and one.fused:
        made = _split(net, f"{at}.mlp_split", made[0], (one.intermediate,) * 2, ("gate", "up"))
    op, attrs = ("Gelu", {"approximate": "tanh"}) if one.activation == "gelu_tanh" else ("Silu", {})
    wide = net.add(f"{at}.act", op, [made[0]], attrs)
    if one.gated:
        wide = net.add(f"{at}.gated", "Mul", [wide, made[1]])
    return net.linear(f"{at}.down", wide, one.down_product(), args.weights)


def _products(net: Net, at: str, operand: str, products: tuple[Product, ...], dtype: str) -> tuple[str, ...]:
    return tuple(net.linear(f"{at}.{each.name}", operand, each, dtype) for each in products)


def _split(
    net: Net, name: str, operand: str, parts: tuple[int, ...], names: str | tuple[str, ...]
) -> tuple[str, ...]:
    """Columns of a fused product, one part after the other."""
    results = tuple(f"{name}.{part}" for part in names)
    return net.several(name, "Split", [operand], {"axis": -1, "split": parts}, results)


def _head(net: Net, last: str) -> str:
    """The most likely next token of each sequence, from the last row of each."""
    args, one = net.args, net.args.architecture
    if args.new > 1:
        rows = net.view("rows", last, (args.batch, args.new, one.hidden))
        attrs = {"starts": (args.new - 1,), "ends": (args.new,), "axes": (1,), "steps": (1,)}
        last = net.view("last_flat", net.add("last", "Slice", [rows], attrs), (args.batch, one.hidden))
    product = Product("head", one.vocabulary, one.hidden, bias=False)
    normed = net.norm("norm", last)
    logits = net.linear("head", normed, product, args.head_type, "tokens" if one.tied else "")
    if one.logit_cap:
        logits = net.add("head_cap", "SoftCap", [logits], {"cap": one.logit_cap})
    likely = net.add("probabilities", "Softmax", [logits], {"axis": -1})
    return net.add("token", "ArgMax", [likely], {"axis": -1}, "int32")
