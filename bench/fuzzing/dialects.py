"""Bodies of every HTTP dialect, each by all the ways there are to read it, which must agree."""

import json
import struct
import zlib
from collections.abc import Callable
from functools import partial
from random import Random

import numpy as np

from bms.core.errors import BmsError
from bms.core.tensors.request import InferRequest, InferResponse
from bms.core.tensors.signature import Signature, TensorSpec
from bms.core.tensors.tensor import Tensor, to_raw
from bms.protocols.oip import generate as oip_generate
from bms.protocols.oip import infer as oip
from bms.protocols.oip import repository as oip_repository
from bms.protocols.openai import embeddings as openai_embeddings
from bms.protocols.tfserving import examples as tfserving_examples
from bms.protocols.tfserving import predict as tfserving
from bms.web.inference.http.compression import chosen_coding, deflate, inflate
from fuzzing.hostile_json import bodies
from fuzzing.target import Decoder, same, taking


def _spec(name: str, dtype: str, *shape: int | None) -> TensorSpec:
    return TensorSpec(name=name, dtype=dtype, shape=shape)  # type: ignore[arg-type]


SIGNATURES = {
    "serving_default": Signature(inputs=(_spec("x", "FP32", None, 4),), outputs=(_spec("y", "FP32", None, 4),)),
    "several": Signature(
        inputs=(_spec("number", "INT64", None), _spec("text", "BYTES", None, 2), _spec("flag", "BOOL", None, None)),
        outputs=(_spec("number", "INT64", None), _spec("text", "BYTES", None, 2)),
    ),
    "classes": Signature(
        inputs=(_spec("features", "FP32", None, 2),),
        outputs=(_spec("scores", "FP32", None, 3),),
        method="classify",
        scores="scores",
        labels=("a", "b", "c"),
    ),
    "value": Signature(
        inputs=(_spec("features", "FP32", None, 2),), outputs=(_spec("value", "FP32", None, 1),), method="regress"
    ),
}
_VECTOR = (_spec("embedding", "FP32", None, 3),)
VECTORS = {
    "serving_default": Signature(
        inputs=(_spec("input_ids", "INT64", None, None), _spec("attention_mask", "INT64", None, None)), outputs=_VECTOR
    ),
    "text": Signature(inputs=(_spec("text", "BYTES", None),), outputs=(*_VECTOR, _spec("tokens", "INT32", None))),
}
_X = {"name": "x", "shape": [1, 4], "datatype": "FP32", "data": [1, 2.5, -3, 4e-2]}
_MANY: list[object] = [
    {"name": "number", "shape": [1], "datatype": "INT64", "data": [9]},
    {"name": "text", "shape": [1, 2], "datatype": "BYTES", "data": ["a", "é"]},
    {"name": "flag", "shape": [1, 1], "datatype": "BOOL", "data": [True]},
]
OIP: list[object] = [
    {"id": "1", "inputs": [_X], "outputs": []},
    {"inputs": [_X]},
    {"inputs": [{**_X, "shape": [3, 4], "data": [0.5] * 12}], "id": "a", "parameters": {"timeout": 5, "priority": 1}},
    {"inputs": [{**_X, "shape": [2, 4], "data": [[1, 2, 3, 4], [1, 2, 3, float("nan")]]}], "parameters": {}},
    {"inputs": [_X], "outputs": [{"name": "y", "parameters": {"binary_data": True}}]},
    {"inputs": [_X], "outputs": [{"name": "y", "parameters": {"classification": 2}}]},
    {"inputs": _MANY, "parameters": {"signature_name": "several", "binary_data_output": True}},
    {
        "inputs": [{"name": "features", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}],
        "parameters": {"signature_name": "classes"},
        "outputs": [{"name": "scores", "parameters": {"classification": 3}}],
    },
]
TFS: list[object] = [
    {"instances": [[1.5, 2, 3, -4e2], [0, 0, 0, 0]]},
    {"inputs": {"x": [[1, 2, 3, 4]]}},
    {"inputs": [[1, 2, 3, 4]]},
    {
        "signature_name": "several",
        "inputs": {"number": [1, 2], "text": [["a", "b"], ["c", {"b64": "AA=="}]], "flag": [[True], [False]]},
    },
    {"signature_name": "several", "instances": [{"number": 1, "text": ["é", "b"], "flag": [True, False]}]},
]
EXAMPLES: list[object] = [
    {"examples": [{"features": [0.5, 1.5]}, {"features": [1, 2]}], "context": {}},
    {"examples": [{}], "context": {"features": [1, 2]}},
    {"examples": [{"features": [1, 2]}], "signature_name": "classes"},
]
GENERATE: list[object] = [
    {"x": [1, 2, 3, 4], "id": "7", "stream": True},
    {"number": 1, "text": ["a", "b"], "flag": [[True]], "parameters": {"timeout": 9, "signature_name": "several"}},
    {"parameters": {"x": [[0, 0, 0, 0], [1, 1, 1, 1]], "priority": 3}},
]
EMBEDDINGS: list[object] = [
    {"model": "m", "input": "a text", "encoding_format": "base64", "user": "u"},
    {"model": "m@3", "input": ["a", "\u00e9", ""], "encoding_format": "float", "dimensions": 2},
    {"model": "m@stable", "input": [[1, 2, 3], [4]]},
    {"model": "m", "input": [101, 7, 102]},
]
INDEX: list[object] = [{"ready": True}, {}, {"repository_name": "a", "ready": False}]


