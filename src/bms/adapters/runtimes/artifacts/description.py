"""Reads an artifact's own description, `bms.json` and `requirements.txt`. Nothing is executed."""

import os
from typing import NamedTuple

import msgspec

from bms.core.errors import FailedPrecondition, InvalidArgument
from bms.core.formats.requirement_lines import is_lock, parse_lock, parse_requirements
from bms.core.workloads.programs import Description

DESCRIPTION = "bms.json"
REQUIREMENTS = "requirements.txt"
MAX_BYTES = 1 << 20


def described(directory: str) -> Description:
    """Reads the content of `bms.json`; empty where there is none. Raises FailedPrecondition for one that is not
    valid."""
    content = small_file(directory, DESCRIPTION)
    if content is None:
        return Description()
    try:
        return msgspec.json.decode(content, type=Description)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise FailedPrecondition(f"{DESCRIPTION!r} does not describe a model: {error}") from error


class Listed(NamedTuple):
    """The content of a requirements file: requirements, or, where it pins by hash, the lines of a lock."""

    requirements: tuple[str, ...] = ()
    lock: tuple[str, ...] = ()


def listed(directory: str, name: str = REQUIREMENTS) -> Listed:
    """Reads the artifact's requirements file; nothing where there is none.

    Raises FailedPrecondition for options and other files: what else is installed, and from where, is not its say.
    """
    text = (small_file(directory, name) or b"").decode(errors="replace")
    try:
        return Listed(lock=parse_lock(text)) if is_lock(text) else Listed(parse_requirements(text))
    except InvalidArgument as error:
        raise FailedPrecondition(f"{name!r} can't be used: {error.message}") from error


def small_file(directory: str, name: str, most: int = MAX_BYTES) -> bytes | None:
    """Reads an ordinary file's content; None where there is no such file. Raises FailedPrecondition for one of more
    than `most` bytes."""
    path = os.path.join(directory, name)
    if os.path.islink(path) or not os.path.isfile(path):
        return None
    with open(path, "rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise FailedPrecondition(f"{name!r} is larger than {most} bytes")
    return content
