"""Unpacks a block of usage events; the formats are described in `blocks`."""

from collections.abc import Iterator
from typing import Any

import msgspec

from bms.control.billing.blocks import FORMAT, HELD_FORMAT, UsageBlock
from bms.core.errors import Unimplemented
from bms.core.usage import UsageEvent

_Labels = tuple[str, str, str, str, int]
_decode = msgspec.msgpack.Decoder(list[Any]).decode


def unpack(block: UsageBlock) -> Iterator[UsageEvent]:
    """The block's events, as they were. Raises Unimplemented for a block of a later format."""
    if block.format > HELD_FORMAT:
        raise Unimplemented(
            f"a block of usage events has format {block.format}, and this release reads {HELD_FORMAT} at most: use a "
            "newer one"
        )
    columns = _decode(block.events)
    labels = (block.tenant, block.key, block.deployment, block.model, block.version)
    if block.format == HELD_FORMAT:
        yield from _pieces(block.source, labels, columns)
        return
    more: list[Any] = []
    if block.format == FORMAT:
        columns, more = [_spread(column, block.requests) for column in columns[:11]], columns[11:]
    for place, (seq, at, *rest) in enumerate(zip(*columns, strict=True)):
        event = UsageEvent(block.source, seq, at, *labels, *rest)
        yield msgspec.structs.replace(event, more=_more_of(more[0], place)) if more else event


def _pieces(source: str, labels: _Labels, columns: list[Any]) -> Iterator[UsageEvent]:
    of, seqs, *rest, more = columns
    subjects, begins, ends = (_spread(column, len(seqs)) for column in rest)
    for place, (seq, subject, at, until) in enumerate(zip(seqs, subjects, begins, ends, strict=True)):
        further = _more_of(more, place)
        yield UsageEvent(source, seq, at, *labels, subject, 0, 0, 0, 0, 0, more=further, of=of, until=until)


def _spread(column: Any, number: int) -> list[Any]:
    return column if isinstance(column, list) else [column] * number


def _more_of(columns: dict[str, Any], place: int) -> tuple[tuple[str, int], ...]:
    found = ((name, column[place] if isinstance(column, list) else column) for name, column in columns.items())
    return tuple([(name, amount) for name, amount in found if amount is not None])
