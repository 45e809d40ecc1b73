"""Finds the SavedModel in an artifact: at its top, or in a folder that has a number for its name.

TensorFlow Serving is given a folder of versions, `model/00000001/saved_model.pb`, and serves the one with the highest
number. Here a version has a number of its own and holds one model, so of several the maker says which is meant.
"""

import os

from bms.adapters.runtimes.artifacts.model_file import mapped, top_names
from bms.adapters.runtimes.tensorflow.file import is_saved_model
from bms.core.errors import FailedPrecondition

FILE = "saved_model.pb"
_SHOWN = 5


def holds_saved_model(folder: str) -> bool:
    """Whether a directory holds a SavedModel, by content. False, too, for what is a link or can't be read."""
    path = os.path.join(folder, FILE)
    if os.path.islink(folder) or os.path.islink(path) or not os.path.isfile(path):
        return False
    try:
        return is_saved_model(mapped(path))
    except (OSError, ValueError):  # unreadable or empty
        return False


def numbered_folders(directory: str) -> list[str]:
    """The folders with a SavedModel that have numbers for names, by number; none where the top has one."""
    if os.path.lexists(os.path.join(directory, FILE)):
        return []
    try:
        names = os.listdir(directory)
    except OSError:
        return []
    numbers = [name for name in names if name.isascii() and name.isdigit()]
    return sorted((name for name in numbers if holds_saved_model(os.path.join(directory, name))), key=int)


def saved_model_folder(directory: str) -> str:
    """The path of the folder with the one SavedModel, `directory` itself where none has a number. Raises
    FailedPrecondition for several."""
    top_names(directory)  # raises when it can't be read
    numbers = numbered_folders(directory)
    if len(numbers) > 1:
        shown = ", ".join(map(repr, numbers[-_SHOWN:]))
        raise FailedPrecondition(
            f"the artifact holds {len(numbers)} SavedModels, as TensorFlow Serving keeps its versions: {shown}. Here a "
            f"version is one model: push the folder of the one to serve, the newest is {numbers[-1]!r}"
        )
    return os.path.join(directory, numbers[0]) if numbers else directory
