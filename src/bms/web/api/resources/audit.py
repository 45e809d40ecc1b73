"""Audit endpoints: who changed what, newest first."""

from bms.api_types.audit import AuditEntry
from bms.api_types.pages import Page
from bms.control.audit.service import AuditService
from bms.web.api.endpoint import ApiCall, Endpoint, Listing, listing
from bms.web.api.views.audit import entry
from bms.web.api.views.pages import page


class AuditListing(Listing, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Query parameters: `name` is an event's, e.g. `key.revoked`; `subject` the id or name of what changed."""

    name: str | None = None
    subject: str | None = None


def endpoints(service: AuditService) -> list[Endpoint]:
    async def entries(call: ApiCall[None]) -> Page[AuditEntry]:
        query = call.query
        return page(await service.entries(call.principal.tenant, listing(call), query.name, query.subject), entry)

    return [
        Endpoint("GET", "/audit", "audit:read", entries, "Who did what", Page[AuditEntry], query=AuditListing),
    ]
