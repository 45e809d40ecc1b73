"""Stored answers of the API, by idempotency key."""

from datetime import timedelta

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.tables.events import idempotency
from bms.core.clock import Clock
from bms.core.errors import Aborted, InvalidArgument

KEPT = timedelta(hours=24)
ABANDONED = timedelta(minutes=10)  # a request that began and whose process died


class SqlReplies:
    """`Replies` of the API on SQL; entries are kept for a day."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def begin(self, tenant: str, key: str, fingerprint: str) -> tuple[int, bytes] | None:
        now = self._clock.now()
        async with self._database.writing() as connection:
            await connection.execute(delete(idempotency).where(idempotency.c.created_at < now - KEPT))
            await connection.execute(
                delete(idempotency).where(idempotency.c.status.is_(None), idempotency.c.created_at < now - ABANDONED)
            )
            try:
                async with connection.begin_nested():
                    await connection.execute(
                        insert(idempotency).values(tenant=tenant, key=key, fingerprint=fingerprint, created_at=now)
                    )
            except IntegrityError:
                mine = (idempotency.c.tenant == tenant, idempotency.c.key == key)
                row = (await connection.execute(select(idempotency).where(*mine))).mappings().one()
            else:
                return None
        if row["fingerprint"] != fingerprint:
            raise InvalidArgument("this Idempotency-Key was used for a different request: choose a fresh one")
        if row["status"] is None:
            raise Aborted("the first request with this Idempotency-Key is still running: repeat in a moment")
        return row["status"], row["answer"]

    async def finish(self, tenant: str, key: str, status: int, answer: bytes) -> None:
        async with self._database.writing() as connection:
            await connection.execute(
                update(idempotency)
                .where(idempotency.c.tenant == tenant, idempotency.c.key == key)
                .values(status=status, answer=answer)
            )

    async def abandon(self, tenant: str, key: str) -> None:
        async with self._database.writing() as connection:
            await connection.execute(
                delete(idempotency).where(
                    idempotency.c.tenant == tenant, idempotency.c.key == key, idempotency.c.status.is_(None)
                )
            )
