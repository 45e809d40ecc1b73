"""Usage endpoints: sums, single events, and an export."""

from collections.abc import Awaitable, Callable
from datetime import datetime

import msgspec
from starlette.responses import StreamingResponse

from bms.api_types.pages import Page
from bms.api_types.usage import UsageEntry, UsageSums
from bms.control.billing import csv
from bms.control.billing.nouns import UsageFilter, dimensions, meters
from bms.control.billing.service import UsageService
from bms.control.tenants.nouns import DEFAULT_TENANT, Tenant
from bms.core.access.principal import Principal
from bms.core.errors import PermissionDenied
from bms.web.api.endpoint import ApiCall, Endpoint, Listing, listing
from bms.web.api.streaming import with_first_part
from bms.web.api.views import usage as view
from bms.web.api.views.pages import page

FindTenant = Callable[[Principal, str], Awaitable[Tenant]]
"""(who asks, id) -> the tenant, also a deleted one. Raises NotFound."""


class Matching(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Query parameters that select events. Times are RFC 3339 with a zone: `start` is included, `end` is not. `tenant`
    is another than one's own, also a deleted one: for owners of the operator's tenant."""

    tenant: str | None = None
    key: str | None = None
    deployment: str | None = None
    model: str | None = None
    version: int | None = None
    start: datetime | None = None
    end: datetime | None = None


class SumsQuery(Matching, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Query parameters of sums. `group_by` is some of key, deployment, model, version, revision, day, hour and meter,
    e.g. `key,model`; `meter` names the only meters to report as quantities, e.g. `input_tokens,rows`."""

    group_by: str = ""
    meter: str = ""


class EventsQuery(Matching, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Query parameters of a listing of events. It repeats those of `Listing`, because msgspec's types have one base."""

    limit: int = 100
    cursor: str | None = None
    page = Listing.page


def endpoints(service: UsageService, found: FindTenant) -> list[Endpoint]:
    async def sums(call: ApiCall[None]) -> UsageSums:
        by, only = dimensions(call.query.group_by), meters(call.query.meter)
        rows = await service.sums(await _tenant(call, found), _filter(call.query), by, only)
        return UsageSums(items=[view.total(each) for each in rows])

    async def events(call: ApiCall[None]) -> Page[UsageEntry]:
        return page(await service.events(await _tenant(call, found), _filter(call.query), listing(call)), view.entry)

    async def export(call: ApiCall[None]) -> StreamingResponse:
        batches = await with_first_part(service.all_events(await _tenant(call, found), _filter(call.query)))
        headers = {"content-disposition": 'attachment; filename="usage.csv"', "cache-control": "no-store"}
        return StreamingResponse(csv.lines(batches), media_type="text/csv; charset=utf-8", headers=headers)

    return [
        Endpoint("GET", "/usage", "usage:read", sums, "Sums of usage, grouped", UsageSums, query=SumsQuery),
        Endpoint(
            "GET", "/usage/events", "usage:read", events, "Single usage events", Page[UsageEntry], query=EventsQuery
        ),
        Endpoint(
            "GET", "/usage/export", "usage:read", export, "All events as CSV", bytes, query=Matching, media="text/csv"
        ),
    ]


async def _tenant(call: ApiCall[None], found: FindTenant) -> str:
    """Returns the tenant whose usage is asked for. Raises PermissionDenied, and NotFound for one that never was."""
    by, wanted = call.principal, call.query.tenant
    if wanted is None or wanted == by.tenant:
        return by.tenant
    if by.tenant != DEFAULT_TENANT or not by.may("tenants:write"):
        raise PermissionDenied(f"only owners of the tenant {DEFAULT_TENANT!r} may read another tenant's usage")
    return (await found(by, wanted)).id


def _filter(query: Matching) -> UsageFilter:
    return UsageFilter(
        key=query.key,
        deployment=query.deployment,
        model=query.model,
        version=query.version,
        start=query.start,
        end=query.end,
    )
