"""Replaces a whole directory atomically: all of the new one, or if writing it fails, all of the old one."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path


def replace_directory(directory: Path, write: Callable[[Path], None], card: Path, text: str) -> None:
    """Calls `write` with an empty directory beside `directory`, and then puts it in its place; the file `card` beside
    it gets `text`. What `write` raises is passed on, and both are as they were."""
    with tempfile.TemporaryDirectory(prefix=".saving-", dir=directory.parent) as beside:
        made, old, said = (Path(beside) / name for name in ("made", "old", "card"))
        made.mkdir()
        write(made)
        said.write_text(text)
        if directory.exists():
            directory.rename(old)
        made.rename(directory)
        said.replace(card)


def is_within(directory: Path, other: Path) -> bool:
    """Whether `directory` is `other`, or lies below it, links followed."""
    return directory.resolve().is_relative_to(other.resolve())


def copy_into(source: Path, directory: Path) -> None:
    """Copies a file, or what is in a folder."""
    if source.is_dir():
        shutil.copytree(source, directory, dirs_exist_ok=True)
    else:
        shutil.copy(source, directory / source.name)
