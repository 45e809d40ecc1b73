"""Usage records: who used how much of what."""

from collections.abc import Sequence
from datetime import datetime

from bms.api_types.usage import UsageEntry, UsageSum, UsageSums
from bms.sdk.binding.resources import D, Resource, operation, query_of, stream
from bms.sdk.transport.flow import Flow, Stream

__all__ = ["Usage", "UsageEntry", "UsageSum"]


class Usage(Resource[D]):
    """Reads usage records and their sums (`/api/v1/usage`). Filters narrow together; of times, `start` is included and
    `end` is not. `tenant` is another tenant, also a deleted one: for owners of the operator's tenant."""

    @operation
    def summary(
        self,
        *,
        group_by: Sequence[str] = (),
        meters: Sequence[str] = (),
        tenant: str | None = None,
        key: str | None = None,
        deployment: str | None = None,
        model: str | None = None,
        version: int | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> Flow[tuple[UsageSum, ...]]:
        """Sums usage, grouped by some of key, deployment, model, version, revision, day, hour and meter; of `meters`
        alone, where given."""
        query = _filters(tenant, key, deployment, model, version, start, end)
        query |= {"group_by": ",".join(group_by), "meter": ",".join(meters) or None}  # older servers know no meters
        sums = yield from self._get("/usage", UsageSums, query)
        return tuple(sums.items)

    @stream
    def events(
        self,
        *,
        tenant: str | None = None,
        key: str | None = None,
        deployment: str | None = None,
        model: str | None = None,
        version: int | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> Stream[UsageEntry]:
        """Lists single usage events."""
        return self._pages("/usage/events", UsageEntry, _filters(tenant, key, deployment, model, version, start, end))

    @stream
    def export(
        self,
        *,
        tenant: str | None = None,
        key: str | None = None,
        deployment: str | None = None,
        model: str | None = None,
        version: int | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> Stream[bytes]:
        """Downloads all usage events as CSV, in pieces."""
        return self._download("/usage/export", query_of(_filters(tenant, key, deployment, model, version, start, end)))


def _filters(
    tenant: str | None,
    key: str | None,
    deployment: str | None,
    model: str | None,
    version: int | None,
    start: datetime | None,
    end: datetime | None,
) -> dict[str, object]:
    things = {"tenant": tenant, "key": key, "deployment": deployment, "model": model, "version": version}
    return {**things, "start": start, "end": end}
