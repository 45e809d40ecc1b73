"""Finds an artifact's model file, and checks that it is what it is declared to be."""

import mmap
import os
from collections.abc import Callable, Iterator

from bms.core.errors import FailedPrecondition
from bms.serving.inference.reasons import reason
from bms.serving.inference.runtime import Runtime


def model_file(directory: str, suffixes: tuple[str, ...], runtime: Runtime) -> str:
    """The path of the one file with one of the suffixes; `model.*` is preferred where there are several.

    Raises FailedPrecondition when there is none, when it is ambiguous, or when it is a link.
    """
    names = top_names(directory)
    fitting = [name for name in names if name.lower().endswith(suffixes)]
    preferred = [name for name in fitting if os.path.splitext(name)[0] == "model"] or fitting
    if not preferred:
        raise unexpected(directory, runtime, f"a file {' or '.join('*' + suffix for suffix in suffixes)} at the top")
    if len(preferred) > 1:
        raise FailedPrecondition(
            f"the artifact holds several models ({', '.join(map(repr, preferred[:5]))}): name the one to serve model"
            f"{suffixes[0]}"
        )
    path = os.path.join(directory, preferred[0])
    if os.path.islink(path) or not os.path.isfile(path):
        raise FailedPrecondition(f"{preferred[0]!r} is not an ordinary file: put the model itself into the artifact")
    return path


def known_file(
    directory: str, suffixes: tuple[str, ...], format_of: Callable[[str], str | None], runtime: Runtime
) -> str:
    """As `model_file`, for suffixes that many files have: those of other content than `format_of` knows don't count.

    Raises FailedPrecondition also when files with such an ending are there, but none of them is a model.
    """
    known = [path for path in top_files(directory) if path.lower().endswith(suffixes) and format_of(path)]
    if len(known) == 1:
        return known[0]
    path = model_file(directory, suffixes, runtime)
    if path not in known:
        raise FailedPrecondition(
            f"{os.path.basename(path)!r} is named like a model for runtime {runtime.name!r}, but is not one: "
            "it is cut off, or something else; save the model again"
        )
    return path


def unexpected(directory: str, runtime: Runtime, expected: str) -> FailedPrecondition:
    """Makes the error for an artifact that lacks what the runtime looks for. Raises it when the artifact can't be
    read."""
    names = top_names(directory)
    return FailedPrecondition(
        f"runtime {runtime.name!r} expects {expected} of the artifact; it holds "
        f"{', '.join(map(repr, names[:10])) or 'nothing'}"
    )


def top_names(directory: str) -> list[str]:
    """Lists the names at the top of an artifact, sorted. Raises FailedPrecondition when it can't be read."""
    try:
        return sorted(os.listdir(directory))
    except OSError as error:
        raise FailedPrecondition(f"the artifact can't be read: {error.strerror}") from error


def top_files(directory: str) -> Iterator[str]:
    """The paths of the ordinary files at the top of an artifact, by name; none when it can't be read."""
    try:
        names = sorted(os.listdir(directory))
    except OSError:
        return
    for name in names:
        path = os.path.join(directory, name)
        if os.path.isfile(path) and not os.path.islink(path):
            yield path


def first_format(directory: str, format_of: Callable[[str], str | None]) -> str | None:
    """The format that `format_of` finds for the first top file that it knows."""
    for path in top_files(directory):
        if (found := format_of(path)) is not None:
            return found
    return None


def lacking(runtime: str, package: str, error: ImportError) -> FailedPrecondition:
    """Makes the error for a framework that is not installed, or can't be imported: `error` says why."""
    if isinstance(error, ModuleNotFoundError):
        return FailedPrecondition(
            f"runtime {runtime!r} needs the package {package}, which the model's environment lacks (there is no module "
            f"{error.name!r}): add it to the version's requirements"
        )
    return FailedPrecondition(
        f"runtime {runtime!r} needs the package {package}, which can't be imported in the model's environment: "
        f"{reason(error)}; ask for another version of what fails, by the version's requirements"
    )


def contained(directory: str, location: str) -> str:
    """Resolves `location`, written inside a model, to the path of an ordinary file below `directory`.

    Raises FailedPrecondition for absolute paths, '..', links and anything else that leads out.
    """
    parts = location.replace("\\", "/").split("/")
    path = os.path.join(directory, *parts)
    if (
        not location
        or "\0" in location
        or location.startswith(("/", "\\"))
        or any(part in ("", "..") for part in parts)
        or os.path.realpath(path) != os.path.join(os.path.realpath(directory), *[part for part in parts if part != "."])
    ):
        raise FailedPrecondition(
            f"the model keeps data in {location[:200]!r}, which leads out of its artifact: use a relative path to a "
            "file beside the model, without '..' or links"
        )
    if not os.path.isfile(path):
        raise FailedPrecondition(f"the model keeps data in {location[:200]!r}, but the artifact holds no such file")
    return path


def mapped(path: str) -> memoryview:
    """Maps a file's bytes into memory, unmapped when the last view of them is gone. Raises OSError; ValueError for an
    empty file."""
    with open(path, "rb") as file:
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
