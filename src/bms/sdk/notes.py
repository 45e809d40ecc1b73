"""Turns the server's notes on an answer, such as rounded inputs, into Python warnings at the caller's line."""

import re
import sys
import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple

HEADER = "warning"
_NOTE = re.compile(r'299 \S+ "((?:[^"\\]|\\.)*)"')  # RFC 7234, 5.5
_OURS = __name__.rpartition(".")[0]


class RoundedWarning(UserWarning):
    """Warns that inputs had more digits than the model takes: it got the nearest numbers."""


class CallSite(NamedTuple):
    """The caller's line that a warning is attributed to; `registry` holds what was warned of there before."""

    file: str
    line: int
    module: str
    registry: dict[Any, Any]


def call_site() -> CallSite:
    """Finds the innermost caller outside this package."""
    frame = sys._getframe(1)
    while frame.f_back is not None and _is_ours(frame.f_globals.get("__name__", "")):
        frame = frame.f_back
    scope = frame.f_globals
    registry = scope.setdefault("__warningregistry__", {})
    return CallSite(frame.f_code.co_filename, frame.f_lineno, str(scope.get("__name__", "")), registry)


def tell(headers: Mapping[str, str], site: CallSite) -> None:
    """Issues a warning for each note in an answer's headers."""
    for note in notes_in(headers.get(HEADER, "")):
        warnings.warn_explicit(note, RoundedWarning, site.file, site.line, site.module, site.registry)


def notes_in(header: str) -> list[str]:
    """The texts of a `warning` header, in order; those of other agents and other codes left out."""
    return [re.sub(r"\\(.)", r"\1", text) for text in _NOTE.findall(header)]


def _is_ours(module: str) -> bool:
    return module == _OURS or module.startswith(_OURS + ".")
