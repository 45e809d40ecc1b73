"""Determines at how many tokens a text is cut: from the tokenizer, the model and sentence-transformers."""

from collections.abc import Mapping

# Positions are counted from behind the padding's, so there are as many fewer.
_SHIFTED = frozenset(
    (
        *("roberta", "xlm-roberta", "xlm-roberta-xl", "camembert", "mpnet", "longformer", "roberta-prelayernorm"),
        *("data2vec-text", "ibert", "xmod", "luke", "mluke", "lilt", "layoutlmv3", "markuplm", "esm"),
    )
)
# Positions are computed, or are those between two tokens: a text may have more than were trained.
_COMPUTED = frozenset(
    (
        *(
            "deberta",
            "deberta-v2",
            "xlnet",
            "t5",
            "mt5",
            "umt5",
            "longt5",
            "bloom",
            "mpt",
            "falcon",
            "llama",
            "mistral",
        ),
        *("mixtral", "gemma", "gemma2", "gemma3_text", "phi", "phi3", "qwen2", "qwen3", "gpt_neox", "gptj", "codegen"),
        *("stablelm", "starcoder2", "cohere", "olmo", "olmo2", "granite", "smollm3", "persimmon", "modernbert"),
    )
)


def max_length(
    config: Mapping[str, object], tokenizer: int | None, sentences: int | None, *, embeds: bool
) -> int | None:
    """The most tokens that a text may have. None: a text is never cut.

    A classifier cuts at `tokenizer`'s length, as a pipeline with truncation does. What `embeds` cuts as
    sentence-transformers does: at `sentences`' length, else at the smaller of the tokenizer's and the model's. No text
    gets more positions than the model has a vector for.
    """
    positions = _positions(config)
    hard = positions if config.get("model_type") not in _COMPUTED else None
    said = ((sentences,) if sentences else (tokenizer, positions)) if embeds else (tokenizer,)
    return min((length for length in (*said, hard) if length is not None), default=None)


def _positions(config: Mapping[str, object]) -> int | None:
    count = config.get("max_position_embeddings", config.get("n_positions"))
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        return None
    if config.get("model_type") in _SHIFTED:
        pad = config.get("pad_token_id", 1)
        count -= (pad if isinstance(pad, int) else 1) + 1
    return max(1, count)
