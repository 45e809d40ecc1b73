"""Recognises the file of a scikit-learn model by its content, and reads it no less safely than declared."""

import json
import os
import re
import zipfile
from collections.abc import Iterator
from typing import Any

from bms.adapters.runtimes.artifacts.model_file import lacking
from bms.adapters.runtimes.sklearn.trusted import MADE_ONLY, TRUSTED, advice
from bms.core.errors import FailedPrecondition
from bms.core.formats.pickles import SUFFIXES as PICKLED
from bms.core.formats.pickles import refusal
from bms.serving.inference.reasons import reason

SUFFIXES = (".skops", *PICKLED)
_COMPRESSED = (
    b"\x78\x01",
    b"\x78\x5e",
    b"\x78\x9c",
    b"\x78\xda",
    b"\x1f\x8b",
    b"BZh",
    b"\xfd7zXZ",
    b"]\x00\x00",
    b"\x04\x22\x4d\x18",
)
_TORCH = b"\x80\x02\x8a\nl\xfc"  # how pickles of torch.save begin, before PyTorch 1.6

_SAFE_SKOPS = (0, 12)  # older ones can be led to methods of the file's choosing (CVE-2025-54412, CVE-2025-54413)


def format_of(path: str) -> str | None:
    """ "skops", "pickle" or "joblib" (a compressed pickle), by content; None for anything else."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                return "skops" if "schema.json" in archive.namelist() else None
        with open(path, "rb") as file:
            head = file.read(6)
    except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError, OverflowError):  # garbled zip files
        return None
    if head == _TORCH:
        return None
    if len(head) > 1 and head[0] == 0x80 and 2 <= head[1] <= 5:
        return "pickle"
    return "joblib" if head.startswith(_COMPRESSED) else None


def read_estimator(path: str, *, allow_pickle: bool) -> tuple[Any, str]:
    """Reads the file: (object, format). Imports scikit-learn and, for skops files, skops.

    Raises FailedPrecondition when name and content disagree, when a skops file holds types that are not trusted, when a
    pickle is not allowed, and when the file is broken.
    """
    name = os.path.basename(path)
    suffix = os.path.splitext(name)[1].lower()
    found = format_of(path)
    expected = {".skops": ("skops",), ".joblib": ("pickle", "joblib")}.get(suffix, ("pickle",))
    if found not in expected:
        raise FailedPrecondition(
            f"{name!r} is named as {expected[0]}, but its content is {found or 'neither a skops file nor a pickle'}: "
            "save the model again, or give the file the ending of what it is"
        )
    if found == "skops":
        return _skops(path, name), "skops"
    if not allow_pickle:
        raise FailedPrecondition(refusal(name))
    return _pickled(path, name, suffix), "joblib" if suffix == ".joblib" else "pickle"


def _skops(path: str, name: str) -> Any:
    try:
        import skops.io
    except ImportError as error:
        raise lacking("sklearn", "skops", error) from error
    if tuple(map(int, re.findall(r"\d+", skops.__version__)[:2])) < _SAFE_SKOPS:
        raise FailedPrecondition(
            f"skops {skops.__version__} opens files unsafely: require a newer one, skops>=0.13, in the "
            "version's requirements"
        )
    try:
        unknown = set(skops.io.get_untrusted_types(file=path))
        if refused := sorted(unknown - TRUSTED):
            raise FailedPrecondition(
                f"{name!r} holds types that are not trusted: {', '.join(refused[:10])}; {advice(refused)}"
            )
        if refused := sorted(unknown & MADE_ONLY & set(_called(path))):
            raise FailedPrecondition(f"{name!r} holds {refused[0]} as something to call, which is not trusted")
        return skops.io.load(path, trusted=sorted(unknown))
    except FailedPrecondition:
        raise
    except Exception as error:  # a hostile file may make any part of the reader fail
        raise _broken(name, error) from error


def _called(path: str) -> Iterator[str]:
    """The types that a file holds themselves, not only objects of them."""
    with zipfile.ZipFile(path) as archive:
        nodes = [json.loads(archive.read("schema.json"))]
    while nodes:
        node = nodes.pop()
        nodes += [one for one in (node.values() if isinstance(node, dict) else node) if isinstance(one, dict | list)]
        if isinstance(node, dict) and node.get("__loader__") == "TypeNode":
            yield f"{node.get('__module__')}.{node.get('__class__')}"


def _pickled(path: str, name: str, suffix: str) -> Any:
    try:
        import joblib  # type: ignore[import-not-found]
    except ImportError as error:
        raise lacking("sklearn", "scikit-learn", error) from error
    try:
        return joblib.load(path)
    except BaseException as error:  # a pickle runs what it likes
        raise _broken(name, error) from error


def _broken(name: str, error: BaseException) -> FailedPrecondition:
    lacks = f"; add {error.name} to the version's requirements" if isinstance(error, ModuleNotFoundError) else ""
    return FailedPrecondition(f"{name!r} can't be read: {reason(error)}{lacks}")
