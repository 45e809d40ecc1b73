"""Stores usage events in blocks: events with equal labels, within a minute at most, share one row with their sums.

A batch of a thousand events of one key is one row to write instead of a thousand, and sums are sums of sums. The block
holds every event, by column, as MessagePack. Formats:

3 (written), of pieces of time (`pieces`): an array of `of`, seq, request_id, at, until, and a map of each meter to a
  column; columns as below, those of seq and request_id always arrays. Its block counts no requests.
2 (written), of requests: an array of seq, at, request_id, status, rows, bytes_in, bytes_out, compute_ns, queue_ns,
  total_ns, revision: each an array with one value for each event, or the one value that all have. Then, where there are
  any, a map of each further meter to such a column, null for events that do not have it.
1. An array of seq, at, request_id, status, rows, bytes_in, bytes_out, compute_ns: each an array.
"""

from collections.abc import Iterable, Iterator
from operator import attrgetter
from typing import Any

import msgspec

from bms.core.meters import OF_EVERY_REQUEST
from bms.core.usage import Attempt, Quantities, UsageRun

FORMAT = 2
HELD_FORMAT = 3
SPAN_NS = 60 * 10**9
"""No block holds events of two spans, so a block is in one hour and one day, and a search by time is bounded."""
MAX_EVENTS = 1000
_LARGEST = (1 << 63) - 1
_Group = tuple[list[int], list[Attempt]]  # numbers, and what has them
_labels = attrgetter("tenant", "key", "deployment", "model", "version", "revision")
_amounts = ("at", *OF_EVERY_REQUEST)
_encode = msgspec.msgpack.Encoder().encode


class UsageBlock(msgspec.Struct, frozen=True, kw_only=True):
    """A block of usage events of one source with equal labels, in order of seq: `seq` is the first's, others may lie
    between them.

    `more` are the sums of meters that not every request has. `revision` is None where its events have several: those of
    before blocks were made by it, too.
    """

    source: str
    seq: int
    format: int = FORMAT
    tenant: str
    key: str
    deployment: str
    model: str
    version: int
    first_at: int  # the least and the greatest `at`, Unix nanoseconds
    last_at: int
    requests: int
    ok: int  # of them with a status below 400
    rows: int
    bytes_in: int
    bytes_out: int
    compute_ns: int
    queue_ns: int = 0
    total_ns: int = 0
    more: dict[str, int] = {}
    events: bytes
    revision: int | None = None


def pack(source: str, runs: Iterable[UsageRun]) -> list[UsageBlock]:
    """Packs the events of `runs` into blocks, each event into one. Times and amounts of more than 63 bits are kept as
    nearly as can be."""
    groups: dict[object, _Group] = {}
    for run in runs:
        for seq, attempt in enumerate(run.attempts, run.first):
            name = _labels(attempt)
            group = groups.get(name)
            if group is None:
                group = groups[name] = ([], [])
            group[0].append(seq)
            group[1].append(attempt)
    return [
        block
        for seqs, attempts in groups.values()
        for of_a_span in _by_span(seqs, attempts)
        for block in _blocks(source, *of_a_span)
    ]


def _by_span(seqs: list[int], attempts: list[Attempt]) -> Iterable[_Group]:
    times = [attempt.at for attempt in attempts]
    if min(times) // SPAN_NS == max(times) // SPAN_NS:  # as nearly always
        return [(seqs, attempts)]
    found: dict[int, _Group] = {}
    for at, seq, attempt in zip(times, seqs, attempts, strict=True):
        group = found.setdefault(at // SPAN_NS, ([], []))
        group[0].append(seq)
        group[1].append(attempt)
    return found.values()


def _blocks(source: str, seqs: list[int], attempts: list[Attempt]) -> Iterator[UsageBlock]:
    """The block, or as many as it takes to keep to MAX_EVENTS and to sums of 64 bits."""
    if len(seqs) <= MAX_EVENTS:
        block = _block(source, seqs, attempts)
        amounts = [getattr(block, name) for name in OF_EVERY_REQUEST]
        if max(block.last_at, *amounts, *block.more.values()) <= _LARGEST:
            yield block
            return
        if len(seqs) == 1:  # one that can't be true must not keep the others from being stored
            yield _block(source, seqs, [_bounded(attempts[0])])
            return
    half = len(seqs) // 2
    yield from _blocks(source, seqs[:half], attempts[:half])
    yield from _blocks(source, seqs[half:], attempts[half:])


def _bounded(attempt: Attempt) -> Attempt:
    """The event with every amount as near to the given one as can be stored."""
    kept = {name: max(0, min(getattr(attempt, name), _LARGEST)) for name in _amounts}
    more = tuple([(name, max(0, min(amount, _LARGEST))) for name, amount in attempt.more])
    return msgspec.structs.replace(attempt, **kept, more=more)


def _block(source: str, seqs: list[int], attempts: list[Attempt]) -> UsageBlock:
    labels = attempts[0]
    times = [attempt.at for attempt in attempts]
    statuses = [attempt.status for attempt in attempts]
    amounts = (  # of OF_EVERY_REQUEST; not by their names, which takes thrice the time
        [attempt.rows for attempt in attempts],
        [attempt.bytes_in for attempt in attempts],
        [attempt.bytes_out for attempt in attempts],
        [attempt.compute_ns for attempt in attempts],
        [attempt.queue_ns for attempt in attempts],
        [attempt.total_ns for attempt in attempts],
    )
    columns: list[Any] = [
        seqs,
        times,
        [attempt.request_id for attempt in attempts],
        *map(column, (statuses, *amounts, [attempt.revision for attempt in attempts])),
    ]
    more: dict[str, int] = {}
    if further := [attempt.more for attempt in attempts if attempt.more]:
        if len(further) < len(attempts):
            further = [attempt.more for attempt in attempts]
        kept = by_meter(further)
        more = {name: sum(amount or 0 for amount in each) for name, each in kept.items()}
        columns.append({name: column(each) for name, each in kept.items()})
    return UsageBlock(
        source=source,
        seq=seqs[0],
        tenant=labels.tenant,
        key=labels.key,
        deployment=labels.deployment,
        model=labels.model,
        version=labels.version,
        first_at=min(times),
        last_at=max(times),
        requests=len(seqs),
        ok=len(seqs) if columns[3] == 200 else sum([status < 400 for status in statuses]),
        **dict(zip(OF_EVERY_REQUEST, map(sum, amounts), strict=True)),
        more=more,
        revision=labels.revision,
        events=_encode(columns),
    )


def column(values: list[Any]) -> Any:
    """The values as a column: the one value where all are equal."""
    first = values[0]
    return first if first == values[-1] and values.count(first) == len(values) else values


def by_meter(further: Iterable[Quantities]) -> dict[str, list[int | None]]:
    """A column for each meter that any of the events has, by name; a meter named twice in an event counts by its
    sum."""
    each: list[dict[str, int]] = []
    for pairs in further:
        found: dict[str, int] = {}
        for name, amount in pairs:
            found[name] = found.get(name, 0) + amount
        each.append(found)
    return {name: [one.get(name) for one in each] for name in sorted(set().union(*each))}
