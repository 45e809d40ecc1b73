"""Waiting for something: by asking again, played without time passing."""

from collections.abc import Iterator

import pytest

from bms.core.clock import ManualClock
from bms.core.errors import DeadlineExceeded
from bms.sdk.transport.flow import Flow, Pause
from bms.sdk.transport.waiting import LONGEST_S, until


def answers(*values: int) -> Iterator[int]:
    yield from values


def played(flow: Flow[int], clock: ManualClock) -> tuple[int, list[float]]:
    """The flow's result and its pauses, each of which moves the clock."""
    pauses: list[float] = []
    try:
        step = next(flow)
        while True:
            assert isinstance(step, Pause)
            pauses.append(step.seconds)
            clock.advance(step.seconds)
            step = flow.send(None)
    except StopIteration as stop:
        return stop.value, pauses


def asking(values: Iterator[int]) -> Flow[int]:
    yield from ()
    return next(values)


def test_the_first_answer_that_is_done_is_returned_and_all_are_told() -> None:
    clock, seen, values = ManualClock(), list[int](), answers(1, 2, 3, 4)
    flow = until(
        lambda: asking(values),
        lambda value: value == 3,
        what="three",
        clock=clock,
        timeout_s=None,
        on_progress=seen.append,
    )
    result, pauses = played(flow, clock)
    assert (result, seen) == (3, [1, 2, 3])
    assert len(pauses) == 2
    assert pauses[0] < pauses[1]


def test_it_asks_less_and_less_often_but_not_rarely() -> None:
    clock, values = ManualClock(), iter(range(100))
    flow = until(lambda: asking(values), lambda value: value == 50, what="fifty", clock=clock, timeout_s=None)
    assert max(played(flow, clock)[1]) == LONGEST_S


def test_patience_ends_with_words_that_say_what_was_waited_for() -> None:
    clock, values = ManualClock(), iter(range(1000))
    flow = until(lambda: asking(values), lambda _: False, what="the end", clock=clock, timeout_s=5)
    with pytest.raises(DeadlineExceeded, match="the end did not happen within 5 s"):
        played(flow, clock)
    assert clock.monotonic() == pytest.approx(5, abs=LONGEST_S)
