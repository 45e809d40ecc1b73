"""Imports NumPy's .npz: arrays of equal length, one a column; nothing in it is unpickled."""

import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from bms.adapters.datasets.columns import Column
from bms.adapters.datasets.datetimes import texts_of
from bms.adapters.datasets.files import left_out, single_file
from bms.adapters.datasets.images.pictures import encode_png
from bms.adapters.datasets.schema import ColumnSchema, TableSchema
from bms.adapters.datasets.table import Table, table_of
from bms.core.errors import InvalidArgument, PayloadTooLarge

_LARGEST = 16 << 30  # bytes of all arrays


def load(source: Path) -> Table:
    """Reads the file `source`, or the only *.npz below it.

    Floats become float64, integers int64, strings text, datetime64 datetimes (NaT is missing); uint8 arrays
    [n, height, width] and [n, height, width, 1 or 3] become PNG images. Raises InvalidArgument, also for numbers that
    would change, and PayloadTooLarge.
    """
    path = single_file(source, ".npz")
    columns: dict[str, Column] = {}
    features = []
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            total = sum(entry.file_size for entry in entries)
            if total > _LARGEST:
                raise PayloadTooLarge(f"{path.name} unpacks to {total} bytes; {_LARGEST} are allowed")
            for entry in entries:
                name = entry.filename.removesuffix(".npy")
                with archive.open(entry) as file:
                    array = _read_array(file, name, entry.file_size)
                feature, columns[name] = _column(name, array)
                features.append(feature)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise InvalidArgument(f"{path.name} is not an .npz file, or is damaged: {error}") from error
    return table_of(TableSchema(features=tuple(features)), columns, left_out(source, [path]))


def _read_array(file: IO[bytes], name: str, size: int) -> NDArray[Any]:
    """The array, whose declared shape must agree with its bytes before any memory is given to it."""
    try:
        version = npy.read_magic(file)
        read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, columns_first, dtype = read_header(file)
    except (ValueError, SyntaxError) as error:
        raise InvalidArgument(f"array {name!r} is not in NumPy's format: {error}") from error
    if dtype.hasobject:
        raise InvalidArgument(f"array {name!r} holds Python objects, which are never opened; store numbers or strings")
    if not shape or any(length < 0 for length in shape):
        raise InvalidArgument(f"array {name!r} has shape {list(shape)}; expected rows along its first axis")
    declared = dtype.itemsize
    for length in shape:
        declared *= length
    if not dtype.itemsize or declared != size - file.tell():
        raise InvalidArgument(f"array {name!r} declares {declared} bytes but holds {size - file.tell()}")
    array: NDArray[Any] = np.frombuffer(file.read(), dtype)
    return array.reshape(shape[::-1]).transpose() if columns_first else array.reshape(shape)


def _column(name: str, array: NDArray[Any]) -> tuple[ColumnSchema, Column]:
    kind = array.dtype.kind
    if array.dtype == np.uint8 and (array.ndim == 3 or (array.ndim == 4 and array.shape[3] in (1, 3))):
        pixels = array[..., 0] if array.ndim == 4 and array.shape[3] == 1 else array
        shape = (*array.shape[1:3], 3 if pixels.ndim == 4 else 1)
        return ColumnSchema(name=name, kind="image", shape=shape), [encode_png(image) for image in pixels]
    if kind == "f":
        return ColumnSchema(name=name, kind="float", shape=array.shape[1:]), _doubles(name, array)
    if kind == "b":
        return ColumnSchema(name=name, kind="bool", shape=array.shape[1:]), array
    if kind in "iu":
        if array.dtype == np.uint64 and array.size and int(array.max()) >> 63:
            raise InvalidArgument(f"array {name!r} holds {array.max()}, which does not fit int64")
        return ColumnSchema(name=name, kind="int", shape=array.shape[1:]), array.astype(np.int64)
    if kind == "M" and array.ndim == 1:
        texts = texts_of(array)
        if texts is None:
            raise InvalidArgument(f"array {name!r} of {array.dtype} holds times outside the years 1 to 9999, or finer")
        return ColumnSchema(name=name, kind="datetime"), texts
    if kind in "US" and array.ndim == 1:
        return ColumnSchema(name=name, kind="text"), _texts(name, array)
    raise InvalidArgument(f"array {name!r} of {array.dtype}, shape {list(array.shape)}, cannot be a column")


def _doubles(name: str, array: NDArray[Any]) -> NDArray[np.float64]:
    with np.errstate(over="ignore"):
        doubles = array.astype(np.float64)
    changed = (doubles != array) & ~np.isnan(array)
    if changed.any():
        raise InvalidArgument(f"array {name!r} of {array.dtype} holds {array[changed].flat[0]}, which no float64 holds")
    return doubles


def _texts(name: str, array: NDArray[Any]) -> list[str]:
    texts = []
    try:
        for cell in array.tolist():
            texts.append(cell.decode() if isinstance(cell, bytes) else str(cell))
            texts[-1].encode()
    except ValueError as error:  # of which UnicodeError is one: NumPy's texts may have halves of characters
        row = len(texts) + isinstance(error, UnicodeDecodeError)
        raise InvalidArgument(f"array {name!r}, row {row} is not UTF-8 text: {error}") from error
    return texts
