"""gRPC's messages: cut out of a stream, and ModelInferRequests by the way that remembers and the way that does not."""

import struct
import zlib
from random import Random

import numpy as np

from bms.core.errors import BmsError
from bms.core.tensors.request import InferResponse
from bms.core.tensors.tensor import Tensor
from bms.protocols.oip.grpc.infer import decode_infer, encode_infer, read_version
from bms.protocols.oip.grpc.outline import InferMessage, InferOutline, read_infer
from bms.protocols.protobuf.pool import message, parse
from bms.protocols.protobuf.wire import field, varint, varint_field
from bms.web.inference.grpc.messages import MessageReader, framed
from bms.web.inference.grpc.status import error_only
from fuzzing.dialects import SIGNATURES, spoken
from fuzzing.target import Decoder, same

_Request = message("inference.ModelInferRequest")
_MOST = 1 << 16


def decoders() -> list[Decoder]:
    return [
        Decoder("grpc messages", _messages, _message_seeds()),
        Decoder("grpc infer", _infer, [_request(), _typed(), _several()], make=_made),
    ]


def _messages(data: bytes) -> bool:
    """At once, and in two pieces: the same messages. The first octet says whether they may be compressed, and where
    the second piece begins."""
    compressed, stream = data[:1] > b"\x7f", data[1:]
    middle = data[0] & 0x7F if data else 0
    whole = _cut_up([stream], compressed)
    same(_cut_up([stream[:middle], stream[middle:]], compressed), whole, "messages in two pieces, and at once")
    return bool(whole[0])


def _cut_up(parts: list[bytes], compressed: bool) -> tuple[list[bytes], bool]:
    """The messages, and whether an error ended them."""
    reader, found = MessageReader(b"gzip" if compressed else None, _MOST), []
    try:
        for part in parts:
            reader.add(part)
            while (each := reader.next()) is not None:
                assert len(each) <= _MOST
                found.append(bytes(each))
    except BmsError:
        return found, True
    return found, False


def _message_seeds() -> list[bytes]:
    deflater = zlib.compressobj(9, zlib.DEFLATED, 31)
    small = deflater.compress(bytes(1000)) + deflater.flush()
    zipped = struct.pack(">BI", 1, len(small)) + small
    return [b"\x03" + framed(b"abc") + framed(b""), b"\x83" + zipped + framed(b"d"), b"\0" + framed(bytes(1500)) * 2]


def _infer(data: bytes) -> bool:
    """Read with what is remembered, twice, and whole: the same request, or a refusal from each."""
    try:
        parsed = parse(_Request, data)
        raws = [memoryview(raw) for raw in parsed.raw_input_contents]
        expected = _understood(InferMessage(InferOutline(parsed), parsed.id or None, raws))
    except BmsError:
        expected = "refused"
    for _ in range(2):
        for given in (data, memoryview(data)):
            try:
                found = _understood(read_infer(given))
            except BmsError as error:
                error_only(b"id", error)
                found = "refused"
            same(found, expected, "a request that may be remembered, and the same read whole")
    return expected != "refused"


def _understood(given: InferMessage) -> object:
    said = given.outline.message
    version = read_version(said.model_version)
    request, rows, all_binary, binary, classes, asked = decode_infer(given, SIGNATURES)
    outputs = [Tensor("y", tensor.array) for tensor in request.inputs]
    encode_infer(InferResponse(model="m", version=1, outputs=outputs, id=request.id))
    return said.model_name, version, spoken(request), rows, all_binary, dict(binary), dict(classes), asked


def _tensor(name: str, dtype: str, shape: tuple[int, ...], more: bytes = b"") -> bytes:
    packed = field(3, b"".join(map(varint, shape)))
    return field(5, field(1, name.encode()) + field(2, dtype.encode()) + packed + more)


def _request() -> bytes:
    raw = field(7, np.arange(4, dtype="<f4").tobytes())
    return field(1, b"m") + field(2, b"1") + field(3, b"id") + _tensor("x", "FP32", (1, 4)) + raw


def _typed() -> bytes:
    contents = field(5, field(6, np.arange(4, dtype="<f4").tobytes()))
    timeout = field(4, field(1, b"timeout") + field(2, varint_field(2, 5000)))
    wanted = field(6, field(1, b"y") + field(2, field(1, b"classification") + field(2, varint_field(2, 2))))
    return field(1, b"m") + timeout + _tensor("x", "FP32", (1, 4), contents) + wanted


def _several() -> bytes:
    named = field(4, field(1, b"signature_name") + field(2, field(3, b"several")))
    tensors = [("number", "INT64", (1,)), ("text", "BYTES", (1, 2)), ("flag", "BOOL", (1, 1))]
    raws = [bytes(8), struct.pack("<I", 3) + b"one" + bytes(4), b"\1"]
    described = b"".join(_tensor(*each) for each in tensors)
    return field(1, b"m") + named + described + b"".join(field(7, raw) for raw in raws)


_NUMBERS = (0, 1, 2, 4, 127, 128, 1 << 31, (1 << 32) - 1, (1 << 62), (1 << 63) - 1)
_TEXTS = (
    b"",
    b"x",
    b"m",
    b"y",
    b"FP32",
    b"BF16",
    b"BYTES",
    b"INT8",
    b"timeout",
    b"\xff",
    b"\xed\xa0\x80",
    b"\0",
    b"1",
    b"9" * 30,
)


def _made(random: Random) -> bytes:
    return bent(random, random.choice((_request(), _typed(), _several())))


def bent(random: Random, request: bytes) -> bytes:
    """A good request's fields in another order, some of them twice, left out, or with other contents."""
    parts = _parts(request)
    for _ in range(random.choice((0, 1, 1, 2, 3))):
        at = random.randrange(len(parts) + 1)
        what = random.randrange(6)
        if what == 0:
            parts[at:at] = [_any_field(random, 0)]
        elif what == 1 and parts:
            parts.insert(at, random.choice(parts))
        elif what == 2:
            del parts[at : at + 1]
        elif what == 3 and at < len(parts):
            parts[at] = _stretched(parts[at])
        elif what == 4 and at < len(parts):
            parts[at] = parts[at][:2] + _any_field(random, 0)[: max(0, len(parts[at]) - 2)]
        else:
            random.shuffle(parts)
    return b"".join(parts)


def _parts(data: bytes) -> list[bytes]:
    """Fields with tags of one octet that have a length, of one octet or two."""
    out, at = [], 0
    while at < len(data):
        size, head = data[at + 1], 2
        if size >= 0x80:
            size, head = size & 0x7F | data[at + 2] << 7, 3
        out.append(data[at : at + head + size])
        at += head + size
    return out


def _stretched(part: bytes) -> bytes:
    """The same field, its length written longer than it must be, where that is of one octet."""
    if len(part) < 2 or part[1] >= 0x80:
        return part
    return part[:1] + bytes((part[1] | 0x80, 0x80, 0)) + part[2:]


def _any_field(random: Random, depth: int) -> bytes:
    number, kind = random.randrange(1, 9), random.choice((0, 2, 2, 2, 1, 5, 3, 4))
    if kind == 0:
        value = random.choice(_NUMBERS)
        return varint(number << 3) + (varint(value) if random.random() < 0.8 else b"\xff" * 9 + b"\1")
    if kind != 2:
        return varint(number << 3 | kind) + random.randbytes({1: 8, 5: 4}.get(kind, 0))
    if depth < 3 and random.random() < 0.5:
        return field(number, b"".join(_any_field(random, depth + 1) for _ in range(random.randrange(3))))
    return field(number, random.choice(_TEXTS))
