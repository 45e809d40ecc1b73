"""Which addresses a model may forward to, and what upstream.json may say."""

import msgspec
import pytest

from bms.core.errors import InvalidArgument
from bms.core.serving.upstreams import Allowed, Place, parse_allowed, place_of, read_upstream, refusal

PUBLIC = ["8.8.8.8", "1.1.1.1", "93.184.216.34", "172.15.255.255", "172.32.0.1", "100.63.255.255", "100.128.0.1"]
PUBLIC += ["2606:4700:4700::1111", "2a00:1450:4001:81b::200e", "223.255.255.254"]
NOT_PUBLIC = [
    *("0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "127.0.0.1", "127.255.255.254"),
    *("172.16.0.1", "172.31.255.255", "192.168.0.1", "100.64.0.1", "100.127.255.255", "100.100.100.200"),
    *("169.254.0.1", "169.254.169.254", "168.63.129.16", "192.0.0.192", "192.0.2.1", "198.18.0.1", "198.19.255.255"),
    *("198.51.100.1", "203.0.113.1", "192.88.99.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:a9fe:a9fe", "64:ff9b::7f00:1"),
    *("64:ff9b::808:808", "64:ff9b:1::1", "2002:7f00:1::1", "2002:a9fe:a9fe::1", "2002:808:808::1", "2001::1"),
    *("2001:0:53aa:64c:0:0:80ff:ff01", "2001:db8::1", "3fff::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1"),
    *("ff02::1", "ff0e::1", "100::1", "5f00::1", "4000::1", "fe80::1%eth0", "::1%lo"),
    *("127.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.0.0.1:80", "[::1]", "localhost", "", "8.8.8.8\0"),
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_unicast_addresses_may_be_connected_to(address: str) -> None:
    assert refusal(address, "api.example.com", 443) is None


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_all_others_may_not_whatever_their_form(address: str) -> None:
    why = refusal(address, "api.example.com", 443)
    assert why is not None
    assert ("not a public address" in why) or ("no plain IP address" in why)


def test_networks_that_are_allowed_open_what_lies_in_them_alone() -> None:
    allowed = parse_allowed(["10.1.0.0/16", "127.0.0.1", "fd12::/64"])
    for address in ("10.1.2.3", "127.0.0.1", "fd12::9"):
        assert refusal(address, "x", 80, allowed) is None
    for address in ("10.2.0.1", "127.0.0.2", "fd13::1", "::ffff:10.1.2.3", "::ffff:127.0.0.1", "2002:a01:203::1"):
        assert refusal(address, "x", 80, allowed) is not None


def test_a_place_that_is_allowed_by_name_opens_its_name_and_port_but_no_machine_s_own_services() -> None:
    allowed = parse_allowed(["Inference.Internal:8000", "[::1]:9000"])
    assert refusal("10.0.0.7", "inference.internal", 8000, allowed) is None
    assert refusal("127.0.0.1", "INFERENCE.internal", 8000, allowed) is None
    assert refusal("::1", "::1", 9000, allowed) is None
    assert refusal("10.0.0.7", "inference.internal", 8001, allowed) is not None
    assert refusal("10.0.0.7", "other.internal", 8000, allowed) is not None
    for address in ("169.254.169.254", "fe80::1", "fd00:ec2::254", "0.0.0.0", "224.0.0.1", "168.63.129.16"):
        assert refusal(address, "inference.internal", 8000, allowed) is not None
    for address in ("::ffff:169.254.169.254", "::ffff:10.0.0.7", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1"):
        assert refusal(address, "inference.internal", 8000, allowed) is not None
    assert refusal("169.254.1.1", "x", 80, parse_allowed(["169.254.0.0/16"])) is None, "an operator who says so"


@pytest.mark.parametrize(
    "text", ["", "x", "x:", "x:0", "x:65536", "x:http", ":80", "10.1.2.3/8", "10.0.0.0/40", "a b:80"]
)
def test_what_can_not_be_allowed_is_refused_with_words(text: str) -> None:
    with pytest.raises(InvalidArgument, match="can't be allowed as an upstream"):
        parse_allowed([text])
    assert parse_allowed([]) == Allowed()


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://api.example.com", Place("https", "api.example.com", 443, "")),
        ("https://API.example.com/v1/", Place("https", "api.example.com", 443, "/v1")),
        ("http://10.0.0.1:8000/a/b", Place("http", "10.0.0.1", 8000, "/a/b")),
        ("https://[2606:4700::1]:8443/v1", Place("https", "2606:4700::1", 8443, "/v1")),
    ],
)
def test_a_url_is_a_place(url: str, place: Place) -> None:
    assert place_of(url) == place


@pytest.mark.parametrize(
    "url",
    [
        *("", "api.example.com", "ftp://x", "file:///etc/passwd", "gopher://x", "unix:/run/s", "//x", "HTTP:x"),
        *("https://", "https:///v1", "https://user@x", "https://user:pw@x", "https://x@127.0.0.1", "https://@x"),
        *("https://x:0", "https://x:99999", "https://x:port", "https://x?q=1", "https://x/#f", "https://x/?"),
        *(
            "https://x/a b",
            "https://x/\r\nHost: y",
            "https://x\n",
            "https://x\\@y",
            "https://x/%zz/../..",
            "https://-x",
        ),
        *("https://x/..", "https://x/./a", "https://x//a", "https://é.example", "https://x_/\t", "https://[::1%25lo]"),
        *(
            "https://[v1.x]",
            "https://x..",
            "https://.x",
            "https://a;b",
            "https://[::1]x",
            "https://[1.1.1.1]",
            "https://x:",
            "https://x:080",
        ),
    ],
)
def test_a_url_that_could_mean_two_things_is_refused(url: str) -> None:
    with pytest.raises(InvalidArgument, match="URL of an upstream can't be used"):
        place_of(url)


GOOD = {"url": "https://x/v1", "protocol": "oip", "model": "m"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"headers": {"a": "b"}}, "unknown field `headers`"),
        ({"protocol": "soap"}, "Invalid enum value"),
        ({"model": ""}, "'model'"),
        ({"model": "a\nb"}, "'model'"),
        ({"timeout_s": 0}, "'timeout_s'"),
        ({"timeout_s": 1e9}, "'timeout_s'"),
        ({"secret": "../../etc"}, "secret's name"),
        ({"url": "http://a@b"}, "names a user"),
    ],
)
def test_a_file_that_is_no_upstream_says_what_is_wrong(change: dict[str, object], words: str) -> None:
    assert read_upstream(msgspec.json.encode(GOOD)).timeout_s == 30.0
    with pytest.raises(InvalidArgument, match=words):
        read_upstream(msgspec.json.encode({**GOOD, **change}))
    for content in (b"", b"[", b"\xff", b"[" * 100_000, b"null"):
        with pytest.raises(InvalidArgument):
            read_upstream(content)
