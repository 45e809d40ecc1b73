"""Coroutines that are cancelled at chosen awaits: every place where a task can be broken off, one after the other."""

import asyncio
from collections.abc import Callable, Coroutine, Generator
from itertools import count
from typing import Any, Generic, Literal, TypeVar

T = TypeVar("T")
Moment = Literal["waiting", "answered"] | None
"""Cancelled while it waits, or when what it waits for is there and it has not run on yet."""
Plan = Callable[[int, int], Moment]
"""(the await that is tried, the await that is reached) -> whether to cancel there; both count from 1."""

PLANS: dict[str, Plan] = {
    "once": lambda tried, reached: "waiting" if reached == tried else None,
    "once-answered": lambda tried, reached: "answered" if reached == tried else None,
    "again-and-again": lambda tried, reached: "waiting" if tried <= reached < tried + 9 else None,
}


class Cancelling(Generic[T]):
    """Awaits `work`, and cancels the task that does where `moment` says so. `awaits` counts the awaits it reached."""

    def __init__(self, work: Coroutine[Any, Any, T], moment: Callable[[int], Moment]) -> None:
        self._work = work
        self._moment = moment
        self.awaits = 0

    def __await__(self) -> Generator[Any, Any, T]:
        task = asyncio.current_task()
        assert task is not None
        steps = self._work.__await__()
        error: BaseException | None = None
        while True:
            try:
                future = steps.send(None) if error is None else steps.throw(error)
            except StopIteration as end:
                result: T = end.value
                return result
            self.awaits += 1
            moment = self._moment(self.awaits)
            if moment == "waiting" or (moment and future is None):
                task.cancel()
            elif moment == "answered":
                future.add_done_callback(lambda _: task.cancel())
            error = None
            try:
                yield future
            except BaseException as raised:  # noqa: BLE001 - thrown into the coroutine
                error = raised


async def every_await(
    work: Callable[[int], Coroutine[Any, Any, object]],
    plan: Plan,
    check: Callable[[int, bool], Coroutine[Any, Any, None]],
) -> int:
    """Runs `work(n)` again and again, cancelled at its first await, then at its second and so on, until it comes
    through; after each, `check(n, whether it was cancelled)`. Returns how many awaits were tried.

    What was raised stays referenced, so that nothing is freed by chance.
    """
    raised: list[BaseException] = []
    for number in count(1):
        cancelling = Cancelling(work(number), lambda reached, tried=number: plan(tried, reached))  # type: ignore[misc]
        task = asyncio.create_task(_run(cancelling))
        try:
            await task
        except asyncio.CancelledError as error:
            raised.append(error)
        await check(number, task.cancelled())
        if cancelling.awaits < number:
            break
    return number - 1


async def _run(cancelling: Cancelling[T]) -> T:
    return await cancelling
