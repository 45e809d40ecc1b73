"""Which coding a client gets, and what is worth compressing."""

import gzip
import os
import zlib

import pytest

from bms.web.inference.http.compression import MOST_BYTES, WORTH_BYTES, chosen_coding, deflate, inflate

BODY = b'{"predictions": [1.0, 2.0]}' * 200


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        (b"gzip", b"gzip"),
        (b"deflate", b"deflate"),
        (b"gzip, deflate", b"gzip"),
        (b"deflate, gzip", b"gzip"),
        (b"gzip;q=0.5, deflate;q=0.9", b"deflate"),
        (b"gzip; q=0", None),
        (b"br, zstd", None),
        (b"*", b"gzip"),
        (b"gzip;q=0, *;q=0.5", b"deflate"),
        (b"*;q=0", None),
        (b"identity", None),
        (b"identity, gzip;q=0.5", None),
        (b"GZIP", b"gzip"),
        (b"x-gzip", b"x-gzip"),
        (b"", None),
        (b"gzip;q=many", None),
    ],
)
def test_the_client_gets_what_it_wants_most(accepted: bytes, coding: bytes | None) -> None:
    assert chosen_coding(accepted) == coding


def test_what_is_written_is_what_any_client_inflates() -> None:
    body, lines = deflate(BODY, b"gzip")
    assert gzip.decompress(body) == BODY
    assert b"content-encoding: gzip\r\n" in lines
    body, lines = deflate(BODY, b"deflate")
    assert zlib.decompress(body) == BODY
    assert b"vary: accept-encoding\r\n" in lines
    assert inflate(body, b"deflate", len(BODY)) == BODY


@pytest.mark.parametrize(
    "body",
    [b"{}", b"x" * (WORTH_BYTES - 1), bytes(MOST_BYTES + 1), os.urandom(WORTH_BYTES)],
    ids=["tiny", "a-packet", "huge", "noise"],
)
def test_what_gains_nothing_is_sent_as_it_is(body: bytes) -> None:
    assert deflate(body, b"gzip") == (body, b"")
