"""What may go follows from the operator's periods, a day at a time, and is the beginning of the log."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from bms.control.retention.plan import AgedEvent, cutoffs, events_to_remove
from bms.core.errors import InvalidArgument
from bms.core.retention import DAY_S, RetentionPolicy

NOW = datetime(2026, 11, 30, 20, 35, 7, 5, UTC)
BEFORE = datetime(2026, 1, 10, tzinfo=UTC)


def test_periods_are_counted_back_from_the_beginning_of_the_day() -> None:
    assert cutoffs(RetentionPolicy(), NOW) == (datetime(2026, 9, 1, tzinfo=UTC), datetime(2025, 10, 26, tzinfo=UTC))
    kept = RetentionPolicy(jobs_s=None, events_s=3 * DAY_S)
    assert cutoffs(kept, NOW) == (None, datetime(2026, 11, 27, tzinfo=UTC))
    later = NOW.replace(hour=23, minute=59)
    assert cutoffs(kept, later) == cutoffs(kept, NOW) != cutoffs(kept, NOW + timedelta(hours=4))


@pytest.mark.parametrize(
    ("days", "limit", "numbers", "after"),
    [
        ([], 3, [], None),
        ([1, 2], 3, [1, 2], None),
        ([1, 2, 3], 3, [1, 2, 3], 3),
        ([1, 2, 10], 3, [1, 2], None),
        ([10, 1, 2], 3, [], None),  # what comes late, by a clock that was wrong, goes later
        ([1, 11, 2], 3, [1], None),
    ],
)
def test_the_log_is_removed_from_its_beginning(
    days: list[int], limit: int, numbers: list[int], after: int | None
) -> None:
    page = [AgedEvent(number, datetime(2026, 1, day, tzinfo=UTC)) for number, day in enumerate(days, 1)]
    assert events_to_remove(page, BEFORE, limit) == (numbers, after)


@pytest.mark.parametrize("seconds", [0, -1, 3 * DAY_S - 1, float("nan")])
@pytest.mark.parametrize(("field", "option"), [("jobs_s", "--keep-jobs"), ("events_s", "--keep-events")])
def test_what_reactions_may_still_need_is_kept_by_any_policy(field: str, option: str, seconds: float) -> None:
    with pytest.raises(InvalidArgument, match=f"{option} is .* days, expected at least 3"):
        RetentionPolicy(**{field: seconds})


def test_a_policy_reads_back_as_it_was_written() -> None:
    for policy in (RetentionPolicy(), RetentionPolicy(jobs_s=None, events_s=None)):
        assert msgspec.json.decode(msgspec.json.encode(policy), type=RetentionPolicy) == policy
