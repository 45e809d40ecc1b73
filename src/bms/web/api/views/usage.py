"""Converts usage into answers of the API."""

from bms.api_types import usage
from bms.control.billing.nouns import UsageSum
from bms.core.usage import UsageEvent, quantities


def total(one: UsageSum) -> usage.UsageSum:
    return usage.UsageSum(
        key=one.key,
        deployment=one.deployment,
        model=one.model,
        version=one.version,
        revision=one.revision,
        day=one.day,
        hour=one.hour,
        meter=one.meter,
        requests=one.requests,
        ok=one.ok,
        errors=one.errors,
        rows=one.rows,
        bytes_in=one.bytes_in,
        bytes_out=one.bytes_out,
        compute_ns=one.compute_ns,
        quantities=one.quantities,
    )


def entry(one: UsageEvent) -> usage.UsageEntry:
    return usage.UsageEntry(
        source=one.source,
        seq=one.seq,
        at=one.at,
        key=one.key,
        deployment=one.deployment,
        model=one.model,
        version=one.version,
        request_id=one.request_id,
        status=one.status,
        rows=one.rows,
        bytes_in=one.bytes_in,
        bytes_out=one.bytes_out,
        compute_ns=one.compute_ns,
        queue_ns=one.queue_ns,
        total_ns=one.total_ns,
        revision=one.revision,
        of=one.of,
        until=one.until,
        quantities=quantities(one),
    )
