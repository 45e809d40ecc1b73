"""Background tasks beside a loop: at most one per key at a time, watched, and never silently lost."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from bms.core.errors import Unavailable

log = logging.getLogger("bms.tasks")


class KeyedTasks:
    """Runs tasks by key. An unexpected failure is logged; the planner sees the work undone and starts it again."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._done = asyncio.Event()

    @property
    def busy(self) -> frozenset[str]:
        return frozenset(self._tasks)

    def start(self, key: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Begins `work` unless a task is under way for this key."""
        if key in self._tasks:
            return
        task = asyncio.create_task(work(), name=key)
        self._tasks[key] = task
        task.add_done_callback(lambda done: self._ended(key, done))

    def interrupt(self, key: str) -> None:
        """Cancels the task; the key stays busy until it has cleaned up after itself."""
        if key in self._tasks:
            self._tasks[key].cancel()

    async def one_done(self) -> None:
        """Waits until a task ends, or has ended since the last call returned."""
        await self._done.wait()
        self._done.clear()

    async def idle(self) -> None:
        """Waits until no task is under way."""
        while self._tasks:
            await asyncio.wait(self._tasks.values())
            await asyncio.sleep(0)  # let the callbacks that take the tasks out run

    async def close(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        await self.idle()

    def _ended(self, key: str, task: asyncio.Task[None]) -> None:
        del self._tasks[key]
        self._done.set()
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Unavailable):
            log.warning("work for %s is put off: %s", key, error.message)
        elif error is not None:
            log.error("work for %s failed: %s", key, error, exc_info=error)
