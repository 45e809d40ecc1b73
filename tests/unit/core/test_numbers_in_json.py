"""Figures that JSON does not have are words, and mean what they did."""

import math

import msgspec
import pytest

from bms.core.formats.json_numbers import JsonNumber, json_number, json_numbers, json_ready, numbers


def test_words_stand_for_what_is_no_finite_number() -> None:
    told = json_numbers({"loss": math.nan, "best": 0.5, "up": math.inf, "down": -math.inf, "again": "NaN"})
    assert told == {"loss": "NaN", "best": 0.5, "up": "Infinity", "down": "-Infinity", "again": "NaN"}
    written = msgspec.json.encode(told)
    assert msgspec.json.decode(written, type=dict[str, JsonNumber]) == told
    meant = numbers(told)
    assert [meant[name] for name in ("best", "up", "down")] == [0.5, math.inf, -math.inf]
    assert math.isnan(meant["loss"])


def test_other_words_are_no_figures() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"loss":"nan"}', type=dict[str, JsonNumber])


def test_reports_carry_them_at_any_depth() -> None:
    assert json_ready({"a": [1, math.nan, {"b": (math.inf, "x", None)}]}) == {
        "a": [1, "NaN", {"b": ["Infinity", "x", None]}]
    }
    assert json_number(1e308) == 1e308
