"""TFRecord framing: records of bytes, each framed by its length and two checksums.

Source: tensorflow/core/lib/io/record_writer.h. A frame is length (u64 LE), masked CRC32C of the length (u32 LE),
the data, masked CRC32C of the data (u32 LE); masked means rotated right by 15 bits plus 0xa282ead8.
"""

import os
import struct
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from google_crc32c import value as crc32c

from bms.core.errors import DataLoss, InvalidArgument, PayloadTooLarge

LARGEST_RECORD = 256 << 20  # bytes
_HEADER = struct.Struct("<QI")
_LENGTH = struct.Struct("<Q")
_FOOTER = struct.Struct("<I")
_BUFFER = 1 << 20


def masked_crc32c(data: bytes) -> int:
    crc: int = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


class RecordWriter:
    """Writes one file, anew; `rows` counts its records."""

    def __init__(self, path: Path) -> None:
        self.rows = 0
        self._file: BinaryIO = path.open("wb", buffering=_BUFFER)

    def write(self, record: bytes) -> None:
        length = _LENGTH.pack(len(record))
        footer = _FOOTER.pack(masked_crc32c(record))
        self._file.write(b"".join((length, _FOOTER.pack(masked_crc32c(length)), record, footer)))
        self.rows += 1

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def write_records(path: Path, records: Iterable[bytes]) -> int:
    """Writes `records` to the file `path`; returns how many."""
    with RecordWriter(path) as writer:
        for record in records:
            writer.write(record)
        return writer.rows


def read_records(path: Path, largest: int = LARGEST_RECORD) -> Iterator[bytes]:
    """Reads the records of the file, each checked. No length is believed before its checksum, nor beyond the file's
    end.

    Raises DataLoss (damaged or cut short), InvalidArgument (compressed) or PayloadTooLarge (a record of more
    than `largest` bytes), naming the record, counted from 0, and its byte offset.
    """
    with path.open("rb", buffering=_BUFFER) as file:
        size = os.fstat(file.fileno()).st_size
        offset = index = 0
        while offset < size:
            header = file.read(12)
            if len(header) < 12:
                raise DataLoss(f"{_place(path, index, offset)} is cut short: its header has {len(header)} of 12 bytes")
            length, crc = _HEADER.unpack(header)
            if crc != masked_crc32c(header[:8]):
                if index == 0 and header.startswith(b"\x1f\x8b"):
                    raise InvalidArgument(f"{path.name} is compressed; send TFRecord files uncompressed")
                raise DataLoss(f"{_place(path, index, offset)}: the length's checksum is wrong")
            if length > largest:
                raise PayloadTooLarge(f"{_place(path, index, offset)} has {length} bytes; {largest} are allowed")
            if length + 16 > size - offset:
                raise DataLoss(f"{_place(path, index, offset)} is cut short: {length} bytes declared, fewer follow")
            content = file.read(length + 4)
            record = content[:length]
            if len(content) != length + 4 or _FOOTER.unpack_from(content, length)[0] != masked_crc32c(record):
                raise DataLoss(f"{_place(path, index, offset)}: the data's checksum is wrong")
            yield record
            offset += length + 16
            index += 1


def read_batches(path: Path, rows: int, largest: int = LARGEST_RECORD) -> Iterator[list[bytes]]:
    """Reads records, `rows` at a time; the last batch may have fewer."""
    records = read_records(path, largest)
    while batch := list(islice(records, rows)):
        yield batch


def _place(path: Path, index: int, offset: int) -> str:
    return f"{path.name}: record {index} at byte {offset}"
