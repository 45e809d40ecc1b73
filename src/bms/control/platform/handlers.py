"""The registry of event handlers, by the event's class, so that a name can't be misspelt."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from bms.core.event_catalogue import Catalogue
from bms.core.events import Event, Payload, Recorded

P = TypeVar("P", bound=Payload)


@dataclass(frozen=True)
class EventHandler:
    """A handler of one kind of event. `name` is kept in rows, so it stays from release to release.

    `handle` must be idempotent: it is called at least once. `given_up(event, why)` is told when it will not be called
    for this event again by itself, so that whoever waits for it learns so.
    """

    name: str
    handle: Callable[[Event[Any]], Awaitable[None]]
    given_up: Callable[[Event[Any], str], Awaitable[None]] | None


class Handlers:
    """All event handlers, those of one event in the order in which they are called."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self._handlers: dict[str, list[EventHandler]] = {}

    def on(
        self,
        kind: type[P],
        name: str,
        handle: Callable[[Event[P]], Awaitable[None]],
        given_up: Callable[[Event[P], str], Awaitable[None]] | None = None,
    ) -> None:
        """Registers a handler. Raises TypeError for an event that the catalogue lacks, and for a second handler of one
        name."""
        if kind not in self.catalogue:
            raise TypeError(f"{kind.__qualname__} is not in the catalogue of events: name its module there")
        others = self._handlers.setdefault(kind.EVENT, [])
        if any(other.name == name for other in others):
            raise TypeError(f"two handlers of {kind.EVENT} are named {name!r}")
        others.append(EventHandler(name, handle, given_up))

    def of(self, event: str) -> Sequence[EventHandler]:
        """The handlers of an event's name; empty where there are none."""
        return self._handlers.get(event, ())

    @property
    def names(self) -> list[str]:
        """The names of all handlers, each once, in order."""
        return sorted({handler.name for handlers in self._handlers.values() for handler in handlers})

    async def replay(self, row: Recorded) -> None:
        """Calls every handler of one event, as after a crash. Raises what they raise."""
        for handler in self.of(row.name):
            await handler.handle(self.catalogue.read(row))
