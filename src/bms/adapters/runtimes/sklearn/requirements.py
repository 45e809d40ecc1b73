"""Detects which packages a scikit-learn model needs beside scikit-learn, from its file's bytes; nothing of it is run.

Names of attributes and modules stand in a pickle and in a skops file's schema as they are, so they are looked for:
`feature_names_in_`, what a model that was fitted on a frame keeps, means pandas, and so on. A word that stands there by
chance costs a package that is not needed, and no more.
"""

import bz2
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO

PANDAS = "pandas"
_WORDS = {
    b"feature_names_in_": (PANDAS,),
    b"pandas.": (PANDAS,),
    b"polars.": ("polars",),
    b"lightgbm.": ("lightgbm", PANDAS),
    b"xgboost.": ("xgboost-cpu", PANDAS),
    b"catboost.": ("catboost", PANDAS),
    b"imblearn.": ("imbalanced-learn",),
    b"category_encoders.": ("category-encoders", PANDAS),
}
_LONGEST = max(map(len, _WORDS))
_PART = 1 << 20
_AT_MOST = 1 << 30  # bytes looked at, unpacked: a second or two
_LZ4 = b"\x04\x22\x4d\x18"


def needs_of(path: str, format: str) -> tuple[str, ...]:
    """The packages needed by a file that `format_of` calls "skops", "pickle" or "joblib". A broken file needs
    nothing."""
    found: dict[str, None] = {}
    try:
        for part in _overlapping(_skops(path) if format == "skops" else _pickled(path)):
            for word, packages in _WORDS.items():
                if word in part:
                    found |= dict.fromkeys(packages)
    except (
        OSError,
        EOFError,
        zlib.error,
        lzma.LZMAError,
        zipfile.BadZipFile,
        ValueError,
        NotImplementedError,
        KeyError,
    ):
        pass  # it is cut off, or garbled: loading will say so
    except RuntimeError:
        pass  # an encrypted zip
    return tuple(found)


def _skops(path: str) -> Iterator[bytes]:
    with zipfile.ZipFile(path) as archive, archive.open("schema.json") as file:
        yield from _parts(file)


def _pickled(path: str) -> Iterator[bytes]:
    with open(path, "rb") as file:
        head = file.read(6)
        file.seek(0)
        if head.startswith(_LZ4):  # which the standard library can't unpack
            yield b"feature_names_in_"
            return
        parts = _parts(file)
        if head[:2] in (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda", b"\x1f\x8b"):
            yield from _inflated(parts)
        elif head.startswith(b"BZh"):
            yield from _unpacked(bz2.BZ2Decompressor(), parts)
        elif head.startswith((b"\xfd7zXZ", b"]\x00\x00")):
            yield from _unpacked(lzma.LZMADecompressor(), parts)
        else:
            yield from parts


def _inflated(parts: Iterator[bytes]) -> Iterator[bytes]:
    """Of zlib or gzip, never much at once, however well it was packed."""
    unpacker = zlib.decompressobj(wbits=47)
    for part in parts:
        yield unpacker.decompress(part, _PART)
        while unpacker.unconsumed_tail:
            yield unpacker.decompress(unpacker.unconsumed_tail, _PART)


def _unpacked(unpacker: bz2.BZ2Decompressor | lzma.LZMADecompressor, parts: Iterator[bytes]) -> Iterator[bytes]:
    for part in parts:
        yield unpacker.decompress(part, _PART)
        while not (unpacker.needs_input or unpacker.eof):
            yield unpacker.decompress(b"", _PART)
        if unpacker.eof:
            return


def _parts(file: IO[bytes]) -> Iterator[bytes]:
    while part := file.read(_PART):
        yield part


def _overlapping(parts: Iterator[bytes]) -> Iterator[bytes]:
    """Each with the end of the one before it, until enough was seen."""
    end, seen = b"", 0
    for part in parts:
        yield end + part
        end = (end + part)[-_LONGEST:]
        seen += len(part)
        if seen > _AT_MOST:
            return
