"""Polls until a condition holds, a little less often each time."""

from collections.abc import Callable
from typing import TypeVar

from bms.core.clock import Clock
from bms.core.errors import DeadlineExceeded
from bms.sdk.transport.flow import Flow, pause

T = TypeVar("T")
FIRST_S, LONGEST_S, GROWTH = 0.05, 1.0, 1.3


def until(
    ask: Callable[[], Flow[T]],
    done: Callable[[T], bool],
    *,
    what: str,
    clock: Clock,
    timeout_s: float | None,
    on_progress: Callable[[T], None] | None = None,
) -> Flow[T]:
    """Asks until the answer is `done`, and returns that answer. Raises DeadlineExceeded, naming `what`, after
    `timeout_s` (None: never)."""
    end = None if timeout_s is None else clock.monotonic() + timeout_s
    wait = FIRST_S
    while True:
        answer = yield from ask()
        if on_progress is not None:
            on_progress(answer)
        if done(answer):
            return answer
        if end is not None and clock.monotonic() >= end:
            raise DeadlineExceeded(f"{what} did not happen within {timeout_s:g} s")
        yield from pause(wait)
        wait = min(LONGEST_S, wait * GROWTH)
