"""Reads the entries of a tar archive, plain or compressed, header by header in bounded memory.

The format is POSIX ustar and pax (IEEE Std 1003.1, "pax") with GNU's long names; the standard library's
tarfile would read a pax header of any declared size into memory, so only its header parser is used.
"""

import bz2
import gzip
import lzma
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path

from bms.adapters.objects.extraction import Extraction
from bms.adapters.objects.xz import XzReader
from bms.core.errors import InvalidArgument, PayloadTooLarge, Unimplemented

BLOCK = 512
_METADATA = 64 << 10  # bytes of one pax header or long name
_FILES = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE)
_MAGIC = ((b"\x1f\x8b", "gzip"), (b"BZh", "bzip2"), (b"\xfd7zXZ\x00", "xz"), (b"\x28\xb5\x2f\xfd", "zstd"))


def compression_of(head: bytes) -> str | None:
    return next((name for magic, name in _MAGIC if head.startswith(magic)), None)


def unpack_tar(archive: Path, extraction: Extraction) -> None:
    """Unpacks a tar archive. Raises InvalidArgument for a damaged or forbidden archive, PayloadTooLarge for one over
    the limits."""
    with archive.open("rb") as file:
        compression = compression_of(file.read(BLOCK))
        file.seek(0)
        if compression == "zstd":
            raise Unimplemented(f"{archive.name} is compressed with zstd, which is not supported: use gzip or xz")
        if compression == "gzip":
            _Tar(gzip.GzipFile(fileobj=file).read, archive.name).unpack(extraction)
        elif compression == "bzip2":
            _Tar(bz2.BZ2File(file).read, archive.name).unpack(extraction)
        elif compression == "xz":
            _Tar(XzReader(file).read, archive.name).unpack(extraction)
        else:
            _Tar(file.read, archive.name).unpack(extraction)


class _Tar:
    def __init__(self, read: Callable[[int], bytes], archive: str) -> None:
        self._read_raw = read
        self._archive = archive
        self._left = 0  # bytes of the current entry not yet read

    def unpack(self, extraction: Extraction) -> None:
        metadata = 0
        path: str | None = None
        size: int | None = None
        while (header := self._header()) is not None:
            if header.type in (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK):
                metadata += 1
                if metadata > 2 * extraction.limits.entries:
                    raise PayloadTooLarge(f"{self._archive} has more than {metadata - 1} headers, the most allowed")
                content = self._metadata(header)
                if header.type == tarfile.GNUTYPE_LONGNAME:
                    path = content.rstrip(b"\0").decode("utf-8", "surrogateescape")
                elif header.type == tarfile.XHDTYPE:
                    path, size = _pax(content, path, size)
                elif header.type == tarfile.XGLTYPE and _pax(content, None, None) != (None, None):
                    raise InvalidArgument(f"{self._archive} names paths or sizes in a global header; none is allowed")
                continue
            self._entry(
                header, path if path is not None else header.name, header.size if size is None else size, extraction
            )
            path = size = None
        self._check_rest(extraction)

    def _entry(self, header: tarfile.TarInfo, name: str, size: int, extraction: Extraction) -> None:
        if header.type == tarfile.DIRTYPE and size == 0:
            extraction.directory(name)
        elif header.type in _FILES and size >= 0:
            self._left = size
            extraction.file(name, size, self._content)
            self._exactly(-size % BLOCK)
        else:
            raise InvalidArgument(
                f"the archive's entry {name[:80]!a} is a link, a device or of an unknown kind; "
                "only files and directories are unpacked"
            )

    def _content(self, size: int) -> bytes:
        chunk = self._read(min(size, self._left))
        if self._left and not chunk:
            raise InvalidArgument(f"{self._archive} ends in the middle of an entry: it is cut short")
        self._left -= len(chunk)
        return chunk

    def _header(self) -> tarfile.TarInfo | None:
        """The next header; None at the end mark. The mark is one block of zeros, though writers make it two."""
        try:
            return tarfile.TarInfo.frombuf(self._exactly(BLOCK), "utf-8", "surrogateescape")
        except tarfile.HeaderError as error:
            if str(error) == "end of file header":
                return None
            raise InvalidArgument(f"{self._archive} is a damaged tar archive: {error}") from error

    def _metadata(self, header: tarfile.TarInfo) -> bytes:
        if not 0 <= header.size <= _METADATA:
            raise PayloadTooLarge(f"{self._archive} has a header of {header.size} bytes; {_METADATA} are allowed")
        return self._exactly(header.size + -header.size % BLOCK)[: header.size]

    def _check_rest(self, extraction: Extraction) -> None:
        """After the end only zeros may come, and few; reading them lets the compression check its own sum."""
        left = 1 << 20
        while chunk := self._read(left):
            left -= len(chunk)
            if left <= 0 or chunk.count(0) != len(chunk):
                raise InvalidArgument(f"{self._archive} goes on after its end mark; make it anew")

    def _exactly(self, size: int) -> bytes:
        pieces = []
        while size:
            piece = self._read(size)
            if not piece:
                raise InvalidArgument(f"{self._archive} ends too early: it is cut short or not a tar archive")
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)

    def _read(self, size: int) -> bytes:
        try:
            return self._read_raw(size)
        except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
            raise InvalidArgument(f"{self._archive} is damaged or cut short: {error}") from error
        except OSError as error:
            if error.errno is None:  # how bz2 says that its data are damaged
                raise InvalidArgument(f"{self._archive} is damaged: {error}") from error
            raise


def _pax(content: bytes, path: str | None, size: int | None) -> tuple[str | None, int | None]:
    """The path and size that records "LENGTH KEY=VALUE\\n" set, else those given."""
    try:
        while content:
            digits, _, _ = content.partition(b" ")
            length = int(digits)
            record, content = content[:length], content[length:]
            key, equals, value = record[len(digits) + 1 : -1].partition(b"=")
            if length <= len(digits) + 1 or len(record) != length or record[-1:] != b"\n" or not equals:
                raise ValueError("a record of a wrong length")
            if key.startswith(b"GNU.sparse"):
                raise ValueError("sparse files are not supported")
            if key == b"path":
                path = value.decode("utf-8", "surrogateescape")
            elif key == b"size":
                size = int(value)
    except ValueError as error:
        raise InvalidArgument(f"the archive has a damaged pax header: {error}") from error
    return path, size
