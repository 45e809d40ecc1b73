"""What follows from what: handlers of events, run in order, at least once, by whoever leads.

A handler must be idempotent: after a crash the events since the last kept position are handled again.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

from bms.control.platform.transactions import EventLog
from bms.core.errors import Aborted, BmsError, DeadlineExceeded, ResourceExhausted, Unavailable
from bms.core.events import Event

log = logging.getLogger("bms.reactions")

Handler = Callable[[Event], Awaitable[None]]
GivenUp = Callable[[Event, str], Awaitable[None]]
"""(event, why): told once, when a handler will not be asked about this event again, so that its owner can be told."""
TRANSIENT = (Unavailable, Aborted, ResourceExhausted, DeadlineExceeded)
MAX_TRIES = 20


class Positions(Protocol):
    """How far a named reader of the event log has come; kept durably."""

    async def position(self, reader: str) -> int: ...
    async def keep(self, reader: str, number: int) -> None: ...


class Reactions:
    """Feeds events to handlers by event name."""

    def __init__(
        self,
        events: EventLog,
        positions: Positions,
        handlers: Mapping[str, Sequence[Handler]],
        reader: str,
        given_up: Mapping[Handler, GivenUp] = MappingProxyType({}),
    ) -> None:
        self._events = events
        self._positions = positions
        self._handlers = handlers
        self._reader = reader
        self._given_up = given_up
        self._tries = 0

    async def step(self) -> int:
        """Handles what is new; returns the number of the last event handled.

        An error that may pass stops the step: the next one repeats from that event. Any other error, or too
        many tries, is logged and the event is passed over, so that one bad event cannot stop the platform.
        """
        done = await self._positions.position(self._reader)
        for number, event in await self._events.since(done):
            for handler in self._handlers.get(event.name, ()):
                try:
                    await handler(event)
                except TRANSIENT as error:
                    self._tries += 1
                    if self._tries < MAX_TRIES:
                        log.warning("event %d (%s) will be handled again: %s", number, event.name, error.message)
                        return done
                    log.error("event %d (%s) given up after %d tries: %s", number, event.name, MAX_TRIES, error)
                    await self._tell(handler, number, event, f"given up after {MAX_TRIES} tries: {error.message}")
                except BmsError as error:
                    log.error("event %d (%s) could not be handled: %s", number, event.name, error.message)
                    await self._tell(handler, number, event, error.message)
                except Exception:  # what a tenant's process wrote must not stop what follows from others' events
                    log.exception("event %d (%s) could not be handled", number, event.name)
                    await self._tell(handler, number, event, "an error of the platform, which its log has")
            self._tries = 0
            await self._positions.keep(self._reader, number)
            done = number
        return done

    async def _tell(self, handler: Handler, number: int, event: Event, why: str) -> None:
        given_up = self._given_up.get(handler)
        if given_up is None:
            return
        try:
            await given_up(event, why)
        except Exception:  # nor must telling of it
            log.exception("event %d (%s) was given up, and could not be told of", number, event.name)
