"""Endpoints are read as they were written, and what is none is refused in words."""

import pytest

from bms.core.errors import InvalidArgument
from bms.core.workloads.endpoints import Endpoint, TlsEndpoint, UnixEndpoint, parse_endpoint

PRINT = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("endpoint", "text"),
    [
        (UnixEndpoint("/run/bms/s"), "unix:/run/bms/s"),
        (TlsEndpoint("node-7.example", 8443, PRINT), f"tcp+tls:node-7.example:8443#sha256={PRINT}"),
        (TlsEndpoint("10.0.0.7", 1, PRINT, "rep_1"), f"tcp+tls:10.0.0.7:1#sha256={PRINT}&name=rep_1"),
        (
            TlsEndpoint("fe80::1", 65535, PRINT, "a b/&=#"),
            f"tcp+tls:[fe80::1]:65535#sha256={PRINT}&name=a%20b%2F%26%3D%23",
        ),
    ],
)
def test_an_endpoint_is_read_as_it_was_written(endpoint: Endpoint, text: str) -> None:
    assert str(endpoint) == text
    assert parse_endpoint(text) == endpoint


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is no endpoint: expected"),
        ("unix:", "is no endpoint: expected"),
        ("/run/bms/s", "is no endpoint: expected"),
        ("tcp:host:1", "is no endpoint: expected"),
        ("tcp+tls:host:1", "is no endpoint: expected"),
        ("tcp+tls:host#sha256=" + PRINT, "is no endpoint: expected"),
        ("tcp+tls:ho st:1#sha256=" + PRINT, "is no endpoint: expected"),
        ("tcp+tls:host:0#sha256=" + PRINT, "has port 0, expected 1 to 65535"),
        ("tcp+tls:host:65536#sha256=" + PRINT, "has port 65536"),
        ("tcp+tls:host:1#", "does not say what to verify"),
        ("tcp+tls:host:1#name=x", "does not say what to verify"),
        ("tcp+tls:host:1#sha256=abc", "does not say what to verify"),
        (f"tcp+tls:host:1#sha256={PRINT}&trust=all", "says 'trust', which is unknown"),
    ],
)
def test_what_is_no_endpoint_is_refused(text: str, words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        parse_endpoint(text)
