"""Events go into blocks and come out as they were, and a block's sums are of its events."""

from collections import Counter
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bms.control.billing.blocks import MAX_EVENTS, SPAN_NS, UsageBlock, pack, unpack
from bms.core.usage import UsageEvent, events_of, runs_of

LARGEST = (1 << 63) - 1
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
    ),
    max_size=40,
).map(lambda events: [msgspec.structs.replace(event, seq=seq) for seq, event in enumerate(events, 1)])


def labels(one: UsageEvent | UsageBlock) -> tuple[object, ...]:
    return one.source, one.tenant, one.key, one.deployment, one.model, one.version


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
        for name in ("rows", "bytes_in", "bytes_out", "compute_ns"):
            assert getattr(block, name) == sum(getattr(event, name) for event in mine) <= LARGEST


def test_a_batch_of_one_key_is_a_few_blocks() -> None:
    events = [msgspec.structs.replace(PLAIN, seq=seq, at=SPAN_NS + seq) for seq in range(1, 5001)]
    blocks = pack("g", runs_of(events))
    assert sum(block.requests for block in blocks) == 5000
    assert max(block.requests for block in blocks) <= MAX_EVENTS
    assert len(blocks) == 8


@pytest.mark.parametrize("name", ["at", "rows", "bytes_in", "bytes_out", "compute_ns"])
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
