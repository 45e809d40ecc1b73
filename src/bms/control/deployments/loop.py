"""What drives the reconciler: it steps when something happened, and now and then in any case."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from bms.control.deployments.reconciler import Reconciler
from bms.control.platform.clusters import Cluster
from bms.control.platform.transactions import EventLog
from bms.core.errors import BmsError

log = logging.getLogger("bms.deployments")
BUSY_PAUSE_S, IDLE_PAUSE_S = 0.05, 1.0
IDLE_SHARE = 20  # idle rounds take at most a twentieth of the time


class ReconcilerLoop:
    """`run` steps for ever. `suspect` is for whoever saw a replica fail, such as a gateway."""

    def __init__(self, reconciler: Reconciler, cluster: Cluster, events: EventLog) -> None:
        self._reconciler = reconciler
        self._cluster = cluster
        self._events = events
        self._suspicion = asyncio.Event()
        self._news: dict[str, asyncio.Task[Any]] = {}

    def suspect(self, replica: str) -> None:
        """Ask this replica how it is, now."""
        self._reconciler.health.hurry(replica)
        self._suspicion.set()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while True:
                began, number, active = loop.time(), 0, True
                try:
                    number = await self._events.last()
                    active = await self._reconciler.step()
                except BmsError as error:
                    log.warning("a round of the deployments failed and will be repeated: %s", error.message)
                except Exception:
                    log.exception("a round of the deployments failed unexpectedly and will be repeated")
                    await asyncio.sleep(IDLE_PAUSE_S)
                took = loop.time() - began
                await asyncio.sleep(min(took, IDLE_PAUSE_S))
                await self._something_new(number, BUSY_PAUSE_S if active else max(IDLE_PAUSE_S, IDLE_SHARE * took))
        finally:
            for task in self._news.values():
                task.cancel()
            await asyncio.gather(*self._news.values(), return_exceptions=True)
            await self._reconciler.close()

    async def _something_new(self, number: int, pause_s: float) -> None:
        sources: dict[str, Callable[[], Coroutine[Any, Any, Any]]] = {
            "events": lambda: self._events.wait(number, 60.0),
            "cluster": lambda: self._cluster.changed(60.0),
            "chores": self._reconciler.chores.one_done,
            "health": lambda: _cleared(self._reconciler.health.changed),
            "suspicion": lambda: _cleared(self._suspicion),
        }
        for name, source in sources.items():
            if name not in self._news:
                self._news[name] = asyncio.create_task(source(), name=f"deployments wait for {name}")
        await asyncio.wait(self._news.values(), timeout=pause_s, return_when=asyncio.FIRST_COMPLETED)
        for name, task in list(self._news.items()):
            if task.done():
                del self._news[name]
                if error := task.exception():
                    log.warning("waiting for %s failed: %s", name, error)


async def _cleared(event: asyncio.Event) -> None:
    await event.wait()
    event.clear()
