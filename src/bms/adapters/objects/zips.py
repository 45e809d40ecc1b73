"""Reads the entries of a zip archive with the standard library, under bounds that it does not set itself."""

import errno
import os
import stat
import zipfile
import zlib
from io import BufferedReader, FileIO
from pathlib import Path

from bms.adapters.objects.content import CHUNK
from bms.adapters.objects.extraction import Extraction
from bms.core.errors import InvalidArgument, PayloadTooLarge

_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)  # LZMA may ask for 4 GiB of dictionary
_DIRECTORY_ENTRY = 1024  # bytes of the central directory per entry: 46 and the name, extra fields, comment


class _BoundedReader(BufferedReader):
    """A file that refuses what zipfile would do unasked: read a directory of any declared size in one piece, and
    make an object of each of its entries."""

    def __init__(self, path: Path, entries: int) -> None:
        super().__init__(FileIO(path))
        self._entries = entries

    def read(self, size: int | None = -1, /) -> bytes:
        left = os.fstat(self.fileno()).st_size - self.tell()
        wanted = left if size is None or size < 0 else min(size, left)
        if wanted > max(CHUNK, self._entries * _DIRECTORY_ENTRY):
            raise PayloadTooLarge(
                f"the zip archive's directory has {wanted} bytes, too many for {self._entries} entries"
            )
        data = super().read(size)
        if wanted > CHUNK and data.count(b"PK\x01\x02") > self._entries:
            raise PayloadTooLarge(f"the archive has more than {self._entries} entries, the most allowed")
        return data


def unpack_zip(archive: Path, extraction: Extraction) -> None:
    """Unpacks a zip archive. Raises InvalidArgument for a damaged or forbidden archive, PayloadTooLarge for one over
    the limits."""
    try:
        with _BoundedReader(archive, extraction.limits.entries) as file, zipfile.ZipFile(file) as opened:
            entries = opened.infolist()
            extraction.declare(len(entries), sum(entry.file_size for entry in entries))
            for entry in entries:
                _unpack_entry(opened, entry, extraction)
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError) as error:
        raise InvalidArgument(f"{archive.name} is a damaged zip archive: {error}") from error
    except OSError as error:
        if error.errno not in (None, errno.EINVAL):  # bz2 data, or an offset, that make no sense
            raise
        raise InvalidArgument(f"{archive.name} is a damaged zip archive: {error}") from error


def _unpack_entry(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, extraction: Extraction) -> None:
    name = entry.orig_filename  # `filename` is cut at the first NUL
    kind = stat.S_IFMT(entry.external_attr >> 16) if entry.create_system == 3 else 0
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise InvalidArgument(f"the archive's entry {name[:80]!a} is a link or a device; only files are unpacked")
    if entry.flag_bits & 0x41:
        raise InvalidArgument(f"the archive's entry {name[:80]!a} is encrypted; send it without a password")
    if entry.compress_type not in _METHODS:
        raise InvalidArgument(
            f"the archive's entry {name[:80]!a} uses compression method {entry.compress_type}; use deflate"
        )
    if name.endswith("/") or kind == stat.S_IFDIR:
        extraction.directory(name)
        return
    with opened.open(entry) as content:
        extraction.file(name, entry.file_size, content.read)
