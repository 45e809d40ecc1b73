"""The catalogue of all events by name, by which the event log is decoded; the documentation's table is generated from
it."""

from collections.abc import Iterable, Iterator
from types import ModuleType

import msgspec

from bms.core.errors import DataLoss
from bms.core.events import Event, Payload, Recorded


class UnreadableEvent(DataLoss):
    """Raised for an event of the log that this program can't decode: unknown, of a newer version, or with other
    fields."""


class Catalogue:
    """The events of some modules, by name."""

    def __init__(self, modules: Iterable[ModuleType]) -> None:
        """Takes every payload that the modules define. Raises TypeError where two have one name."""
        self._kinds: dict[str, type[Payload]] = {}
        self._nouns = set[str]()
        for module in modules:
            for kind in _defined(module):
                other = self._kinds.setdefault(kind.EVENT, kind)
                self._nouns.add(_noun(kind.EVENT))
                if other is not kind:
                    raise TypeError(f"two events are named {kind.EVENT!r}: {other.__qualname__}, {kind.__qualname__}")

    def __iter__(self) -> Iterator[type[Payload]]:
        """Yields the events by name."""
        return iter([self._kinds[name] for name in sorted(self._kinds)])

    def __contains__(self, kind: type[Payload]) -> bool:
        return self._kinds.get(kind.EVENT) is kind

    def knows(self, name: str) -> bool:
        return name in self._kinds

    def read(self, row: Recorded) -> Event[Payload]:
        """Decodes an event of the log. Raises UnreadableEvent."""
        kind = self._kinds.get(row.name)
        if kind is None:
            raise UnreadableEvent(
                f"no event {row.name[:80]!r} is known to this program: a newer one may have written it"
            )
        if row.version > kind.VERSION:
            raise UnreadableEvent(
                f"{row.name} is of version {row.version}, this program reads up to {kind.VERSION}: use a newer one"
            )
        try:
            payload = msgspec.convert(row.details, kind)
        except msgspec.ValidationError as error:
            raise UnreadableEvent(f"{row.name} does not say what it should: {error}") from error
        return Event(payload=payload, tenant=row.tenant, subject=row.subject, actor=row.actor, at=row.at)

    def read_among(self, rows: Iterable[Recorded]) -> Iterator[Event[Payload]]:
        """Decodes an event that is about the same nouns as these (`key` of `key.revoked`). Raises UnreadableEvent where
        one of them, which a newer program may have written, can't be decoded."""
        return (self.read(row) for row in rows if _noun(row.name) in self._nouns)


def _noun(name: str) -> str:
    return name.partition(".")[0]


def _defined(module: ModuleType) -> Iterator[type[Payload]]:
    own = [each for each in vars(module).values() if getattr(each, "__module__", None) == module.__name__]
    for kind in own:
        if isinstance(kind, type) and issubclass(kind, Payload) and "EVENT" in vars(kind):
            yield kind
