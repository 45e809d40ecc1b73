"""Finds the signature of a version that makes embeddings, and converts texts and token ids to its inputs."""

from collections.abc import Mapping

import msgspec
import numpy as np

from bms.core.errors import InvalidArgument
from bms.core.tensors.preprocessing import TEXT
from bms.core.tensors.signature import DEFAULT, Signature
from bms.core.tensors.tensor import NUMPY, Array, Tensor
from bms.protocols.json.values import JsonValue, ValueDecoder
from bms.protocols.openai.vocabulary import Vocabulary

_VECTORS = ("embedding", "embeddings", "sentence_embedding")  # outputs, the most usual name first
_FLOATS = frozenset({"FP16", "FP32", "FP64"})
_IDS, _MASK, _TYPES = "input_ids", "attention_mask", "token_type_ids"
_MOST, _MOST_FILLED = 1 << 16, 8  # tokens of a request, filled up; more where lists are about as long as one another

_ids: ValueDecoder[list[int]] = ValueDecoder(list[int], list[int])
_lists: ValueDecoder[list[list[int]]] = ValueDecoder(list[list[int]], list[list[int]])


def for_texts(signatures: Mapping[str, Signature]) -> tuple[str, str]:
    """Returns the signature from texts, BYTES [rows], to a vector for each, and the output that holds it.

    Raises InvalidArgument where there is none.
    """
    found = _for_texts(signatures)
    if found is None:
        raise InvalidArgument("this model makes no embeddings: no signature leads from texts to a vector for each")
    return found


def takes_texts(signatures: Mapping[str, Signature]) -> bool:
    """Whether there is a signature from texts to vectors."""
    return _for_texts(signatures) is not None


def _for_texts(signatures: Mapping[str, Signature]) -> tuple[str, str] | None:
    for name in (TEXT, DEFAULT, *signatures):
        signature = signatures.get(name)
        if signature is not None and [(spec.dtype, len(spec.shape)) for spec in signature.inputs] == [("BYTES", 1)]:
            vector = _vector(signature)
            if vector is not None:
                return name, vector
    return None


def for_tokens(signatures: Mapping[str, Signature]) -> tuple[str, str]:
    """Returns the signature from token ids, with or without a mask, to a vector for each, and the output."""
    for name, signature in signatures.items():
        inputs = {spec.name for spec in signature.inputs}
        integers = all(spec.dtype in ("INT32", "INT64") and len(spec.shape) == 2 for spec in signature.inputs)
        if _IDS in inputs and inputs <= {_IDS, _MASK, _TYPES} and integers and (vector := _vector(signature)):
            return name, vector
    raise InvalidArgument("this model makes no embeddings: no signature leads from texts or token ids to vectors")


def token_lists(value: JsonValue, *, nested: bool) -> list[list[int]]:
    """Returns lists of token ids; one, unless they are `nested`. Raises InvalidArgument for anything else."""
    try:
        lists = _lists(value) if nested else [_ids(value)]
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidArgument(f"'input' must hold token ids, which are whole numbers: {error}") from None
    if not all(lists):
        raise InvalidArgument("'input' holds an empty list of tokens")
    return lists


def texts_of_tokens(lists: list[list[int]], signature: Signature, vocabulary: Vocabulary | None) -> Tensor:
    """Decodes token ids to the texts that they were cut from. Raises InvalidArgument where their vocabulary is not
    known."""
    if vocabulary is None:
        raise InvalidArgument(
            "'input' holds token ids, and this model takes texts: the ids' tokenizer is unknown. Send texts "
            "(LangChain's OpenAIEmbeddings does so with check_embedding_ctx_length=False), or have the operator give "
            "the vocabulary of OpenAI's clients, with `bms up --openai-tokens cl100k_base.tiktoken`"
        )
    texts = np.empty(len(lists), dtype=object)
    texts[:] = [vocabulary.text(ids) for ids in lists]
    return Tensor(signature.inputs[0].name, texts)


def token_tensors(lists: list[list[int]], signature: Signature) -> list[Tensor]:
    """Pads token ids to the longest. Raises InvalidArgument where they differ in length and the model takes no mask."""
    longest = max(map(len, lists))
    names = {spec.name for spec in signature.inputs}
    if _MASK not in names and min(map(len, lists)) != longest:
        raise InvalidArgument("'input' holds lists of different lengths, and this model takes no mask: send them alone")
    if len(lists) * longest > max(_MOST, _MOST_FILLED * sum(map(len, lists))):
        raise InvalidArgument(f"'input' takes {len(lists)} × {longest} tokens when its lists are filled up: send fewer")
    made: list[Tensor] = []
    for spec in signature.inputs:
        array: Array = np.zeros((len(lists), longest), dtype=NUMPY[spec.dtype])
        try:
            for row, one in enumerate(lists):
                if spec.name == _IDS:
                    array[row, : len(one)] = one
                elif spec.name == _MASK:
                    array[row, : len(one)] = 1
        except OverflowError:
            raise InvalidArgument("'input' holds a number that no token id can be") from None
        made.append(Tensor(spec.name, array))
    return made


def _vector(signature: Signature) -> str | None:
    """Returns the output that holds a vector for each row: by its name, or the only one that can."""
    fitting = [spec.name for spec in signature.outputs if spec.dtype in _FLOATS and len(spec.shape) == 2]
    named = [name for name in _VECTORS if name in fitting]
    if named:
        return named[0]
    return fitting[0] if len(fitting) == 1 and signature.method == "predict" else None
