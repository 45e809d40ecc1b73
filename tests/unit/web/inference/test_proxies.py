"""Who a request is from: what trusted proxies say of it, and nothing that a client could have written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bms.core.errors import InvalidArgument
from bms.web.inference.http.proxies import Origin, Proxies, check_network

NEAR, FAR = "10.0.0.1", "10.0.0.2"  # proxies of ours
CLIENT, EVIL = "203.0.113.9", "6.6.6.6"
TRUSTING = Proxies(("10.0.0.0/8", "fd00::/8"))


def origin(peer: str = NEAR, **headers: str | list[str]) -> Origin:
    """`x_forwarded_for` is the header X-Forwarded-For; a list is as many lines."""
    lines = [
        (name.replace("_", "-").encode(), value.encode())
        for name, values in headers.items()
        for value in (values if isinstance(values, list) else [values])
    ]
    return TRUSTING.origin(peer, lines)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"x_forwarded_for": CLIENT}, Origin(CLIENT)),
        ({"x_forwarded_for": f"{CLIENT}:4711"}, Origin(CLIENT)),
        ({"x_forwarded_for": "[2001:db8::7]:4711"}, Origin("2001:db8::7")),
        ({"x_forwarded_for": "::ffff:203.0.113.9"}, Origin(CLIENT)),
        ({"x_forwarded_for": f"{CLIENT}, {FAR}"}, Origin(CLIENT)),
        ({"x_forwarded_for": [CLIENT, FAR]}, Origin(CLIENT)),
        ({"x_forwarded_for": FAR}, Origin(FAR)),
        ({"x_forwarded_proto": "https"}, Origin(NEAR, b"https")),
        (
            {"x_forwarded_for": CLIENT, "x_forwarded_proto": "HTTPS", "x_forwarded_host": "bms.example:8443"},
            Origin(CLIENT, b"https", b"bms.example:8443"),
        ),
        (
            {"x_forwarded_for": f"{CLIENT}, {FAR}", "x_forwarded_proto": "https, http"},
            Origin(CLIENT, b"https"),
        ),
        ({"x_forwarded_for": f"{CLIENT}, {FAR}", "x_forwarded_proto": "https"}, Origin(CLIENT, b"https")),
        ({"x_forwarded_for": CLIENT, "x_forwarded_prefix": "/a/b/"}, Origin(CLIENT, prefix=b"/a/b")),
        ({"forwarded": f"for={CLIENT};proto=https;host=bms.example"}, Origin(CLIENT, b"https", b"bms.example")),
        ({"forwarded": f'For="{CLIENT}:80" ; Proto="https"'}, Origin(CLIENT, b"https")),
        ({"forwarded": 'for="[2001:db8::7]:80"'}, Origin("2001:db8::7")),
        ({"forwarded": f"for={CLIENT}, for={FAR};proto=http"}, Origin(CLIENT, b"http")),
        ({"forwarded": [f"for={CLIENT};proto=https", f"for={FAR};proto=http"]}, Origin(CLIENT, b"https")),
        ({"forwarded": "for=unknown;proto=https"}, Origin(NEAR, b"https")),
        ({"forwarded": f"for={CLIENT};proto=https", "x_forwarded_for": CLIENT}, Origin(CLIENT)),
    ],
)
def test_what_a_trusted_proxy_says_is_believed(headers: dict[str, str | list[str]], expected: Origin) -> None:
    assert origin(**headers) == expected


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        # What stands left of the client's own address is the client's word.
        ({"x_forwarded_for": f"{EVIL}, {CLIENT}"}, CLIENT),
        ({"x_forwarded_for": f"{EVIL}, {FAR}, {CLIENT}, {FAR}"}, CLIENT),
        ({"x_forwarded_for": f"{NEAR}, {CLIENT}"}, CLIENT),
        ({"x_forwarded_for": [EVIL, CLIENT]}, CLIENT),
        ({"forwarded": f"for={EVIL}, for={CLIENT}"}, CLIENT),
        ({"forwarded": [f"for={EVIL};proto=https", f"for={CLIENT}"]}, CLIENT),
        # A quote left open takes what the proxy adds into itself: then nothing is left that is to be believed.
        ({"forwarded": f'for="{EVIL}, for={CLIENT}'}, NEAR),
        ({"forwarded": f"for={EVIL};for={CLIENT}"}, NEAR),
        # Two headers that tell of two clients: one of them came as the client sent it.
        ({"forwarded": f"for={EVIL}", "x_forwarded_for": CLIENT}, NEAR),
        ({"forwarded": f"for={CLIENT}", "x_forwarded_for": EVIL}, NEAR),
        ({"x_forwarded_for": f"{EVIL}, nonsense"}, NEAR),
        ({"x_forwarded_for": f"{EVIL}, 1.2.3.4.5"}, NEAR),
        ({"x_forwarded_for": ""}, NEAR),
    ],
)
def test_clients_cannot_speak_for_others(headers: dict[str, str | list[str]], expected: str) -> None:
    assert origin(**headers).address == expected


def test_the_protocol_and_host_of_a_client_that_lies_are_not_believed() -> None:
    lied = origin(forwarded=[f"for={EVIL};proto=https;host=evil.example", f"for={CLIENT};proto=http;host=bms.example"])
    assert lied == Origin(CLIENT, b"http", b"bms.example")
    both = origin(forwarded=f"for={CLIENT};proto=https;host=evil.example", x_forwarded_for=CLIENT)
    assert both == Origin(CLIENT)
    for host in ("a b", "a@b", "a/b", "[::1", "a\r\nx: y", "a:b"):
        assert origin(x_forwarded_for=CLIENT, x_forwarded_host=host).host == b""
    for prefix in ("a", "//evil", "/../x", "/a b", "/a?b", "/" + "a" * 300, "https://evil.example"):
        assert origin(x_forwarded_for=CLIENT, x_forwarded_prefix=prefix).prefix == b""


@pytest.mark.parametrize("peer", [CLIENT, "local", "127.0.0.1", "::1"])
def test_nobody_else_is_believed(peer: str) -> None:
    said = {
        "x_forwarded_for": EVIL,
        "x_forwarded_proto": "https",
        "forwarded": f"for={EVIL}",
        "x_forwarded_prefix": "/a",
    }
    assert origin(peer, **said) == Origin(peer)
    assert Proxies().origin(NEAR, [(b"x-forwarded-for", EVIL.encode())]) == Origin(NEAR)


def test_addresses_are_compared_by_what_they_mean() -> None:
    assert origin("::ffff:10.0.0.1", x_forwarded_for=CLIENT).address == CLIENT
    assert origin("fd00::1", x_forwarded_for=CLIENT).address == CLIENT


@given(
    st.lists(st.sampled_from([b"forwarded", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host"])), st.data()
)
def test_any_bytes_end_in_an_address(names: list[bytes], data: st.DataObject) -> None:
    headers = [(name, data.draw(st.binary(max_size=60))) for name in names]
    found = TRUSTING.origin(NEAR, headers)
    assert found.address
    assert found.address.isascii()
    assert found.proto in (b"", b"http", b"https")


@pytest.mark.parametrize(
    ("text", "network"), [("10.0.0.7", "10.0.0.7/32"), ("10.1.2.3/8", "10.0.0.0/8"), (" fd00::/8", "fd00::/8")]
)
def test_networks_are_read(text: str, network: str) -> None:
    assert check_network(text) == network


@pytest.mark.parametrize("text", ["", "proxy.example", "10.0.0.0/40", "*"])
def test_what_is_no_network_is_refused_with_what_is_one(text: str) -> None:
    with pytest.raises(InvalidArgument, match=r"10\.0\.0\.0/8"):
        check_network(text)
