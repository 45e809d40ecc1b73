"""Prints results: tables for people, JSON for programs, progress to stderr on a terminal."""

import json
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec
import orjson
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from bms.cli.output.tables import table
from bms.cli.output.visible import in_one_line, visible
from bms.core.errors import BmsError
from bms.core.formats.json_numbers import json_number, json_ready

Cell = object


class Advance(Protocol):
    """A callback for progress: `share` 0 to 1, None where it is unknown."""

    def __call__(self, share: float | None, message: str = "") -> None: ...


class CommandOutput:
    """The output of one command, for people or as JSON."""

    def __init__(self, json: bool) -> None:
        self.json = json
        self._console = Console(highlight=False, emoji=False, markup=False, soft_wrap=True)
        self._width = self._console.width if sys.stdout.isatty() else None

    def one(self, thing: object, fields: Mapping[str, Cell]) -> None:
        """Prints one thing: as JSON whole, for people the named fields, empty ones left out."""
        if self.json:
            self.raw(thing)
            return
        told = [(name, visible(text)) for name, value in fields.items() if (text := cell(value)) != ""]
        for line in table(told, self._width):
            print(line)

    def many(self, things: Iterable[object], columns: Mapping[str, Callable[[Any], Cell]], empty: str) -> None:
        """Prints a list: as JSON array, for people a table, or the sentence `empty`."""
        if self.json:
            self.raw(list(things))
            return
        rows = [[in_one_line(cell(read(thing))) for read in columns.values()] for thing in things]
        if not rows:
            self.say(empty)
            return
        title, *lines = table([list(columns), *rows], self._width)
        self._console.print(Text(title, style="bold"))
        for line in lines:
            print(line)

    def say(self, text: str, thing: object = None) -> None:
        """Prints a sentence for people, or `thing` for programs."""
        if not self.json:
            print(visible(text))
        elif thing is not None:
            self.raw(thing)

    def raw(self, thing: object) -> None:
        """Prints JSON, indented on a terminal; float32 in their shortest form, which reads back as the same bits."""
        options = orjson.OPT_SERIALIZE_NUMPY | (orjson.OPT_INDENT_2 if sys.stdout.isatty() else 0)
        try:
            text = orjson.dumps(thing, default=_plain, option=options).decode()
        except TypeError:  # whole numbers beyond 64 bits, which are JSON as well
            text = json.dumps(_plain(thing), ensure_ascii=False, indent=2 if sys.stdout.isatty() else None)
        print(text)

    def error(self, error: BmsError) -> None:
        message = error.message.encode(errors="backslashreplace").decode()  # it may name an argument that is no UTF-8
        print(orjson.dumps({"code": error.code, "error": message}).decode(), file=sys.stderr)

    @contextmanager
    def progress(self, what: str) -> Iterator[Advance]:
        """Shows a progress bar on stderr; nothing where it is no terminal."""
        console = Console(stderr=True)
        if self.json or not console.is_terminal:
            yield lambda share, message="": None
            return
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TimeElapsedColumn(),
            TextColumn("[dim]{task.fields[message]}"),
        )
        with Progress(*columns, console=console, transient=True) as bars:
            bar = bars.add_task(what, total=None, message="")

            def advance(share: float | None, message: str = "") -> None:
                total = None if share is None else 1.0
                bars.update(bar, total=total, completed=share or 0.0, message=message[:60])

            yield advance


def cell(value: Cell) -> str:
    """Formats a value for people."""
    if value is None or (isinstance(value, Mapping | Sequence | frozenset | set) and not value):
        return ""
    if isinstance(value, datetime):
        return ago(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}" if math.isfinite(value) else str(json_number(value))
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {cell(each)}" for name, each in value.items())
    if isinstance(value, Sequence | frozenset | set) and not isinstance(value, str):
        return ", ".join(map(cell, value))
    return str(value)


def ago(then: datetime, now: datetime | None = None) -> str:
    """Formats a time relative to now: `3 min ago`; `in 2 h` for the future."""
    seconds = ((now or datetime.now(UTC)) - then).total_seconds()
    size = abs(seconds)
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        if size >= length or unit == "s":
            text = f"{size / length:.0f} {unit}"
            break
    return f"in {text}" if seconds < -1 else f"{text} ago"


def _plain(thing: object) -> object:
    return json_ready(msgspec.to_builtins(thing))
