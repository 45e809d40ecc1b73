"""What a Hugging Face directory says of itself: config.json and the small files beside it, read as data."""

import os
from collections.abc import Mapping
from typing import Literal, NamedTuple

import msgspec

from bms.adapters.runtimes.artifact import contained
from bms.adapters.runtimes.description import small_file
from bms.adapters.runtimes.huggingface_pooling import Pooling, pooling_of
from bms.adapters.runtimes.onnx import format_of
from bms.core.errors import FailedPrecondition

CONFIG = "config.json"
TOKENIZER = "tokenizer.json"
WEIGHTS, SHARDS = "model.safetensors", "model.safetensors.index.json"
GRAPHS = ("onnx/model.onnx", "model.onnx")
PICKLES = ("pytorch_model.bin", "pytorch_model.bin.index.json")
LENGTH = 512  # tokens of a text, where nothing says how many
MAX_LENGTH = 1 << 15
_TAIL = "ForSequenceClassification"
_ENCODERS = ("Model", "ForMaskedLM", "ForPreTraining", "ForSentenceEmbedding")
_SHIFTED = frozenset({"roberta", "xlm-roberta", "camembert", "mpnet", "longformer", "roberta-prelayernorm"})
Json = Mapping[str, object]


class Layout(NamedTuple):
    """What is served. `weights` are of the kind of `file`; with a `refusal` nothing is, for that reason.

    Task "classify": one of the `labels`; "tag": any of them; "regress": a number for each; "embed": a vector.
    """

    weights: Literal["onnx", "safetensors", ""]
    file: str = ""
    task: Literal["classify", "tag", "regress", "embed"] = "embed"
    labels: tuple[str, ...] = ()
    pooling: tuple[str, ...] = ("mean",)
    normalise: bool = False
    prompt: str = ""  # goes before every text
    max_length: int = LENGTH
    refusal: str = ""


def is_huggingface(directory: str) -> bool:
    """Whether there are a transformers' config.json and weights, of whatever kind, at the top or below onnx/."""
    config = _json(directory, CONFIG)
    if not isinstance(config.get("model_type"), str) and not isinstance(config.get("architectures"), list):
        return False
    return _weights(directory)[0] != "" or any(_is_file(directory, name) for name in PICKLES)


def layout(directory: str) -> Layout:
    """Never raises: what can't be served is told by `refusal`."""
    config = _json(directory, CONFIG)
    try:
        weights, file = _weights(directory)
        pooling = pooling_of(directory, _read(directory, "modules.json"), _json)
        task = _task(config, pooling)
        _check(directory, config, weights, file)
        return Layout(
            weights=weights,
            file=file,
            task=task,
            labels=() if task == "embed" else _labels(config),
            pooling=pooling.ways,
            normalise=pooling.normalise,
            prompt=pooling.prompt,
            max_length=_max_length(directory, config, pooling),
        )
    except FailedPrecondition as refused:
        return Layout(weights="", refusal=refused.message)


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
                raise FailedPrecondition(f"{name[:200]!r} is named as safetensors, but its content is none")


def _task(config: Json, pooling: Pooling) -> Literal["classify", "tag", "regress", "embed"]:
    architectures = config.get("architectures")
    named = str(architectures[0]) if isinstance(architectures, list) and architectures else ""
    if named.endswith(_TAIL):
        problem = config.get("problem_type")
        if problem == "regression":
            return "regress"
        return "tag" if problem == "multi_label_classification" or len(_labels(config)) == 1 else "classify"
    if pooling.said or named.endswith(_ENCODERS) or not named:
        return "embed"
    raise FailedPrecondition(
        f"the directory holds a {named[:80]}: served are models that make embeddings of texts and those for sequence "
        "classification (architectures that end in Model, ForMaskedLM or ForSequenceClassification)"
    )


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


def _max_length(directory: str, config: Json, pooling: Pooling) -> int:
    positions = config.get("max_position_embeddings")
    if isinstance(positions, int) and config.get("model_type") in _SHIFTED:
        pad = config.get("pad_token_id", 1)
        positions -= (pad if isinstance(pad, int) else 1) + 1  # their positions are counted from behind the padding's
    said = (pooling.max_length, positions, _json(directory, "tokenizer_config.json").get("model_max_length"))
    known = [length for length in said if isinstance(length, int) and 0 < length <= MAX_LENGTH]
    return min(known, default=LENGTH)


def _json(directory: str, name: str) -> Json:
    """An object of a small file; empty where there is none."""
    found = _read(directory, name)
    return found if isinstance(found, dict) else {}


def _read(directory: str, name: str) -> object:
    """What a small file of JSON holds; None where there is none that can be read."""
    try:
        contained(directory, name)  # modules.json may name any path
        return msgspec.json.decode(small_file(directory, name) or b"null")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, FailedPrecondition, OSError, ValueError):
        return None


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
