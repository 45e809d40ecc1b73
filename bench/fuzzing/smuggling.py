"""HTTP/1.1 requests that were made to be read in two ways, with what each means: so many requests answered, then
refused or not. `{key}` stands for a good key; a body is 4 bytes, "body"."""

from typing import NamedTuple

_START = b"POST /v2/models/digits/infer HTTP/1.1\r\n"
_HOST = b"host: a\r\nauthorization: Bearer {key}\r\n"
_NEXT = b"GET /v2/health/live HTTP/1.1\r\nhost: a\r\n\r\n"
_HIDDEN = b"GET /hidden HTTP/1.1\r\nhost: a\r\n\r\n"
_CHUNKED = b"transfer-encoding: chunked\r\n"
_LENGTH = b"content-length: 4\r\n"


class Case(NamedTuple):
    """`answers`: how many, the last of which is a refusal (400, 405, 413, 431 or 501) where `refused`."""

    name: str
    data: bytes
    answers: int
    refused: bool


def _post(fields: bytes, body: bytes, host: bytes = _HOST, start: bytes = _START) -> bytes:
    return start + host + fields + b"\r\n" + body


def _refused(name: str, data: bytes, before: int = 0) -> Case:
    """Nothing behind what is refused is answered."""
    return Case(name, data + _NEXT, before + 1, True)


def _read(name: str, data: bytes, answers: int) -> Case:
    return Case(name, data, answers, False)


def _fields() -> list[Case]:
    bad = {
        "length and chunks": _LENGTH + _CHUNKED,
        "chunks and length": _CHUNKED + _LENGTH,
        "two lengths": _LENGTH + b"content-length: 5\r\n",
        "the same length twice": _LENGTH * 2,
        "a list of lengths": b"content-length: 4, 4\r\n",
        "a signed length": b"content-length: +4\r\n",
        "a negative length": b"content-length: -4\r\n",
        "a hexadecimal length": b"content-length: 0x4\r\n",
        "a fraction": b"content-length: 4.0\r\n",
        "an empty length": b"content-length:\r\n",
        "a huge length": b"content-length: 99999999999999999999\r\n",
        "space before the colon": b"content-length : 4\r\n",
        "tab before the colon": b"transfer-encoding\t: chunked\r\n",
        "another coding": b"transfer-encoding: gzip, chunked\r\n",
        "chunked twice": b"transfer-encoding: chunked, chunked\r\n",
        "two codings": _CHUNKED + b"transfer-encoding: identity\r\n",
        "identity": b"transfer-encoding: identity\r\n" + _LENGTH,
        "a vertical tab": b"transfer-encoding:\x0bchunked\r\n",
        "quoted chunked": b'transfer-encoding: "chunked"\r\n',
        "a folded line": b"x: a\r\n b\r\n" + _LENGTH,
        "a folded length": b"content-length:\r\n 4\r\n",
        "a bare LF": b"x: a\n" + _LENGTH,
        "a bare CR": b"x: a\rcontent-length: 4\r\n",
        "NUL in a value": b"x: a\0b\r\n" + _LENGTH,
        "NUL in a name": b"x\0: a\r\n" + _LENGTH,
        "no name": b": a\r\n" + _LENGTH,
        "no colon": b"x\r\n" + _LENGTH,
        "two hosts": b"host: b\r\n" + _LENGTH,
        "two keys": b"authorization: Bearer x\r\n" + _LENGTH,
        "two content types": b"content-type: a/b\r\ncontent-type: c/d\r\n" + _LENGTH,
        "an unknown expectation": b"expect: tea\r\n" + _LENGTH,
        "a long value": b"x: " + b"a" * 40_000 + b"\r\n" + _LENGTH,
        "many fields": b"".join(b"x%d: a\r\n" % number for number in range(200)) + _LENGTH,
    }
    return [_refused(name, _post(fields, b"body")) for name, fields in bad.items()]


