"""What a lost event has left is found by its state and goes on, each kind; what is young, or a dead letter, is left."""

from collections.abc import Awaitable
from typing import Any

import pytest
from msgspec import convert
from sqlalchemy import delete

from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.tables.events import events
from bms.control.datasets.nouns import ImportRequest
from bms.control.jobs.nouns import Job
from bms.control.jobs.service import job_ended, job_event
from bms.control.models.nouns import Gate, Version
from bms.control.platform.sweeps import EVERY_S, YOUNG_S, MissedReaction, Since, Sweeps
from bms.control.training.nouns import Training
from bms.core.errors import Unavailable
from tests.worlds.features import ANN, CARD, IMPORTED, RECOGNISED, VERIFIED, Played

TRAINING = Training(recipe="image-mlp", datasets={"data": "digits"}, model="digits", parameters={"epochs": 2})
GATE = Gate(metric="accuracy", dataset="digits", minimum=0.9)
SPLITS = {name: {"rows": 1, "files": [f"{name}-00000-of-00001.tfrecord"]} for name in ("train", "validation")}
MADE = {"output": IMPORTED, "report": {"splits": SPLITS, "labels": CARD["labels"]}}


class Forgetful(Played):
    """Of which events can be lost: nothing follows from what happens inside `losing`."""

    lost = False

    async def react(self) -> None:
        if not self.lost:
            await super().react()

    async def lose(self, happening: Awaitable[Any]) -> Any:
        """Does it, and drops the events that tell of it."""
        self.lost = True
        before = await self.log.last()
        found = await happening
        async with self.database.writing() as connection:
            await connection.execute(delete(events).where(events.c.number > before))
        self.lost = False
        return found

    async def sweep(self, age_s: float = YOUNG_S + 1) -> int:
        self.clock.advance(age_s)
        await self.reactions.run_until_idle()
        self.sweeps.restart()
        found = await self.sweeps.step(self.reactions.position)
        await self.reactions.run_until_idle()
        return found

    async def version(self, number: int = 1) -> Version:
        return await self.models.version("acme", "digits", number)

    async def one(self, kind: str, but: str = "") -> Job:
        (job,) = [job for job in await self.of_kind(kind) if job.id != but]
        return job


@pytest.fixture
async def played(database: Database) -> Forgetful:
    made = Forgetful(database)
    await made.start()
    return made


async def _importing(played: Forgetful) -> str:
    request = convert({"source": {"sample": "digits"}}, ImportRequest)
    return (await played.datasets.start_import("acme", "ann", "digits", request)).id


async def _recognised(played: Forgetful) -> Job:
    """Trained and registered: the job that recognises it."""
    await played.digits()
    job = await played.training.submit(ANN, TRAINING)
    await played.end(job, output=played.made())
    return await played.one("verify")


async def _ready(played: Forgetful) -> Version:
    recognise = await _recognised(played)
    await played.end(recognise, report=RECOGNISED)
    await played.end(await played.one("verify", recognise.id), report=VERIFIED)
    return await played.version()


async def test_an_import_without_a_job_begins(played: Forgetful) -> None:
    id = await played.lose(_importing(played))
    assert await played.of_kind("import") == []
    assert await played.sweep(YOUNG_S - 1) == 0, "what is young is left alone"
    assert (await played.sweep(2), await played.sweep(), (await played.one("import")).spec.subject) == (1, 0, id)


async def test_an_import_whose_job_ended_ends(played: Forgetful) -> None:
    id = await _importing(played)
    await played.react()
    assert await played.sweep() == 0, "its job lives"
    await played.lose(played.end(await played.one("import"), **MADE))
    assert (await played.datasets.version_by_id("acme", id)).state == "importing"
    assert await played.sweep() == 1
    assert (await played.datasets.version_by_id("acme", id)).state == "ready"


async def test_what_a_job_made_is_registered(played: Forgetful) -> None:
    await played.digits()
    job = await played.training.submit(ANN, TRAINING)
    await played.lose(played.end(job, output=played.made()))
    assert await played.sweep() == 1
    version = await played.version()
    assert (version.state, version.lineage.job) == ("verifying", job.id)
    assert len(await played.of_kind("verify")) == 1, "what follows from that follows"
    other = await played.training.submit(ANN, TRAINING)
    await played.end(other, output={"notes.txt": b"no model"})
    assert await played.sweep() == 0, "of which it is told why there is none"


