"""The known keys of a Hugging Face directory's small files: which are read, and which change no answer, each with its
reason.

A key that is in neither list is refused where every key of the file changes answers (`STRICT`), and logged elsewhere.
docs/runtimes.md has the same lists for people; tests compare both with what the libraries write.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from bms.core.errors import FailedPrecondition

TOKENIZER_CONFIG = "tokenizer_config.json"
SPECIAL_TOKENS = "special_tokens_map.json"
CONFIG = "config.json"
MODULES = "modules.json"
TRANSFORMER = "sentence_bert_config.json"
SENTENCES = "config_sentence_transformers.json"
POOLING, DENSE, NORMALIZE = "Pooling's config.json", "Dense's config.json", "Normalize's config.json"
STRICT = frozenset({MODULES, TRANSFORMER, SENTENCES, POOLING, DENSE, NORMALIZE})

ONE_TOKEN = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
MORE_TOKENS = ("additional_special_tokens", "extra_special_tokens")
NAMED_TOKENS = ONE_TOKEN + MORE_TOKENS
_WRITTEN = "says who wrote it, from where and with what"
_DECODING = "for turning token ids into text, which is not done"
_CHAT = "for chats; a text is taken as it is"
_TRAINING = "for training"
_CACHE = "for generating, or what else is given beside the answer"


class ConfigKeys(NamedTuple):
    """The known keys of one file."""

    read: frozenset[str]
    harmless: Mapping[str, str]  # and why


def _because(**keys: Iterable[str]) -> dict[str, str]:
    """The reasons are the names of lists in `_REASONS`."""
    return {key: _REASONS[name] for name, listed in keys.items() for key in listed}


_REASONS = {
    "written": _WRITTEN,
    "decoding": _DECODING,
    "chat": _CHAT,
    "training": _TRAINING,
    "cache": _CACHE,
    "slow": "for the tokenizers in Python, not the one in tokenizer.json",
    "pairs": "for pairs of texts, offsets or texts in several parts, which are not asked for",
    "padding": "texts are padded at the end and masked; answers are checked to be those without padding",
    "offsets": "for places in the text, which are not told",
    "ignored": "transformers does not read it where there is a tokenizer.json",
    "built": "tokenizer.json was saved with it; where transformers runs the model, its tokens are compared",
    "entities": "for entities and the marks of web pages, which are not asked about",
    "files": "names files of tokenizers that are not tokenizer.json",
    "labels": "id2label says it",
    "precision": "models are computed in FP32, or as their graph says",
    "query": "of encode_query and encode_document; what is served is encode",
    "similarity": "for comparing embeddings, which callers do",
    "speed": "the same answer in another time",
    "order": "modules run in the order of the list",
    "sizes": "the weights have it",
    "applied": "transformers reads it only for models without labels",
    "images": "for images, which texts models do not take",
}

KEYS: Mapping[str, ConfigKeys] = {
    TOKENIZER_CONFIG: ConfigKeys(
        frozenset(
            (
                *NAMED_TOKENS,
                *("added_tokens_decoder", "add_prefix_space", "auto_map", "do_lower_case", "keep_accents"),
                *("max_len", "model_input_names", "model_max_length", "split_special_tokens", "strip_accents"),
                *("tokenize_chinese_chars", "tokenizer_class", "truncation_side"),
            )
        ),
        _because(
            written=("name_or_path", "tokenizer_class_name", "transformers_version", "is_local", "local_files_only"),
            decoding=(
                *(
                    "clean_up_tokenization_spaces",
                    "errors",
                    "decode_with_prefix_space",
                    "spaces_between_special_tokens",
                ),
                "clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output",
            ),
            chat=(
                *("chat_template", "use_default_system_prompt", "response_template", "response_schema"),
                *("chat_control_tokens", "processor_class"),
            ),
            slow=(
                *("backend", "do_basic_tokenize", "never_split", "use_fast", "from_slow", "do_word_tokenize"),
                *("do_subword_tokenize", "vocab_type", "slow_tokenizer_class", "from_flax", "init_inputs", "verbose"),
            ),
            built=(
                *("legacy", "legacy_behaviour", "sp_model_kwargs", "remove_space", "wordpieces_prefix", "unk_id"),
                *("extra_ids", "clean_text", "split_by_punct", "src_lang", "tgt_lang", "language", "task", "offset"),
                *("predict_timestamps", "mask_token_sent"),
            ),
            entities=(
                *("entity_vocab", "max_entity_length", "max_mention_length", "tags_dict", "max_depth", "max_width"),
                "pad_width",
            ),
            pairs=(
                *("stride", "truncation_strategy", "max_length", "return_overflowing_tokens", "is_split_into_words"),
                *("truncation", "only_label_first_subword"),
            ),
            padding=("padding_side", "pad_token_type_id", "pad_to_multiple_of", "padding", "pad_token_id"),
            offsets=("trim_offsets", "cls_token_box", "sep_token_box", "pad_token_box", "pad_token_label"),
            ignored=("add_bos_token", "add_eos_token", "special_tokens_map_file", "tokenizer_file"),
            files=(
                *("vocab_file", "merges_file", "spm_file", "entity_vocab_file", "monolingual_vocab_file"),
                "normalizer_file",
            ),
        ),
    ),
    SPECIAL_TOKENS: ConfigKeys(frozenset(NAMED_TOKENS), {}),
    # Everything else is the architecture: transformers reads it to build the model, a graph has it built in.
    CONFIG: ConfigKeys(
        frozenset(
            (
                *("architectures", "id2label", "is_encoder_decoder", "max_position_embeddings", "model_type"),
                *("num_labels", "pad_token_id", "problem_type", "quantization_config", "sentence_transformers"),
                *("sbert_ce_default_activation_function", "tokenizer_class"),
            )
        ),
        _because(
            written=("_name_or_path", "transformers_version", "_commit_hash", "auto_map"),
            labels=("label2id",),
            precision=("dtype", "torch_dtype"),
            cache=("output_attentions", "output_hidden_states", "return_dict", "use_cache", "task_specific_params"),
            speed=("chunk_size_feed_forward", "_attn_implementation_autoset", "_attn_implementation"),
            applied=("function_to_apply",),
        ),
    ),
    MODULES: ConfigKeys(frozenset({"type", "path", "kwargs"}), _because(order=("idx", "name"))),
    TRANSFORMER: ConfigKeys(
        frozenset(
            (
                *("max_seq_length", "do_lower_case", "transformer_task", "modality_config", "module_output_name"),
                *("processing_kwargs", "tokenizer_name_or_path", "model_args", "model_kwargs", "tokenizer_args"),
                *("processor_kwargs", "config_args", "config_kwargs"),
            )
        ),
        _because(speed=("unpad_inputs",), query=("query_length", "document_length", "query_expansion")),
    ),
    SENTENCES: ConfigKeys(
        frozenset({"prompts", "default_prompt_name", "truncate_dim", "model_type"}),
        _because(written=("__version__", "requirements"), similarity=("similarity_fn_name",)),
    ),
    POOLING: ConfigKeys(
        frozenset(
            (
                *("pooling_mode", "include_prompt", "pooling_mode_cls_token", "pooling_mode_max_tokens"),
                *("pooling_mode_mean_tokens", "pooling_mode_mean_sqrt_len_tokens"),
                *("pooling_mode_weightedmean_tokens", "pooling_mode_lasttoken"),
            )
        ),
        _because(sizes=("embedding_dimension", "word_embedding_dimension")),
    ),
    DENSE: ConfigKeys(
        frozenset({"activation_function", "module_input_name", "module_output_name", "use_residual", "bias"}),
        _because(sizes=("in_features", "out_features")),
    ),
    NORMALIZE: ConfigKeys(frozenset({"module_input_name", "module_output_name"}), {}),
}

# Files beside those above, and what a key of theirs could be about.
FILES: Mapping[str, str] = {
    "added_tokens.json": "tokenizer.json lists them",
    "chat_template.jinja": _CHAT,
    "chat_template.json": _CHAT,
    "generation_config.json": _CACHE,
    "preprocessor_config.json": _REASONS["images"],
    "processor_config.json": _REASONS["images"],
    "ort_config.json": "says how the graph was made smaller; the graph has it built in",
    "quantize_config.json": "config.json's quantization_config says it",
    "training_args.bin": _TRAINING,
}


def unknown(file: str, said: Mapping[str, object]) -> list[str]:
    """The keys of `file` that are in no list, and have a value that matters."""
    keys = KEYS[file]
    told = (key for key, value in said.items() if value is not None)
    return [key for key in told if key not in keys.read and key not in keys.harmless]


def check_known(file: str, said: Mapping[str, object], path: str = "") -> None:
    """Raises FailedPrecondition for a key that is in no list."""
    for key in unknown(file, said):
        raise FailedPrecondition(
            f"{path or file} says {key!r}: {str(said[key])[:100]}, which is not known here and may change answers: "
            f"known are {', '.join(sorted((*KEYS[file].read, *KEYS[file].harmless)))}; take it out if it changes "
            "nothing, or export the whole model as an ONNX graph"
        )
