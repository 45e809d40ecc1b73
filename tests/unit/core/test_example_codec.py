"""The Example codec against the real Protocol Buffers library, byte for byte."""

import random
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as numpy_strategies

from bms.core.errors import BmsError, InvalidArgument
from bms.core.formats.example_codec import decode_example, encode_example
from bms.core.formats.varints import pack_int64, unpack_int64
from tests.sizes import enough
from tests.unit.adapters.datasets.tf_example import EntryLeftOut, parsed, same, serialized

INT64 = st.one_of(
    st.integers(-(1 << 63), (1 << 63) - 1), st.integers(0, 127), st.sampled_from([-1, -(1 << 63), (1 << 63) - 1, 128])
)
VALUES = st.one_of(
    st.none(),
    st.lists(st.binary(max_size=200), max_size=5),
    st.lists(INT64, max_size=40).map(lambda values: np.array(values, np.int64)),
    numpy_strategies.arrays(np.float32, st.integers(0, 40), elements=st.floats(width=32)),
)
FEATURES = st.dictionaries(st.text(max_size=20), VALUES, max_size=6)


def no_name_begins_another(features: dict[str, Any]) -> bool:
    """Protocol Buffers' implementations order such names differently: C++ and Python as we do, upb (C) not."""
    names = sorted(features)
    return not any(longer.startswith(name) for name, longer in pairwise(names))


@settings(max_examples=enough(80, 400), deadline=None)
@given(FEATURES.filter(no_name_begins_another))
def test_the_bytes_are_those_of_protocol_buffers(features: dict[str, Any]) -> None:
    assert encode_example(features) == serialized(features)


def test_a_name_comes_before_those_it_begins() -> None:
    encoded = encode_example({"ab": None, "": None, "b": None, "a": None})
    assert list(decode_example(encoded)) == ["", "a", "ab", "b"]


@settings(max_examples=enough(80, 400), deadline=None)
@given(FEATURES)
def test_what_was_encoded_is_decoded(features: dict[str, Any]) -> None:
    assert same(decode_example(encode_example(features)), features)


@settings(max_examples=enough(40, 200), deadline=None)
@given(st.lists(INT64, min_size=1, max_size=300))
def test_many_integers_pack_and_unpack_as_few_do(values: list[int]) -> None:
    packed = pack_int64(np.array(values, np.int64))
    assert packed == b"".join(pack_int64(np.array([value], np.int64)) for value in values)
    assert list(unpack_int64(b"??" + packed, 2, 2 + len(packed))) == values


def test_an_example_of_the_size_people_store() -> None:
    generator = np.random.default_rng(1)
    features = {
        "image": [generator.bytes(100_000)],
        "label": np.array([7]),
        "vector": generator.standard_normal(5000).astype(np.float32),
        "tokens": generator.integers(-(1 << 40), 1 << 40, 5000),
        "数字": ["七".encode()],
    }
    encoded = encode_example(features)
    assert encoded == serialized(features)
    assert same(decode_example(encoded), features)


def field(number: int, content: bytes) -> bytes:
    assert len(content) < 128
    return bytes((number << 3 | 2, len(content))) + content


def example_of(feature: bytes, name: bytes = b"x") -> bytes:
    return field(1, field(1, field(1, name) + field(2, feature)))


