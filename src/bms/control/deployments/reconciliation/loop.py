"""Drives the reconciler: a step when something happened, and now and then in any case."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from bms.control.deployments.reconciliation.reconciler import AWAKE_S, Reconciler
from bms.control.platform.clusters import Cluster
from bms.control.platform.transactions import EventLog
from bms.core.errors import BmsError

log = logging.getLogger("bms.deployments")
FAILED_PAUSE_S = 0.5
IDLE_SHARE = 20  # rounds that nothing asked for take at most a twentieth of the time


class ReconcilerLoop:
    """Runs the reconciler for ever. `progress` returns when a gateway has come to route by something newer."""

    def __init__(
        self,
        reconciler: Reconciler,
        cluster: Cluster,
        events: EventLog,
        progress: Callable[[], Coroutine[Any, Any, Any]],
    ) -> None:
        self._reconciler = reconciler
        self._cluster = cluster
        self._events = events
        self._progress = progress
        self._news: dict[str, asyncio.Task[Any]] = {}

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while True:
                began, pause_s = loop.time(), FAILED_PAUSE_S
                try:
                    await self._reconciler.step()
                    pause_s = self._reconciler.pause_s
                    took = loop.time() - began
                    if pause_s >= AWAKE_S:
                        pause_s = max(pause_s, IDLE_SHARE * took)
                    await asyncio.sleep(min(took, FAILED_PAUSE_S))
                except BmsError as error:
                    log.warning("a round of the deployments failed and will be repeated: %s", error.message)
                    await asyncio.sleep(FAILED_PAUSE_S)  # what it would wait for fails at once, too
                except Exception:
                    log.exception("a round of the deployments failed unexpectedly and will be repeated")
                    await asyncio.sleep(FAILED_PAUSE_S)
                await self._something_new(loop.time() + pause_s)
        finally:
            for task in self._news.values():
                task.cancel()
            await asyncio.gather(*self._news.values(), return_exceptions=True)
            await self._reconciler.close()

    async def _something_new(self, until: float) -> None:
        """Waits until something happens, or until the time `until`; holds the lease meanwhile."""
        loop = asyncio.get_running_loop()
        while (left := until - loop.time()) > 0:
            if await self._happened(min(left, self._reconciler.keep_in_s)):
                return
            if self._reconciler.keep_in_s == 0 and await self._kept():
                return

    async def _kept(self) -> bool:
        try:
            return await self._reconciler.keep()
        except BmsError as error:
            log.warning("the lease on the deployments can't be renewed: %s", error.message)
            return True

    async def _happened(self, timeout_s: float) -> bool:
        sources: dict[str, Callable[[], Coroutine[Any, Any, Any]]] = {
            "events": self._heard,
            "cluster": lambda: self._cluster.changed(60.0),
            "tasks": self._reconciler.tasks.one_done,
            "health": lambda: _cleared(self._reconciler.health.changed),
        }
        if self._reconciler.draining:
            sources["gateways"] = self._progress
        for name, source in sources.items():
            if name not in self._news:
                self._news[name] = asyncio.create_task(source(), name=f"deployments wait for {name}")
        await asyncio.wait(self._news.values(), timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        happened = False
        for name, task in list(self._news.items()):
            if task.done():
                del self._news[name]
                happened |= name in sources
                if error := task.exception():
                    log.warning("waiting for %s failed: %s", name, error)
        return happened

    async def _heard(self) -> None:
        """Waits until an event of a deployment is committed that no round has read."""
        attention = self._reconciler.attention
        number = attention.number
        while True:
            await self._events.wait(number, 60.0)
            number = max(number, attention.number)
            if found := await self._events.since(number):
                if await attention.concerned(event for _, event in found):
                    return
                number = found[-1][0]


async def _cleared(event: asyncio.Event) -> None:
    await event.wait()
    event.clear()
