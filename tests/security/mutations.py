"""Bytes that are nearly right: seeded, so that what once broke something can be repeated."""

import json
from collections.abc import Iterator
from random import Random

NUMBERS = (0, -1, 1, 63, 64, 65, 2**31, 2**32, 2**63 - 1, 2**63, 2**64, -(2**63), 1e308, 1e-320, -0.0, 10**40)
TEXTS = ("", "x", "\0", "é", "\ud800", "x" * 5000, "NaN", "__proto__", "../..", "%00", "{}", "\n")
TOKENS = (
    b"\0",
    b"\xff",
    b"\r\n",
    b"\n",
    b":",
    b"{",
    b"]",
    b'"',
    b"NaN",
    b"-Infinity",
    b"1e999",
    b"9" * 400,
    b"[" * 300,
    b"Content-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b" HTTP/1.1\r\n",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
)


def mangled(random: Random, data: bytes) -> bytes:
    """A few bytes changed, cut, doubled or put in."""
    out = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 3, 8))):
        at = random.randrange(len(out) + 1)
        what = random.randrange(6)
        if what == 0 and out:
            out[at % len(out)] ^= 1 << random.randrange(8)
        elif what == 1:
            out[at:at] = random.choice(TOKENS)
        elif what == 2:
            del out[at : at + random.choice((1, 2, 8, 64))]
        elif what == 3:
            del out[at:]
        elif what == 4:
            piece = out[at : at + random.randrange(1, 64)]
            out[at:at] = piece * random.choice((1, 2, 20))
        elif out:
            out[at % len(out)] = random.randrange(256)
    return bytes(out)


def bent(random: Random, value: object) -> object:
    """A JSON value with one part of it exchanged for something else."""
    if isinstance(value, dict) and value and random.random() < 0.8:
        name = random.choice(sorted(value))
        what = random.randrange(6)
        if what == 0:
            return {key: item for key, item in value.items() if key != name}
        if what == 1:
            return {**value, random.choice(TEXTS): value[name]}
        return {**value, name: bent(random, value[name])}
    if isinstance(value, list) and value and random.random() < 0.7:
        at = random.randrange(len(value))
        what = random.randrange(5)
        if what == 0:
            return value[:at]
        if what == 1:
            return value + value
        return [*value[:at], bent(random, value[at]), *value[at + 1 :]]
    return random.choice(
        (random.choice(NUMBERS), random.choice(TEXTS), None, True, [], {}, [value], {"b64": "AA=="}, float("nan"), [[]])
    )


def bodies(random: Random, value: object, count: int) -> Iterator[bytes]:
    """JSON texts near `value`'s, half of them still JSON."""
    for _ in range(count):
        changed = value
        for _ in range(random.choice((1, 1, 2, 4))):
            changed = bent(random, changed)
        text = json.dumps(changed, ensure_ascii=random.random() < 0.7).encode("utf-8", "surrogatepass")
        yield mangled(random, text) if random.random() < 0.4 else text
