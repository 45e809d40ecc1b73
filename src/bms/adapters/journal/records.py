"""A journal segment's bytes: records of u32 length, u32 CRC-32 (both little-endian), msgpack UsageEvent."""

import struct
import zlib
from typing import NamedTuple

HEADER = struct.Struct("<II")
MAX_RECORD = 1 << 20


class Scan(NamedTuple):
    """Whole records found, where they end, and whether bytes follow that are no record (a torn tail, or damage)."""

    records: list[bytes]
    end: int
    torn: bool


def pack(record: bytes) -> bytes:
    """`record` is not empty: a stretch of zeros, as a crashed machine may leave, must not read as records."""
    return HEADER.pack(len(record), zlib.crc32(record)) + record


def scan(data: bytes, limit: int) -> Scan:
    """At most `limit` records from the start of `data`."""
    records: list[bytes] = []
    at = 0
    while len(records) < limit:
        if len(data) - at < HEADER.size:
            return Scan(records, at, at != len(data))
        length, checksum = HEADER.unpack_from(data, at)
        start = at + HEADER.size
        record = data[start : start + length]
        if not 0 < length <= MAX_RECORD or len(record) < length or zlib.crc32(record) != checksum:  # zeros: a torn tail
            return Scan(records, at, True)
        records.append(record)
        at = start + length
    return Scan(records, at, False)
