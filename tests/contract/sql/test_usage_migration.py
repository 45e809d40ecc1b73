"""Usage that was booked a row per event is put into blocks, and can be put back; no event is lost or changed."""

from pathlib import Path
from random import Random

import msgspec
import pytest
from alembic import command
from sqlalchemy import Connection, text

from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.database.steps import config
from bms.adapters.sql.store import SqlStore
from bms.adapters.sql.usage import SqlUsage
from bms.control.billing.booking import AllotmentBilling
from bms.control.billing.nouns import UsageFilter
from bms.control.billing.service import UsageService
from bms.control.platform.allotments import Allotment
from bms.core.clock import ManualClock
from bms.core.usage import UsageEvent, runs_of
from tests.worlds.databases import database_url

MINUTE = 60 * 10**9
COLUMNS = UsageEvent.__struct_fields__[:14]  # of before there were queue_ns and what follows it


def events() -> list[UsageEvent]:
    random = Random(3)
    return [
        UsageEvent(
            source, seq, 10**18 + seq * MINUTE // 100, tenant, "k", "d", "m", version, f"r{seq}", 200, 1, 2, 3, 4
        )
        for source, number in (("g0", 1300), ("g1", 7))
        for seq in range(1, number + 1)
        for tenant in random.choices(["acme", "other"])
        for version in random.choices([1, 2])
    ]


def _move(connection: Connection, to: str, how: str) -> None:
    {"up": command.upgrade, "down": command.downgrade}[how](config(connection), to)


async def _write(database: Database, how: str, to: str) -> None:
    async with database.engine.begin() as connection:
        await connection.run_sync(_move, to, how)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_rows_become_blocks_and_rows_again(kind: str, tmp_path: Path) -> None:
    rows = [{name: getattr(event, name) for name in COLUMNS} for event in events()]
    names = ", ".join(rows[0])
    async with database_url(kind, tmp_path) as url:
        database = Database(url)
        await _write(database, "up", "0001")
        async with database.engine.begin() as connection:
            places = ", ".join(f":{name}" for name in rows[0])
            await connection.execute(text(f"INSERT INTO usage_events ({names}) VALUES ({places})"), rows)
            for source, seq in (("g0", 1300), ("g1", 7)):
                await connection.execute(
                    text("INSERT INTO usage_sources (source, seq) VALUES (:source, :seq)"),
                    {"source": source, "seq": seq},
                )
        await _write(database, "up", "head")
        usage = UsageService(SqlStore(database, SqlUsage), ManualClock())
        found = [
            event
            for tenant in ("acme", "other")
            async for batch in usage.all_events(tenant, UsageFilter())
            for event in batch
        ]
        assert sorted(found, key=lambda one: (one.source, one.seq)) == events()
        (total,) = await usage.sums("acme", UsageFilter())
        assert total.requests == sum(event.tenant == "acme" for event in events())
        assert await usage.ingest("g1", runs_of([msgspec.structs.replace(found[0], seq=8)])) == 8
        clock = ManualClock()
        store = SqlStore(database, SqlUsage)
        async with store.write() as tx:
            held = Allotment(of="jobs", subject="job_1-a1", tenant="acme", rates={"job_ms": 1000})
            await tx.open_allotment(held, clock.now())
        clock.advance(3600)
        assert (
            await AllotmentBilling(store, clock).step() == 1
        )  # no event of a request: it stays behind on the way back
        await _write(database, "down", "0001")
        async with database.engine.connect() as connection:
            kept = (await connection.execute(text(f"SELECT {names} FROM usage_events ORDER BY source, seq"))).all()
        assert [UsageEvent(*row) for row in kept][:-1] == events()
        assert kept[-1][:2] == ("g1", 8)
        await database.close()
