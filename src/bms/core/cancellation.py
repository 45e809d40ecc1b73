"""Work that is awaited to its end, by who is cancelled meanwhile, too: what a clean-up must not run beside.

A thread can't be stopped, and what frees a lock or removes a file must not stop half-way. Whoever was cancelled hears
of it once the work has ended, however often it was cancelled.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def to_the_end(work: Awaitable[T]) -> T:
    """What `work` gives. A cancellation of the caller does not reach it, and is raised when it has ended."""
    running = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not running.done():
        try:
            await asyncio.wait((running,))
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is None:
        return running.result()
    raise cancelled from (None if running.cancelled() else running.exception())


async def in_thread(call: Callable[P, T], *args: P.args, **more: P.kwargs) -> T:
    """`asyncio.to_thread`, to the end: for what holds a lock, or works on files that a clean-up would remove.

    Not a task, which the end of the event loop would cancel while its thread goes on.
    """
    work = partial(copy_context().run, call, *args, **more)
    return await to_the_end(asyncio.get_running_loop().run_in_executor(None, work))
