"""Usage events as CSV (RFC 4180), with cells that no spreadsheet takes for formulae."""

from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime

from bms.core.meters import FURTHER
from bms.core.usage import UsageEvent

_OTHERS = "others"
COLUMNS = (*(name for name in UsageEvent.__struct_fields__ if name != "more"), *FURTHER, _OTHERS)
"""Each meter of this release has a column; any other is in `others`, as `name=quantity`."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def line(cells: Iterable[str | int]) -> str:
    return ",".join(map(_cell, cells)) + "\r\n"


async def lines(batches: AsyncIterator[list[UsageEvent]]) -> AsyncIterator[bytes]:
    """A head line, then one line per event."""
    yield line(COLUMNS).encode()
    async for events in batches:
        yield "".join(line(_value(event, name) for name in COLUMNS) for event in events).encode()


def _value(event: UsageEvent, name: str) -> str | int:
    """The field as text: times in ISO 8601 to the nanosecond, in UTC."""
    if name in FURTHER:
        return sum(amount for meter, amount in event.more if meter == name)
    if name == _OTHERS:
        return ";".join(f"{meter}={amount}" for meter, amount in event.more if meter not in FURTHER)
    value: str | int = getattr(event, name)
    if name not in ("at", "until") or isinstance(value, str):
        return value
    if not value:
        return ""
    seconds, rest = divmod(value, 10**9)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def _cell(value: str | int) -> str:
    """The cell, quoted where needed. Request ids come from clients: a text that begins like a formula gets an
    apostrophe before it."""
    text = str(value)
    if isinstance(value, str) and text.startswith(_FORMULA):
        text = "'" + text
    return f'"{text.replace(chr(34), chr(34) * 2)}"' if any(mark in text for mark in ',"\r\n') else text
