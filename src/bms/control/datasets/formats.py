"""Recognises the format of uploaded files by their names. Pure."""

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import PurePosixPath

from bms.control.datasets.nouns import Format
from bms.core.errors import InvalidArgument
from bms.core.formats.junk_files import has_dot, is_junk

_ENDINGS: dict[Format, str] = {
    "csv": r"\.(csv|tsv)",
    "jsonl": r"\.(jsonl|ndjson)",
    "npz": r"\.npz",
    "parquet": r"\.parquet",
    "tfrecord": r"\.tfrec(ord)?s?(-\d{5,}-of-\d{5,})?",
    "images": r"\.(png|jpe?g|jpe|jfif|webp|gif|bmp|tiff?|heic|heif|avif|jp2)",
}
_FORMATS = {format: re.compile(rf".*{ending}", re.IGNORECASE) for format, ending in _ENDINGS.items()}
_ARCHIVE = re.compile(r".*\.(zip|tar|tgz|gz|bz2|xz|zst|7z)", re.IGNORECASE)
_SHOWN = 5


def format_of(paths: Iterable[str], declared: Format | None = None) -> Format:
    """The format: `declared` where it is given, else that of files of these names, without those that no format knows.

    Raises InvalidArgument for an archive, and where no name tells, or names tell several formats.
    """
    names = _meant(paths)
    if len(names) == 1 and _ARCHIVE.fullmatch(names[0]):
        raise InvalidArgument(f"{names[0][:80]} is an archive: unpack it, and import what was in it")
    if declared is not None:
        return declared
    found: Counter[Format] = Counter()
    for name in names:
        found.update(format for format, pattern in _FORMATS.items() if pattern.fullmatch(name))
    choice = f"say the format: {', '.join(_FORMATS)}"
    if not found:
        shown = ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
        raise InvalidArgument(f"no file name shows the format ({shown or 'there are none'}): {choice}")
    if len(found) > 1:
        counts = " and ".join(f"{count} of {format}" for format, count in found.most_common())
        raise InvalidArgument(f"the files are of several formats, {counts}: {choice}")
    return next(iter(found))


def _meant(paths: Iterable[str]) -> list[str]:
    """The names that count: without files that operating systems leave, and without dot files where there are
    others."""
    named = {path: PurePosixPath(path) for path in paths}
    kept = [path for path, place in named.items() if not is_junk(place)]
    return [path for path in kept if not has_dot(named[path])] or kept
