"""Lists a source's files: those given themselves, or those of a directory, and which are left out."""

from collections.abc import Callable, Iterable
from pathlib import Path

from bms.adapters.datasets.findings import DatasetFinding
from bms.core.errors import InvalidArgument
from bms.core.formats.junk_files import has_dot, is_junk

_SHOWN = 3


def single_file(source: Path, *endings: str) -> Path:
    """The file `source`, or the only file below it with one of the `endings`. Raises InvalidArgument."""
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
    """Lists the files below the directory `source` that have one of the `endings`, sorted; or the only file there is,
    whatever its name; or `source`, if it is a file."""
    return named_files(source, lambda name: name.lower().endswith(endings))


def named_files(source: Path, is_meant: Callable[[str], bool]) -> list[Path]:
    """The same, of files whose name `is_meant` accepts."""
    if source.is_file():
        return [source]
    paths = [path for path in files_of(source) if not has_dot(path.relative_to(source))]
    found = [path for path in paths if is_meant(path.name)]
    return paths if len(paths) == 1 and not found else found


def files_of(source: Path) -> list[Path]:
    """Lists all files below the directory `source`, sorted, but for those that operating systems add."""
    return [path for path in _below(source) if not is_junk(path.relative_to(source))]


def left_out(source: Path, read: Iterable[Path]) -> tuple[DatasetFinding, ...]:
    """Findings about the files of `source` that are not among those `read`."""
    if source.is_file():
        return ()
    used = set(read)
    others = [path.relative_to(source) for path in _below(source) if path not in used]
    left = [path for path in others if is_junk(path)]
    useless = [path for path in others if not is_junk(path)]
    return (
        *_left_out(useless, "of no use here, and left out"),
        *_left_out(left, "what systems leave, and passed over"),
    )


def _below(source: Path) -> list[Path]:
    return sorted(path for path in source.rglob("*") if path.is_file())


def _left_out(paths: list[Path], what: str) -> tuple[DatasetFinding, ...]:
    if not paths:
        return ()
    shown = ", ".join(map(str, paths[:_SHOWN])) + (", …" if len(paths) > _SHOWN else "")
    count = f"{len(paths)} files are" if len(paths) > 1 else "one file is"
    return (DatasetFinding(kind="left_out", count=len(paths), message=f"{count} {what}: {shown}"),)
