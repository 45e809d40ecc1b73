"""Checks that an HDF5 file refers to nothing outside itself, and is not larger unpacked than it can be."""

import os
import zipfile
from typing import Any

from bms.adapters.runtimes.keras.file import WEIGHTS, parsed_config
from bms.core.errors import FailedPrecondition
from bms.serving.inference.reasons import reason

_MAX_OBJECTS = 1_000_000
_RATIO = 16  # of what datasets unpack to, to the file's size
_SPARE = 64 << 20


def check_weights(h5py: Any, path: str) -> None:
    """Checks the weights in a .keras archive. Raises FailedPrecondition."""
    with zipfile.ZipFile(path) as archive, archive.open(WEIGHTS) as inner:
        _checked(h5py, inner, WEIGHTS, archive.getinfo(WEIGHTS).file_size, None)


def check_loose_weights(h5py: Any, directory: str) -> None:
    """Checks weights that lie in a folder by themselves. Raises FailedPrecondition."""
    path = os.path.join(directory, WEIGHTS)
    _checked(h5py, path, WEIGHTS, os.path.getsize(path), None)


def checked_config(h5py: Any, path: str) -> Any:
    """Checks an HDF5 model, and returns its description. Raises FailedPrecondition."""
    name = os.path.basename(path)
    content = _checked(h5py, path, name, os.path.getsize(path), "model_config")
    if not isinstance(content, str | bytes):
        raise FailedPrecondition(f"{name!r} describes no model: it holds weights alone; save it with model.save")
    return parsed_config(name, content)


def _checked(h5py: Any, source: Any, name: str, size: int, attribute: str | None) -> Any:
    try:
        with h5py.File(source, "r") as file:
            _contained(h5py, file, name, size)
            return file.attrs.get(attribute) if attribute else None
    except FailedPrecondition:
        raise
    except Exception as error:  # a hostile file may make any part of the reader fail
        raise FailedPrecondition(f"{name!r} can't be read: {reason(error)}") from error


def _contained(h5py: Any, file: Any, name: str, size: int) -> None:
    waiting, seen, unpacked = [file["/"]], set(), 0
    while waiting:
        group = waiting.pop()
        for key in group:
            link = group.get(key, getlink=True)
            where = f"{group.name.rstrip('/')}/{key}"
            if not isinstance(link, h5py.HardLink):
                what = "a file outside the artifact" if isinstance(link, h5py.ExternalLink) else "another place"
                raise FailedPrecondition(f"{name!r} keeps {where[:100]!r} as a link to {what}: save the model again")
            item = group[key]
            address = h5py.h5o.get_info(item.id).addr
            if address in seen:
                continue
            seen.add(address)
            if len(seen) > _MAX_OBJECTS:
                raise FailedPrecondition(f"{name!r} holds more than {_MAX_OBJECTS} objects")
            if isinstance(item, h5py.Group):
                waiting.append(item)
            elif isinstance(item, h5py.Dataset):
                if item.external or item.is_virtual:
                    raise FailedPrecondition(
                        f"{name!r} keeps the values of {where[:100]!r} in other files: save it again"
                    )
                unpacked += item.size * item.dtype.itemsize if item.size else 0
                if unpacked > _SPARE + _RATIO * size:
                    raise FailedPrecondition(
                        f"{name!r} has {size} bytes, but {where[:100]!r} and those before would unpack to {unpacked}"
                    )
