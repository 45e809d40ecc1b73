"""A member that a body's type does not have is refused by name and place, however deep it is."""

from typing import Any

import msgspec
import pytest

from bms.core.errors import InvalidArgument
from bms.web.api.as_noun import as_noun
from bms.web.api.unknown_members import check_members


class Part(msgspec.Struct, kw_only=True):
    n: int = 0
    inner: "Part | None" = None


class Red(msgspec.Struct, tag="red"):
    r: int = 0


class Blue(msgspec.Struct, tag="blue"):
    b: int = 0


class Body(msgspec.Struct, kw_only=True):
    part: Part | None = None
    several: tuple[Part, ...] = ()
    named: dict[str, Part] = {}
    free: dict[str, object] = {}
    colour: Red | Blue | None = None
    either: list[Part] | dict[str, Part] = []
    other: int = msgspec.field(default=0, name="called")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"part": {"n": 1, "inner": {"inner": None}}, "called": 3},
        {"part": None, "several": [{}], "named": {"any": {"n": 1}}, "free": {"x": {"y": [{"z": 1}]}}},
        {"colour": {"type": "blue", "b": 1}, "either": {"any": {"n": 1}}},
    ],
)
def test_what_the_type_has_is_taken(body: dict[str, Any]) -> None:
    raw = msgspec.json.encode(body)
    msgspec.json.decode(raw, type=Body)
    check_members(raw, Body)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"x": 1}, r"unknown field `x`$"),
        ({"other": 1}, r"`other`$"),
        ({"part": {"m": 1}}, r"`m` - at `\$\.part`"),
        ({"part": {"inner": {"m": 1}}}, r"`m` - at `\$\.part\.inner`"),
        ({"several": [{}, {"m": 1}]}, r"`m` - at `\$\.several\[1\]`"),
        ({"named": {"any": {"m": 1}}}, r"`m` - at `\$\.named\[\.\.\.\]`"),
        ({"colour": {"type": "blue", "r": 1}}, r"`r` - at `\$\.colour`"),
        ({"either": [{"m": 1}]}, r"`m` - at `\$\.either\[0\]`"),
        ({"either": {"a": {"m": 1}}}, r"`m` - at `\$\.either\[\.\.\.\]`"),
    ],
)
def test_what_it_has_not_is_refused(body: dict[str, Any], said: str) -> None:
    raw = msgspec.json.encode(body)
    msgspec.json.decode(raw, type=Body)  # which passes over it
    with pytest.raises(InvalidArgument, match=said):
        check_members(raw, Body)


@pytest.mark.parametrize("value", [b"1e999", b"[" * 100_000 + b"]" * 100_000, b'"\xff"'])
def test_a_member_that_was_passed_over_and_cannot_be_read_is_refused(value: bytes) -> None:
    with pytest.raises(InvalidArgument, match="the body is not what this path takes"):
        check_members(b'{"part": {"m": ' + value + b"}}", Body)


def test_no_body_has_no_members() -> None:
    check_members(b"", Body)


class Sized(msgspec.Struct, forbid_unknown_fields=True):
    n: int = 0


def test_a_body_is_read_as_a_noun_which_says_what_it_does_not_take() -> None:
    assert as_noun(Part(n=3), int | dict[str, object], "x") == {"n": 3, "inner": None}
    assert as_noun({"a": Sized(n=3)}, dict[str, Sized], "x") == {"a": Sized(n=3)}
    with pytest.raises(InvalidArgument, match=r"unknown field `inner` - at `\$\.parts\[0\]`"):
        as_noun([Part(n=3)], list[Sized], "parts")
    with pytest.raises(InvalidArgument, match=r"Expected `int`.* - at `\$\.count`"):
        as_noun("three", int, "count")
