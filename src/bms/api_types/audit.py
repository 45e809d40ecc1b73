"""/api/v1/audit: the audit log of who did what."""

from datetime import datetime

import msgspec


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the audit log: an event of the platform. `number` orders all events of the platform, `name` is
    `noun.verb_in_past`, `actor` a user's or key's id, or "system". Names are those of users and keys, also of deleted
    ones; empty for others, whose subject is a name."""

    number: int = 0
    name: str
    subject: str
    actor: str
    at: datetime
    details: dict[str, str | int | float | bool | None] = {}
    subject_name: str = ""
    actor_name: str = ""
