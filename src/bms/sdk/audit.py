"""The audit: who did what, as the events that tell of it."""

from datetime import datetime

import msgspec

from bms.sdk.binding import D, Resource, stream
from bms.sdk.flow import Stream


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """`name` is `noun.verb_in_past`; `actor` is a user's or key's id, or "system". Users and keys have
    names, too, also deleted ones."""

    name: str
    subject: str
    actor: str
    at: datetime
    tenant: str = ""
    details: dict[str, object] = {}
    subject_name: str = ""
    actor_name: str = ""


class Audit(Resource[D]):
    """/api/v1/audit"""

    @stream
    def list(self, *, name: str | None = None, subject: str | None = None) -> Stream[AuditEntry]:
        """Newest first; `name` is an event's, such as `key.revoked`, `subject` the id or name of the thing."""
        return self._pages("/audit", AuditEntry, {"name": name, "subject": subject})
