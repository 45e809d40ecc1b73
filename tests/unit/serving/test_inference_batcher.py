"""Which calls run next: tables, then a machine that tries sequences of events."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bms.serving.inference.batching.batch_keys import BatchKey
from bms.serving.inference.batching.batcher import LEVEL_S, LOWEST_LEVEL, USUAL_LEVEL, Batcher
from bms.serving.inference.batching.micro_batch import MicroBatch
from bms.serving.inference.batching.policy import Adaptive, Static
from tests.sizes import enough
from tests.worlds.batching import batch_key
from tests.worlds.batching import micro_batch as made_micro_batch

KEYS = {name: batch_key() for name in "ab"}


def micro_batch(
    id: int, *, rows: int = 1, at: float = 0.0, deadline: float | None = None, group: str = "a", priority: int = 0
) -> MicroBatch:
    return made_micro_batch(id, KEYS[group], rows=rows, at=at, deadline=deadline, priority=priority)


def batcher(*micro_batches: MicroBatch, max_rows: int = 4, max_wait_s: float = 0.0) -> Batcher:
    made = Batcher(Static(max_rows, max_wait_s))
    for each in micro_batches:
        made.add(each)
    return made


def taken(waiting: Batcher, now: float) -> list[int]:
    batch = waiting.take(now)
    return [] if batch is None else [each.id for each in batch.micro_batches]


@pytest.mark.parametrize(
    ("rows", "max_rows", "batches"),
    [
        ([1, 1, 1], 4, [[0, 1, 2]]),
        ([1, 1, 1, 1, 1], 4, [[0, 1, 2, 3], [4]]),
        ([3, 2, 1], 4, [[0], [1, 2]]),
        ([9, 1], 4, [[0], [1]]),
        ([1, 9, 1], 4, [[0], [1], [2]]),
        ([2, 2], 1, [[0], [1]]),
        ([], 4, []),
    ],
)
def test_batches_are_filled_in_order_up_to_the_largest(
    rows: list[int], max_rows: int, batches: list[list[int]]
) -> None:
    waiting = batcher(*[micro_batch(id, rows=count) for id, count in enumerate(rows)], max_rows=max_rows)
    for batch in batches:
        assert taken(waiting, 0.0) == batch
    assert taken(waiting, 0.0) == []
    assert len(waiting) == 0


def test_only_calls_of_one_group_share_a_batch_and_the_oldest_goes_first() -> None:
    waiting = batcher(micro_batch(1, at=1, group="b"), micro_batch(2, at=2, group="a"), micro_batch(3, at=3, group="b"))
    assert [taken(waiting, 9), taken(waiting, 9)] == [[1, 3], [2]]


def test_a_call_is_held_for_company_until_its_wait_is_over_or_the_batch_is_full() -> None:
    waiting = batcher(micro_batch(1, at=10.0), max_rows=2, max_wait_s=0.5)
    assert taken(waiting, 10.4) == []
    assert waiting.wakes_at() == 10.5
    assert taken(waiting, 10.5) == [1]
    waiting.add(micro_batch(2, at=11.0))
    waiting.add(micro_batch(3, at=11.0))
    assert taken(waiting, 11.0) == [2, 3]
    assert waiting.wakes_at() is None


def test_nobody_is_held_where_batching_is_off() -> None:
    assert taken(batcher(micro_batch(1, at=5.0), max_rows=1), 5.0) == [1]


def test_nobody_is_held_beyond_half_of_its_time() -> None:
    waiting = batcher(micro_batch(1, at=0.0, deadline=0.2), micro_batch(2, at=0.0), max_wait_s=10.0)
    assert waiting.take(0.0) is None
    assert waiting.wakes_at() == 0.1
    assert taken(waiting, 0.1) == [1, 2]


def test_in_a_hurry_nobody_is_held() -> None:
    waiting = batcher(micro_batch(1, at=0.0), max_wait_s=10.0)
    waiting.hurry()
    waiting.add(micro_batch(2, at=0.0, group="b"))
    assert [taken(waiting, 0.0), taken(waiting, 0.0)] == [[1], [2]]


def test_calls_whose_deadline_passed_are_dropped_wherever_they_stand() -> None:
    waiting = batcher(
        micro_batch(1), micro_batch(2, deadline=1.0), micro_batch(3), micro_batch(4, deadline=3.0), max_rows=8
    )
    assert waiting.expires_at() == 1.0
    assert waiting.expire(0.9) == []
    assert [each.id for each in waiting.expire(1.0)] == [2]
    assert waiting.expires_at() == 3.0
    assert len(waiting) == 3
    assert taken(waiting, 1.0) == [1, 3, 4]
    assert waiting.expires_at() is None


def test_cancelled_calls_are_neither_run_nor_counted() -> None:
    calls = [micro_batch(id, deadline=5.0) for id in range(4)]
    waiting = batcher(*calls, max_rows=2)
    waiting.cancel(calls[0])
    waiting.cancel(calls[2])
    waiting.cancel(calls[2])
    assert len(waiting) == 2
    assert taken(waiting, 0.0) == [1, 3]
    waiting.cancel(calls[1])  # runs already
    assert len(waiting) == 0
    assert waiting.expire(9.0) == []


def test_what_is_not_batched_goes_one_by_one() -> None:
    alone = batch_key(batched=False)
    waiting = batcher(made_micro_batch(1, alone), made_micro_batch(2, alone), max_rows=8, max_wait_s=9.0)
    assert [taken(waiting, 0.0), taken(waiting, 0.0), taken(waiting, 0.0)] == [[1], [2], []]


def test_higher_levels_leave_first_and_zero_is_the_usual_level() -> None:
    levels = {1: 0, 2: USUAL_LEVEL + 5, 3: 1, 4: USUAL_LEVEL, 5: 1}
    waiting = batcher(*[micro_batch(id, priority=level) for id, level in levels.items()], max_rows=1)
    assert [taken(waiting, 0.0) for _ in levels] == [[3], [5], [1], [4], [2]]


def test_levels_decide_between_groups_too() -> None:
    waiting = batcher(
        micro_batch(1, group="a"), micro_batch(2, group="b", priority=1), micro_batch(3, group="a", priority=2)
    )
    assert [taken(waiting, 0.0), taken(waiting, 0.0)] == [[2], [3, 1]]


def test_nobody_is_overtaken_for_ever() -> None:
    waiting = batcher(micro_batch(0, priority=LOWEST_LEVEL + 900), max_rows=1)
    served, now = -1, 0.0
    while served != 0:
        now += 0.5
        waiting.add(micro_batch(1, at=now, priority=1))
        waiting.add(micro_batch(2, at=now, priority=1))
        (served,) = taken(waiting, now)
    # two come while one is served, so those that came within its time of being overtaken take twice as long
    assert now == pytest.approx(2 * LEVEL_S * (LOWEST_LEVEL - 1), abs=1.0)


def test_who_was_overtaken_is_still_held_no_longer_than_agreed() -> None:
    waiting = batcher(micro_batch(1, at=0.0), max_rows=3, max_wait_s=0.5)
    waiting.add(micro_batch(2, at=0.4, priority=1, rows=3))
    assert taken(waiting, 0.4) == [2]
    assert taken(waiting, 0.45) == []
    assert taken(waiting, 0.5) == [1]


def test_what_can_t_be_answered_in_time_is_dropped_before_its_time_is_over() -> None:
    slow = batch_key()
    slow.profile.times.note(1, 2.0)
    waiting = batcher(
        made_micro_batch(1, slow, deadline=5.0), made_micro_batch(2, slow, deadline=1.5), made_micro_batch(3, slow)
    )
    assert [each.id for each in waiting.expire(0.0)] == [2]
    assert waiting.expires_at() == 3.0
    assert waiting.expire(2.9) == []
    assert [each.id for each in waiting.expire(3.0)] == [1]
    assert taken(waiting, 3.0) == [3]


def test_waiting_rows_are_counted() -> None:
    micro_batches = [micro_batch(id, rows=3, deadline=float(id + 1)) for id in range(4)]
    waiting = batcher(*micro_batches, max_rows=6)
    assert waiting.rows == 12
    waiting.cancel(micro_batches[3])
    assert waiting.rows == 9
    waiting.expire(1.0)
    assert waiting.rows == 6
    assert taken(waiting, 1.0) == [1, 2]
    assert waiting.rows == 0


EVENTS = st.lists(
    st.one_of(
        st.tuples(
            st.just("add"),
            st.integers(1, 6),
            st.sampled_from("abx"),
            st.one_of(st.none(), st.integers(1, 20)),
            st.integers(0, 12),
        ),
        st.tuples(st.just("cancel"), st.integers(0, 40)),
        st.tuples(st.just("take")),
        st.tuples(st.just("expire")),
        st.tuples(st.just("pass"), st.integers(1, 5)),
    ),
    max_size=60,
)


@settings(max_examples=enough(60, 300), deadline=None)
@given(events=EVENTS, max_rows=st.integers(1, 8), wait=st.integers(0, 4), adaptive=st.booleans())
def test_every_micro_batch_ends_once_and_every_batch_keeps_the_rules(
    events: list[tuple[object, ...]], max_rows: int, wait: int, adaptive: bool
) -> None:
    batch_keys: dict[str, BatchKey] = {"a": batch_key(), "b": batch_key(), "x": batch_key(batched=False)}
    for one in batch_keys.values():
        for rows in (1, 2, 4, 8):
            one.profile.times.note(rows, 0.25 + rows / 4)
    waiting = Batcher(Adaptive(max_rows, float(wait) + 0.5) if adaptive else Static(max_rows, float(wait)))
    made: list[MicroBatch] = []
    ended: list[int] = []
    now = 0.0

    def expire() -> None:
        for each in waiting.expire(now):
            assert each.deadline is not None
            assert each.deadline - each.batch_key.profile.times.least(each.rows) <= now
            ended.append(each.id)

    def take() -> None:
        batch = waiting.take(now)
        if batch is None:
            wakes = waiting.wakes_at()
            assert wakes is None or wakes > now or waiting.expires_at() == wakes
            return
        micro_batches = batch.micro_batches
        assert {each.batch_key for each in micro_batches} == {micro_batches[0].batch_key}
        assert batch.rows == sum(each.rows for each in micro_batches)
        assert batch.rows <= max_rows or len(micro_batches) == 1
        assert micro_batches[0].batch_key.batched or len(micro_batches) == 1
        assert [each.order for each in micro_batches] == sorted(each.order for each in micro_batches)
        overtaken = [each for each in made if each.waiting and each.batch_key is micro_batches[0].batch_key]
        assert all(each.order >= micro_batches[-1].order for each in overtaken)
        assert not any(each.cancelled for each in micro_batches)
        ended.extend(each.id for each in micro_batches)

    for event in events:
        match event:
            case ("add", int(rows), str(name), ttl, int(level)):
                deadline = None if ttl is None else now + float(ttl)  # type: ignore[arg-type]
                one = made_micro_batch(
                    len(made), batch_keys[name], rows=rows, at=now, deadline=deadline, priority=level
                )
                made.append(one)
                waiting.add(one)
            case ("cancel", int(id)) if id < len(made):
                if made[id].waiting:
                    ended.append(id)
                waiting.cancel(made[id])
            case ("take",):
                expire()
                take()
            case ("expire",):
                expire()
            case ("pass", int(seconds)):
                now += seconds
        assert len(waiting) == len(made) - len(ended)
        assert waiting.rows == sum(each.rows for each in made if each.waiting)
    now += 100  # whatever was agreed, nobody is held so long
    expire()
    for _ in made:
        take()
    assert sorted(ended) == list(range(len(made)))
    assert len(waiting) == 0
