"""What is old, through the API: the operator's owners look, and have it removed; nobody else learns of it."""

from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.jobs import SqlJobs
from bms.adapters.sql.reactions import SqlReactions
from bms.adapters.sql.retention import SqlRetention
from bms.adapters.sql.store import SqlStore
from bms.app.control.event_catalogue import CATALOGUE
from bms.control.platform.handlers import Handlers
from bms.control.platform.reactions import READER, ReactionLoop
from bms.control.retention.service import RetentionService
from bms.core.clock import ManualClock
from bms.core.retention import DAY_S, RetentionPolicy
from bms.web.api.resources import retention as doors
from tests.described import check
from tests.worlds.api import Api
from tests.worlds.jobs import job


async def test_the_operators_owners_see_what_is_old_and_have_it_removed(database: Database, clock: ManualClock) -> None:
    policy = RetentionPolicy(events_s=None)
    service = RetentionService(SqlStore(database, SqlRetention), clock, policy, operator="default", reader=READER)
    api = await Api(database, clock, doors.endpoints(service)).start()
    async with api.as_admin as admin:
        acme = (await admin.post("/tenants", json={"id": "acme"})).json()["key"]["text"]
        await admin.post("/users", json={"name": "vic", "role": "admin"})
        viewer = await api.key_of(admin, user="vic")
        async with SqlStore(database, SqlJobs).write() as tx:
            await tx.add_job(job("job_1", state="failed", ended_at=clock.now()))
        reactions = ReactionLoop(api.events, SqlStore(database, SqlReactions), Handlers(CATALOGUE), clock, "default")
        await reactions.run_until_idle()
        await reactions.stop()
        clock.advance(92 * DAY_S)
        for key in (acme, viewer):
            async with api.client(key) as other:
                assert (await other.get("/system/retention")).status_code == 403
                assert (await other.post("/system/retention/prune")).status_code == 403
        for _ in range(2):
            would = await admin.get("/system/retention")
            check(would)
            assert would.json() == {
                "keep_jobs_s": 90 * DAY_S,
                "keep_events_s": None,
                "expired": [{"kind": "jobs", "tenant": "acme", "count": 1, "before": "2026-01-03T00:00:00Z"}],
                "more": False,
            }
        done = await admin.post("/system/retention/prune")
        check(done)
        assert done.json() == would.json()
        assert (await admin.get("/system/retention")).json()["expired"] == []
    (told,) = [row for _, row in await api.events.since(0) if row.name == "records.removed"]
    assert (told.tenant, told.subject, told.details["count"]) == ("acme", "jobs", 1)
    assert told.actor.startswith("user_")
    ((_, text),) = service.texts()
    assert 'bms_retention_removed_total{kind="jobs"} 1\n' in text
    assert 'bms_retention_removed_total{kind="events"} 0\n' in text
