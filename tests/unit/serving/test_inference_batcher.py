"""Which calls run next: tables, then a machine that tries sequences of events."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bms.core.programs import Batching
from bms.serving.inference.batcher import Batcher
from bms.serving.inference.call import Call, group_of
from tests.servables import ROW


class Nobody:
    def __init__(self) -> None:
        self.open: dict[int, Call] = {}

    def send(self, data: bytes) -> None:
        raise AssertionError("deciding writes nothing")


def call(id: int, *, rows: int = 1, at: float = 0.0, deadline: float | None = None, group: object = "a") -> Call:
    return Call(Nobody(), id, "s", {}, (), rows, at, deadline, group)


def batcher(*calls: Call, max_rows: int = 4, max_wait_s: float = 0.0) -> Batcher:
    made = Batcher(Batching(max_rows=max_rows, max_wait_s=max_wait_s))
    for each in calls:
        made.add(each)
    return made


def taken(waiting: Batcher, now: float) -> list[int]:
    return [each.id for each in waiting.take(now)]


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
    waiting = batcher(*[call(id, rows=count) for id, count in enumerate(rows)], max_rows=max_rows)
    for batch in batches:
        assert taken(waiting, 0.0) == batch
    assert taken(waiting, 0.0) == []
    assert len(waiting) == 0


def test_only_calls_of_one_group_share_a_batch_and_the_oldest_goes_first() -> None:
    waiting = batcher(call(1, at=1, group="b"), call(2, at=2, group="a"), call(3, at=3, group="b"))
    assert [taken(waiting, 9), taken(waiting, 9)] == [[1, 3], [2]]


def test_a_call_is_held_for_company_until_its_wait_is_over_or_the_batch_is_full() -> None:
    waiting = batcher(call(1, at=10.0), max_rows=2, max_wait_s=0.5)
    assert taken(waiting, 10.4) == []
    assert waiting.wakes_at() == 10.5
    assert taken(waiting, 10.5) == [1]
    waiting.add(call(2, at=11.0))
    waiting.add(call(3, at=11.0))
    assert taken(waiting, 11.0) == [2, 3]
    assert waiting.wakes_at() is None


def test_nobody_is_held_where_batching_is_off() -> None:
    assert taken(batcher(call(1, at=5.0), max_rows=1, max_wait_s=9.0), 5.0) == [1]


def test_nobody_is_held_beyond_half_of_its_time() -> None:
    waiting = batcher(call(1, at=0.0, deadline=0.2), call(2, at=0.0), max_wait_s=10.0)
    assert waiting.wakes_at() == 0.1
    assert taken(waiting, 0.1) == [1, 2]


def test_in_a_hurry_nobody_is_held() -> None:
    waiting = batcher(call(1, at=0.0), max_wait_s=10.0)
    waiting.hurry()
    waiting.add(call(2, at=0.0, group="b"))
    assert [taken(waiting, 0.0), taken(waiting, 0.0)] == [[1], [2]]


def test_calls_whose_deadline_passed_are_dropped_wherever_they_stand() -> None:
    waiting = batcher(call(1), call(2, deadline=1.0), call(3), call(4, deadline=3.0), max_rows=8)
    assert waiting.expires_at() == 1.0
    assert waiting.expire(0.9) == []
    assert [each.id for each in waiting.expire(1.0)] == [2]
    assert waiting.expires_at() == 3.0
    assert len(waiting) == 3
    assert taken(waiting, 1.0) == [1, 3, 4]
    assert waiting.expires_at() is None


def test_cancelled_calls_are_neither_run_nor_counted() -> None:
    calls = [call(id, deadline=5.0) for id in range(4)]
    waiting = batcher(*calls, max_rows=2)
    waiting.cancel(calls[0])
    waiting.cancel(calls[2])
    waiting.cancel(calls[2])
    assert len(waiting) == 2
    assert taken(waiting, 0.0) == [1, 3]
    waiting.cancel(calls[1])  # runs already
    assert len(waiting) == 0
    assert waiting.expire(9.0) == []


def test_calls_of_different_shapes_outputs_or_signatures_never_meet() -> None:
    x = {"x": np.zeros((1, 2), np.float32)}
    key = group_of("s", ROW, x, ())
    assert key == group_of("s", ROW, {"x": np.zeros((9, 2), np.float32)}, ())
    assert key != group_of("s", ROW, {"x": np.zeros((1, 3), np.float32)}, ())
    assert key != group_of("s", ROW, x, ("y",))
    assert key != group_of("t", ROW, x, ())


EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(1, 6), st.sampled_from("ab"), st.one_of(st.none(), st.integers(1, 20))),
        st.tuples(st.just("cancel"), st.integers(0, 40)),
        st.tuples(st.just("take")),
        st.tuples(st.just("expire")),
        st.tuples(st.just("pass"), st.integers(1, 5)),
    ),
    max_size=60,
)


@settings(max_examples=300, deadline=None)
@given(events=EVENTS, max_rows=st.integers(1, 8), wait=st.integers(0, 4))
def test_every_call_ends_once_and_every_batch_keeps_the_rules(
    events: list[tuple[object, ...]], max_rows: int, wait: int
) -> None:
    waiting = Batcher(Batching(max_rows=max_rows, max_wait_s=float(wait)))
    made: list[Call] = []
    ended: list[int] = []
    now = 0.0

    def expire() -> None:
        for each in waiting.expire(now):
            assert each.deadline is not None
            assert each.deadline <= now
            ended.append(each.id)

    def take() -> None:
        batch = waiting.take(now)
        assert len({each.group for each in batch}) <= 1
        assert sum(each.rows for each in batch) <= max_rows or len(batch) == 1
        assert [each.id for each in batch] == sorted(each.id for each in batch)
        assert not any(each.cancelled for each in batch)
        ended.extend(each.id for each in batch)

    for event in events:
        match event:
            case ("add", int(rows), str(group), ttl):
                deadline = None if ttl is None else now + float(ttl)  # type: ignore[arg-type]
                made.append(call(len(made), rows=rows, at=now, deadline=deadline, group=group))
                waiting.add(made[-1])
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
    now += 100
    expire()
    for _ in made:
        take()
    assert sorted(ended) == list(range(len(made)))
    assert len(waiting) == 0
