"""A control that runs removes what its operator lets become old, with the blobs that only it named."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bms.adapters.sql.database.engine import Database
from bms.app.control import loops
from bms.app.control.assembly import ControlPlane, make_control_plane
from bms.app.home.directory import Home
from bms.app.rules import WorkloadRules
from bms.core.errors import NotFound
from bms.core.pages import PageRequest
from bms.core.retention import DAY_S, RetentionPolicy
from tests.worlds.homes import prepare
from tests.worlds.jobs import job, once

RULES = WorkloadRules(retention=RetentionPolicy(jobs_s=3 * DAY_S))


async def _until_removed(control: ControlPlane, id: str) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                await control.features.jobs.get("default", id)
            except NotFound:
                return
            await asyncio.sleep(0.05)


async def test_who_leads_removes_what_is_old_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "COLLECT_S", 0.1)
    home = Home(tmp_path / "home")
    prepare(home.root)
    (tmp_path / "run").mkdir()
    database = Database(home.database_url)
    try:
        bus = str(tmp_path / "run" / "bus")
        control = await make_control_plane(database, home.root, tmp_path / "run", bus, 2, bus_token="b", rules=RULES)
        log = (await control.platform.objects.put("default", once(b"words"))).digest
        ended = datetime.now(UTC) - timedelta(days=5)
        async with control.features.stores.jobs.write() as tx:
            for id, at in (("job_old", ended), ("job_young", ended + timedelta(days=3))):
                await tx.add_job(job(id, tenant="default", state="failed", ended_at=at, log=log))
        running = asyncio.create_task(loops.run_loops(control))
        try:
            await _until_removed(control, "job_old")
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        assert [each.id for each in (await control.features.jobs.jobs("default", PageRequest())).items] == ["job_young"]
        told = (await control.features.audit.entries("default", PageRequest(), name="records.removed")).items
        assert [(each.subject, each.actor, each.details["count"]) for each in told] == [("jobs", "system", 1)]
        assert await control.platform.objects.stat("default", log) is not None, "the young one names it, too"
        await control.close()
    finally:
        await database.close()
