"""Coroutines that are cancelled at chosen awaits: every place where a task can be broken off, one after the other."""

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

T = TypeVar("T")
Moment = Literal["waiting", "answered"] | None
"""Cancelled while it waits, or when what it waits for is there and it has not run on yet."""
Plan = Callable[[int, int], Moment]
"""(the await that is tried, the await that is reached) -> whether to cancel there; both count from 1."""

LONG_AFTER = 1000  # turns of the event loop
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


class LateThreads(ThreadPoolExecutor):
    """The worst order that threads may run in, for the running loop: what who was cancelled had waited for begins long
    after that, and after all that he has begun since."""

    def __init__(self) -> None:
        super().__init__(16)
        self._loop = asyncio.get_running_loop()
        self._loop.set_default_executor(self)
        self.holding = False
        self._held: list[threading.Event] = []
        self._begun: list[Future[Any]] = []

    def submit(self, fn: Callable[..., T], /, *args: Any, **more: Any) -> Future[T]:
        go = threading.Event()

        def late() -> T:
            assert go.wait(20)
            return fn(*args, **more)

        if self.holding:
            self._held.append(go)
        else:
            go.set()
        future = super().submit(late)
        self._begun.append(future)
        return future

    def let_go(self, late: bool) -> None:
        """What is held runs now, or late."""
        held, self._held = self._held, []
        self._after(LONG_AFTER if late else 0, held)

    async def ended(self) -> None:
        """Returns when all that was begun has ended; what begins from now on does so at once."""
        self.holding = False
        self.let_go(late=False)
        begun, self._begun = self._begun, []
        await asyncio.gather(*map(asyncio.wrap_future, begun), return_exceptions=True)

    def _after(self, turns: int, held: list[threading.Event]) -> None:
        if turns:
            self._loop.call_soon(self._after, turns - 1, held)
            return
        for go in held:
            go.set()


async def every_await(
    work: Callable[[int], Coroutine[Any, Any, object]],
    plan: Plan,
    check: Callable[[int, bool], Coroutine[Any, Any, None]],
    threads: LateThreads | None = None,
    reset: Callable[[], Coroutine[Any, Any, object]] | None = None,
) -> int:
    """Runs `work(n)` again and again, cancelled at its first await, then at its second and so on, until it comes
    through; after each, `check(n, whether it was cancelled)`, with `threads` once more when all have ended, then
    `reset()`. Returns how many awaits were tried.

    No cancellation may be swallowed. What was raised stays referenced, so that nothing is freed by chance.
    """
    raised: list[BaseException] = []
    for number in count(1):

        def moment(reached: int, tried: int = number) -> Moment:
            moment = plan(tried, reached)
            if threads is not None:
                threads.let_go(late=moment is not None)
            return moment

        cancelling = Cancelling(work(number), moment)
        task = asyncio.create_task(_run(cancelling))
        if threads is not None:
            threads.holding = True
        try:
            await task
        except asyncio.CancelledError as error:
            raised.append(error)
        assert task.cancelled() == (cancelling.awaits >= number)
        if threads is not None:
            threads.holding = False
        await check(number, task.cancelled())
        if threads is not None:
            await threads.ended()
            await check(number, task.cancelled())
        if reset is not None:
            await reset()
        if not task.cancelled():
            break
    return number - 1


def open_below(folder: Path) -> list[str]:
    """The files and folders in `folder` that this process has open, sorted."""
    found = []
    for descriptor in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # the one that they were listed with
            found.append(os.readlink(f"/proc/self/fd/{descriptor}"))
    return sorted(path for path in found if path.startswith(f"{folder}/"))


async def _run(cancelling: Cancelling[T]) -> T:
    return await cancelling
