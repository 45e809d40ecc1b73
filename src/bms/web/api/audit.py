"""The audit over HTTP: who changed what, newest first."""

from bms.control.audit.service import AuditEntry, AuditService
from bms.core.pages import Page
from bms.web.api.endpoint import Call, Endpoint, Listing, listing


class AuditListing(Listing, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`name` is an event's, e.g. `key.revoked`; `subject` the id or name of the thing."""

    name: str | None = None
    subject: str | None = None


def endpoints(service: AuditService) -> list[Endpoint]:
    async def entries(call: Call[None]) -> Page[AuditEntry]:
        return await service.entries(call.principal.tenant, listing(call), call.query.name, call.query.subject)

    return [
        Endpoint("GET", "/audit", "audit:read", entries, "Who did what", Page[AuditEntry], query=AuditListing),
    ]