def decoders() -> list[Decoder]:
    return [
        _json("tfserving predict", _predict, TFS),
        _json("tfserving classify", partial(_examples, "classify"), EXAMPLES),
        _json("tfserving regress", partial(_examples, "regress"), EXAMPLES[:2]),
        _json("oip json", _oip_json, OIP),
        Decoder("oip binary", taking(_oip_binary), _binary_seeds(), make=_binary),
        _json("oip generate", taking(lambda body: oip_generate.decode_generate(body, "m", SIGNATURES)), GENERATE),
        _json("oip repository index", taking(oip_repository.decode_index), INDEX),
        _json("openai embeddings", _embeddings, EMBEDDINGS),
        Decoder("image", taking(_image), [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"]),
        Decoder("accept-encoding", _coding, _CODINGS),
        Decoder("compressed body", _inflated, _compressed(), make=_bomb),
    ]


def _json(name: str, run: Callable[[bytes], bool], values: list[object]) -> Decoder:
    return Decoder(name, run, [json.dumps(value).encode() for value in values], make=partial(bodies, values=values))


def _predict(body: bytes) -> bool:
    decoded = tfserving.decode_predict(body, "m", SIGNATURES)
    answered = InferResponse(model="m", version=1, outputs=decoded.request.inputs)
    for row_form in (True, False):
        try:
            tfserving.encode_predict(answered, row_form)
        except BmsError:
            continue  # inputs as outputs need not have a common number of rows
    return True


def _examples(verb: str, body: bytes) -> bool:
    tfserving_examples.decode_examples(body, "m", SIGNATURES, verb)  # type: ignore[arg-type]
    return True


def _embeddings(body: bytes) -> bool:
    """What is taken is answered, with vectors of three numbers."""
    decoded = openai_embeddings.decode_embeddings(openai_embeddings.read_embeddings(body), "m", VECTORS)
    vectors = Tensor("embedding", np.ones((decoded.rows, 3), np.float32))
    outputs = [vectors, Tensor("tokens", np.ones(decoded.rows, np.int32))]
    answered = InferResponse(model="m", version=1, outputs=outputs)
    answer = json.loads(openai_embeddings.encode_embeddings(answered, decoded))
    same(len(answer["data"]), decoded.rows, "the texts and the vectors")
    return True


def _oip_json(body: bytes) -> bool:
    """The flat way and the general one, from bytes and from a view: the same request, or a refusal from each."""
    general = _said(lambda: oip.decode_infer(body, len(body), "m", SIGNATURES)) if body else None
    for given in (body, memoryview(body)):
        flat = _said(lambda given=given: oip.decode_infer(given, None, "m", SIGNATURES))  # type: ignore[misc]
        if general is not None:
            same(flat, general, "the flat and the general way to read a body")
    decoded = oip.decode_infer(body, None, "m", SIGNATURES)
    outputs = [Tensor("y", tensor.array) for tensor in decoded.request.inputs if tensor.name == "x"]
    oip.encode_infer(InferResponse(model="m", version=1, outputs=outputs, id=decoded.request.id), decoded)
    return True


def _said(decode: Callable[[], oip.DecodedInfer]) -> object:
    """All that was understood, as something to compare; one word for a refusal."""
    try:
        request, rows, *rest = decode()
    except BmsError:
        return "refused"
    return (spoken(request), rows, *rest)


def spoken(request: InferRequest) -> object:
    """What a request says, as something to compare: not which bits a NaN has."""
    tensors = [(name, str(array.dtype), array.shape, bytes(to_raw(array))) for name, array in request.inputs]
    choice = (request.model, request.signature, request.outputs, request.id)
    return tensors, choice, request.timeout_s, request.priority


def _oip_binary(data: bytes) -> None:
    oip.decode_infer(data[2:], int.from_bytes(data[:2], "little"), "m", SIGNATURES)


def _binary_seeds() -> list[bytes]:
    x = {"name": "x", "shape": [1, 4], "datatype": "FP32", "parameters": {"binary_data_size": 16}}
    many = [
        {"name": "number", "shape": [1], "datatype": "INT64", "parameters": {"binary_data_size": 8}},
        {"name": "text", "shape": [1, 2], "datatype": "BYTES", "parameters": {"binary_data_size": 11}},
        {"name": "flag", "shape": [1, 1], "datatype": "BOOL", "parameters": {"binary_data_size": 1}},
    ]
    half = {**x, "datatype": "BF16", "parameters": {"binary_data_size": 8}}
    text = struct.pack("<q", 5) + struct.pack("<I", 3) + b"one" + struct.pack("<I", 0) + b"\1"
    parts = [({"inputs": [x]}, bytes(16)), ({"inputs": many}, text), ({"inputs": [half]}, bytes(8))]
    return [_headed(json.dumps(head).encode(), raw) for head, raw in parts] + [_headed(b"", bytes(32))]


def _headed(head: bytes, raw: bytes) -> bytes:
    """The length of the JSON part first."""
    return struct.pack("<H", len(head)) + head + raw


def _binary(random: Random) -> bytes:
    seed = random.choice(_binary_seeds()[:3])
    size = int.from_bytes(seed[:2], "little")
    raw = seed[2 + size :] if random.random() < 0.7 else random.randbytes(random.choice((0, 1, 8, 16, 20, 32)))
    return _headed(bodies(random, [json.loads(seed[2 : 2 + size])])[:60000], raw)


def _image(data: bytes) -> None:
    image = {"image": Signature(inputs=(_spec("image", "BYTES", None),), outputs=())}
    tfserving.decode_content(data, "m", image, "predict", "image")


_CODINGS = [b"gzip, deflate;q=0.5, br", b"*;q=0", b"identity;q=0, x-gzip", b"gzip;q=1.000,*;q=0.1", b""]
_PLAIN = json.dumps({"a": [1.25] * 400}).encode()


def _coding(accepted: bytes) -> bool:
    """What is chosen was named or covered by '*', and what is sent can be read back."""
    chosen = chosen_coding(accepted)
    body, lines = deflate(_PLAIN, accepted)
    if chosen is None:
        same((body, lines), (_PLAIN, b""), "a body that nobody wants compressed")
        return False
    lowered = accepted.lower()
    assert chosen in lowered or b"*" in lowered, chosen
    same(inflate(body, chosen, 1 << 20), _PLAIN, "a compressed answer, read back")
    return True


def _compressed() -> list[bytes]:
    """The coding's number first."""
    gzip = zlib.compressobj(9, zlib.DEFLATED, 31)
    return [b"\0" + gzip.compress(_PLAIN) + gzip.flush(), b"\1" + zlib.compress(_PLAIN), b"\2" + _PLAIN]


_LIMIT = 1 << 16


def _inflated(data: bytes) -> bool:
    coding = (b"gzip", b"deflate", b"identity", b"x-gzip", b"br", b" GZIP ")[data[0] % 6 if data else 0]
    body = inflate(data[1:], coding, _LIMIT)
    assert coding == b"identity" or len(body) <= _LIMIT
    return True


def _bomb(random: Random) -> bytes:
    """Of up to 64 MiB, sometimes more than one stream."""
    size = random.choice((10, _LIMIT - 1, _LIMIT, _LIMIT + 1, 1 << 20))
    size = random.choice((1 << 24, 1 << 26)) if random.random() < 0.0005 else size
    window = random.choice((15, 31))
    deflater = zlib.compressobj(1, zlib.DEFLATED, window)
    parts = [deflater.compress(bytes(min(left, 1 << 16))) for left in range(size, 0, -(1 << 16))]
    stream = b"".join((*parts, deflater.flush()))
    more = random.choice((b"", b"", stream[:100], b"\0"))
    return (b"\0" if window == 31 else b"\1") + stream + more
