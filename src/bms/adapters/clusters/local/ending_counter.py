"""Wakes tasks that wait for a workload to end, without losing an ending that happens while they are busy."""

import asyncio
from weakref import WeakKeyDictionary


class EndingCounter:
    """Counts the endings of workloads, so that a waiter can tell whether there was one since it last looked. A task
    that looked (`seen`) before the last ending does not wait: its `wait` returns at once.

    What each task has seen is kept per task, because several loops look at one cluster; a task that never
    looked (a wrapper around the wait, say) counts as having seen what the last looker saw.
    """

    def __init__(self) -> None:
        self._count = 0
        self._last_seen = 0
        self._seen: WeakKeyDictionary[asyncio.Task[object], int] = WeakKeyDictionary()
        self._ended = asyncio.Event()

    def notify(self) -> None:
        self._count += 1
        self._ended.set()
        self._ended = asyncio.Event()

    def seen(self) -> None:
        """Records that the running task has seen all endings so far."""
        self._last_seen = self._count
        if task := asyncio.current_task():
            self._seen[task] = self._count

    async def wait(self, timeout_s: float) -> None:
        """Waits until a workload ends, or has ended since the running task last looked, or until the timeout."""
        task = asyncio.current_task()
        seen = self._seen.get(task, self._last_seen) if task else self._last_seen
        if seen == self._count:
            try:
                async with asyncio.timeout(timeout_s):
                    await self._ended.wait()
            except TimeoutError:
                return
        self.seen()
