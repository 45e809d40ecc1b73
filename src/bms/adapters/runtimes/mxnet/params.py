"""Lists the tensors of an MXNet parameter file, without MXNet.

Format: NDArray::Save in https://github.com/apache/mxnet/blob/v1.9.x/src/ndarray/ndarray.cc.
"""

import struct
from math import prod
from typing import BinaryIO

MAGIC = 0x112
_V2, _V3 = 0xF993FAC9, 0xF993FACA
_DENSE = 0
_SIZES = {0: 4, 1: 8, 2: 2, 3: 1, 4: 4, 5: 1, 6: 8, 7: 1, 12: 2}  # mshadow's type flags, in bytes
_MAX_TENSORS = 1_000_000
_MAX_DIMENSIONS = 32
_MAX_NAME = 4096


class NotParams(Exception):
    """Raised for bytes that are no parameter file; the text says where they stop being one."""


def is_params(path: str) -> bool:
    with open(path, "rb") as file:
        return file.read(16) == struct.pack("<QQ", MAGIC, 0)


def names_of(path: str) -> frozenset[str]:
    """The names of the tensors, without "arg:" and "aux:". Raises NotParams where the bytes break the format."""
    with open(path, "rb") as file:
        size = file.seek(0, 2)
        file.seek(0)
        if _numbers(file, "<QQ") != (MAGIC, 0):
            raise NotParams("it does not begin as one")
        (count,) = _numbers(file, "<Q")
        if count > _MAX_TENSORS:
            raise NotParams(f"it says that it holds {count} tensors")
        for _ in range(count):
            _skip_tensor(file, size)
        (named,) = _numbers(file, "<Q")
        if named != count:
            raise NotParams(f"it holds {count} tensors and {named} names")
        names = [_name(file) for _ in range(named)]
        if file.tell() != size:
            raise NotParams(f"{size - file.tell()} bytes are left over")
        return frozenset(name.partition(":")[2] if name.startswith(("arg:", "aux:")) else name for name in names)


def _skip_tensor(file: BinaryIO, size: int) -> None:
    magic, storage = _numbers(file, "<Ii")
    if magic not in (_V2, _V3) or storage != _DENSE:
        raise NotParams("it holds a tensor that is not dense, or was written before MXNet 1.0: save it with MXNet 1.9")
    (dimensions,) = _numbers(file, "<i")
    if not 0 <= dimensions <= _MAX_DIMENSIONS:
        raise NotParams(f"it holds a tensor of {dimensions} dimensions")
    shape = _numbers(file, f"<{dimensions}q")
    _, _, kind = _numbers(file, "<iii")
    if kind not in _SIZES or any(one < 0 for one in shape):
        raise NotParams(f"it holds a tensor of type {kind} and shape {list(shape)}")
    end = file.tell() + prod(shape) * _SIZES[kind]
    if end > size:
        raise NotParams(f"a tensor of shape {list(shape)} ends beyond the file")
    file.seek(end)


def _name(file: BinaryIO) -> str:
    (length,) = _numbers(file, "<Q")
    if length > _MAX_NAME:
        raise NotParams(f"a name of {length} bytes")
    content = file.read(length)
    if len(content) != length:
        raise NotParams("it ends within a name")
    return content.decode(errors="replace")


def _numbers(file: BinaryIO, format: str) -> tuple[int, ...]:
    size = struct.calcsize(format)
    content = file.read(size)
    if len(content) != size:
        raise NotParams(f"it ends at byte {file.tell()}, within a tensor's head")
    return struct.unpack(format, content)
