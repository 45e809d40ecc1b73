"""What may go, by the operator's periods. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import NamedTuple

from bms.core.retention import RetentionPolicy


class Cutoffs(NamedTuple):
    """Older rows are not kept; None: all are."""

    jobs: datetime | None
    events: datetime | None


class AgedEvent(NamedTuple):
    """An event that nothing is to follow from any more."""

    number: int
    at: datetime


class EventsToRemove(NamedTuple):
    """Numbers of one page's events; `after` is where the next page begins, None where nothing older follows."""

    numbers: list[int]
    after: int | None


def cutoffs(policy: RetentionPolicy, now: datetime) -> Cutoffs:
    """By whole days (UTC), so that rows go once a day, and the audit tells of it once."""
    now = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return Cutoffs(
        *(None if each is None else now - timedelta(seconds=each) for each in (policy.jobs_s, policy.events_s))
    )


def events_to_remove(page: Sequence[AgedEvent], before: datetime, limit: int) -> EventsToRemove:
    """Of a page in the order of the log, at most `limit` long: its beginning, up to the first that is to be kept.

    Numbers rise with time, but for clocks that differ between processes: what comes late because of them goes later.
    """
    numbers = [event.number for event in takewhile(lambda event: event.at < before, page)]
    more = len(numbers) == len(page) == limit
    return EventsToRemove(numbers, numbers[-1] if more else None)