FORMS = {
    "nothing": b"",
    "no features": field(1, b""),
    "unpacked floats": example_of(field(2, b"\x0d\0\0\x80\x3f\x0d\0\0\0\x40")),
    "unpacked ints": example_of(field(3, b"\x08\x01\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x08\x07")),
    "packed and unpacked mixed": example_of(field(3, b"\x0a\x02\x01\x02\x08\x03\x0a\x01\x04")),
    "two packed pieces": example_of(field(2, b"\x0a\x04\0\0\x80\x3f\x0a\x08\0\0\0\x40\0\0\x40\x40")),
    "an entry without a value": field(1, field(1, field(1, b"x"))),
    "an entry without a name": field(1, field(1, field(2, field(3, b"\x0a\x01\x05")))),
    "a value before its name": field(1, field(1, field(2, field(3, b"\x0a\x01\x05")) + field(1, b"x"))),
    "a name twice": field(1, field(1, field(1, b"x") + field(2, field(3, b"\x08\x01"))) * 1)
    + field(1, field(1, field(1, b"x") + field(2, field(3, b"\x08\x02")))),
    "lists of one kind are joined": example_of(field(3, b"\x08\x01") + field(3, b"\x08\x02")),
    "of two kinds, the last": example_of(field(3, b"\x08\x01") + field(1, b"\x0a\x01a")),
    "a value in two parts": field(1, field(1, field(1, b"x") + field(2, field(3, b"\x08\x01")) * 2)),
    "features in two parts": example_of(field(3, b"\x08\x01"), b"a") + example_of(field(3, b"\x08\x02"), b"b"),
    "unknown fields": field(9, b"?") + b"\x48\x05\x4d1234\x4912345678" + field(1, field(7, b"!") + b"\x38\x01"),
    "a long way of writing a length": field(1, field(1, b"\x0a\x81\x00x\x12\x00")),
    "an eleventh bit beyond 64": example_of(field(3, b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f")),
}


@pytest.mark.parametrize("data", FORMS.values(), ids=FORMS.keys())
def test_every_form_the_format_allows_is_read_as_protocol_buffers_does(data: bytes) -> None:
    assert same(decode_example(data), parsed(data))


def test_forms_have_the_meaning_they_seem_to_have() -> None:
    assert decode_example(FORMS["packed and unpacked mixed"])["x"].tolist() == [1, 2, 3, 4]  # type: ignore[union-attr]
    assert decode_example(FORMS["two packed pieces"])["x"].tolist() == [1.0, 2.0, 3.0]  # type: ignore[union-attr]
    assert decode_example(FORMS["of two kinds, the last"]) == {"x": [b"a"]}


BROKEN = {
    "a length beyond the end": b"\x0a\x05\x0a",
    "a huge length": b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
    "a length that does not end": b"\x0a" + b"\xff" * 20,
    "only a tag": b"\x0a",
    "a tag that does not end": b"\xff\xff",
    "a group": b"\x0b\x0c",
    "field 0": b"\x02\x00",
    "half a float": example_of(field(2, b"\x0a\x03abc")),
    "a packed integer that does not end": example_of(field(3, b"\x0a\x02\x81\x81")),
    "many, the last does not end": example_of(field(3, b"\x0a\x20" + b"\x01" * 31 + b"\x81")),
    "a packed integer of eleven bytes": example_of(field(3, b"\x0a\x20" + b"\xff" * 10 + b"\x01" * 22)),
    "a name that is not UTF-8": example_of(b"", b"\xff"),
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN.keys())
def test_broken_bytes_are_refused_with_their_place(data: bytes) -> None:
    with pytest.raises(InvalidArgument, match=r"malformed (at|after) byte \d+"):
        decode_example(data)


@pytest.mark.parametrize(
    ("value", "match"),
    [
        (np.zeros((2, 2), np.float32), "flat lists; got an array of shape"),
        (np.array([1 << 63], np.uint64), "got uint64"),
        (np.array(["text"]), "got <U4"),
        (np.array([1j]), "got complex128"),
        (np.array([0.5]), "got float64"),
    ],
)
def test_values_of_no_known_kind_are_refused(value: Any, match: str) -> None:
    with pytest.raises(InvalidArgument, match=match):
        encode_example({"x": value})


def test_whatever_bytes_come_only_our_errors_do_and_accepted_ones_mean_what_protocol_buffers_says() -> None:
    """20,000 mutations of a real Example; a differential test where both accept."""
    generator = random.Random(2026)
    seeds = [
        serialized(
            {
                "image": [bytes(generator.randrange(256) for _ in range(40))],
                "label": np.array([3]),
                "many": np.arange(-3, 30) * 1000,
                "floats": np.linspace(-1, 1, 9).astype(np.float32),
                "none": None,
            }
        ),
        *(data for data in FORMS.values() if data),
    ]
    refused = agreed = 0
    for _ in range(20_000):
        data = bytearray(generator.choice(seeds))
        for _ in range(generator.randint(1, 3)):
            place = generator.randrange(len(data))
            kind = generator.randrange(4)
            if kind == 0:
                data[place] = generator.randrange(256)
            elif kind == 1:
                data[place] ^= 1 << generator.randrange(8)
            elif kind == 2:
                del data[place : place + generator.randint(1, 4)]
            else:
                data[place:place] = generator.choice([b"\xff", b"\x80", b"\0", b"\x0a\x05", b"\xff" * 9])
            if not data:
                break
        try:
            decoded = decode_example(bytes(data))
        except BmsError:
            refused += 1
            continue
        try:
            expected = parsed(bytes(data))
        except (DecodeError, EntryLeftOut):
            continue  # stricter than we are
        assert same(decoded, expected), bytes(data).hex()
        agreed += 1
    assert refused > 1000
    assert agreed > 1000
