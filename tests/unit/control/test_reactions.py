"""Reactions handle every event in order, repeat what may pass, and never stop for one that will not."""

from datetime import UTC, datetime

from bms.control.platform.reactions import MAX_TRIES, Reactions
from bms.core.errors import NotFound, Unavailable
from bms.core.events import Event


class Log:
    def __init__(self, *names: str) -> None:
        at = datetime(2026, 1, 1, tzinfo=UTC)
        self.events = [
            (number, Event(name=name, tenant="t", subject=str(number), actor="a", at=at))
            for number, name in enumerate(names, 1)
        ]

    async def last(self) -> int:
        return len(self.events)

    async def since(self, number: int, limit: int = 1000) -> list[tuple[int, Event]]:
        return [entry for entry in self.events if entry[0] > number][:limit]

    async def wait(self, number: int, timeout_s: float) -> int:
        return len(self.events)


class Kept:
    def __init__(self) -> None:
        self.number = 0

    async def position(self, reader: str) -> int:
        return self.number

    async def keep(self, reader: str, number: int) -> None:
        self.number = number


async def test_events_reach_their_handlers_in_order_and_once() -> None:
    seen: list[str] = []

    async def handler(event: Event) -> None:
        seen.append(event.subject)

    kept = Kept()
    reactions = Reactions(Log("a", "b", "a"), kept, {"a": [handler]}, "r")
    assert await reactions.step() == 3
    assert await reactions.step() == 3
    assert (seen, kept.number) == (["1", "3"], 3)


async def test_what_may_pass_is_tried_again_before_anything_later() -> None:
    seen: list[str] = []
    failures = 2

    async def handler(event: Event) -> None:
        nonlocal failures
        if event.subject == "2" and failures:
            failures -= 1
            raise Unavailable("not yet")
        seen.append(event.subject)

    kept = Kept()
    reactions = Reactions(Log("a", "a", "a"), kept, {"a": [handler]}, "r")
    assert await reactions.step() == 1
    assert (seen, kept.number) == (["1"], 1)
    await reactions.step()
    await reactions.step()
    assert seen == ["1", "2", "3"]


async def test_what_will_not_pass_is_passed_over() -> None:
    seen: list[str] = []

    async def handler(event: Event) -> None:
        if event.subject == "1":
            raise NotFound("gone")
        if event.subject == "2":
            raise Unavailable("for ever")
        seen.append(event.subject)

    kept = Kept()
    reactions = Reactions(Log("a", "a", "a"), kept, {"a": [handler]}, "r")
    for _ in range(MAX_TRIES):
        await reactions.step()
    assert (seen, kept.number) == (["3"], 3)


async def test_what_was_given_up_is_told_once_to_whom_it_concerns() -> None:
    told: list[tuple[str, str]] = []

    async def handler(event: Event) -> None:
        if event.subject == "1":
            raise NotFound("gone")
        if event.subject == "2":
            raise Unavailable("for ever")
        raise KeyError(event.subject)

    async def other(event: Event) -> None:
        raise NotFound("nobody asks")

    async def given_up(event: Event, why: str) -> None:
        told.append((event.subject, why))
        raise Unavailable("nor can it be told")

    kept = Kept()
    handlers = {"a": [other, handler]}
    reactions = Reactions(Log("a", "a", "a", "a"), kept, handlers, "r", {handler: given_up})
    for _ in range(MAX_TRIES):
        await reactions.step()
    assert kept.number == 4
    assert told == [
        ("1", "gone"),
        ("2", f"given up after {MAX_TRIES} tries: for ever"),
        ("3", "an error of the platform, which its log has"),
        ("4", "an error of the platform, which its log has"),
    ]
