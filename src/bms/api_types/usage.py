"""/api/v1/usage: usage records, of who used how much of what."""

from datetime import datetime
from typing import Annotated

import msgspec

Of = Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["jobs", "replicas", "requests", "storage"]})]


class UsageSum(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A sum of usage; the fields that it was grouped by identify it, the others are left out. `hour` and `day` are when
    each begins. `quantities` are by meter, all that anything was used of; grouped by meter, a row is of its meter
    alone."""

    key: str | None = None
    deployment: str | None = None
    model: str | None = None
    version: int | None = None
    revision: int | None = None
    day: datetime | None = None
    hour: datetime | None = None
    meter: str | None = None
    requests: int
    ok: int
    errors: int
    rows: int
    bytes_in: int
    bytes_out: int
    compute_ns: int
    quantities: dict[str, int] = {}


class UsageSums(msgspec.Struct, frozen=True, kw_only=True):
    items: list[UsageSum]


class UsageEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One usage record: one attempt of one request; or, `of` replicas, jobs or storage, a piece of the time that one
    was held, which ends before `until`: `request_id` is its id then. Times are Unix nanoseconds; `status` is the HTTP
    status; `revision` that of the deployment's route that was in force."""

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
    of: Of = "requests"
    until: int = 0
    quantities: dict[str, int] = {}
