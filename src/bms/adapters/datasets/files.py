"""The one file a source means, given itself or the directory it was unpacked into."""

from pathlib import Path

from bms.core.errors import InvalidArgument


def is_litter(path: Path) -> bool:
    """What systems leave in archives unasked."""
    return any(part.startswith(".") or part in ("__MACOSX", "Thumbs.db", "desktop.ini") for part in path.parts)


def single_file(source: Path, suffix: str) -> Path:
    """`source`, or the only file below it that ends in `suffix`. Raises InvalidArgument."""
    if source.is_file():
        return source
    found = all_files(source, suffix)
    if len(found) != 1:
        shown = ", ".join(str(path.relative_to(source)) for path in found[:5])
        raise InvalidArgument(f"expected one *{suffix} file, found {len(found)}{': ' if shown else ''}{shown}")
    return found[0]


def all_files(source: Path, suffix: str) -> list[Path]:
    """The files below the directory `source` that end in `suffix`, sorted; or `source` itself, if it is a file."""
    if source.is_file():
        return [source]
    paths = (path for path in source.rglob("*") if path.is_file() and not is_litter(path.relative_to(source)))
    return sorted(path for path in paths if path.name.lower().endswith(suffix))
