"""Hyperparameters from a config.json as Hugging Face's transformers writes it."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from simulator.base import yamlio
from simulator.base.errors import InputError, did_you_mean, shown
from simulator.workload.frontends.llm.architecture import Architecture

#: Names of activations that mean the same function.
_ACTIVATIONS = {
    "silu": "silu", "gelu_new": "gelu_tanh", "gelu_pytorch_tanh": "gelu_tanh", "gelu_fast": "gelu_tanh",
}  # fmt: skip


def read_config(path: str) -> Architecture:
    """The model that a configuration file describes.

    Parameters
    ----------
    path
        Path of the file; its ``architectures`` must hold one of GPT2LMHeadModel, LlamaForCausalLM,
        Gemma2ForCausalLM, Phi3ForCausalLM, Qwen2ForCausalLM.

    Raises
    ------
    InputError
        There is no such file, or fields are missing, unknown or contradict each other: all of them, each
        with its place.
    """
    file = Path(path)
    stamp = file.stat().st_mtime_ns if file.is_file() else 0
    return _read(path, stamp)


@lru_cache(maxsize=64)
def _read(path: str, stamp: int) -> Architecture:
    document = yamlio.load(path)
    kinds = document.data.get("architectures")
    kind = kinds[0] if isinstance(kinds, list) and kinds else None
    if kind not in _KINDS:
        known = f"expected a list with one of {', '.join(_KINDS)}, got {shown(kind or kinds)}"
        raise InputError(document.problem(known + did_you_mean(kind, _KINDS), ("architectures",)))
    fields = _Fields(document)
    values = _KINDS[kind](fields)
    fields.finish()
    name = document.data.get("_name_or_path") or Path(path).resolve().parent.name
    return Architecture(name=str(name), source=path, **values)


class _Fields:
    """Fields of the file, and what is wrong with them."""

    def __init__(self, document: yamlio.Document) -> None:
        self.document = document
        self.problems: list[Any] = []

    def wrong(self, name: str, message: str) -> None:
        """Note a problem of a field."""
        self.problems.append(self.document.problem(message, (name,)))

    def finish(self) -> None:
        """Raise what is wrong."""
        if self.problems:
            raise InputError(*self.problems)

    def count(self, name: str, default: int | None = None) -> int:
        """A whole number of at least 1; where it is wrong, 1."""
        value = self.document.data.get(name)
        if value is None and default is not None:
            return default
        if value is None:
            self.wrong(name, f"missing; expected a whole number in '{name}'")
        elif not isinstance(value, int) or isinstance(value, bool) or value < 1:
            self.wrong(name, f"expected a whole number of at least 1, got {shown(value)}")
        else:
            return value
        return 1

    def number(self, name: str, default: float) -> float:
        """A number above 0; null is 0, which stands for none."""
        value = self.document.data.get(name, default)
        if value is None or name not in self.document.data:
            return float(value or 0)
        if not isinstance(value, int | float) or isinstance(value, bool) or value <= 0:
            self.wrong(name, f"expected a number above 0 or null, got {shown(value)}")
            return 1.0
        return float(value)

    def window(self, default: int) -> int:
        """The sliding window, 0 where it is null."""
        written = "sliding_window" in self.document.data
        if written and self.document.data["sliding_window"] is None:
            return 0
        return self.count("sliding_window", default) if written else default

    def flag(self, name: str, default: bool) -> bool:
        """A truth value."""
        value = self.document.data.get(name, default)
        if not isinstance(value, bool):
            self.wrong(name, f"expected true or false, got {shown(value)}")
        return bool(value)

    def activation(self, name: str) -> str:
        """The activation of the MLP."""
        value = self.document.data.get(name)
        if value not in _ACTIVATIONS:
            known = f"expected one of {', '.join(_ACTIVATIONS)}, got {shown(value)}"
            self.wrong(name, known + did_you_mean(value, _ACTIVATIONS))
        return _ACTIVATIONS.get(str(value), "silu")


def _divides(fields: _Fields, small: str, few: int, large: str, many: int) -> None:
    if many % few:
        fields.wrong(small, f"expected a divisor of {large} ({many}), got {few}")


def _gpt2(fields: _Fields) -> dict[str, Any]:
    hidden, heads = fields.count("n_embd"), fields.count("n_head")
    _divides(fields, "n_head", heads, "n_embd", hidden)
    return {
        "layers": fields.count("n_layer"), "hidden": hidden, "heads": heads, "kv_heads": heads,
        "head_dim": max(1, hidden // heads), "intermediate": fields.count("n_inner", 4 * hidden),
        "vocabulary": fields.count("vocab_size"), "context": fields.count("n_positions"),
        "tied": fields.flag("tie_word_embeddings", True), "norm": "layer", "gated": False,
        "activation": fields.activation("activation_function"), "positions": "learned",
        "qkv_bias": True, "output_bias": True, "mlp_bias": True, "fused": True,
    }  # fmt: skip


def _rotary(fields: _Fields) -> dict[str, Any]:
    """What all with rotary positions have."""
    hidden, heads = fields.count("hidden_size"), fields.count("num_attention_heads")
    kv_heads = fields.count("num_key_value_heads", heads)
    stated = fields.document.data.get("head_dim") is not None
    if not stated:
        _divides(fields, "num_attention_heads", heads, "hidden_size", hidden)
    _divides(fields, "num_key_value_heads", kv_heads, "num_attention_heads", heads)
    share = fields.number("partial_rotary_factor", 1.0) or 1.0
    if share > 1:
        fields.wrong("partial_rotary_factor", f"expected at most 1, got {share}")
    return {
        "layers": fields.count("num_hidden_layers"), "hidden": hidden, "heads": heads, "kv_heads": kv_heads,
        "head_dim": fields.count("head_dim", max(1, hidden // heads)),
        "intermediate": fields.count("intermediate_size"), "vocabulary": fields.count("vocab_size"),
        "context": fields.count("max_position_embeddings"),
        "tied": fields.flag("tie_word_embeddings", False), "rotary_share": share,
    }  # fmt: skip


def _llama(fields: _Fields) -> dict[str, Any]:
    bias = fields.flag("attention_bias", False)
    return {
        **_rotary(fields), "activation": fields.activation("hidden_act"), "qkv_bias": bias,
        "output_bias": bias, "mlp_bias": fields.flag("mlp_bias", False),
    }  # fmt: skip


def _gemma2(fields: _Fields) -> dict[str, Any]:
    tied = fields.flag("tie_word_embeddings", True)
    return {
        **_rotary(fields), "activation": fields.activation("hidden_activation"), "tied": tied,
        "windows": (fields.window(4096), 0), "post_norms": True, "scaled_embedding": True,
        "attention_cap": fields.number("attn_logit_softcapping", 50.0),
        "logit_cap": fields.number("final_logit_softcapping", 30.0),
    }  # fmt: skip


def _phi3(fields: _Fields) -> dict[str, Any]:
    return {
        **_rotary(fields), "activation": fields.activation("hidden_act"), "fused": True,
        "windows": (fields.window(0),),
    }  # fmt: skip


def _qwen2(fields: _Fields) -> dict[str, Any]:
    values = {**_rotary(fields), "activation": fields.activation("hidden_act"), "qkv_bias": True}
    if fields.flag("use_sliding_window", False):
        window, full = fields.window(4096), fields.count("max_window_layers", 28)
        values["windows"] = tuple(window if i >= full else 0 for i in range(values["layers"]))
    return values


_KINDS = {
    "GPT2LMHeadModel": _gpt2, "LlamaForCausalLM": _llama, "Gemma2ForCausalLM": _gemma2,
    "Phi3ForCausalLM": _phi3, "Qwen2ForCausalLM": _qwen2,
}  # fmt: skip
