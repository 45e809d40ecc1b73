"""Events are typed: a name that is wrong, doubled or unknown does not start, and what is read is what was meant."""

import sys
from types import ModuleType
from typing import Any

import pytest

import bms.app.control.event_catalogue
from bms.app.control.event_catalogue import CATALOGUE
from bms.control.jobs.events import JobEnded
from bms.control.models.events import AliasMoved, VersionReady, VersionRejected
from bms.control.platform.handlers import Handlers
from bms.core.clock import ManualClock
from bms.core.event_catalogue import Catalogue, UnreadableEvent
from bms.core.events import Event, Payload, Recorded, recorded

AT = ManualClock().now()


async def nothing(event: Event[Any]) -> None:
    return None


class Unlisted(Payload, frozen=True, kw_only=True):
    """Something that the platform's catalogue lacks."""

    EVENT = "test.unlisted"


def test_every_event_of_the_platform_is_in_the_catalogue() -> None:
    def below(kind: type[Payload]) -> set[type[Payload]]:
        return {kind}.union(*(below(each) for each in kind.__subclasses__()))

    named = {kind for kind in below(Payload) if "EVENT" in vars(kind) and kind.__module__.startswith("bms.")}
    assert named == set(CATALOGUE)
    assert len(named) > 40
    assert all((kind.__doc__ or "").strip().endswith(".") for kind in named)


@pytest.mark.parametrize("name", ["", "ready", "Version.ready", "version.ready.now", "version ready", "version."])
def test_a_name_that_is_not_noun_and_verb_does_not_start(name: str) -> None:
    with pytest.raises(TypeError, match=r"an event is named noun\.verb_in_past"):
        type(Payload)("Misspelt", (Payload,), {"EVENT": name})


def test_two_events_of_one_name_do_not_start() -> None:
    module = ModuleType("tests.twins")
    for kind in ("One", "Other"):
        setattr(module, kind, type(Payload)(kind, (Payload,), {"EVENT": "test.twin", "__module__": "tests.twins"}))
    with pytest.raises(TypeError, match=r"two events are named 'test\.twin': One, Other"):
        Catalogue([module])


def test_a_handler_of_an_event_that_nobody_emits_does_not_start() -> None:
    handlers = Handlers(CATALOGUE)
    with pytest.raises(TypeError, match="Unlisted is not in the catalogue"):
        handlers.on(Unlisted, "a", nothing)
    handlers.on(VersionReady, "a", nothing)
    with pytest.raises(TypeError, match=r"two handlers of version\.ready are named 'a'"):
        handlers.on(VersionReady, "a", nothing)


def test_what_is_written_is_what_is_read_and_what_is_not_said_is_left_out() -> None:
    moved = Event(
        payload=AliasMoved(alias="production", version=2, previous=None, forced=False),
        tenant="t",
        subject="m",
        actor="ann",
        at=AT,
    )
    row = recorded(moved)
    assert (row.name, row.version) == ("alias.moved", 1)
    assert row.details == {"alias": "production", "version": 2, "previous": None, "forced": False}
    assert CATALOGUE.read(row) == moved
    plain = Event(payload=VersionRejected(model="m", number=1), tenant="t", subject="v", actor="system", at=AT)
    assert recorded(plain).details == {"model": "m", "number": 1}


@pytest.mark.parametrize(
    ("name", "version", "details", "words"),
    [
        ("version.paused", 1, {}, "no event 'version.paused' is known to this program"),
        ("version.ready", 2, {"model": "m", "number": 1}, "is of version 2, this program reads up to 1"),
        ("version.ready", 1, {"model": "m"}, "version.ready does not say what it should: .*number"),
        ("version.ready", 1, {"model": "m", "number": "one"}, "version.ready does not say what it should: .*int"),
    ],
)
def test_what_can_not_be_read_is_told_in_words(name: str, version: int, details: dict[str, Any], words: str) -> None:
    row = Recorded(name=name, version=version, tenant="t", subject="s", actor="a", at=AT, details=details)
    with pytest.raises(UnreadableEvent, match=words):
        CATALOGUE.read(row)


def test_what_a_later_release_adds_to_an_event_is_passed_over() -> None:
    details = {"model": "m", "number": 1, "colour": "blue"}
    row = Recorded(name="version.ready", tenant="t", subject="s", actor="a", at=AT, details={**details})
    assert CATALOGUE.read(row).payload == VersionReady(model="m", number=1)


def test_jobs_about_one_thing_keep_one_order() -> None:
    assert JobEnded(kind="verify", subject="ver_1", state="failed").ordered_by("job_1") == "ver_1"
    assert JobEnded(kind="train", subject="", state="failed").ordered_by("job_1") == "job_1"
    assert VersionReady(model="m", number=1).ordered_by("ver_1") == "ver_1"


def test_the_catalogue_takes_what_a_module_defines_and_not_what_it_imports() -> None:
    assert Unlisted in Catalogue([sys.modules[__name__]])
    assert VersionReady not in Catalogue([sys.modules[__name__]])
    assert VersionReady not in Catalogue([bms.app.control.event_catalogue])
