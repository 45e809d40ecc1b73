"""The file format of a journal segment: records of u32 length, u32 CRC-32 (both little-endian), msgpack UsageRun.

Segments written before runs were have a UsageEvent of fourteen fields in each record; they are read, too. Runs of any
version are shipped as they are: what is in them is control's business.
"""

import struct
import zlib
from typing import Annotated, NamedTuple

import msgspec

from bms.core.errors import DataLoss

HEADER = struct.Struct("<II")
MAX_RECORD = 1 << 20
_EVENT = 0x9E  # MessagePack's array of fourteen
_encode = msgspec.msgpack.Encoder().encode


class _Numbers(msgspec.Struct, array_like=True):
    """Of a run of any version: its first number, and an element for each event."""

    first: Annotated[int, msgspec.Meta(ge=1)]
    events: Annotated[list[msgspec.Raw], msgspec.Meta(min_length=1)]


_numbers = msgspec.msgpack.Decoder(_Numbers).decode


class Scan(NamedTuple):
    """The result of a scan: whole records, where they end, and whether bytes follow that are no record (a torn tail, or
    damage)."""

    records: list[bytes]
    end: int
    torn: bool


def pack(record: bytes) -> bytes:
    """Frames a record; `record` is not empty: a stretch of zeros, as a crashed machine may leave, must not read as
    records."""
    return HEADER.pack(len(record), zlib.crc32(record)) + record


def scan(data: bytes) -> Scan:
    """Reads all records from the start of `data`."""
    records: list[bytes] = []
    at, whole = 0, len(data)
    while at < whole:
        if whole - at < HEADER.size:
            return Scan(records, at, True)
        length, checksum = HEADER.unpack_from(data, at)
        start = at + HEADER.size
        record = data[start : start + length]
        if not 0 < length <= MAX_RECORD or len(record) < length or zlib.crc32(record) != checksum:  # zeros: a torn tail
            return Scan(records, at, True)
        records.append(record)
        at = start + length
    return Scan(records, at, False)


def run_of(record: bytes) -> bytes:
    """The run in `record`, or a run of one event for a former release's UsageEvent."""
    if record[0] != _EVENT:
        return record
    _source, seq, *attempt = msgspec.msgpack.decode(record)
    return _encode((seq, (attempt,)))


def last_seq(run: bytes) -> int:
    """The number of a run's last event. Raises DataLoss for what is no run of any version."""
    try:
        found = _numbers(run)
    except msgspec.MsgspecError as error:
        raise DataLoss(f"a record of {len(run)} bytes is whole, and no run of usage: {error}") from error
    return found.first + len(found.events) - 1
