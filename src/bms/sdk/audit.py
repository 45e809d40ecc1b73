"""The audit log: who did what and when, listed from the platform's events."""

from bms.api_types.audit import AuditEntry
from bms.sdk.binding.resources import D, Resource, stream
from bms.sdk.transport.flow import Stream

__all__ = ["Audit", "AuditEntry"]


class Audit(Resource[D]):
    """Reads the audit log (`/api/v1/audit`)."""

    @stream
    def list(self, *, name: str | None = None, subject: str | None = None) -> Stream[AuditEntry]:
        """Lists audit entries, newest first; `name` is an event's, such as `key.revoked`, `subject` the id or name of
        the thing."""
        return self._pages("/audit", AuditEntry, {"name": name, "subject": subject})
