"""What an earlier attempt left to go on from, copied to where this attempt may change it."""

import os
import shutil
from pathlib import Path


def place_checkpoint(target: Path, earlier: str | None) -> None:
    """Makes the directory `target`, with all files of the directory `earlier`, whole or not at all.

    An attempt that ends meanwhile must leave no half of it, for what lies in `target` is kept for the next one. Modes
    are not copied: nobody may write where `earlier` is.
    """
    if target.is_dir() or earlier is None:
        target.mkdir(parents=True, exist_ok=True)
        return
    made = target.with_name(f"{target.name}.new")
    shutil.rmtree(made, ignore_errors=True)
    for folder, _, files in os.walk(earlier):
        into = made / os.path.relpath(folder, earlier)
        into.mkdir(parents=True)
        for name in files:
            shutil.copyfile(os.path.join(folder, name), into / name)
    made.rename(target)
