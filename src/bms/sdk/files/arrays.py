"""Reads NPY and NPZ files, and refuses broken ones and those that unpack to far more than their size."""

import zipfile
import zlib
from pathlib import Path

import numpy as np

from bms.core.errors import InvalidArgument
from bms.core.tensors.tensor import Array

MOST = 1 << 30  # bytes unpacked: far more than a request may have
_BROKEN = (ValueError, OSError, EOFError, MemoryError, RuntimeError, zipfile.BadZipFile, zlib.error)


def read_arrays(path: Path) -> Array | dict[str, Array]:
    """Reads the array of an NPY file, or those of an NPZ by name. Raises InvalidArgument for what holds none that can
    be read, pickled ones among them, and for what is larger unpacked than a request may be."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as packed:
                size = sum(member.file_size for member in packed.infolist())
            if size > MOST:
                raise InvalidArgument(f"{path} unpacks to {size:,} bytes, {MOST:,} are allowed: take fewer rows")
        loaded = np.load(path, allow_pickle=False)
        return loaded if isinstance(loaded, np.ndarray) else dict(loaded)
    except _BROKEN as error:
        raise InvalidArgument(f"{path} holds no arrays that can be read: {error}") from None
