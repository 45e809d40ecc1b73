"""Detects texts that are nearly of another kind: dates in other notations, numbers with signs, yes and no. Pure."""

import re
from collections.abc import Sequence

_DAY = r"(?:\d{4}[./-]\d{1,2}[./-]\d{1,2}|\d{1,2}[./-]\d{1,2}[./-](?:\d{4}|\d{2}))"
_DATE = re.compile(rf"{_DAY}(?:[T ,].*)?", re.ASCII)
_SIGNED = re.compile(r"[-+(]?\s?[$€£¥]?\s?[-+]?(?:\d{1,3}(?:[,.' ]\d{3})+|\d+)(?:[.,]\d+)?\s?[%$€£¥]?\)?")
_SIGNS = re.compile(r"[%$€£¥(' ]")
_CODE = re.compile(r"\d+")
_CALLED = re.compile(r"\+\d{7,}", re.ASCII)  # +4917012345678
_EXPONENT = re.compile(r"\d+[eE]\d+", re.ASCII)  # 12E4; programs write 1.2e+05 and 1e+05
_WHOLE = re.compile(r"\d+", re.ASCII)
_BOOLEANS = frozenset({"yes", "no", "y", "n", "t", "f"})


def are_yes_and_no(cells: Sequence[str]) -> bool:
    """Whether these two words are an answer pair such as yes and no."""
    return len(set(cells)) == 2 and all(cell.lower() in _BOOLEANS for cell in cells)


def code_of(cells: Sequence[str]) -> tuple[str, str] | None:
    """The first of these cells, all of them perhaps numbers, that looks like a code (as other cells show), and why; to
    be said after it."""
    called = next(filter(_CALLED.fullmatch, cells), None)
    if called is not None and all(cell[:1] == "+" or _WHOLE.fullmatch(cell) for cell in cells):
        return (
            called,
            "with a plus in front as telephone numbers have it: declare the column integer if they are numbers",
        )
    power = next(filter(_EXPONENT.fullmatch, cells), None)
    if power is not None and all(_WHOLE.fullmatch(cell) or _EXPONENT.fullmatch(cell) for cell in cells):
        return power, "which is a number or a code, and no cell has a decimal point: declare the column number if it is"
    return None


def doubt_of(cells: Sequence[str]) -> str | None:
    """Why a column of these texts, of which none is missing, may be meant as another kind; worded to follow a cell."""
    if all(map(_DATE.fullmatch, cells)):
        return (
            "which looks like a date: only existing days are read as dates, like 2026-11-21 or 2026-11-21T10:00:00, "
            "all of a column with an offset from UTC or none"
        )
    if all(map(_CODE.fullmatch, cells)):
        return "with zeros in front as a code has them: declare the column integer if they are numbers"
    if all(map(_SIGNED.fullmatch, cells)) and any(map(_SIGNS.search, cells)):
        return (
            "which looks like a number with other signs: write the number alone; marks of thousands are read where "
            "`--decimal` says the decimal mark"
        )
    return None