async def test_a_version_without_a_verification_is_verified(played: Forgetful) -> None:
    await played.digits()
    job = await played.training.submit(ANN, TRAINING)
    await played.lose(played.end(job, output=played.made()))
    handler = next(one for one in played.handlers.of("job.ended") if one.name == "registration")
    async with played.job_store.read() as tx:
        ended = await tx.job("acme", job.id)
    assert ended is not None
    await played.lose(handler.handle(job_event(job_ended(ended), ended, "system", played.clock)))
    assert ((await played.version()).state, await played.of_kind("verify")) == ("verifying", [])
    assert await played.sweep() == 1
    assert (await played.one("verify")).spec.subject == (await played.version()).id
    assert await played.sweep() == 0


@pytest.mark.parametrize("succeeded", [True, False])
async def test_a_version_whose_recognition_ended_goes_on(played: Forgetful, succeeded: bool) -> None:
    recognise = await _recognised(played)
    ended = played.end(recognise, report=RECOGNISED) if succeeded else played.end(recognise, "failed", error="no")
    await played.lose(ended)
    assert await played.sweep() == 1
    if not succeeded:
        assert ((await played.version()).state, (await played.version()).reason) == ("rejected", "no")
        return
    load = await played.one("verify", recognise.id)
    assert (await played.version()).runtime == "sklearn"
    await played.end(load, report=VERIFIED)
    assert ((await played.version()).state, await played.sweep()) == ("ready", 0)


async def test_a_version_that_was_recognised_is_loaded(played: Forgetful) -> None:
    recognise = await _recognised(played)
    await played.lose(played.end(recognise, report=RECOGNISED))
    handler = next(one for one in played.handlers.of("job.ended") if one.name == "verification")
    ended = await played.jobs.get("acme", recognise.id)
    await played.lose(handler.handle(job_event(job_ended(ended), ended, "system", played.clock)))
    assert len(await played.of_kind("verify")) == 1
    assert await played.sweep() == 1
    assert len(await played.of_kind("verify")) == 2


async def test_a_version_whose_loading_ended_gets_its_verdict(played: Forgetful) -> None:
    recognise = await _recognised(played)
    await played.end(recognise, report=RECOGNISED)
    await played.lose(played.end(await played.one("verify", recognise.id), report=VERIFIED))
    assert await played.sweep() == 1
    assert (await played.version()).state == "ready"
    assert len(await played.of_kind("convert")) == 1, "what follows from that follows"


async def test_what_should_follow_from_readiness_does(played: Forgetful) -> None:
    """It is converted as its training asked, and its gates are measured."""
    await played.models.create(ANN, "digits", gates=(GATE,))
    recognise = await _recognised(played)
    await played.end(recognise, report=RECOGNISED)
    load = await played.one("verify", recognise.id)
    await played.lose(played.end(load, report=VERIFIED))
    handler = next(one for one in played.handlers.of("job.ended") if one.name == "verification")
    ended = await played.jobs.get("acme", load.id)
    await played.lose(handler.handle(job_event(job_ended(ended), ended, "system", played.clock)))
    assert (await played.version()).state == "ready"
    assert (await played.of_kind("convert"), await played.of_kind("evaluate")) == ([], [])
    assert await played.sweep() == 2
    await played.one("convert")
    await played.one("evaluate")
    assert await played.sweep() == 0


