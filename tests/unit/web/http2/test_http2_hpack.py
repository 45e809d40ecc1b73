"""HPACK against the examples of RFC 7541, appendix C, and against another implementation."""

import hpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bms.web.inference.http2 import huffman
from bms.web.inference.http2.faults import COMPRESSION_ERROR, ConnectionFault
from bms.web.inference.http2.hpack import Decoder, ListTooLarge, encode, encode_field
from tests.peers.http2_peer import fuzz_hpack

GET = [(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/"), (b":authority", b"www.example.com")]
SECOND = [*GET, (b"cache-control", b"no-cache")]
THIRD = [
    (b":method", b"GET"),
    (b":scheme", b"https"),
    (b":path", b"/index.html"),
    (b":authority", b"www.example.com"),
    (b"custom-key", b"custom-value"),
]
DATE = b"Mon, 21 Oct 2013 20:13:21 GMT"
FIELD = st.tuples(
    st.one_of(st.binary(max_size=40), st.sampled_from([b":path", b"content-type", b"te", b"x-request-id"])),
    st.one_of(st.binary(max_size=200), st.sampled_from([b"", b"POST", b"trailers", b"200"])),
)
SETTINGS = {"list_bytes": 1 << 20, "list_count": 1000}


def decoder(**changes: int) -> Decoder:
    return Decoder(**{**SETTINGS, **changes})


@pytest.mark.parametrize(
    ("block", "field"),
    [
        ("400a637573746f6d2d6b65790d637573746f6d2d686561646572", (b"custom-key", b"custom-header")),  # C.2.1
        ("040c2f73616d706c652f70617468", (b":path", b"/sample/path")),  # C.2.2
        ("100870617373776f726406736563726574", (b"password", b"secret")),  # C.2.3
        ("82", (b":method", b"GET")),  # C.2.4
    ],
)
def test_fields_of_the_rfc(block: str, field: tuple[bytes, bytes]) -> None:
    assert decoder().decode(bytes.fromhex(block)) == [field]


@pytest.mark.parametrize(
    "blocks",
    [
        (
            "828684410f7777772e6578616d706c652e636f6d",
            "828684be58086e6f2d6361636865",
            "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
        ),  # C.3
        (
            "828684418cf1e3c2e5f23a6ba0ab90f4ff",
            "828684be5886a8eb10649cbf",
            "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
        ),  # C.4
    ],
    ids=["plain", "huffman"],
)
def test_requests_of_the_rfc(blocks: tuple[str, ...]) -> None:
    reader = decoder()
    assert [reader.decode(bytes.fromhex(block)) for block in blocks] == [GET, SECOND, THIRD]
    assert reader.changes == 3


@pytest.mark.parametrize(
    "blocks",
    [
        (
            "4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e17687474"
            "70733a2f2f7777772e6578616d706c652e636f6d",
            "4803333037c1c0bf",
            "88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d4153444a"
            "4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e3d31",
        ),  # C.5
        (
            "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae"
            "82ae43d3",
            "4883640effc1c0bf",
            "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960"
            "d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
        ),  # C.6
    ],
    ids=["plain", "huffman"],
)
def test_answers_of_the_rfc_in_a_table_of_256_octets(blocks: tuple[str, ...]) -> None:
    reader = decoder()
    assert reader.decode(bytes.fromhex("3fe101")) == []  # a table of 256 octets
    first, second, third = (reader.decode(bytes.fromhex(block)) for block in blocks)
    location = (b"location", b"https://www.example.com")
    assert first == [(b":status", b"302"), (b"cache-control", b"private"), (b"date", DATE), location]
    assert second == [(b":status", b"307"), (b"cache-control", b"private"), (b"date", DATE), location]
    cookie = b"foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"
    assert third == [
        (b":status", b"200"),
        (b"cache-control", b"private"),
        (b"date", b"Mon, 21 Oct 2013 20:13:22 GMT"),
        location,
        (b"content-encoding", b"gzip"),
        (b"set-cookie", cookie),
    ]


@given(st.lists(st.lists(FIELD, max_size=12), max_size=6), st.booleans(), st.lists(st.integers(0, 4096), max_size=6))
def test_what_another_encoder_writes_is_read(
    lists: list[list[tuple[bytes, bytes]]], packed: bool, sizes: list[int]
) -> None:
    writer, reader = hpack.Encoder(), decoder()
    for number, fields in enumerate(lists):
        if number < len(sizes):
            writer.header_table_size = sizes[number]
        assert reader.decode(writer.encode(fields, huffman=packed)) == fields


@given(st.lists(FIELD, max_size=20))
def test_what_we_write_another_decoder_reads_and_its_table_stays(fields: list[tuple[bytes, bytes]]) -> None:
    reader = hpack.Decoder()
    block = encode(fields)
    assert [(bytes(name), bytes(value)) for name, value in reader.decode(block, raw=True)] == fields
    assert not reader.header_table.dynamic_entries
    assert decoder().decode(block) == fields


@given(st.binary(max_size=300))
def test_huffman_round_trip(text: bytes) -> None:
    packed = huffman.encode(text)
    assert huffman.decode(packed) == text
    assert packed == hpack.huffman.HuffmanEncoder(
        hpack.huffman_constants.REQUEST_CODES, hpack.huffman_constants.REQUEST_CODES_LENGTH
    ).encode(text)


@given(st.binary(max_size=300))
def test_any_bytes_have_a_meaning_or_an_error(block: bytes) -> None:
    fuzz_hpack(block)


@given(st.binary(max_size=120))
def test_any_bytes_mean_what_another_decoder_says(block: bytes) -> None:
    """Where the other takes them: it is laxer about where table updates stand."""
    reader = hpack.Decoder(max_header_list_size=1 << 20)
    reader.max_allowed_table_size = 4096
    try:
        theirs = [(bytes(name), bytes(value)) for name, value in reader.decode(block, raw=True)]
    except (hpack.HPACKError, UnicodeDecodeError, IndexError):
        return
    try:
        ours = decoder().decode(block)
    except ConnectionFault as fault:
        assert "table size update" in str(fault) or "too long" in str(fault) or "Huffman" in str(fault)  # noqa: PT017
    else:
        assert ours == theirs


@pytest.mark.parametrize(
    ("block", "reason"),
    [
        ("80", "index 0"),
        ("be", "beyond the table"),
        ("7f", "ends within"),
        ("4003", "ends within"),
        ("ffffffffffff0f", "too long"),
        ("3fe2ff03", "larger than allowed"),  # a table of 65 535
        ("8220", "behind a field"),
        ("0001618100", "Huffman"),  # eight bits of padding
        ("00016184ffffffff", "Huffman"),  # the end symbol
        ("0001618104", "ones"),  # padded with 100
    ],
)
def test_blocks_without_meaning_end_the_connection(block: str, reason: str) -> None:
    with pytest.raises(ConnectionFault, match=reason) as caught:
        decoder().decode(bytes.fromhex(block))
    assert caught.value.code == COMPRESSION_ERROR


def test_a_list_over_the_limit_is_refused_and_the_table_still_kept() -> None:
    """An HPACK bomb: a large entry, named again and again."""
    reader = decoder(list_bytes=10_000)
    large = b"v" * 3000
    assert reader.decode(b"\x40" + encode_field(b"a", large)[1:]) == [(b"a", large)]
    with pytest.raises(ListTooLarge):
        reader.decode(b"\xbe" * 1000 + b"\x40" + encode_field(b"b", b"w")[1:])
    assert reader.decode(b"\xbe\xbf") == [(b"b", b"w"), (b"a", large)]
    with pytest.raises(ListTooLarge):
        decoder(list_count=3).decode(b"\x82" * 4)
    with pytest.raises(ConnectionFault, match="far too many"):
        decoder(list_count=3).decode(b"\x82" * 100)


def test_entries_leave_the_table_oldest_first() -> None:
    reader = decoder()
    for number in range(5):
        reader.decode(b"\x40" + encode_field(b"n%d" % number, bytes(1000))[1:])
    assert [name for name, _ in reader.decode(b"\xbe\xbf\xc0")] == [b"n4", b"n3", b"n2"]
    with pytest.raises(ConnectionFault, match="beyond"):
        reader.decode(b"\xc1")
    reader.decode(b"\x40" + encode_field(b"huge", bytes(5000))[1:])
    with pytest.raises(ConnectionFault, match="beyond"):
        reader.decode(b"\xbe")
