"""Events go into blocks and come out as they were, and a block's sums are of its events."""

from collections import Counter
from itertools import pairwise
from operator import attrgetter
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bms.control.billing.blocks import MAX_EVENTS, SPAN_NS, UsageBlock, pack
from bms.control.billing.unpacking import unpack
from bms.core.errors import Unimplemented
from bms.core.meters import OF_EVERY_REQUEST, REQUESTS
from bms.core.usage import UsageEvent, events_of, quantities, runs_of

LARGEST = (1 << 63) - 1
DATA = Path(__file__).parents[3] / "data" / "usage"
FIRST_FORMAT = ("seq", "at", "request_id", "status", "rows", "bytes_in", "bytes_out", "compute_ns")
by_seq = attrgetter("seq")
AMOUNTS = st.integers(0, LARGEST)
PLAIN = UsageEvent("g", 1, SPAN_NS, "acme", "k", "digits", "m", 1, "r", 200, 2, 10, 20, 30)
EVENTS = st.lists(
    st.builds(
        UsageEvent,
        source=st.just("g"),
        seq=st.just(0),
        at=st.integers(0, 3 * SPAN_NS) | AMOUNTS,
        tenant=st.sampled_from(["acme", "other"]),
        key=st.sampled_from(["k", "k2"]),
        deployment=st.just("digits"),
        model=st.just("m"),
        version=st.integers(1, 2),
        request_id=st.text(max_size=4),
        status=st.sampled_from([200, 399, 400, 503]),
        rows=AMOUNTS,
        bytes_in=AMOUNTS,
        bytes_out=AMOUNTS,
        compute_ns=AMOUNTS,
        queue_ns=st.sampled_from([0, 7, LARGEST]),
        total_ns=st.sampled_from([0, 9, LARGEST // 2]),
        revision=st.integers(0, 3),
        more=st.sampled_from([(), (), (("a", 5),), (("a", 6), ("b", 0)), (("b", LARGEST),)]),
    ),
    max_size=25,
).map(lambda events: [msgspec.structs.replace(event, seq=seq) for seq, event in enumerate(events, 1)])


def labels(one: UsageEvent | UsageBlock) -> tuple[object, ...]:
    return one.source, one.tenant, one.key, one.deployment, one.model, one.version, one.revision


@given(EVENTS)
def test_every_event_is_in_one_block_whose_sums_fit_and_are_right(events: list[UsageEvent]) -> None:
    blocks = pack("g", runs_of(events))
    assert sorted((event for block in blocks for event in unpack(block)), key=lambda event: event.seq) == events
    for block in blocks:
        mine = list(unpack(block))
        assert {labels(event) for event in mine} == {labels(block)}
        assert {event.at // SPAN_NS for event in mine} == {block.first_at // SPAN_NS}
        assert (block.first_at, block.last_at) == (min(one.at for one in mine), max(one.at for one in mine))
        assert (block.seq, block.requests) == (mine[0].seq, len(mine))
        assert block.ok == sum(event.status < 400 for event in mine)
        for name in OF_EVERY_REQUEST:
            assert getattr(block, name) == sum(getattr(event, name) for event in mine) <= LARGEST
        further = [pair for event in mine for pair in event.more]
        assert block.more == {name: sum(each for meter, each in further if meter == name) for name, _ in further}
        assert max([0, *block.more.values()]) <= LARGEST


@given(EVENTS)
def test_sums_by_meter_are_the_sums_of_the_events_quantities(events: list[UsageEvent]) -> None:
    found: Counter[str] = Counter()
    for block in pack("g", runs_of(events)):
        found.update({REQUESTS: block.requests, **{name: getattr(block, name) for name in OF_EVERY_REQUEST}})
        found.update(block.more)
    assert +found == sum((Counter(quantities(event)) for event in events), start=Counter())


def test_blocks_of_the_first_format_are_read_as_they_were() -> None:
    rows = msgspec.msgpack.decode((DATA / "blocks.msgpack").read_bytes())
    found = [event for row in rows for event in unpack(UsageBlock(format=1, **row))]
    written = msgspec.json.decode((DATA / "events.json").read_bytes())
    assert [{name: getattr(event, name) for name in written[0]} for event in sorted(found, key=by_seq)] == written
    assert {(event.queue_ns, event.total_ns, event.revision, event.more) for event in found} == {(0, 0, 0, ())}


def test_a_block_of_a_later_format_says_that_it_cant_be_read() -> None:
    (block,) = pack("g", runs_of([PLAIN]))
    with pytest.raises(Unimplemented, match="format 4"):
        list(unpack(msgspec.structs.replace(block, format=4)))


def test_an_event_takes_hardly_more_than_in_the_first_format() -> None:
    at = 1_772_323_200 * 10**9
    events = [
        msgspec.structs.replace(
            PLAIN, seq=10_000 + 4 * n, at=at + n * 40_000_000, request_id=f"{n:026}", compute_ns=20_000 + n,
            queue_ns=9_000 + n, total_ns=900_000 + n, revision=7,
        )
        for n in range(250)
    ]  # fmt: skip
    (block,) = pack("g", runs_of(events))
    first = msgspec.msgpack.encode([[getattr(event, name) for event in events] for name in FIRST_FORMAT])
    assert list(unpack(block)) == events
    assert len(block.events) < 1.1 * len(first)


def test_a_batch_of_one_key_is_a_few_blocks() -> None:
    events = [msgspec.structs.replace(PLAIN, seq=seq, at=SPAN_NS + seq) for seq in range(1, 5001)]
    blocks = pack("g", runs_of(events))
    assert sum(block.requests for block in blocks) == 5000
    assert max(block.requests for block in blocks) <= MAX_EVENTS
    assert len(blocks) == 8


@pytest.mark.parametrize("name", ["at", *OF_EVERY_REQUEST])
def test_what_no_column_holds_is_kept_as_nearly_as_can_be_and_keeps_nobody_from_the_books(name: str) -> None:
    events = [PLAIN, msgspec.structs.replace(PLAIN, seq=2, **{name: LARGEST + 1})]
    kept = [event for block in pack("g", runs_of(events)) for event in unpack(block)]
    assert [event.seq for event in kept] == [1, 2]
    assert getattr(kept[1], name) == LARGEST


@given(st.lists(st.integers(1, 30)))
def test_runs_stand_for_the_events_they_were_made_of(seqs: list[int]) -> None:
    events = [msgspec.structs.replace(PLAIN, seq=seq) for seq in seqs]
    runs = runs_of(events)
    assert events_of("g", runs) == events
    assert Counter(seq for run in runs for seq in range(run.first, run.last + 1)) == Counter(seqs)
    assert all(after.first != before.last + 1 for before, after in pairwise(runs))
