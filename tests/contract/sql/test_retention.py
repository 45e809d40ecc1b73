"""Jobs and events go when they are old and nothing needs them, on both databases; what anybody may need stays."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import insert, select

from bms.adapters.sql.audit import SqlAudit
from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.retention import SqlRetention
from bms.adapters.sql.store import SqlStore
from bms.adapters.sql.tables.allotments import allotments
from bms.adapters.sql.tables.events import events
from bms.adapters.sql.tenants import SqlTenants
from bms.control.audit.service import AuditService
from bms.control.jobs.events import JobEnded
from bms.control.jobs.nouns import Job
from bms.control.models.collection import Collector, VersionReferences
from bms.control.platform.allotments import Allotment, milliseconds
from bms.control.platform.reactions import READER
from bms.control.platform.trees import get_tree
from bms.control.retention import service as retention
from bms.control.retention.nouns import ExpiredRecords
from bms.control.retention.service import RetentionService
from bms.control.tenants.deletion import TenantDeletion
from bms.control.tenants.service import TenantService
from bms.control.training.nouns import Training
from bms.core.access.principal import Principal
from bms.core.clock import ManualClock
from bms.core.errors import Internal, NotFound, PermissionDenied
from bms.core.events import Recorded
from bms.core.pages import PageRequest
from bms.core.retention import DAY_S, RetentionPolicy
from tests.worlds.features import ANN, Played
from tests.worlds.jobs import add_tenant, job, once, put_files

OPERATOR = Principal(tenant="default", user="ops", key="k", role="owner", scopes=frozenset())


class World(Played):
    """Features whose rows become old."""

    def retention(self, jobs: float | None = 90, events: float | None = 400) -> RetentionService:
        """Periods in days."""
        policy = RetentionPolicy(
            jobs_s=None if jobs is None else jobs * DAY_S, events_s=None if events is None else events * DAY_S
        )
        store = SqlStore(self.database, SqlRetention)
        return RetentionService(store, self.clock, policy, operator="default", reader=READER)

    async def removed(self, jobs: float | None = 90, events: float | None = 400) -> dict[tuple[str, str], int]:
        """By kind and tenant; and just that was foretold."""
        service = self.retention(jobs, events)
        foretold = await service.expired(OPERATOR)
        done = await service.step()
        assert done == foretold
        assert sum(service.removed.values()) == sum(each.count for each in done.expired)
        return _counts(done.expired)

    async def settle(self) -> None:
        await self.reactions.run_until_idle()
        await self.reactions.stop()

    async def add(self, *jobs: Job) -> None:
        async with self.job_store.write() as tx:
            for each in jobs:
                await tx.add_job(each)

    async def left(self, tenant: str = "acme") -> set[str]:
        return {each.id for each in (await self.jobs.jobs(tenant, PageRequest(limit=500))).items}

    async def told(self, name: str = "records.removed") -> list[Recorded]:
        return [row for _, row in await self.log.since(0) if row.name == name]

    async def collect(self) -> None:
        references = [VersionReferences(self.models_store, self.objects), self.jobs.references]
        await Collector(self.objects, references).collect("acme")

    async def write_events(self, count: int, tenant: str = "acme", name: str = "test.done") -> None:
        said = {"name": name, "tenant": tenant, "subject": "s", "actor": "a", "at": self.clock.now(), "details": {}}
        async with self.database.writing() as connection:
            await connection.execute(insert(events), [said] * count)


@pytest.fixture
async def world(database: Database, clock: ManualClock) -> World:
    made = World(database, clock)
    await made.start()
    for tenant in ("default", "other"):
        await add_tenant(database, clock, tenant)
    return made


def _counts(found: tuple[ExpiredRecords, ...]) -> dict[tuple[str, str], int]:
    return {(each.kind, each.tenant): each.count for each in found}


async def test_a_job_goes_with_its_log_and_output_once_it_ended_long_ago(world: World) -> None:
    log, kept = [(await world.objects.put("acme", once(text))).digest for text in (b"old", b"young")]
    old, soon = world.clock.now(), world.clock.now() + timedelta(days=5)
    ended = [job(f"job_{state}", state=state, ended_at=old) for state in ("succeeded", "failed", "cancelled", "lost")]
    living = [job(f"job_{state}", state=state) for state in ("queued", "starting", "running")]
    await world.add(*ended, *living, job("job_old_log", state="failed", ended_at=old, log=log))
    await world.add(job("job_young", state="failed", ended_at=soon, log=kept))
    await world.add(job("job_other", tenant="other", state="lost", ended_at=old))
    await world.settle()
    world.clock.advance(90 * DAY_S)
    assert await world.removed() == {}, "the day that they ended is not over for long enough"
    world.clock.advance(DAY_S)
    assert await world.removed(jobs=None) == {}
    assert await world.removed() == {("jobs", "acme"): 5, ("jobs", "other"): 1}
    assert await world.left() == {"job_young", *(each.id for each in living)}
    assert await world.left("other") == set()
    first, second = sorted(await world.told(), key=lambda row: row.tenant)
    assert (first.tenant, first.subject, first.actor) == ("acme", "jobs", "system")
    assert first.details == {"count": 5, "before": "2026-01-02T00:00:00+00:00"}
    assert (second.tenant, second.details["count"]) == ("other", 1)
    await world.collect()
    assert await world.objects.stat("acme", log) is None
    assert await world.objects.stat("acme", kept) is not None
    assert await world.removed() == {}
    assert len(await world.told()) == 2, "nothing is told where nothing was removed"


async def test_what_a_version_was_made_of_stays_and_what_else_an_output_held_is_paid_for_to_its_end(
    world: World,
) -> None:
    await world.digits()
    code = await put_files(world.objects, "acme", {"a.py": b"pass"})
    wanted = Training(name="train", code=code, entry="a.py", datasets={"data": "digits"}, model="m")
    made = await world.training.submit(ANN, wanted)
    await world.end(made, output=world.made())
    (version,) = (await world.models.versions("acme", "m", PageRequest())).items
    output = (await world.jobs.get("acme", made.id)).output
    assert output is not None
    async with world.job_store.write() as tx:
        held = Allotment(of="storage", subject=made.id, tenant="acme", rates={"storage_byte_s": 1})
        await tx.open_allotment(held, world.clock.now())
    for each in await world.of_kind("verify"):
        await world.end(each, "failed", error="no")
    await world.settle()
    world.clock.advance(100 * DAY_S)
    assert (await world.removed())["jobs", "acme"] >= 3
    with pytest.raises(NotFound, match="no job"):
        await world.jobs.get("acme", made.id)
    await world.collect()
    assert await world.objects.stat("acme", output) is None
    for file in (await get_tree(world.objects, "acme", version.artifact)).files:
        assert await world.objects.stat("acme", file.digest) is not None
    async with world.database.reading() as connection:
        query = select(allotments.c.closed_at).where(allotments.c.subject == made.id)
        assert (await connection.execute(query)).scalar() == milliseconds(world.clock.now())
    await world.react()
    assert await world.sweeps.step(world.reactions.position) == 0, "nobody looks for what is gone"
    assert not world.sweeps.due, "it was looked"
    assert await world.of_kind("train") == []


async def test_a_job_stays_while_what_follows_from_its_end_was_not_done(world: World) -> None:
    ended = job(spec={"kind": "verify", "subject": "version_1"}, state="running")
    await world.add(ended)
    world.handlers.on(JobEnded, "test", _never)
    await world.end(ended, "failed")
    world.clock.advance(100 * DAY_S)
    assert await world.removed() == {}, "the position in the log was not kept yet"
    await world.settle()
    assert await world.removed() == {}, "a dead letter wants it"
    async with world.reaction_store.write() as tx:
        found = (await tx.reactions(PageRequest(), "dead")).items
        await tx.remove([each.id for each in found])
    assert found
    assert await world.removed() == {("jobs", "acme"): 1}


async def _never(_event: object) -> None:
    raise Internal("it can't be done")


async def test_events_go_once_they_are_handled_and_old_but_names_stay_in_the_audit(
    world: World,
) -> None:
    store = SqlStore(world.database, SqlTenants)
    tenants = TenantService(store, world.clock, b"p" * 32)
    by = Principal(tenant="acme", user="ann", key="k", role="owner", scopes=frozenset())
    eve = await tenants.create_user(by, "eve", "viewer")
    await TenantDeletion(store, world.clock, _nothing).delete_user(by, "eve")
    await world.write_events(3)
    await world.write_events(2, "other")
    world.clock.advance(10 * DAY_S)
    await world.write_events(1)
    world.clock.advance(400 * DAY_S - 9 * DAY_S)
    assert await world.removed() == {}, "nobody has handled any"
    await world.settle()
    last = await world.log.last()
    assert await world.removed(events=None) == {}
    assert await world.removed() == {("events", "acme"): 4, ("events", "other"): 2}
    left = await world.log.since(0)
    audit = AuditService(SqlStore(world.database, SqlAudit))
    page = await audit.entries("acme", PageRequest(), subject="eve")
    assert [(each.name, each.subject, each.subject_name) for each in page.items] == [("user.created", eve.id, "eve")]
    assert {row.tenant for _, row in left} == {"acme", "other"}
    assert {number for number, row in left if row.name == "records.removed"} == {last + 1, last + 2}
    world.clock.advance(1000 * DAY_S)
    assert await world.removed() == {("events", "acme"): 1}, "what tells of it was handled by nobody yet"


async def test_the_newest_event_stays_so_that_no_number_is_given_twice(world: World) -> None:
    await world.write_events(3)
    await world.settle()
    world.clock.advance(1000 * DAY_S)
    assert await world.removed() == {("events", "acme"): 2}
    assert [number for number, _ in await world.log.since(0)] == [3, 4]


async def test_an_event_stays_while_a_dead_letter_names_it(world: World) -> None:
    ended = job(spec={"kind": "verify", "subject": "version_1"}, state="running")
    await world.add(ended)
    world.handlers.on(JobEnded, "test", _never)
    await world.end(ended, "failed")
    await world.write_events(1)
    await world.settle()
    world.clock.advance(1000 * DAY_S)
    await world.removed()
    async with world.reaction_store.read() as tx:
        (dead,) = {each.number for each in (await tx.reactions(PageRequest(), "dead")).items}
        assert await tx.event(dead) is not None


async def test_pages_are_bounded_and_two_at_once_remove_nothing_twice(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "PAGE", 20)
    await world.add(*(job(f"job_{n}", state="lost", ended_at=world.clock.now()) for n in range(50)))
    await world.write_events(101)
    await world.settle()
    world.clock.advance(1000 * DAY_S)
    services = [world.retention(), world.retention()]
    await asyncio.gather(*(service.step() for service in services))
    assert sum(service.removed["jobs"] for service in services) == 50
    left = len(await world.told("test.done"))
    assert left in (0, 1), "the newest stays for who looks before there is a newer one, which tells of the removal"
    assert sum(service.removed["events"] for service in services) == 101 - left
    told = [(row.subject, row.details["count"]) for row in await world.told()]
    assert sum(count for kind, count in told if kind == "jobs") == 50
    assert sum(count for kind, count in told if kind == "events") == 101 - left
    assert max(count for _, count in told) <= 20
    assert min(count for _, count in told) > 0


class _Ticking(ManualClock):
    """A clock on which a second passes with each look."""

    def monotonic(self) -> float:
        self._monotonic += 1
        return super().monotonic()


async def test_who_asks_by_hand_is_answered_soon_and_told_that_there_is_more(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "PAGE", 20)
    await world.write_events(501)
    await world.settle()
    world.clock.advance(1000 * DAY_S)
    with pytest.raises(PermissionDenied, match="operator"):
        await world.retention().prune(Principal(tenant="acme", user="a", key="k", role="owner", scopes=frozenset()))
    ticking = _Ticking(world.clock.now())
    policy, store = RetentionPolicy(), SqlStore(world.database, SqlRetention)
    service = RetentionService(store, ticking, policy, operator="default", reader=READER)
    counts = []
    while (done := await service.prune(OPERATOR)).more:
        counts.append(_counts(done.expired)["events", "acme"])
    counts.append(_counts(done.expired)["events", "acme"])
    assert len(counts) > 1
    assert sum(counts) == 501, "newer ones tell of the removal"
    assert {row.actor for row in await world.told()} == {"ops"}


async def test_a_deleted_tenants_events_go_as_all_others(world: World) -> None:
    store = SqlStore(world.database, SqlTenants)
    by = Principal(tenant="default", user="ops", key="k", role="owner", scopes=frozenset())
    await TenantDeletion(store, world.clock, _nothing).delete_tenant(by, "other")
    await world.write_events(2, "other")
    await world.write_events(1)
    await world.settle()
    world.clock.advance(1000 * DAY_S)
    assert (await world.removed())["events", "other"] >= 2


async def _nothing(_tenant: str) -> list[str]:
    return []
