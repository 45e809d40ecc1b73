"""Cuts the time that something was held into billable pieces: none spans two hours, or, for storage, two days (UTC).

A piece's quantities are differences of the rounded totals since the opening, so that pieces add up to the whole,
however they are cut, and nothing is too small to be counted in the end.
"""

from collections.abc import Iterator

from bms.control.billing.nouns import UnbilledAllotment
from bms.core.meters import Held
from bms.core.usage import Quantities, UsageEvent

SOURCE = "allotments"
SPAN_MS: dict[Held, int] = {"replicas": 3_600_000, "jobs": 3_600_000, "storage": 86_400_000}
_MOST = 1 << 62  # of one piece's quantity: the columns have 63 bits


def whole_spans(now: int) -> dict[Held, int]:
    """The time up to which open allotments can be billed for good, by the kind of what they are of."""
    return {of: now // span * span for of, span in SPAN_MS.items()}


def bookable_until(one: UnbilledAllotment, now: int) -> int:
    """The time up to which this allotment can be billed for good: its end, or that of the last whole hour or day."""
    return whole_spans(now)[one.of] if one.closed_at is None else one.closed_at


def pieces(one: UnbilledAllotment, until: int, first: int = 1) -> Iterator[UsageEvent]:
    """The pieces before `until` that are not billed yet, numbered from `first` on; none where that is over."""
    begin, seq = one.booked_until, first
    while begin < until:
        end = min(until, _end_of_piece(one, begin))
        yield UsageEvent(
            source=SOURCE,
            seq=seq,
            at=begin * 10**6,
            tenant=one.tenant,
            key="",
            deployment=one.deployment,
            model=one.model,
            version=one.version,
            request_id=one.subject,
            status=0,
            rows=0,
            bytes_in=0,
            bytes_out=0,
            compute_ns=0,
            more=_quantities(one, begin, end),
            of=one.of,
            until=end * 10**6,
        )
        begin, seq = end, seq + 1


def _end_of_piece(one: UnbilledAllotment, begin: int) -> int:
    span = SPAN_MS[one.of]
    longest = max(1, _MOST * 1000 // max(1, *one.rates.values())) if one.rates else span
    return min((begin // span + 1) * span, begin + longest)


def _quantities(one: UnbilledAllotment, begin: int, end: int) -> Quantities:
    since = one.opened_at
    each = [
        (meter, rate * (end - since) // 1000 - rate * (begin - since) // 1000)
        for meter, rate in sorted(one.rates.items())
    ]
    return tuple([(meter, quantity) for meter, quantity in each if quantity])
