"""Unpacks untrusted archives safely: zip and tar, plain or compressed, recognised by content.

Refused, whole: absolute paths, "..", links, devices, names twice or alike but for case, too many entries, more
bytes than the limits (as declared and as they come), encrypted or over-long or unprintable names. Nothing is
left of a refused archive.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

from bms.adapters.objects import tars, zips
from bms.adapters.objects.extraction import Extraction, Limits, Unpacked
from bms.core.errors import FailedPrecondition, InvalidArgument

Opener = Callable[[Path, Extraction], None]

_HEAD = 512  # bytes; a tar's magic ends at 262


def unpack(archive: Path, target: Path, limits: Limits | None = None) -> list[Unpacked]:
    """Unpacks the file `archive` into the directory `target`, which must be missing or empty. Blocking.

    Returns the regular files in the archive's order, paths relative to `target`, sizes in bytes; files are
    0600 and directories 0700 whatever the archive says. Raises InvalidArgument (not an archive, damaged, or a
    forbidden entry), PayloadTooLarge (a limit), Unimplemented (a compression this Python lacks),
    ResourceExhausted (disk full).
    """
    open_archive = recognise(archive)
    existed = target.exists()
    if existed and any(target.iterdir()):
        raise FailedPrecondition(f"{target.name} is not empty: an archive is unpacked into an empty directory only")
    target.mkdir(parents=True, exist_ok=True)
    extraction = Extraction(target, archive.stat().st_size, limits or Limits())
    try:
        open_archive(archive, extraction)
    except BaseException:
        shutil.rmtree(target)
        if existed:
            target.mkdir()
        raise
    return extraction.files


def recognise(archive: Path) -> Opener:
    """Chooses the unpacker for `archive` by its first bytes. Raises InvalidArgument if nothing does."""
    with archive.open("rb") as file:
        head = file.read(_HEAD)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return zips.unpack_zip
    if tars.compression_of(head) is not None or head[257:262] == b"ustar":
        return tars.unpack_tar
    raise InvalidArgument(
        f"{archive.name} is not an archive: expected a zip, or a tar, plain or compressed with gzip, bzip2 or xz"
    )
