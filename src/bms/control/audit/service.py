"""Lists a tenant's events, newest first, for the audit."""

from datetime import datetime
from typing import Protocol

import msgspec

from bms.control.platform.transactions import Store
from bms.core.pages import Page, PageRequest


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One event as the audit shows it; `number` orders all events of the platform. Names are those of users and keys,
    also of deleted ones; empty for other subjects, whose id is a name already."""

    number: int
    name: str
    subject: str
    actor: str
    at: datetime
    details: dict[str, str | int | float | bool | None]
    subject_name: str = ""
    actor_name: str = ""


class AuditTx(Protocol):
    """Reads the log of events inside one transaction."""

    async def entries(self, tenant: str, page: PageRequest, name: str | None, subject: str | None) -> Page[AuditEntry]:
        """Newest first; filters match exactly. `subject` is an id or a name, also of a deleted user or key."""
        ...


class AuditService:
    """Use case of the audit: lists events for those who may read them."""

    def __init__(self, store: Store[AuditTx]) -> None:
        self._store = store

    async def entries(
        self, tenant: str, page: PageRequest, name: str | None = None, subject: str | None = None
    ) -> Page[AuditEntry]:
        async with self._store.read() as tx:
            return await tx.entries(tenant, page, name, subject)
