"""How good bytes are broken: single bits, slices, numbers at their limits, words of JSON and of HTTP, other inputs."""

import struct
from random import Random

LONGEST = 1 << 16
_INTEGERS = (0, 1, -1, 2, 127, 128, 255, 256, 1 << 15, 1 << 16, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 40)
_HUGE = ((1 << 63) - 1, -(1 << 63), -2, 1 << 62)
_WORDS = (
    *(
        b"[",
        b"]",
        b"{",
        b"}",
        b",",
        b":",
        b'"',
        b"\\",
        b"null",
        b"true",
        b"NaN",
        b"-Infinity",
        b"1e999",
        b"-0",
        b"-0.0",
    ),
    *(b"1e-400", b"99999999999999999999999999", b"0.1e", b'"\\ud800"', b'"\\u0000"', b"\xff\xfe", b"\xc3", b"\x00"),
    *(b'{"b64":"AA=="}', b'{"b64":"?"}', b"[" * 500, b"[[[[]]]]", b'"a":' * 50, b"\xed\xa0\x80", b"\xf4\x90\x80\x80"),
    *(b"\r\n", b"\r\n\r\n", b"\n", b"\r", b" ", b"\t", b"content-length: 5\r\n", b"transfer-encoding: chunked\r\n"),
    *(b"\r\n ", b"\n\n", b";a=b", b"transfer-encoding: identity\r\n", b"expect: 100-continue\r\n", b"upgrade: h2c\r\n"),
    *(
        b"connection: close\r\n",
        b"connection: upgrade\r\n",
        b"host: b\r\n",
        b"HTTP/0.9",
        b"HTTP/2.0",
        b"PRI * HTTP/2.0",
    ),
    *(b"0\r\n\r\n", b"ffffffffffffffff\r\n", b"-1", b"+5", b"HTTP/1.0", b"HTTP/9.9", b"%00", b"%2e%2e/", b"../"),
    *(
        b"FP32",
        b"BYTES",
        b"INT64",
        b"BF16",
        b"shape",
        b"datatype",
        b"data",
        b"binary_data_size",
        b"inputs",
        b"instances",
    ),
)


def mutated(random: Random, seed: bytes, others: list[bytes], longest: int = LONGEST) -> bytes:
    """`seed` with one to a dozen changes, mostly few, at most `longest` bytes."""
    data = bytearray(seed)
    for _ in range(1 + int(random.expovariate(1.0)) % 12):
        _CHANGES[random.randrange(len(_CHANGES))](random, data, others)
    return bytes(data[:longest])


def _place(random: Random, data: bytearray) -> int:
    return random.randrange(len(data) + 1)


def _flip(random: Random, data: bytearray, others: list[bytes]) -> None:
    if data:
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)


def _set(random: Random, data: bytearray, others: list[bytes]) -> None:
    if data:
        data[random.randrange(len(data))] = random.choice((0, 1, 0x7F, 0x80, 0xFF, random.randrange(256)))


def _cut(random: Random, data: bytearray, others: list[bytes]) -> None:
    at = _place(random, data)
    del data[at : at + 1 + int(random.expovariate(0.1))]


def _end(random: Random, data: bytearray, others: list[bytes]) -> None:
    del data[_place(random, data) :]


def _word(random: Random, data: bytearray, others: list[bytes]) -> None:
    at = _place(random, data)
    word = random.choice(_WORDS)
    over = len(word) if random.random() < 0.5 else 0
    data[at : at + over] = word


def _number(random: Random, data: bytearray, others: list[bytes]) -> None:
    """A little-endian integer at a limit, over what is there."""
    size, form = random.choice(((1, "<B"), (2, "<H"), (4, "<I"), (8, "<Q")))
    value = random.choice(_INTEGERS + _HUGE) % (1 << 8 * size)
    at = _place(random, data)
    data[at : at + size] = struct.pack(form, value)


def _digits(random: Random, data: bytearray, others: list[bytes]) -> None:
    at = _place(random, data)
    data[at : at + 1] = str(random.choice(_INTEGERS + _HUGE)).encode()


def _repeat(random: Random, data: bytearray, others: list[bytes]) -> None:
    at = _place(random, data)
    piece = bytes(data[at : at + 1 + int(random.expovariate(0.05))])
    data[at:at] = piece * random.choice((1, 2, 20))


def _splice(random: Random, data: bytearray, others: list[bytes]) -> None:
    other = random.choice(others)
    at, start = _place(random, data), random.randrange(len(other) + 1)
    data[at:] = other[start:]


def _big(random: Random, data: bytearray, others: list[bytes]) -> None:
    """As `_number`, the other way round: HTTP/2 and gRPC write so."""
    size, form = random.choice(((2, ">H"), (3, ">I"), (4, ">I")))
    at = _place(random, data)
    data[at : at + size] = struct.pack(form, random.choice(_INTEGERS) % (1 << 8 * size))[-size:]


_CHANGES = (_flip, _set, _cut, _end, _word, _word, _number, _big, _digits, _repeat, _splice)
