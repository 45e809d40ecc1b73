"""Usage: what was used, by whom, from the books."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from bms.sdk.binding import D, Resource, operation, query_of, stream
from bms.sdk.flow import Flow, Stream


class UsageSum(msgspec.Struct, frozen=True, kw_only=True):
    """Sums over some of the books; what was grouped by says which, the rest of those is None. `quantities` are by
    meter, all that anything was used of; units: docs/usage.md. Grouped by meter, a row tells of its meter alone."""

    requests: int
    ok: int
    errors: int
    rows: int
    bytes_in: int
    bytes_out: int
    compute_ns: int
    key: str | None = None
    deployment: str | None = None
    model: str | None = None
    version: int | None = None
    revision: int | None = None
    day: datetime | None = None
    hour: datetime | None = None
    meter: str | None = None
    quantities: dict[str, int] = {}


class UsageEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One answered attempt of one request; or, `of` "replicas", "jobs" or "storage", a piece of the time that one was
    held, which ends before `until`: `request_id` is its id then. Times are Unix time in nanoseconds; `status` is the
    HTTP status; `revision` that of the deployment's route that was in force."""

    source: str
    seq: int
    at: int
    key: str
    deployment: str
    model: str
    version: int
    request_id: str
    status: int
    rows: int
    bytes_in: int
    bytes_out: int
    compute_ns: int
    queue_ns: int = 0
    total_ns: int = 0
    revision: int = 0
    of: str = "requests"
    until: int = 0
    quantities: dict[str, int] = {}


class _Sums(msgspec.Struct):
    items: tuple[UsageSum, ...]


class Usage(Resource[D]):
    """/api/v1/usage. Filters narrow together; of times, `start` is included and `end` is not. `tenant` is another than
    one's own, also a deleted one: for owners of the operator's tenant."""

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
        """Sums, grouped by some of key, deployment, model, version, revision, day, hour and meter; of `meters` alone,
        where given."""
        query = _filters(tenant, key, deployment, model, version, start, end)
        query |= {"group_by": ",".join(group_by), "meter": ",".join(meters) or None}  # older servers know no meters
        sums = yield from self._get("/usage", _Sums, query)
        return sums.items

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
        """Single events."""
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
        """All events as CSV, in pieces."""
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
