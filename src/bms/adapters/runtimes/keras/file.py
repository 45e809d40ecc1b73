"""Recognises a Keras model's file by its content, and reads its description, without Keras.

A `.keras` file is a zip of config.json, metadata.json and model.weights.h5, which may lie in a folder, too; a legacy
`.h5` file is HDF5 with the attributes model_config and keras_version.
"""

import json
import os
import zipfile
from typing import Any, Literal

from bms.adapters.runtimes.artifacts.model_file import mapped
from bms.core.errors import FailedPrecondition

SUFFIXES = (".keras", ".h5", ".hdf5")
WEIGHTS = "model.weights.h5"
MAGIC = b"\x89HDF\r\n\x1a\n"
CONFIG, METADATA = "config.json", "metadata.json"
_PARTS = frozenset({CONFIG, METADATA, WEIGHTS})
_LOOKED_AT = 64 << 20  # bytes at either end of an HDF5 file, where attributes lie
MAX_CONFIG = 64 << 20
_RATIO = 64  # unpacked to packed; weights hardly shrink
_SPARE = 64 << 20


def format_of(path: str) -> Literal["keras", "keras-h5"] | None:
    """The format; None for anything else, weights without a model included."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                return "keras" if _PARTS.issubset(archive.namelist()) else None
        data = mapped(path)
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError):
        return None
    if data[:8] != MAGIC:
        return None
    ends = (bytes(data[:_LOOKED_AT]), bytes(data[max(_LOOKED_AT, len(data) - _LOOKED_AT) :]))
    said = all(any(word in end for end in ends) for word in (b"model_config", b"keras_version"))
    return "keras-h5" if said else None


def is_folder(directory: str) -> bool:
    """Whether a .keras archive's entries lie in the directory by themselves, as `model.save(…, zipped=False)` leaves
    them: ordinary files, and metadata that name Keras's version."""
    paths = [os.path.join(directory, name) for name in _PARTS]
    if not all(os.path.isfile(path) and not os.path.islink(path) for path in paths):
        return False
    try:
        with open(os.path.join(directory, METADATA), "rb") as file:
            said = json.loads(file.read(_LOOKED_AT))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(said, dict) and "keras_version" in said


def folder_config(directory: str) -> Any:
    """Reads the model's description in a folder. Raises FailedPrecondition for one that is no JSON."""
    with open(os.path.join(directory, CONFIG), "rb") as file:
        return parsed_config(CONFIG, file.read(MAX_CONFIG + 1))


def checked_format(path: str) -> Literal["keras", "keras-h5"]:
    """Recognises the file's format. Raises FailedPrecondition when name and content disagree."""
    name, found = os.path.basename(path), format_of(path)
    expected = "keras" if name.lower().endswith(".keras") else "keras-h5"
    if found != expected:
        words = {"keras": "a .keras archive", "keras-h5": "a model in HDF5", None: "neither kind of Keras model"}
        raise FailedPrecondition(
            f"{name!r} is named as {words[expected]}, but its content is {words[found]}: save the model again with "
            "model.save('model.keras')"
        )
    return found


def archive_config(path: str) -> Any:
    """Reads the model's description in a .keras archive, once its entries are found to be harmless.

    Raises FailedPrecondition for names that lead elsewhere, for entries that are there twice or that would unpack to
    far more than they are, and for a description that is no JSON.
    """
    name = os.path.basename(path)
    try:
        with zipfile.ZipFile(path) as archive:
            listed = archive.infolist()
            if len({info.filename for info in listed}) != len(listed):
                raise FailedPrecondition(f"{name!r} holds an entry twice")
            for info in listed:
                _harmless(name, info)
            with archive.open(CONFIG) as file:
                content = file.read(MAX_CONFIG + 1)
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        raise FailedPrecondition(f"{name!r} can't be read: {error}") from error
    return parsed_config(name, content)


def parsed_config(name: str, content: bytes | str) -> Any:
    if len(content) > MAX_CONFIG:
        raise FailedPrecondition(f"the description in {name!r} is larger than {MAX_CONFIG} bytes")
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise FailedPrecondition(f"the description in {name!r} is no JSON: {str(error)[:200]}") from error


def _harmless(name: str, info: zipfile.ZipInfo) -> None:
    entry = info.filename
    if entry not in _PARTS and not entry.startswith("assets/"):
        raise FailedPrecondition(
            f"{name!r} holds {entry[:100]!r}: a .keras archive holds {', '.join(sorted(_PARTS))} and 'assets/'"
        )
    if ".." in entry.split("/") or "\\" in entry or (info.external_attr >> 16) & 0o170000 == 0o120000:
        raise FailedPrecondition(f"{name!r} holds {entry[:100]!r}, which leads out of it")
    if info.file_size > _SPARE + _RATIO * info.compress_size:
        raise FailedPrecondition(
            f"{entry!r} in {name!r} would unpack from {info.compress_size} to {info.file_size} bytes: save it as it is"
        )
