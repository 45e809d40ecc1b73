"""Formats tables as lines of text: each column is as wide as its content; none is cut or left out, however narrow a
terminal is. There the last column, where sentences stand, is wrapped below itself if it has room."""

from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

GAP = 2
LEAST = 24  # columns of a terminal that are worth wrapping into
_CONSOLE = Console()


def table(rows: Sequence[Sequence[str]], width: int | None) -> list[str]:
    """Formats `rows`, of which each has as many cells, as lines without line ends. `width` of a terminal; None: nothing
    is wrapped, as programs want it."""
    *first, _ = [max(map(cell_len, column)) for column in zip(*rows, strict=True)] if rows else [0]
    left = sum(first) + GAP * len(first)
    lines = []
    for row in rows:
        head = "".join(_padded(text, size + GAP) for text, size in zip(row, first, strict=False))
        last = _wrapped(row[-1], None if width is None else width - left)
        lines += [
            (start + text).rstrip() for start, text in zip((head, *([" " * left] * len(last))), last, strict=False)
        ]
    return lines


def _padded(text: str, size: int) -> str:
    return text + " " * (size - cell_len(text))


def _wrapped(text: str, room: int | None) -> list[str]:
    lines = text.split("\n")
    if room is None or room < LEAST:
        return lines
    return [part.plain for line in lines for part in Text(line).wrap(_CONSOLE, room)] or [""]
