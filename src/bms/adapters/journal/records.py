"""A journal segment's bytes: records of u32 length, u32 CRC-32 (both little-endian), msgpack UsageRun.

Segments written before runs were have a UsageEvent in each record; they are read, too.
"""

import struct
import zlib
from typing import NamedTuple

import msgspec

HEADER = struct.Struct("<II")
MAX_RECORD = 1 << 20
_RUN = 0x92  # MessagePack's array of two
_FIRST = msgspec.msgpack.Decoder(tuple[int, list[msgspec.Raw]])
_encode = msgspec.msgpack.Encoder().encode


class Scan(NamedTuple):
    """Whole records found, where they end, and whether bytes follow that are no record (a torn tail, or damage)."""

    records: list[bytes]
    end: int
    torn: bool


def pack(record: bytes) -> bytes:
    """`record` is not empty: a stretch of zeros, as a crashed machine may leave, must not read as records."""
    return HEADER.pack(len(record), zlib.crc32(record)) + record


def scan(data: bytes) -> Scan:
    """All records from the start of `data`."""
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
    """`record`, or the run of one event that stands for it where it is a UsageEvent."""
    if record[0] == _RUN:
        return record
    _source, seq, *attempt = msgspec.msgpack.decode(record)
    return _encode((seq, (attempt,)))


def last_seq(run: bytes) -> int:
    """The number of its last event."""
    first, attempts = _FIRST.decode(run)
    return first + len(attempts) - 1
