"""Time that was held is cut into pieces that add up to the whole, whenever it is booked."""

from collections import Counter
from itertools import pairwise

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from bms.control.billing.held_blocks import pack_held
from bms.control.billing.nouns import UnbilledAllotment
from bms.control.billing.pieces import SPAN_MS, bookable_until, pieces
from bms.control.billing.unpacking import unpack
from bms.core.usage import UsageEvent, quantities

HOUR = 3_600_000
RATES = st.dictionaries(st.sampled_from(["a", "b"]), st.sampled_from([1, 3, 999, 10**6, 1 << 50, 1 << 62]), min_size=1)
PLAIN = UnbilledAllotment(
    number=1, of="replicas", subject="rep_1", tenant="acme", deployment="d", model="m", version=2,
    rates={"replica_ms": 1000}, opened_at=HOUR // 2, closed_at=None, booked_until=HOUR // 2,
)  # fmt: skip


def total(events: list[UsageEvent]) -> Counter[str]:
    return sum((Counter(quantities(event)) for event in events), start=Counter())


@given(
    RATES,
    st.sampled_from(sorted(SPAN_MS)),
    st.integers(0, 100 * HOUR),
    st.lists(st.integers(0, 9 * HOUR) | st.integers(0, 3000), max_size=4),
)
def test_pieces_add_up_to_the_whole_however_they_are_cut(
    rates: dict[str, int], of: str, opened: int, steps: list[int]
) -> None:
    if max(rates.values()) > 1 << 60:
        steps = [step % 5000 for step in steps]  # no piece of such a thing is longer than a second or so
    one = msgspec.convert(
        msgspec.structs.asdict(PLAIN) | {"rates": rates, "of": of, "opened_at": opened, "booked_until": opened},
        UnbilledAllotment,
    )
    found: list[UsageEvent] = []
    for step in steps:
        end = one.booked_until + step
        found += pieces(one, end, len(found) + 1)
        one = msgspec.structs.replace(one, booked_until=end)
    held = one.booked_until - opened
    assert total(found) == +Counter({meter: rate * held // 1000 for meter, rate in rates.items()})
    assert [event.seq for event in found] == list(range(1, len(found) + 1))
    assert all(before.until == after.at for before, after in pairwise(found))
    span = SPAN_MS[one.of] * 10**6
    assert all(event.at // span == (event.until - 1) // span for event in found)
    assert all(0 < quantity < 1 << 63 for event in found for quantity in quantities(event).values())
    packed = pack_held(found)
    assert sorted((event for block in packed for event in unpack(block)), key=lambda event: event.seq) == found
    assert sum((Counter(block.more) for block in packed), start=Counter()) == total(found)
    assert all(quantity < 1 << 63 for block in packed for quantity in block.more.values())
    assert {(block.requests, block.ok, block.rows, block.compute_ns) for block in packed} <= {(0, 0, 0, 0)}


def test_what_is_open_is_booked_by_whole_hours_and_what_was_closed_to_its_end() -> None:
    now = 3 * HOUR + 5
    assert [event.until // 10**6 for event in pieces(PLAIN, bookable_until(PLAIN, now))] == [HOUR, 2 * HOUR, 3 * HOUR]
    closed = msgspec.structs.replace(PLAIN, closed_at=HOUR + 7)
    assert [event.until // 10**6 for event in pieces(closed, bookable_until(closed, now))] == [HOUR, HOUR + 7]
    stored = msgspec.structs.replace(PLAIN, of="storage")
    assert list(pieces(stored, bookable_until(stored, now))) == []
    assert [event.until for event in pieces(stored, bookable_until(stored, 25 * HOUR))] == [24 * HOUR * 10**6]


def test_a_clock_that_went_back_unbooks_nothing_and_counts_nothing_twice() -> None:
    ahead = msgspec.structs.replace(PLAIN, booked_until=5 * HOUR)
    assert list(pieces(ahead, bookable_until(ahead, 4 * HOUR))) == []
    assert total(list(pieces(ahead, 6 * HOUR))) == {"replica_ms": HOUR}


def test_a_thousand_alike_are_one_row_an_hour() -> None:
    found = [
        event
        for number in range(1000)
        for event in pieces(
            msgspec.structs.replace(PLAIN, subject=f"rep_{number}", booked_until=HOUR), 2 * HOUR, number + 1
        )
    ]
    (block,) = pack_held(found)
    assert block.more == {"replica_ms": 1000 * HOUR}
    assert len(block.events) < 15 * 1000
