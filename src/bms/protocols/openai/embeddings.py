"""OpenAI's embeddings API: texts (or token ids) in, one vector for each out.

Source: https://platform.openai.com/docs/api-reference/embeddings. The model is named in the body: a deployment's name,
or `name@3` for a version's number, `name@alias` for an alias.
"""

import base64
import re
from collections.abc import Mapping
from typing import Any, Generic, Literal, NamedTuple, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from bms.core.errors import Internal, InvalidArgument
from bms.core.tensors.request import InferRequest, InferResponse
from bms.core.tensors.signature import Signature, check_inputs
from bms.core.tensors.tensor import Tensor
from bms.protocols.json.bodies import BodyDecoder
from bms.protocols.json.repeats import quotes_of
from bms.protocols.json.tensors import array_of, dump
from bms.protocols.json.values import JsonValue, first_character, first_element
from bms.protocols.openai.inputs import for_texts, for_tokens, takes_texts, texts_of_tokens, token_lists, token_tensors
from bms.protocols.openai.vocabulary import Vocabulary

TOKENS = "tokens"  # the output that says how many tokens each text had
MOST = 1 << 14  # inputs of one request
_NUMBER = re.compile(r"\d{1,18}", re.ASCII)
V = TypeVar("V")


class EmbeddingsBody(msgspec.Struct, Generic[V]):
    """The body that a client sends."""

    model: str
    input: V
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: int | None = None


class StrictEmbeddingsBody(EmbeddingsBody[V], Generic[V], forbid_unknown_fields=True):
    """`EmbeddingsBody` that refuses unknown members."""


class ParsedEmbeddings(NamedTuple):
    """A parsed body: the model it names, the rest of it, and which members are not read (`user` among them)."""

    model: str
    version: int | None
    alias: str | None
    body: EmbeddingsBody[JsonValue]
    ignored: tuple[str, ...] = ()


class DecodedEmbeddings(NamedTuple):
    """A decoded request, its number of rows, and what its answer must know of it. `counted`: its tokens, where the
    client sent those."""

    request: InferRequest
    rows: int
    vector: str
    as_base64: bool
    dimensions: int | None
    counted: int | None


def _quotes(parsed: EmbeddingsBody[JsonValue]) -> int:
    count = 6 + quotes_of(parsed.input) + (0 if parsed.encoding_format is None else 4)
    return count if parsed.dimensions is None else count + 2


_body: BodyDecoder[EmbeddingsBody[JsonValue]] = BodyDecoder(
    StrictEmbeddingsBody[msgspec.Raw],  # type: ignore[arg-type]
    EmbeddingsBody[msgspec.Raw],  # type: ignore[arg-type]
    EmbeddingsBody[Any],
    _quotes,
)


def read_embeddings(body: bytes | memoryview) -> ParsedEmbeddings:
    """Parses a body. Raises InvalidArgument for an invalid one."""
    parsed, ignored = _body(body)
    name, sign, which = parsed.model.partition("@")
    if not sign:
        return ParsedEmbeddings(name, None, None, parsed, ignored)
    if not which:
        raise InvalidArgument(f"model {parsed.model[:80]!r} names no version: write name@3, name@alias, or just name")
    if _NUMBER.fullmatch(which):
        return ParsedEmbeddings(name, int(which), None, parsed, ignored)
    return ParsedEmbeddings(name, None, which, parsed, ignored)


