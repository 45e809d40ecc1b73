"""Writes the files that a command downloads."""

from collections.abc import Iterable
from pathlib import Path


def write_pieces(target: Path, pieces: Iterable[bytes]) -> None:
    """Writes the file `target`, making the directories above it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as writing:
        for piece in pieces:
            writing.write(piece)
