"""Retry-After in both of its forms, and what of it is passed on."""

from datetime import UTC, datetime

import pytest

from bms.core.retry_after import LONGEST_S, bounded_retry_after, parse_retry_after

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7),
        ("1.5", 1.5),
        ("-3", 0),
        ("Mon, 30 Nov 2026 12:01:30 GMT", 90),
        ("Mon, 30 Nov 2026 11:00:00 GMT", 0),
        ("Mon, 30 Nov 2026 12:01:30", None),  # of no time zone
        ("", None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("9" * 5000, None),
        ("Mon, 30 Nov 2026 12:01:30 +99999999999999999999", None),
    ],
)
def test_a_header_says_seconds_or_a_date(text: str, seconds: float | None) -> None:
    assert parse_retry_after(text, NOW) == seconds


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        (7, 7),
        (0.5, 0.5),
        (1e300, LONGEST_S),
        (10**400, LONGEST_S),
        (float("inf"), None),
        (-1, None),
        (float("nan"), None),
        (True, None),
        ("7", None),
        (None, None),
    ],
)
def test_what_foreign_code_says_is_bounded(said: object, seconds: float | None) -> None:
    assert bounded_retry_after(said) == seconds
