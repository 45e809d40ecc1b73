"""What an artifact says of itself, read from files of its own: `bms.json`, `requirements.txt`. Nothing is executed."""

import os

import msgspec

from bms.core.errors import FailedPrecondition
from bms.core.programs import Description

DESCRIPTION = "bms.json"
REQUIREMENTS = "requirements.txt"
MAX_BYTES = 1 << 20


def described(directory: str) -> Description:
    """The content of `bms.json`; empty where there is none. Raises FailedPrecondition for one that is not valid."""
    content = small_file(directory, DESCRIPTION)
    if content is None:
        return Description()
    try:
        return msgspec.json.decode(content, type=Description)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise FailedPrecondition(f"{DESCRIPTION!r} does not describe a model: {error}") from error


def listed_requirements(directory: str, name: str = REQUIREMENTS) -> tuple[str, ...]:
    """The requirements of a requirements file, one each; none where there is no such file.

    Raises FailedPrecondition for installer options: what else is installed, and from where, is not the artifact's say.
    """
    content = small_file(directory, name)
    found: list[str] = []
    for line in (content or b"").decode(errors="replace").replace("\\\n", " ").splitlines():
        text = line.split(" #")[0].strip()
        if not text or text.startswith("#"):
            continue
        if text.startswith("-"):
            raise FailedPrecondition(
                f"{name!r} holds the option {text[:80]!r}: list names and versions only, one to a line"
            )
        found.append(text)
    return tuple(found)


def small_file(directory: str, name: str) -> bytes | None:
    """Its content; None where there is no such ordinary file. Raises FailedPrecondition for one over 1 MiB."""
    path = os.path.join(directory, name)
    if os.path.islink(path) or not os.path.isfile(path):
        return None
    with open(path, "rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise FailedPrecondition(f"{name!r} is larger than {MAX_BYTES} bytes")
    return content
