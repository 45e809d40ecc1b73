"""Inspects a file of torch.save without opening it: a whole module, weights, or a checkpoint with either in it.

Source of the two forms, a zip archive and, before PyTorch 1.6, pickles one behind the other: torch/serialization.py.
"""

import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, NamedTuple

from bms.adapters.runtimes.formats.pickle_outline import Made, PickleOutline, UnreadablePickle, outline

LEGACY = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # the number that the older form begins with, pickled
_BEFORE = 3  # pickles before the object: that number, the protocol, the machine
_MAX_PICKLE = 64 << 20
_REBUILT = "torch._utils._rebuild_"
_MODELS = ("model", "net", "state_dict", "weights")  # what checkpoints call what is to be served
_PLAIN = re.compile(r"collections\.OrderedDict|torch\._utils\._rebuild_\w+|torch\.\w+")


class Saved(NamedTuple):
    """The content of a file of torch.save. `within`: the key of a checkpoint under which it lies. `kind`: the class of
    a whole module; empty: weights. `tensors`: sizes by name, in the order of the file. `plain`:
    torch.load(weights_only=True) would open it."""

    kind: str
    within: str | None
    tensors: Mapping[str, tuple[int, ...]]
    embeds: bool = False  # its first layer looks numbers up in a table
    plain: bool = True


def is_legacy(path: str) -> bool:
    with open(path, "rb") as file:
        return file.read(len(LEGACY)) == LEGACY


def saved(path: str) -> Saved | None:
    """Inspects the file; None where its content can't be recognised. Raises OSError."""
    try:
        if is_legacy(path):
            with open(path, "rb") as file:
                head = io.BytesIO(file.read(_MAX_PICKLE))  # its weights lie behind the pickles
            for _ in range(_BEFORE):
                outline(head)
            return _content(outline(head))
        with zipfile.ZipFile(path) as archive:
            return _content(outline(_data(archive)))
    except (UnreadablePickle, zipfile.BadZipFile, NotImplementedError, ValueError, KeyError, StopIteration, EOFError):
        return None


def _data(archive: zipfile.ZipFile) -> BinaryIO:
    entry = next(one for one in archive.infolist() if one.filename.partition("/")[2] == "data.pkl")
    if entry.file_size > _MAX_PICKLE:
        raise UnreadablePickle("it is too large")
    return io.BytesIO(archive.read(entry))


def _content(found: PickleOutline) -> Saved | None:
    told = _one(found.value, None)
    if told is None:
        entries = _entries(found.value).items()
        held = [one for key, value in entries if isinstance(key, str) and (one := _one(value, key)) is not None]
        told = max(held, key=_likely, default=None)
    plain = all(map(_PLAIN.fullmatch, found.names))
    return told if told is None or plain else told._replace(plain=False)


def _likely(one: Saved) -> tuple[bool, bool, int]:
    """Modules before weights; of several the one whose name says so; then the largest."""
    named = any(word in (one.within or "").lower() for word in _MODELS)
    return bool(one.kind), named, len(one.tensors)


def _one(value: Any, within: str | None) -> Saved | None:
    if isinstance(value, Made) and _is_module(value):
        return Saved(value.kind, within, dict(_of_module(value, "", 0)), embeds=_embeds(value, 0))
    tensors = {key: size for key, held in _entries(value).items() if isinstance(key, str) and (size := _size(held))}
    if not tensors:
        return None
    first = next((name for name, size in tensors.items() if len(size) > 1), "")
    return Saved("", within, tensors, embeds="emb" in first.lower())


def _is_module(value: Made) -> bool:
    return isinstance(value.state, dict) and "_modules" in value.state and "_parameters" in value.state


def _of_module(module: Made, prefix: str, depth: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    for name, value in _entries(module.state["_parameters"]).items():
        if size := _size(value):
            yield f"{prefix}{name}", size
    for name, value in _entries(module.state["_modules"]).items() if depth < 50 else ():
        if isinstance(value, Made) and _is_module(value):
            yield from _of_module(value, f"{prefix}{name}.", depth + 1)


def _embeds(module: Made, depth: int) -> bool:
    """Whether the first layer with parameters is an embedding."""
    if any(map(_size, _entries(module.state["_parameters"]).values())):
        return "Embedding" in module.kind
    for value in _entries(module.state["_modules"]).values() if depth < 50 else ():
        if isinstance(value, Made) and _is_module(value) and any(True for _ in _of_module(value, "", depth + 1)):
            return _embeds(value, depth + 1)
    return False


def _entries(value: Any) -> Mapping[Any, Any]:
    if isinstance(value, Made):
        return value.items
    return value if isinstance(value, dict) else {}


def _size(value: Any) -> tuple[int, ...] | None:
    """Of a pickled tensor; None for anything else, and for one without dimensions."""
    if not isinstance(value, Made) or not value.kind.startswith(_REBUILT):
        return None
    for part in value.given:
        if isinstance(part, Made) and (inner := _size(part)):
            return inner  # a parameter's own tensor
        if isinstance(part, tuple) and part and all(type(size) is int for size in part):
            return part
    return None