def _starts() -> list[Case]:
    bad = {
        "HTTP/0.9 with a head": b"POST /v2/models/digits/infer\r\n",
        "HTTP/0.9 by name": b"POST /v2/models/digits/infer HTTP/0.9\r\n",
        "HTTP/2 by name": b"POST /v2/models/digits/infer HTTP/2.0\r\n",
        "HTTP/1.2": b"POST /v2/models/digits/infer HTTP/1.2\r\n",
        "a small name": b"POST /v2/models/digits/infer http/1.1\r\n",
        "a tab": b"POST\t/v2/models/digits/infer HTTP/1.1\r\n",
        "space before": b" " + _START,
        "space behind": b"POST /v2/models/digits/infer HTTP/1.1 \r\n",
        "a bare LF": b"POST /v2/models/digits/infer HTTP/1.1\n",
        "NUL in the target": b"POST /v2/models/di\0gits/infer HTTP/1.1\r\n",
        "no path": b"POST v2/models/digits/infer HTTP/1.1\r\n",
        "an unknown method": b"GPOST /v2/models/digits/infer HTTP/1.1\r\n",
        "CONNECT": b"CONNECT a:80 HTTP/1.1\r\n",
        "a long target": b"POST /v2/" + b"a" * 10_000 + b" HTTP/1.1\r\n",
        "a line that varies": b"\r\nx-request-id: a\r\n" + _START,
    }
    return [_refused(f"start: {name}", _post(_LENGTH, b"body", start=start)) for name, start in bad.items()]


def _chunks() -> list[Case]:
    bad = {
        "bare LF": b"4\nbody\n0\n\n",
        "LF behind data": b"4\r\nbody\n0\r\n\r\n",
        "too short": b"3\r\nbody\r\n0\r\n\r\n",
        "too long": b"5\r\nbody\r\n0\r\n\r\n",
        "a prefix": b"0x4\r\nbody\r\n0\r\n\r\n",
        "a sign": b"+4\r\nbody\r\n0\r\n\r\n",
        "a space": b"4 \r\nbody\r\n0\r\n\r\n",
        "no size": b"\r\nbody\r\n0\r\n\r\n",
        "an overflow": b"10000000000000004\r\nbody\r\n0\r\n\r\n",
        "LF in an extension": b"4;a\nb\r\nbody\r\n0\r\n\r\n",
        "NUL in an extension": b"4;a\0b\r\nbody\r\n0\r\n\r\n",
        "a length behind": b"4\r\nbody\r\n0\r\ncontent-length: 4\r\n\r\n",
        "a bad trailer": b"4\r\nbody\r\n0\r\na b: c\r\n\r\n",
    }
    return [_refused(f"chunks: {name}", _post(_CHUNKED, body)) for name, body in bad.items()]


def _understood() -> list[Case]:
    four = b"4\r\nbody\r\n0\r\n\r\n"
    return [
        _read("a hidden request in a body", _post(b"content-length: %d\r\n" % len(_HIDDEN), _HIDDEN) + _NEXT, 2),
        _read(
            "a hidden request in a chunk",
            _post(_CHUNKED, b"%x\r\n%b\r\n0\r\n\r\n" % (len(_HIDDEN), _HIDDEN)) + _NEXT,
            2,
        ),
        _read("a name that only looks alike", _post(b"transfer_encoding: chunked\r\n" + _LENGTH, b"body") + _NEXT, 2),
        _read("spaces around a length", _post(b"content-length: \t4 \t\r\n", b"body") + _NEXT, 2),
        _read("zeros before a length", _post(b"content-length: 004\r\n", b"body") + _NEXT, 2),
        _read("chunked in capitals", _post(b"Transfer-Encoding: CHUNKED\r\n", four) + _NEXT, 2),
        _read("an extension", _post(_CHUNKED, b'4;a="b"\r\nbody\r\n0\r\n\r\n') + _NEXT, 2),
        _read(
            "a trailer that would be a key", _post(_CHUNKED, b"4\r\nbody\r\n0\r\nauthorization: x\r\n\r\n") + _NEXT, 2
        ),
        _read(
            "an upgrade with a body", _post(b"connection: upgrade\r\nupgrade: h2c\r\n" + _LENGTH, b"body") + _NEXT, 1
        ),
        _read("an upgrade with chunks", _post(b"connection: upgrade\r\nupgrade: h2c\r\n" + _CHUNKED, four) + _NEXT, 1),
        _read("the end was asked for", _post(b"connection: close\r\n" + _LENGTH, b"body"), 1),
        _read("an absolute target", b"GET http://b/v2/health/live HTTP/1.1\r\nhost: a\r\n\r\n" + _NEXT, 2),
        _read("empty lines before", b"\r\n\r\n" + _NEXT + b"\r\n" + _NEXT, 2),
        _refused("a method cut in two requests", _NEXT + b"P" + _START + _HOST + _LENGTH + b"\r\nbody", 1),
    ]


CASES = [*_fields(), *_starts(), *_chunks(), *_understood()]