async def test_what_a_conversion_and_a_gate_ended_with_is_recorded(played: Forgetful) -> None:
    await played.models.create(ANN, "digits", gates=(GATE,))
    parent = await _ready(played)
    convert_job, evaluate = await played.one("convert"), await played.one("evaluate")
    await played.lose(played.end(convert_job, "failed", error="outputs differ"))
    await played.lose(played.end(evaluate, metrics={"accuracy": 0.95}))
    assert await played.sweep() == 2
    version = await played.version()
    assert version.metadata["conversion to onnx"] == f"none: job {convert_job.id} failed: outputs differ"
    assert [(result.value, result.job) for result in version.gate_results] == [(0.95, evaluate.id)]
    again = (await played.gates.evaluate("acme", "ann", "digits", 1)).items[0]
    played.clock.advance(1)
    await played.lose(played.end(again, metrics={"accuracy": 0.97}))
    by_hand = await played.conversion.convert("acme", "ann", "digits", 1, "onnx", tolerance=1e-3)
    await played.lose(played.end(by_hand, output={"model/model.onnx": b"o", "version.json": b'{"runtime":"onnx"}'}))
    assert await played.sweep() == 3, "the measurement, the child, and what the parent says of it"
    version = await played.version()
    assert [result.value for result in version.gate_results] == [0.97]
    assert version.metadata["conversion to onnx"] == f"version 2, made by job {by_hand.id}"
    assert (await played.version(2)).lineage.parent == parent.number
    assert await played.sweep() == 0


async def test_where_every_event_is_handled_a_sweep_finds_nothing(played: Forgetful) -> None:
    await played.models.create(ANN, "digits", gates=(GATE, Gate(metric="f1", dataset="nothere", minimum=0.5)))
    await _ready(played)
    await played.end(await played.one("convert"), "failed", error="no")
    await played.end(await played.one("evaluate"), metrics={"accuracy": 0.95})
    revision = (await played.version()).revision
    assert [await played.sweep() for _ in range(3)] == [0, 0, 0]
    assert ((await played.version()).revision, played.sweeps.followed["gates"]) == (revision, 0)
    played.sweeps = Sweeps(played.log, played.reaction_store, _finders(played), played.clock)
    assert await played.sweep() == 0, "nor by who leads next"


async def test_what_waits_or_is_a_dead_letter_is_left_to_its_row(
    played: Forgetful, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*given: Any, **more: Any) -> Job:
        raise Unavailable("the database is away")

    with monkeypatch.context() as patched:
        patched.setattr(played.jobs, "submit", away)
        await _importing(played)
        await played.react()
        for _ in range(8):  # until its next try is far away
            played.clock.advance(150)
            await played.react()
        assert await played.sweep() == 0
        async with played.reaction_store.read() as tx:
            assert len(await tx.abouts()) == 1
    played.clock.advance(600)
    await played.react()
    await played.one("import")


async def test_a_sweep_waits_until_reactions_have_come_past_its_beginning(played: Forgetful) -> None:
    await _importing(played)
    played.clock.advance(YOUNG_S + 1)
    assert await played.sweeps.step(0) == 0
    assert played.sweeps.due, "it has not been"
    await played.react()
    assert await played.sweeps.step(played.reactions.position) == 0
    assert not played.sweeps.due
    played.clock.advance(EVERY_S)
    assert played.sweeps.due


async def test_a_finder_or_a_stray_that_fails_keeps_no_other_from_going_on(
    sqlite: Database, caplog: pytest.LogCaptureFixture
) -> None:
    played = await Forgetful(sqlite).start()
    moved: list[str] = []

    def stray(name: str, error: Exception | None = None) -> MissedReaction:
        async def follow() -> None:
            moved.append(name)
            if error is not None:
                raise error

        return MissedReaction("acme", name, name, follow, name)

    async def broken(since: Since):  # type: ignore[no-untyped-def]
        raise KeyError("a defect")
        yield

    async def some(since: Since):  # type: ignore[no-untyped-def]
        for one in (stray("a", KeyError("a defect")), stray("b", Unavailable("away")), stray("c")):
            if one.once not in since.settled:
                yield one

    played.sweeps = Sweeps(played.log, played.reaction_store, {"broken": broken, "some": some}, played.clock)
    assert (await played.sweep(), played.sweeps.followed) == (1, {"broken": 0, "some": 1})
    assert await played.sweep() == 0
    assert moved == ["a", "b", "c", "b"], "tried again is only what may pass"
    assert "broken can't be swept" in caplog.text


def _finders(played: Forgetful) -> Any:
    return played.sweeps._finders
