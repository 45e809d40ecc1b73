"""The files that a source means: given themselves, or those of a directory; and which of it are left out."""

from collections.abc import Callable, Iterable
from pathlib import Path

from bms.adapters.datasets.findings import Finding
from bms.core.errors import InvalidArgument

_SHOWN = 3


def is_litter(path: Path) -> bool:
    """What systems leave in archives unasked."""
    return any(part.startswith(".") or part in ("__MACOSX", "Thumbs.db", "desktop.ini") for part in path.parts)


def single_file(source: Path, *endings: str) -> Path:
    """`source`, or the only file below it with one of the `endings`. Raises InvalidArgument."""
    if source.is_file():
        return source
    found = all_files(source, *endings)
    if len(found) != 1:
        shown = ", ".join(str(path.relative_to(source)) for path in found[:5])
        advice = "; give one of them, or write them as one" if found else ""
        raise InvalidArgument(
            f"expected one *{endings[0]} file, found {len(found)}{': ' if shown else ''}{shown}{advice}"
        )
    return found[0]


def all_files(source: Path, *endings: str) -> list[Path]:
    """The files below the directory `source` that have one of the `endings`, sorted; or the only file there is,
    whatever its name; or `source`, if it is a file."""
    return named_files(source, lambda name: name.lower().endswith(endings))


def named_files(source: Path, is_meant: Callable[[str], bool]) -> list[Path]:
    """The same of files whose name `is_meant`."""
    if source.is_file():
        return [source]
    paths = [path for path in source.rglob("*") if path.is_file() and not is_litter(path.relative_to(source))]
    found = sorted(path for path in paths if is_meant(path.name))
    return paths if len(paths) == 1 and not found else found


def left_out(source: Path, read: Iterable[Path]) -> tuple[Finding, ...]:
    """What there is to say of the files of `source` that are not among those `read`."""
    used = set(read)
    others = [] if source.is_file() else [path for path in all_files(source, "") if path not in used]
    litter = [] if source.is_file() else [path for path in source.rglob("*") if path.is_file()]
    litter = [path for path in litter if is_litter(path.relative_to(source))]
    return (*_of_no_use(source, others), *_litter(litter))


def _litter(found: list[Path]) -> tuple[Finding, ...]:
    if not found:
        return ()
    names = ", ".join(sorted({path.name for path in found})[:_SHOWN])
    count = f"{len(found)} files" if len(found) > 1 else "one file"
    message = f"{count} that systems leave behind {'are' if len(found) > 1 else 'is'} passed over: {names}"
    return (Finding(kind="left_out", count=len(found), message=message),)


def _of_no_use(source: Path, others: list[Path]) -> tuple[Finding, ...]:
    if not others:
        return ()
    names = [str(path.relative_to(source)) for path in others]
    shown = ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
    count = f"{len(names)} files are" if len(names) > 1 else "one file is"
    return (Finding(kind="left_out", count=len(names), message=f"{count} of no use here, and left out: {shown}"),)
