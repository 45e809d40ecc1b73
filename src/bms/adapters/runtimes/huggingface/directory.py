"""Reads the description of a Hugging Face directory: config.json and the small files beside it, as data."""

import os
from collections.abc import Mapping
from typing import Literal, NamedTuple

import msgspec

from bms.adapters.runtimes.artifacts.description import small_file
from bms.adapters.runtimes.artifacts.model_file import contained
from bms.adapters.runtimes.huggingface.keys import CONFIG, MODULES
from bms.adapters.runtimes.huggingface.length import max_length
from bms.adapters.runtimes.huggingface.pooling import Pooling, pooling_of
from bms.adapters.runtimes.huggingface.tokenizer_settings import Settings, tokenizer_settings
from bms.adapters.runtimes.onnx.runtime import format_of
from bms.core.errors import FailedPrecondition

TOKENIZER = "tokenizer.json"
WEIGHTS, SHARDS = "model.safetensors", "model.safetensors.index.json"
GRAPHS = ("onnx/model.onnx", "model.onnx")
PICKLES = ("pytorch_model.bin", "pytorch_model.bin.index.json")
_TAIL = "ForSequenceClassification"
_ENCODERS = ("Model", "ForMaskedLM", "ForPreTraining", "ForSentenceEmbedding")
# transformers opens a tokenizer that names no class of its own with that of the model's type.
_TOKENIZERS = {
    "bert": "Bert",
    "distilbert": "DistilBert",
    "electra": "Electra",
    "mpnet": "MPNet",
    "albert": "Albert",
    "roberta": "Roberta",
    "xlm-roberta": "XLMRoberta",
    "camembert": "Camembert",
    "t5": "T5",
    "xlnet": "XLNet",
    "deberta-v2": "DebertaV2",
    "mobilebert": "MobileBert",
    "funnel": "Funnel",
}
_TWO_PARTS = frozenset({"t5", "mt5", "umt5"})  # sentence-transformers takes their encoders
Json = Mapping[str, object]


class ModelDirectory(NamedTuple):
    """The model that a directory holds. `weights` are of the kind of `file`; with a `refusal` nothing is, for that
    reason.

    Task "classify": one of the `labels`; "tag": any of them; "regress": a number for each; "embed": a vector.
    """

    weights: Literal["onnx", "safetensors", ""]
    file: str = ""
    task: Literal["classify", "tag", "regress", "embed"] = "embed"
    labels: tuple[str, ...] = ()
    pooling: Pooling = Pooling()
    settings: Settings = Settings()  # of the tokenizer
    pad: int | None = None  # the id by which the model knows padding
    max_length: int | None = None  # tokens of a text; None: it is not cut
    encoder_only: bool = False  # of a model of two parts, encoder and decoder
    refusal: str = ""


def is_huggingface(directory: str) -> bool:
    """Whether the directory has transformers' config.json and weights, of whatever kind, at the top or below onnx/."""
    config = _json(directory, CONFIG)
    if not isinstance(config.get("model_type"), str) and not isinstance(config.get("architectures"), list):
        return False
    return _weights(directory)[0] != "" or any(_is_file(directory, name) for name in PICKLES)


def layout(directory: str) -> ModelDirectory:
    """Reads the directory's description; never raises: what can't be served has a `refusal`."""
    config = _json(directory, CONFIG)
    try:
        weights, file = _weights(directory)
        pooling = pooling_of(directory, _read(directory, MODULES), _object_in)
        settings = tokenizer_settings(directory, TOKENIZER, _tokenizer_class(config))
        task = _task(config, pooling)
        _check(directory, config, weights, file)
        return ModelDirectory(
            weights=weights,
            file=file,
            task=task,
            labels=() if task == "embed" else _labels(config),
            pooling=pooling,
            settings=settings,
            pad=_pad(config),
            max_length=max_length(config, settings.length, pooling.max_length, embeds=task == "embed"),
            encoder_only=config.get("model_type") in _TWO_PARTS or _architecture(config).endswith("EncoderModel"),
        )
    except FailedPrecondition as refused:
        return ModelDirectory(weights="", refusal=refused.message)


def _weights(directory: str) -> tuple[Literal["onnx", "safetensors", ""], str]:
    for name in GRAPHS:
        if _is_file(directory, name) and format_of(os.path.join(directory, name)) == "onnx":
            return "onnx", name
    if _is_file(directory, WEIGHTS) and _is_safetensors(os.path.join(directory, WEIGHTS)):
        return "safetensors", WEIGHTS
    if isinstance(_json(directory, SHARDS).get("weight_map"), dict):
        return "safetensors", SHARDS
    return "", ""


