"""How the books are kept: events that share what they are billed to, a minute at most, in one block with its sums.

A batch of a thousand events of one key is one row to write instead of a thousand, and sums are sums of sums. The block
holds every event, by column: MessagePack, an array for each of seq, at, request_id, status, rows, bytes_in, bytes_out,
compute_ns, all of the same length.
"""

from collections.abc import Iterable, Iterator
from operator import attrgetter

import msgspec

from bms.core.usage import Attempt, UsageEvent, UsageRun

SPAN_NS = 60 * 10**9
"""No block holds events of two spans, so a block is in one hour and one day, and a search by time is bounded."""
MAX_EVENTS = 1000
_LARGEST = (1 << 63) - 1
_labels = attrgetter("tenant", "key", "deployment", "model", "version")
_encode = msgspec.msgpack.Encoder().encode
_Columns = tuple[list[int], list[int], list[str], list[int], list[int], list[int], list[int], list[int]]
_columns = msgspec.msgpack.Decoder(_Columns)


class UsageBlock(msgspec.Struct, frozen=True, kw_only=True):
    """Events of one source with equal labels, in order of seq: `seq` is the first's, others may lie between them."""

    source: str
    seq: int
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
    events: bytes


def pack(source: str, runs: Iterable[UsageRun]) -> list[UsageBlock]:
    """Each event of `runs` in one block. Raises InvalidArgument for times and amounts of more than 63 bits."""
    groups: dict[tuple[object, ...], tuple[list[int], list[Attempt]]] = {}
    for run in runs:
        for seq, attempt in enumerate(run.attempts, run.first):
            name = (_labels(attempt), attempt.at // SPAN_NS)
            group = groups.get(name)
            if group is None:
                group = groups[name] = ([], [])
            group[0].append(seq)
            group[1].append(attempt)
    return [block for seqs, attempts in groups.values() for block in _blocks(source, seqs, attempts)]


def unpack(block: UsageBlock) -> Iterator[UsageEvent]:
    """Its events, as they were."""
    labels = (block.tenant, block.key, block.deployment, block.model, block.version)
    for seq, at, *rest in zip(*_columns.decode(block.events), strict=True):
        yield UsageEvent(block.source, seq, at, *labels, *rest)


def _blocks(source: str, seqs: list[int], attempts: list[Attempt]) -> Iterator[UsageBlock]:
    """One block, or as many as it takes to keep to MAX_EVENTS and to sums of 64 bits."""
    if len(seqs) <= MAX_EVENTS:
        block = _block(source, seqs, attempts)
        if max(block.last_at, block.rows, block.bytes_in, block.bytes_out, block.compute_ns) <= _LARGEST:
            yield block
            return
        if len(seqs) == 1:  # one that can't be true must not keep the others from the books
            yield _block(source, seqs, [_bounded(attempts[0])])
            return
    half = len(seqs) // 2
    yield from _blocks(source, seqs[:half], attempts[:half])
    yield from _blocks(source, seqs[half:], attempts[half:])


def _bounded(attempt: Attempt) -> Attempt:
    """With every amount as near to what it says as can be kept."""
    names = ("at", "rows", "bytes_in", "bytes_out", "compute_ns")
    return msgspec.structs.replace(attempt, **{name: max(0, min(getattr(attempt, name), _LARGEST)) for name in names})


def _block(source: str, seqs: list[int], attempts: list[Attempt]) -> UsageBlock:
    labels = attempts[0]
    times = [attempt.at for attempt in attempts]
    statuses = [attempt.status for attempt in attempts]
    rows = [attempt.rows for attempt in attempts]
    bytes_in = [attempt.bytes_in for attempt in attempts]
    bytes_out = [attempt.bytes_out for attempt in attempts]
    compute_ns = [attempt.compute_ns for attempt in attempts]
    ids = [attempt.request_id for attempt in attempts]
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
        ok=sum([status < 400 for status in statuses]),
        rows=sum(rows),
        bytes_in=sum(bytes_in),
        bytes_out=sum(bytes_out),
        compute_ns=sum(compute_ns),
        events=_encode((seqs, times, ids, statuses, rows, bytes_in, bytes_out, compute_ns)),
    )
