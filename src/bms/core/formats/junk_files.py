"""Recognises files that systems and programs leave in folders and archives unasked, by their names. Pure.

Only these are: a dot in front of a name alone says nothing, `.net` may be a class.
"""

from pathlib import PurePath

_FILES = frozenset(
    {".ds_store", "thumbs.db", "ehthumbs.db", "desktop.ini", ".directory", ".localized", ".gitkeep", ".gitignore"}
)
_FOLDERS = frozenset(
    {
        "__macosx", ".appledouble", ".fseventsd", ".spotlight-v100", ".temporaryitems", ".trashes", "$recycle.bin",
        "system volume information", "@eadir", ".git", ".ipynb_checkpoints",
    }
)  # fmt: skip
_FORK = "._"  # beside each file, where macOS writes to other systems' disks


def is_junk(path: PurePath) -> bool:
    """Whether the file at this path is junk, such as `.DS_Store`; a folder named like one of the files is not."""
    *folders, name = path.parts
    return name.lower() in _FILES or name.startswith(_FORK) or any(folder.lower() in _FOLDERS for folder in folders)


def has_dot(path: PurePath) -> bool:
    """Whether the file, or a folder above it, has a name that begins with a dot."""
    return any(part.startswith(".") for part in path.parts)
