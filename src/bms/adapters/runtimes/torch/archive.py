"""Recognises PyTorch's zip archives by the names within, and checks that they may be opened."""

import os
import zipfile
from collections.abc import Mapping
from typing import Literal

from bms.adapters.runtimes.artifacts.model_file import top_files
from bms.adapters.runtimes.torch.pickle import is_legacy
from bms.core.errors import FailedPrecondition

Kind = Literal["pt2", "torchscript", "state"]
SUFFIXES = (".pt2", ".pt", ".pth", ".ts", ".torchscript")
MAX_ENTRIES = 200_000
MAX_SQUEEZED = 256 << 20  # bytes that compressed entries may grow to; weights are stored as they are
WORDS = {
    "pt2": "an archive of torch.export.save",
    "torchscript": "TorchScript",
    "state": "a pickle of torch.save, a state_dict or a whole module",  # in whichever of its two forms
}


def kind_of(path: str) -> Kind | None:
    """The kind of archive: "pt2" (torch.export), "torchscript", "state" (torch.save); None for anything else."""
    try:
        if not zipfile.is_zipfile(path):
            return "state" if is_legacy(path) else None
        with zipfile.ZipFile(path) as archive:
            names = {name.partition("/")[2] or name for name in archive.namelist()}
    except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError):
        return None
    if "archive_format" in names and any(name.startswith("models/") for name in names):
        return "pt2"
    if "data/aotinductor" in {name[:16] for name in names} or "serialized_exported_program.json" in names:
        return "pt2"
    if "data.pkl" not in names:
        return None
    script = "constants.pkl" in names and any(name.startswith("code/") for name in names)
    return "torchscript" if script else "state"


def first_kind(directory: str, *kinds: Kind) -> Kind | None:
    """The first of `kinds` that a file at the artifact's top is."""
    return next((kind for kind in kinds if first_file(directory, kind)), None)


def first_file(directory: str, kind: Kind) -> str | None:
    """The path of the first file of that kind at the artifact's top."""
    return next((path for path in top_files(directory) if kind_of(path) == kind), None)


def opened(path: str, expected: Kind) -> tuple[zipfile.ZipFile, Mapping[str, zipfile.ZipInfo]]:
    """Opens the archive: its entries by their names within its one root folder.

    Raises FailedPrecondition when the file is not what was expected, and for names that lead elsewhere, entries that
    are there twice, and entries that would grow beyond bounds.
    """
    name = os.path.basename(path)
    kind = kind_of(path)
    if kind != expected:
        what = WORDS[kind] if kind else "none of PyTorch's archives"
        raise FailedPrecondition(f"{name!r} is expected to be {WORDS[expected]}, but its content is {what}")
    archive = zipfile.ZipFile(path)
    try:
        return archive, _entries(archive, name)
    except BaseException:
        archive.close()
        raise


def _entries(archive: zipfile.ZipFile, name: str) -> dict[str, zipfile.ZipInfo]:
    listed = archive.infolist()
    if len(listed) > MAX_ENTRIES:
        raise FailedPrecondition(f"{name!r} holds {len(listed)} entries, at most {MAX_ENTRIES} are read")
    root = listed[0].filename.partition("/")[0] if listed else ""
    entries: dict[str, zipfile.ZipInfo] = {}
    squeezed = 0
    for info in listed:
        first, _, inner = info.filename.partition("/")
        if first != root or not inner or ".." in info.filename.split("/") or "\\" in info.filename:
            raise FailedPrecondition(f"{name!r} holds {info.filename[:100]!r}, which lies outside its one root folder")
        if inner in entries:
            raise FailedPrecondition(f"{name!r} holds {inner[:100]!r} twice")
        if info.compress_type != zipfile.ZIP_STORED:
            squeezed += info.file_size
        entries[inner] = info
    if squeezed > MAX_SQUEEZED:
        raise FailedPrecondition(f"{name!r} would unpack to more than {MAX_SQUEEZED} bytes beside its weights")
    return entries


def content(archive: zipfile.ZipFile, info: zipfile.ZipInfo, limit: int = MAX_SQUEEZED) -> bytes:
    """Reads an entry's bytes. Raises FailedPrecondition for a broken one, and for one that is larger than `limit`."""
    if info.file_size > limit:
        raise FailedPrecondition(f"{info.filename[:100]!r} in the archive is larger than {limit} bytes")
    try:
        with archive.open(info) as file:
            return file.read(limit + 1)
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        raise FailedPrecondition(f"{info.filename[:100]!r} in the archive can't be read: {error}") from error
