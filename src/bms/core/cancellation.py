"""Work that is awaited to its end even when its caller is cancelled, so that no clean-up runs beside it.

A thread can't be stopped, and what frees a lock or removes a file must not stop half-way. Whoever was cancelled hears
of it once the work has ended, however often it was cancelled.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from functools import partial
from typing import IO, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def to_the_end(
    work: Awaitable[T],
    *,
    hurry: Callable[[], object] = lambda: None,
    undo: Callable[[T], object] = lambda _: None,
) -> T:
    """Awaits `work` and returns its result. A cancellation of the caller does not reach it, and is raised when it has
    ended.

    `hurry` is then called at once, so that it ends soon, and `undo` with what it gave, which the caller never gets.
    """
    running = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not running.done():
        try:
            await asyncio.wait((running,))
        except asyncio.CancelledError as error:
            cancelled = error
            hurry()
    if cancelled is None:
        return running.result()
    failure = None if running.cancelled() else running.exception()
    if failure is None and not running.cancelled():
        undo(running.result())
    raise cancelled from failure


async def in_thread(call: Callable[P, T], *args: P.args, **more: P.kwargs) -> T:
    """Runs a function in a thread, as `asyncio.to_thread` does, to the end: for what holds a lock, or works on files
    that a clean-up would remove."""
    return await to_the_end(thread_of(call, *args, **more))


async def opened(opening: Callable[P, IO[bytes]], *args: P.args, **more: P.kwargs) -> IO[bytes]:
    """Opens a file with `opening`, in a thread; for a caller who was cancelled meanwhile it is closed again."""
    return await to_the_end(thread_of(opening, *args, **more), undo=lambda file: file.close())


def thread_of(call: Callable[P, T], *args: P.args, **more: P.kwargs) -> asyncio.Future[T]:
    """Starts `call` in a thread and returns its future. Not a task, which the end of the event loop would cancel while
    its thread goes on."""
    work = partial(copy_context().run, call, *args, **more)
    return asyncio.get_running_loop().run_in_executor(None, work)
