"""Stores pieces of allotted time in blocks of usage events: see `blocks`, format 3."""

from collections.abc import Iterator, Sequence

import msgspec

from bms.control.billing.blocks import HELD_FORMAT, MAX_EVENTS, SPAN_NS, UsageBlock, by_meter, column
from bms.core.usage import UsageEvent

_LARGEST = (1 << 63) - 1


def pack_held(events: Sequence[UsageEvent]) -> list[UsageBlock]:
    """Packs pieces into blocks: those that are billed alike and begin in the same minute share one."""
    groups: dict[object, list[UsageEvent]] = {}
    for each in events:
        labels = (each.tenant, each.deployment, each.model, each.version, each.of, each.at // SPAN_NS)
        groups.setdefault(labels, []).append(each)
    return [block for group in groups.values() for block in _blocks(group)]


def _blocks(events: Sequence[UsageEvent]) -> Iterator[UsageBlock]:
    """The block, or as many as it takes to keep to MAX_EVENTS and to sums of 63 bits."""
    if len(events) <= MAX_EVENTS:
        block = _block(events)
        if len(events) == 1 or max(block.more.values(), default=0) <= _LARGEST:
            yield block
            return
    half = len(events) // 2
    yield from _blocks(events[:half])
    yield from _blocks(events[half:])


def _block(events: Sequence[UsageEvent]) -> UsageBlock:
    first = events[0]
    columns = by_meter([each.more for each in events])
    packed = [
        first.of,
        [each.seq for each in events],
        [each.request_id for each in events],
        *(column([getattr(each, name) for each in events]) for name in ("at", "until")),
        {meter: column(amounts) for meter, amounts in columns.items()},
    ]
    return UsageBlock(
        source=first.source,
        seq=first.seq,
        format=HELD_FORMAT,
        tenant=first.tenant,
        key=first.key,
        deployment=first.deployment,
        model=first.model,
        version=first.version,
        first_at=min(each.at for each in events),
        last_at=max(each.at for each in events),
        requests=0,
        ok=0,
        rows=0,
        bytes_in=0,
        bytes_out=0,
        compute_ns=0,
        revision=0,
        more={meter: sum(amount or 0 for amount in amounts) for meter, amounts in columns.items()},
        events=msgspec.msgpack.encode(packed),
    )
