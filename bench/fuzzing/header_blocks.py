"""Header blocks of HTTP/2: against another implementation, and by the way that remembers against the plain one."""

from random import Random

import hpack as hyper

from bms.web.inference.http2.faults import ENHANCE_YOUR_CALM, ConnectionFault
from bms.web.inference.http2.head import Http2Head, read_head
from bms.web.inference.http2.heads import HeadReader
from bms.web.inference.http2.hpack import TABLE_SIZE, Decoder, ListTooLarge
from bms.web.inference.http2.hpack import encode as plain_encode
from bms.web.inference.http2.limits import Http2Limits
from fuzzing.target import Decoder as Target
from fuzzing.target import same

CHECK = b"/grpc.health.v1.Health/Check"
ECHO = b"/t/Echo"
_LIMITS = Http2Limits()
_LIST_BYTES, _LIST_COUNT = 4096, 50
FIELDS = (
    *((b"content-length", b"5"), (b"content-length", b"x"), (b"grpc-timeout", b"1S"), (b"grpc-timeout", b"x")),
    *((b"grpc-encoding", b"gzip"), (b"grpc-encoding", b"br"), (b"x-request-id", b"a"), (b"x-request-id", b"a" * 128)),
    *(
        (b"connection", b"close"),
        (b":path", b"/"),
        (b"te", b"x"),
        (b"X", b"y"),
        (b"x", b" y"),
        (b"x", b"\r"),
        (b"", b""),
    ),
)


def decoders() -> list[Target]:
    return [
        Target("hpack", _hpack, _blocks(), make=_made_block),
        Target("http/2 heads", _heads, _blocks(), make=_made_blocks),
    ]


def head(path: bytes, *more: tuple[bytes, bytes]) -> list[tuple[bytes, bytes]]:
    fields = [(b":method", b"POST"), (b":scheme", b"http"), (b":path", path), (b":authority", b"a")]
    return [*fields, (b"content-type", b"application/grpc"), (b"te", b"trailers"), *more]


def _blocks() -> list[bytes]:
    """Two blocks of one connection; the first octet says where the second begins."""
    encoder, out = hyper.Encoder(), []
    for huffman in (True, False):
        parts = [encoder.encode(head(path, (b"x-a", b"b" * 9)), huffman) for path in (CHECK, ECHO)]
        out.append(bytes((len(parts[0]),)) + b"".join(parts))
    return out


def _made_block(random: Random) -> bytes:
    """Fields in every representation, with numbers at their limits."""
    out = bytearray()
    for _ in range(random.randrange(1, 8)):
        what = random.randrange(1, 12) % 6
        if what == 0:
            out += _number(random, 0x7F, 0x80) if random.random() < 0.2 else bytes((0x80 | random.randrange(1, 62),))
        elif what == 1 and random.random() < 0.2:
            out += _number(random, 0x1F, 0x20)
        else:
            mask, pattern = ((0x3F, 0x40), (0x0F, 0x00), (0x0F, 0x10))[what % 3]
            index = random.choice((0, 0, 1, 2, 31, 58, 61, *((62, 63, 70) if random.random() < 0.1 else ())))
            out += hyper.hpack.encode_integer(index, mask.bit_length())
            out[-1 if index < mask else -2] |= pattern
            out += b"".join(_string(random) for _ in range(1 if index else 2))
    return bytes((random.randrange(len(out) + 1) % 256,)) + bytes(out)


def _number(random: Random, mask: int, pattern: int) -> bytes:
    number = random.choice((0, 1, 2, 61, 62, 63, 64, mask - 1, mask, mask + 1, 4095, 4096, 4097, 1 << 20, 1 << 33))
    out = hyper.hpack.encode_integer(number, mask.bit_length())
    out[0] |= pattern
    return bytes(out) + (b"" if random.random() < 0.97 else b"\x80" * random.randrange(1, 8))


def _string(random: Random) -> bytes:
    text = random.choice((b"", b"a", b"te", b"trailers", b"x" * 130, b"\x00", b"A", b":path", random.randbytes(5)))
    if random.random() < 0.5:
        coded = hyper.hpack.HuffmanEncoder(
            hyper.hpack.REQUEST_CODES, hyper.hpack.REQUEST_CODES_LENGTH
        ).encode(text) if random.random() < 0.97 else random.randbytes(random.randrange(1, 6))  # fmt: skip
        return bytes((0x80 | min(len(coded), 0x7E),)) + coded[:0x7E]
    return bytes((min(len(text), 0x7E),)) + text[:0x7E]


def _hpack(data: bytes) -> bool:
    """What ours takes means the same to the other one; what only the other takes is over a limit of ours."""
    ours, other = Decoder(_LIST_BYTES, _LIST_COUNT), hyper.Decoder(1 << 24)
    other.max_allowed_table_size = TABLE_SIZE
    middle = data[0] + 1 if data else 0
    for block in (data[1:middle], data[middle:]):
        theirs = _theirs(other, block)
        try:
            fields = ours.decode(block)
        except ListTooLarge:
            assert theirs is not None, "too large, and means nothing"
            size = sum(len(name) + len(value) + 32 for name, value in theirs)
            assert size > _LIST_BYTES or len(theirs) > _LIST_COUNT, "not too large"
            continue
        except ConnectionFault as fault:
            if theirs is not None and fault.code != ENHANCE_YOUR_CALM and "number is too long" not in fault.reason:
                raise AssertionError(f"refused, though it means something: {fault.reason}") from fault
            return False
        same(fields, theirs, "two ways to read a header block")
    return True


def _theirs(decoder: hyper.Decoder, block: bytes) -> list[tuple[bytes, bytes]] | None:
    try:
        return [(bytes(name), bytes(value)) for name, value in decoder.decode(block, raw=True)]
    except (hyper.HPACKError, IndexError, OverflowError):
        return None


def _heads(data: bytes) -> bool:
    """Blocks of one connection, again and again: what is remembered is what reading it again would give."""
    middle = data[0] + 1 if data else 0
    first, second = data[1:middle], data[middle:]
    remembering, plain, taken = HeadReader(_LIMITS), Decoder(_LIMITS.header_bytes, _LIMITS.header_count), False
    for block in (first, first, second, first, second, second, first):
        try:
            remembered = _told(remembering.head(block))
        except (ListTooLarge, ValueError) as error:
            remembered = type(error)
        except ConnectionFault:
            remembered = ConnectionFault
        try:
            read = _told(read_head(plain.decode(block)))
        except (ListTooLarge, ValueError) as error:
            read = type(error)
        except ConnectionFault:
            read = ConnectionFault
        same(remembered, read, "a head that may be remembered, and the same read again")
        if read is ConnectionFault:
            return taken
        taken = taken or isinstance(read, tuple)
    return taken


def _told(head: Http2Head) -> object:
    return head.method, head.path, head.scheme, head.authority, head.headers, head.fields, head.repeated, head.length


def _made_blocks(random: Random) -> bytes:
    """Right heads that change the table in front of a remembered one, or do not."""
    encoder, parts = hyper.Encoder(), []
    for _ in range(2):
        path = random.choice((CHECK, ECHO, b"/x"))
        fields = [*head(path), *random.choices(FIELDS, k=random.choice((0, 0, 1)))]
        if random.random() < 0.5:
            parts.append(encoder.encode(fields, huffman=random.random() < 0.5))
        else:
            parts.append(plain_encode(fields))
    if random.random() < 0.3:
        parts[1] = bytes((0x20 | random.choice((0, 1, 30)),)) + parts[1]  # another size of the table
    return bytes((min(len(parts[0]), 255),)) + b"".join(parts)
