"""Published models. Hyperparameters and numbers of parameters are facts; each row says where they stand."""

from __future__ import annotations

from simulator.workload.frontends.llm.architecture import Architecture


def _gpt2(name: str, layers: int, hidden: int, published: int, repository: str) -> Architecture:
    """GPT-2 of one of its sizes: heads of 64, an MLP four times as wide, biases everywhere."""
    heads = hidden // 64
    paper = "Radford et al., Language Models are Unsupervised Multitask Learners (2019), table 2"
    return Architecture(
        name, f"{paper}; {repository}", layers, hidden, heads, heads, 64, 4 * hidden, 50257, 1024, tied=True,
        norm="layer", gated=False, activation="gelu_tanh", positions="learned", qkv_bias=True,
        output_bias=True, mlp_bias=True, fused=True, published=published,
    )  # fmt: skip


def _qwen(
    size: str, layers: int, hidden: int, heads: tuple[int, int, int], wide: int, words: int, published: int
) -> Architecture:
    """Qwen2.5 of one of its sizes; ``heads`` are those of queries, of keys and values, and their width."""
    source = f"arXiv:2412.15115, table 1; config.json of Qwen/Qwen2.5-{size}-Instruct"
    return Architecture(
        f"qwen2.5-{size.lower()}", source, layers, hidden, *heads, wide, words, 32768, tied=size != "7B",
        qkv_bias=True, published=published,
    )  # fmt: skip


#: Heads of queries, heads of keys and values, width of a head; then intermediate, vocabulary, context.
_TABLE = (
    _gpt2("gpt2", 12, 768, 124_439_808, "config.json of openai-community/gpt2"),
    _gpt2("gpt2-medium", 24, 1024, 354_823_168, "config.json of openai-community/gpt2-medium"),
    _gpt2("gpt2-large", 36, 1280, 774_030_080, "config.json of openai-community/gpt2-large"),
    _gpt2("gpt2-xl", 48, 1600, 1_557_611_200, "config.json of openai-community/gpt2-xl"),
    Architecture(
        "llama-2-7b", "arXiv:2307.09288; config.json of meta-llama/Llama-2-7b-hf",
        32, 4096, 32, 32, 128, 11008, 32000, 4096, tied=False, published=6_738_415_616,
    ),
    Architecture(
        "llama-3-8b", "arXiv:2407.21783, table 3; config.json of meta-llama/Meta-Llama-3-8B",
        32, 4096, 32, 8, 128, 14336, 128256, 8192, tied=False, published=8_030_261_248,
    ),
    Architecture(
        "llama-3.2-1b", "config.json of meta-llama/Llama-3.2-1B",
        16, 2048, 32, 8, 64, 8192, 128256, 131072, tied=True, published=1_235_814_400,
    ),
    Architecture(
        "llama-3.2-3b", "config.json of meta-llama/Llama-3.2-3B",
        28, 3072, 24, 8, 128, 8192, 128256, 131072, tied=True, published=3_212_749_824,
    ),
    Architecture(
        "gemma-2-2b", "arXiv:2408.00118, table 1; config.json of google/gemma-2-2b",
        26, 2304, 8, 4, 256, 9216, 256000, 8192, tied=True, activation="gelu_tanh", windows=(4096, 0),
        attention_cap=50.0, logit_cap=30.0, post_norms=True, scaled_embedding=True, published=2_614_341_888,
    ),
    Architecture(
        "phi-3-mini", "arXiv:2404.14219; config.json of microsoft/Phi-3-mini-4k-instruct",
        32, 3072, 32, 32, 96, 8192, 32064, 4096, tied=False, fused=True, windows=(2047,),
        published=3_821_079_552,
    ),
    _qwen("0.5B", 24, 896, (14, 2, 64), 4864, 151936, 494_032_768),
    _qwen("1.5B", 28, 1536, (12, 2, 128), 8960, 151936, 1_543_714_304),
    _qwen("3B", 36, 2048, (16, 2, 128), 11008, 151936, 3_085_938_688),
    _qwen("7B", 28, 3584, (28, 4, 128), 18944, 152064, 7_615_616_512),
)  # fmt: skip

#: Name -> model.
MODELS = {model.name: model for model in _TABLE}