def decode_embeddings(
    asked: ParsedEmbeddings, model: str, signatures: Mapping[str, Signature], vocabulary: Vocabulary | None = None
) -> DecodedEmbeddings:
    """Decodes a parsed body for a model. `vocabulary` maps token ids to texts, for models that take texts; other models
    take ids of their own.

    Raises InvalidArgument for an input that the model does not take, or a model that makes no embeddings.
    """
    body = asked.body
    if body.dimensions is not None and body.dimensions < 1:
        raise InvalidArgument(f"'dimensions' is {body.dimensions}, expected at least 1")
    first = first_character(body.input)
    inner = first_element(body.input) if first == "[" else first
    counted = None
    if inner == '"':
        chosen, vector = for_texts(signatures)
        array = array_of(body.input, "BYTES", 1 if first == "[" else 0, "input").reshape(-1)
        tensors = [Tensor(signatures[chosen].inputs[0].name, array)]
    elif first == "[" and (inner == "[" or inner.isdigit()):
        lists = token_lists(body.input, nested=inner == "[")
        if takes_texts(signatures):
            chosen, vector = for_texts(signatures)
            tensors = [texts_of_tokens(lists, signatures[chosen], vocabulary)]
        else:
            chosen, vector = for_tokens(signatures)
            tensors = token_tensors(lists, signatures[chosen])
            counted = sum(map(len, lists))
    else:
        raise InvalidArgument("'input' must be a text, a list of texts, a list of token ids or a list of such lists")
    rows = check_inputs(signatures[chosen], tensors)
    if rows > MOST:
        raise InvalidArgument(f"'input' has {rows} elements, expected at most {MOST}: send several requests")
    signature = signatures[chosen]
    _check_dimensions(body.dimensions, signature.output(vector).shape[1])
    tells = counted is None and any(spec.name == TOKENS for spec in signature.outputs)
    wanted = (vector, TOKENS) if tells else (vector,)
    request = InferRequest(model=model, inputs=tensors, signature=chosen, outputs=wanted, ignored=asked.ignored)
    return DecodedEmbeddings(request, rows, vector, body.encoding_format == "base64", body.dimensions, counted)


def encode_embeddings(response: InferResponse, decoded: DecodedEmbeddings) -> bytes:
    """Encodes vectors as numbers, or as base64 of little-endian FP32. Where fewer dimensions were asked for: the first
    ones, made a vector of length 1 again.

    Raises InvalidArgument where more dimensions were asked for than there are.
    """
    outputs = {tensor.name: tensor.array for tensor in response.outputs}
    found = outputs[decoded.vector]
    if found.ndim != 2 or len(found) != decoded.rows:
        raise Internal(f"the model gives {list(found.shape)} for {decoded.rows} texts: expected a vector for each")
    vectors = found.astype("<f4", copy=False)
    if not np.isfinite(vectors).all():
        raise Internal("the model gives a vector with NaN or an infinity, which JSON can't express")
    if decoded.dimensions is not None:
        _check_dimensions(decoded.dimensions, vectors.shape[1])
        vectors = _shortened(vectors, decoded.dimensions)
    tokens = tokens_of(response, decoded) or 0
    told: list[object] = [*vectors]
    if decoded.as_base64:
        told = [base64.b64encode(row.tobytes()).decode() for row in vectors]
    data = [{"object": "embedding", "index": index, "embedding": one} for index, one in enumerate(told)]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return dump({"object": "list", "data": data, "model": response.model, "usage": usage})


def tokens_of(response: InferResponse, decoded: DecodedEmbeddings) -> int | None:
    """Returns the tokens of the input: as many as the client sent, or as the model reports; None where neither is
    known."""
    if decoded.counted is not None:
        return decoded.counted
    told = next((tensor.array for tensor in response.outputs if tensor.name == TOKENS), None)
    return None if told is None else int(told.sum())


def _shortened(vectors: npt.NDArray[np.float32], dimensions: int) -> npt.NDArray[np.float32]:
    if dimensions == vectors.shape[1]:
        return vectors
    cut = vectors[:, :dimensions]
    made: npt.NDArray[np.float32] = cut / np.maximum(np.linalg.norm(cut, axis=1, keepdims=True), np.float32(1e-12))
    return made.astype("<f4", copy=False)


def _check_dimensions(asked: int | None, has: int | None) -> None:
    if asked is not None and has is not None and asked > has:
        raise InvalidArgument(f"'dimensions' is {asked}, but this model's embeddings have {has}")
