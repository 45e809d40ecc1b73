"""Inputs that once did what they must not, by the fuzz target that they are for (`bench/fuzzing`)."""

_HEAD = b"POST /v2/models/m/infer HTTP/1.1\r\nhost: a\r\n"
_UPGRADE = b"connection: upgrade\r\nupgrade: h2c\r\n"

_UPDATE = b"\x84\xa4type\xa6update\xa8revision\x01\xa4full\xc3\xa7deletes\x91\x92\xa3key\xa2\xff\xfe"

FINDINGS = [
    # a body behind a wish for another protocol was lost
    ("http/1.1 connection", _HEAD + _UPGRADE + b"content-length: 2\r\n\r\n{}"),
    (
        "http/1.1 connection",
        _HEAD + _UPGRADE + b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n" + _HEAD + b"\r\n",
    ),
    ("http/1.1 connection", _HEAD + _UPGRADE + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}"),
    # other versions were served
    ("http/1.1 connection", b"POST /s HTTP/0.9\r\nhost: a\r\n\r\n"),
    ("http/1.1 connection", b"POST /s\r\nhost: a\r\n\r\n"),
    ("http/1.1 connection", b"POST /s HTTP/2.0\r\nhost: a\r\n\r\n"),
    # spaces behind a value were taken for a part of it
    ("http/1.1 connection", b"GET /s HTTP/1.1\r\nhost: a\r\nx: b \t\r\n\r\n"),
    ("http/1.1 connection", _HEAD + b"content-length: 4 \r\n\r\nbody"),
    # behind a method that came with the request before, a remembered head was believed
    *[("http/1.1 connection", _HEAD + b"content-length: 2\r\n\r\n{}" + start) for start in (b"P", b"PO", b"POST")],
    # an empty line made the request line look like a line that varies
    ("http/1.1 connection", b"\r\n" + _HEAD + b"content-length: 2\r\n\r\n{}"),
    ("http/1.1 connection", b"\r\nx-request-id: one\r\n" + _HEAD + b"content-length: 2\r\n\r\n{}"),
    # of two ids, one of them none, the other was believed once the head was remembered
    ("http/1.1 connection", _HEAD + b"x-request-id: a b\r\n\r\n"),
    ("http/1.1 connection", _HEAD + b"X-Request-Id: two\r\nx-request-id: a b\r\n\r\n"),
    # text that is not UTF-8 ended the gateway's start
    ("snapshot file", b"BMSL" + bytes((len(_UPDATE), 0, 0, 0)) + b"\0\0\0\0" + _UPDATE),
]
