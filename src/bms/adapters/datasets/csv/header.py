"""Reads the header of a CSV file: the names of its columns, and which columns to leave out."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from bms.adapters.datasets.findings import DatasetFinding
from bms.core.errors import InvalidArgument

_NUMBER = re.compile(r"[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d+)?", re.ASCII)


class Header(NamedTuple):
    """The header of a CSV file. `kept` are the columns' places, from 0, in the lines; their names; what was left
    out."""

    kept: tuple[int, ...]
    names: tuple[str, ...]
    findings: list[DatasetFinding]


def header_of(where: str, names: Sequence[str], columns: Sequence[Sequence[str]]) -> Header:
    """Selects which of the `columns`, cells under `names`, are columns of the table. `where` is the file with the
    header's line.

    Left out are the index that pandas writes, a first column of different integers without a name, and columns without
    a name and without a value. Raises InvalidArgument for others without a name, for names that are there twice, and
    for those that may well be a row.
    """
    _check_no_row(where, names)
    kept, findings = [], []
    for place, (name, cells) in enumerate(zip(names, columns, strict=True)):
        if name:
            kept.append(place)
        elif len(names) > 1 and not any(cell.strip() for cell in cells):
            message = f"column {place + 1} has no name and no value: it is left out"
            findings.append(DatasetFinding(kind="understood", count=len(cells), message=message))
        elif place == 0 and len(names) > 1:
            findings.append(_index(where, cells))
        else:
            raise InvalidArgument(f"{where}: a column is named '': give column {place + 1} a name")
    first: dict[str, int] = {}
    for place in kept:
        if (before := first.setdefault(names[place], place)) != place:
            raise InvalidArgument(
                f"{where}: columns are named twice: {names[place]!r} (columns {before + 1} and {place + 1}); give each "
                "its own name"
            )
    findings += _counted(names)
    return Header(tuple(kept), tuple(names[place] for place in kept), findings)


def _index(where: str, cells: Sequence[str]) -> DatasetFinding:
    written = [cell.strip() for cell in cells]
    if len(set(written)) < len(written) or not all(cell.isdecimal() for cell in written):
        raise InvalidArgument(
            f"{where}: a column is named '', the first, and it is no index of different integers: name it"
        )
    return DatasetFinding(
        kind="understood",
        count=len(cells),
        message="the first column has no name and numbers the rows, as pandas writes an index: it is left out",
    )


def _check_no_row(where: str, names: Sequence[str]) -> None:
    if all(map(_NUMBER.fullmatch, names)) and not _is_counting(names):
        shown = ",".join(names[:4]) + (",…" if len(names) > 4 else "")
        raise InvalidArgument(
            f"{where} holds numbers alone ({shown}), and names the columns: as a header the row would be lost; write a "
            "line of names above it"
        )


def _counted(names: Sequence[str]) -> list[DatasetFinding]:
    if not _is_counting([name for name in names if name]):
        return []
    message = "the first line counts the columns and is read as their names: if it is a row, write names above it"
    return [DatasetFinding(kind="understood", count=len(names), message=message)]


def _is_counting(names: Sequence[str]) -> bool:
    """Whether they number the columns, as pandas does those of an array."""
    return bool(names) and any(
        list(names) == [str(number) for number in range(start, start + len(names))] for start in (0, 1)
    )
