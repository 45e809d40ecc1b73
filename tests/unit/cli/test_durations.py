"""Lengths of time as people write them."""

import pytest

from bms.cli.options.durations import parse_duration, parse_period, period_text
from bms.core.errors import InvalidArgument


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("1.5h", 5400), (" 2 w", 1209600), ("36500d", 36500 * 86400)]
)
def test_a_number_and_a_unit_are_seconds(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["36501d", "740000d", "999999999d", "9" * 400 + "s"])
def test_what_no_date_can_bear_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match="longer than a hundred years"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["", "7", "-1d", "1y", "d"])
def test_what_is_no_length_of_time_says_how_to_write_one(text: str) -> None:
    with pytest.raises(InvalidArgument, match="write for example 90s"):
        parse_duration(text)


def test_a_period_may_have_no_end() -> None:
    assert parse_period("90d") == 90 * 86400
    assert parse_period(" forever") == float("inf")
    assert [period_text(seconds) for seconds in (90 * 86400.0, 129600.0, None)] == [
        "for 90 days",
        "for 1.5 days",
        "for ever",
    ]
    with pytest.raises(InvalidArgument, match="write for example 90s"):
        parse_period("for ever")
