"""Maps large weights that an ONNX file holds within itself, by declaring them external data in this very file.

ONNX Runtime keeps weights that it has read out of a model's message twice, as they were and as it packs them for its
kernels. Weights outside the message are mapped, and given up once they are packed. So the runtime is handed the message
without them, and an offset into the file for each; nothing is written anywhere.

Field numbers are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto; what external data are:
https://github.com/onnx/onnx/blob/main/docs/ExternalData.md.
"""

import os
import platform
from collections.abc import Iterator
from typing import Any

from bms.adapters.runtimes.artifacts.model_file import mapped
from bms.adapters.runtimes.formats.protobuf_wire import NotProtobuf, varint
from bms.adapters.runtimes.onnx.file import OnnxFile

LARGE = 1 << 20  # bytes of a tensor from which on it is worth it
ENOUGH = 32 << 20  # and of all those together
_SINCE = (1, 22)  # of ONNX Runtime, which must know the next option
_FOLDER = "session.model_external_initializers_file_folder_path"
_ALIGNED = 8
_BYTES = 2  # protobuf's wire types
_FIXED = {1: 8, 5: 4}


def weights_mapped(ort: Any, options: Any, path: str, found: OnnxFile, *, share: bool) -> str | bytes:
    """What to make a session of, so that large weights are mapped from `path` or what lies beside it.

    With `share` they also stay mapped, as they are: processes that serve the same files have them in memory once.
    Kernels then do without weights packed for them. `ort` is the package, `options` its SessionOptions.
    """
    version = tuple(int(part) for part in ort.__version__.split(".")[:2])
    slim = None
    if version >= _SINCE and os.path.getsize(path) >= ENOUGH:
        slim = without_weights(mapped(path), os.path.basename(path), any_offset=platform.machine() == "x86_64")
    if slim is not None:
        options.add_session_config_entry(_FOLDER, os.path.dirname(os.path.abspath(path)))
    if share and (slim is not None or sum(external.length or 0 for external in found.external) >= ENOUGH):
        options.add_session_config_entry("session.disable_prepacking", "1")
    return path if slim is None else slim


def without_weights(data: memoryview, location: str, *, any_offset: bool) -> bytes | None:
    """The model with its large weights declared to lie in the file `location`, which holds `data`; None when they are
    not large.

    Weights lie wherever the message put them. Kernels read them there on machines that read numbers at any address as
    well as at aligned ones; without `any_offset` only weights at multiples of 8 bytes are left out. Raises NotProtobuf
    where the bytes break the format.
    """
    step = 1 if any_offset else _ALIGNED
    message: list[bytes | memoryview] = []
    saved = 0
    for number, begin, value, end in _spans(data, 0, len(data)):
        if number == 7:
            graph, taken = _graph(data, value, end, location, step)
            saved += taken
            message += (_key(7, _BYTES), _number(sum(map(len, graph))), *graph)
        else:
            message.append(data[begin:end])
    return b"".join(message) if saved >= ENOUGH else None


def _graph(data: memoryview, at: int, end: int, location: str, step: int) -> tuple[list[bytes | memoryview], int]:
    """A graph's message in parts, and the bytes of the weights it does not hold any more."""
    parts: list[bytes | memoryview] = []
    saved = 0
    for number, begin, value, stop in _spans(data, at, end):
        tensor = _tensor(data, value, stop, location, step) if number == 5 and stop - value >= LARGE else None
        if tensor is None:
            parts.append(data[begin:stop])
        else:
            parts += (_key(5, _BYTES), _number(len(tensor)), tensor)
            saved += stop - value
    return parts, saved


def _tensor(data: memoryview, at: int, end: int, location: str, step: int) -> bytes | None:
    """A tensor's message with its raw data outside; None for one whose data are not raw, not at a multiple of `step`,
    or outside already."""
    parts: list[bytes | memoryview] = []
    raw: tuple[int, int] | None = None
    for number, begin, value, stop in _spans(data, at, end):
        if number == 9:
            raw = (value, stop - value)
        elif number in (13, 14):
            return None
        else:
            parts.append(data[begin:stop])
    if raw is None or raw[1] < LARGE or raw[0] % step:
        return None
    for name, text in (("location", location), ("offset", str(raw[0])), ("length", str(raw[1]))):
        entry = _text(1, name) + _text(2, text)
        parts += (_key(13, _BYTES), _number(len(entry)), entry)
    parts += (_key(14, 0), _number(1))
    return b"".join(parts)


def _spans(data: memoryview, at: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """(field number, where it begins, where its value begins, where it ends) of one message's fields."""
    while at < end:
        begin = at
        key, at = varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value = at
            _, at = varint(data, at)
        elif kind == _BYTES:
            size, value = varint(data, at)
            at = value + size
        elif kind in _FIXED:
            value, at = at, at + _FIXED[kind]
        else:
            raise NotProtobuf(f"wire type {kind} at byte {begin}")
        if at > end:
            raise NotProtobuf(f"a field ends beyond its message at byte {begin}")
        yield number, begin, value, at


def _key(number: int, kind: int) -> bytes:
    return _number(number << 3 | kind)


def _text(number: int, text: str) -> bytes:
    content = text.encode()
    return _key(number, _BYTES) + _number(len(content)) + content


def _number(value: int) -> bytes:
    """A varint."""
    made = bytearray()
    while value > 0x7F:
        made.append(value & 0x7F | 0x80)
        value >>= 7
    made.append(value)
    return bytes(made)
