"""Files that a command fetches, written where it was told to."""

from collections.abc import Iterable
from pathlib import Path


def write_pieces(target: Path, pieces: Iterable[bytes]) -> None:
    """The file `target`, with the directories above it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as writing:
        for piece in pieces:
            writing.write(piece)