def _check(directory: str, config: Json, weights: str, file: str) -> None:
    for key in ("sentence_transformers", "sbert_ce_default_activation_function"):
        if config.get(key) and _architecture(config).endswith(_TAIL):
            raise FailedPrecondition(
                f"{CONFIG} says {key!r}: {str(config[key])[:200]}: it is a cross-encoder of sentence-transformers, "
                "which scores pairs of texts; served are models that take one text"
            )
    if not weights:
        raise FailedPrecondition(
            "the weights are a pickle (pytorch_model.bin), which can run code when it is opened: save them as "
            "safetensors, with `model.save_pretrained(DIRECTORY)`"
        )
    if not _is_file(directory, TOKENIZER):
        raise FailedPrecondition(
            "there is no tokenizer.json beside config.json: write it with "
            "`AutoTokenizer.from_pretrained(DIRECTORY).save_pretrained(DIRECTORY)`"
        )
    if weights == "safetensors" and "quantization_config" in config:
        raise FailedPrecondition(
            "the weights are quantised, which needs packages beyond transformers: save them in FP32"
        )
    if file == SHARDS:
        shards = _json(directory, SHARDS)["weight_map"]
        assert isinstance(shards, dict)
        for name in {str(shard) for shard in shards.values()}:
            if not _is_safetensors(contained(directory, name)):
                raise FailedPrecondition(f"{name[:200]!r} is named like safetensors, but is not one")


def _task(config: Json, pooling: Pooling) -> Literal["classify", "tag", "regress", "embed"]:
    named = _architecture(config)
    if named.endswith(_TAIL):
        problem = config.get("problem_type")
        if problem == "regression":
            return "regress"
        return "tag" if problem == "multi_label_classification" or len(_labels(config)) == 1 else "classify"
    if pooling.sentence_transformers or named.endswith(_ENCODERS) or not named:
        return "embed"
    raise FailedPrecondition(
        f"the directory holds a {named[:80]}: served are models that make embeddings of texts and those for sequence "
        "classification (architectures that end in Model, ForMaskedLM or ForSequenceClassification)"
    )


def _architecture(config: Json) -> str:
    architectures = config.get("architectures")
    return str(architectures[0]) if isinstance(architectures, list) and architectures else ""


def _labels(config: Json) -> tuple[str, ...]:
    said = config.get("id2label")
    if not isinstance(said, dict) or not said:
        count = config.get("num_labels", 2)
        return tuple(
            f"LABEL_{index}" for index in range(count if isinstance(count, int) and 0 < count < 1 << 16 else 2)
        )
    try:
        numbered = sorted((int(index), str(label)) for index, label in said.items())
    except ValueError as error:
        raise FailedPrecondition("id2label in config.json has keys that are no numbers") from error
    if [index for index, _ in numbered] != list(range(len(numbered))):
        raise FailedPrecondition(f"id2label in config.json leaves numbers out: expected 0 to {len(numbered) - 1}")
    return tuple(label for _, label in numbered)


def _pad(config: Json) -> int | None:
    said = config.get("pad_token_id")
    if said is not None and (isinstance(said, bool) or not isinstance(said, int)):
        raise FailedPrecondition(f"{CONFIG} says 'pad_token_id': {str(said)[:80]!r}, expected a token's id")
    return said if isinstance(said, int) and said >= 0 else None  # a negative one stands for none


def _tokenizer_class(config: Json) -> str:
    named = config.get("tokenizer_class")
    if isinstance(named, str):
        return named
    known = _TOKENIZERS.get(str(config.get("model_type")))
    return f"{known}Tokenizer" if known else ""


def _object_in(directory: str, name: str) -> Json:
    """The object in a small file; empty where there is none. Raises FailedPrecondition for what is no object."""
    found = _read(directory, name)
    if found is not None and not isinstance(found, dict):
        raise FailedPrecondition(f"{name[:200]!r} holds no JSON object")
    return found or {}


def _json(directory: str, name: str) -> Json:
    """As `_object_in`, and empty for what can't be read: whether it is a Hugging Face directory at all."""
    try:
        return _object_in(directory, name)
    except FailedPrecondition:
        return {}


def _read(directory: str, name: str) -> object:
    """What a small file of JSON holds; None where there is none. Raises FailedPrecondition for one that can't be read,
    and for a name that leads out of the artifact."""
    if not os.path.lexists(os.path.join(directory, name)) or "\0" in name:
        return None
    contained(directory, os.path.normpath(name) if name.startswith("./") else name.lstrip("/"))
    try:
        return msgspec.json.decode(small_file(directory, name) or b"null")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FailedPrecondition(f"{name[:200]!r} can't be read: {error}") from error


def _is_file(directory: str, name: str) -> bool:
    try:
        contained(directory, name)
    except FailedPrecondition:
        return False
    return True


def _is_safetensors(path: str) -> bool:
    with open(path, "rb") as file:
        head = file.read(9)
    size = int.from_bytes(head[:8], "little")
    return head[8:] == b"{" and 2 <= size <= min(100 << 20, os.path.getsize(path) - 8)
