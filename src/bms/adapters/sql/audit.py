"""The audit log, read from the event log with the names of users and keys."""

from collections.abc import Collection
from typing import Any

import msgspec
from sqlalchemy import Select, select

from bms.adapters.sql.store import Repository
from bms.adapters.sql.tables.events import events
from bms.adapters.sql.tables.tenants import keys, users
from bms.control.audit.service import AuditEntry
from bms.core.errors import InvalidArgument
from bms.core.pages import Page, PageRequest, page_of

_MADE = ("user.created", "key.created")  # events that tell a name


class SqlAudit(Repository):
    """`AuditTx` on SQL."""

    async def entries(self, tenant: str, page: PageRequest, name: str | None, subject: str | None) -> Page[AuditEntry]:
        query = select(events).where(events.c.tenant == tenant).order_by(events.c.number.desc()).limit(page.limit + 1)
        if page.after is not None:
            query = query.where(events.c.number < _number(page.after))
        if name is not None:
            query = query.where(events.c.name == name)
        if subject is not None:
            query = query.where(events.c.subject.in_([subject, *await self._named(tenant, subject)]))
        rows = [dict(row) for row in (await self._connection.execute(query)).mappings()]
        names = await self._names(tenant, {row[one] for row in rows for one in ("subject", "actor")})
        return page_of([(str(row["number"]), _entry(row, names)) for row in rows], page.limit)

    async def _named(self, tenant: str, name: str) -> set[str]:
        """The ids of users and keys that are called so, or were."""
        return {row.subject for row in await self._made(tenant) if row.details.get("name") == name}

    async def _names(self, tenant: str, ids: Collection[str]) -> dict[str, str]:
        """Of users and keys, by id. Those that are deleted are looked for among the events, which takes longer."""
        found: dict[str, str] = {}
        for table in (users, keys):
            query: Select[Any] = select(table.c.id, table.c.name).where(table.c.tenant == tenant, table.c.id.in_(ids))
            found |= {row.id: row.name for row in await self._connection.execute(query)}
        left = {id for id in ids if id not in found and id.startswith(("user_", "bmsk_"))}
        if left:
            found |= {row.subject: row.details["name"] for row in await self._made(tenant, left)}
        return found

    async def _made(self, tenant: str, ids: Collection[str] | None = None) -> list[Any]:
        query = select(events.c.subject, events.c.details).where(events.c.tenant == tenant, events.c.name.in_(_MADE))
        if ids is not None:
            query = query.where(events.c.subject.in_(ids))
        return list(await self._connection.execute(query))


def _entry(row: dict[str, Any], names: dict[str, str]) -> AuditEntry:
    told = {field: row[field] for field in AuditEntry.__struct_fields__ if field in row}
    return msgspec.structs.replace(
        AuditEntry(**told), subject_name=names.get(row["subject"], ""), actor_name=names.get(row["actor"], "")
    )


def _number(cursor: str) -> int:
    if not cursor.isdecimal():
        raise InvalidArgument("the cursor is not of this listing: repeat it from its start")
    return int(cursor)
