"""Determines a text file's encoding: by its byte order mark, else as declared, else UTF-8."""

import codecs
from pathlib import Path

from bms.adapters.datasets.findings import DatasetFinding
from bms.core.errors import InvalidArgument
from bms.core.formats.text_options import codec_of

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins as that of UTF-16 does
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_PYTHON = {"utf-8": "utf-8-sig"}  # which passes over the mark
_GUESSES = ("cp1252", "gb18030", "shift-jis", "cp1251")
MARK_MESSAGE = "the file begins with the byte order mark of {}: it is read as that, and the mark is left out"
_SHOWN = 40  # characters of a line


def encoding_of(path: Path, told: str | None) -> tuple[str, list[DatasetFinding]]:
    """Python's codec for the file, and findings about it. Raises InvalidArgument where its byte order mark says
    something else than `told`."""
    with path.open("rb") as file:
        head = file.read(4)
    marked = next((name for mark, name in _MARKS if head.startswith(mark)), None)
    if told is not None:
        codec = codec_of(told)
        if marked is not None and not codec.startswith(marked):
            raise InvalidArgument(
                f"{path.name} begins with the byte order mark of {marked}, but encoding is {told}: leave the option out"
            )
        return _PYTHON.get(marked or codec, marked or codec), []
    if marked is None:
        return "utf-8", []
    found = DatasetFinding(kind="understood", count=1, message=MARK_MESSAGE.format(marked))
    return _PYTHON.get(marked, marked), [found]


def undecodable(path: Path, codec: str) -> InvalidArgument:
    """Where the file does not decode by `codec`, and how that line reads in other encodings."""
    content = path.read_bytes()
    try:
        content.decode(codec)
    except UnicodeDecodeError as error:
        before = content[: error.start].decode(codec, "replace")
        line, character = before.count("\n") + 1, len(before) - before.rfind("\n")
        name = "UTF-8" if codec.startswith("utf-8") else codec
        what = f"{path.name} is not {name}: line {line}, character {character} is the byte 0x{content[error.start]:02X}"
        return InvalidArgument(f"{what}; {_advice(content, error.start)}")
    return InvalidArgument(f"{path.name} changed while it was read: import it again")


def _advice(content: bytes, at: int) -> str:
    start, end = content.rfind(b"\n", 0, at) + 1, content.find(b"\n", at)
    line = content[start : end if end >= 0 else None]
    read = [f"as {codec} it reads {text!r}" for codec in _GUESSES if (text := _decoded(line, codec))]
    return f"say its encoding ({', '.join(read)}), or save it as UTF-8" if read else "say its encoding"


def _decoded(line: bytes, codec: str) -> str:
    """The beginning of the line; empty where it can't be of `codec`, or holds what nobody writes."""
    try:
        text = line.decode(codec).strip()
    except UnicodeDecodeError:
        return ""
    return text[:_SHOWN] if text.replace("\t", "").isprintable() else ""
