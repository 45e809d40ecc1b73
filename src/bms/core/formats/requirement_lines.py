"""Parses requirements.txt and lock files into lines, without interpreting the requirements.

The standard library alone, so that whatever opens an artifact can read the file that lies in it.
"""

import re

from bms.core.errors import InvalidArgument

MAX_TEXT = 1 << 20  # characters
_COMMENT = re.compile(r"(^|\s)#.*$")
_HASH = re.compile(r"\s--hash[=\s]")
_OTHER_FILE = ("-r", "--requirement", "-c", "--constraint")
_INDEX = ("-i", "--index-url", "--extra-index-url", "-f", "--find-links", "--no-index", "--trusted-host")


def is_lock(text: str) -> bool:
    """Whether the file pins by hash, which makes it a lock file."""
    return any(_HASH.search(line) for _, line in _logical(text))


def parse_requirements(text: str) -> tuple[str, ...]:
    """Returns the requirements of a requirements.txt, in its order, without comments.

    Raises InvalidArgument naming the line for options, other files and hashes.
    """
    found = []
    for number, line in _logical(text):
        _no_option(number, line)
        if _HASH.search(line):
            raise InvalidArgument(f"line {number} of the requirements pins a hash: give the file as a lock file")
        found.append(line)
    return tuple(found)


def parse_lock(text: str) -> tuple[str, ...]:
    """Returns the lines of a lock file, `name==version --hash=sha256:… …`, each as one line, without comments.

    Raises InvalidArgument naming the line for options other than --hash and for lines without one.
    """
    found = []
    for number, line in _logical(text):
        _no_option(number, line)
        if not _HASH.search(line):
            raise InvalidArgument(
                f"line {number} of the lock file, {line[:80]!r}, has no hash: make the file with "
                "`uv pip compile --generate-hashes` or `pip-compile --generate-hashes`"
            )
        found.append(re.sub(r"\s--hash\s+", " --hash=", line))
    return tuple(found)


def _logical(text: str) -> list[tuple[int, str]]:
    """Yields the non-empty lines, continuations joined, each with the number of its first line."""
    if len(text) > MAX_TEXT:
        raise InvalidArgument(f"the file has {len(text)} characters, expected at most {MAX_TEXT}")
    lines: list[tuple[int, str]] = []
    begun, parts = 0, list[str]()
    for number, raw in enumerate([*text.removeprefix("\ufeff").splitlines(), ""], 1):
        begun = begun if parts else number
        line = _COMMENT.sub("", raw).rstrip()
        if line.endswith("\\"):
            parts.append(line[:-1])
            continue
        joined = " ".join(" ".join([*parts, line]).split())
        parts = []
        if joined:
            lines.append((begun, joined))
    return lines


def _no_option(number: int, line: str) -> None:
    if not line.startswith("-"):
        return
    option = re.split(r"[=\s]", line, maxsplit=1)[0]
    if option in _OTHER_FILE or option[:2] in ("-r", "-c"):
        why = "other files are not followed: write all lines into one file"
    elif option in _INDEX:
        why = "indexes are the operator's to configure (`bms up --index`): name one of them as the environment's index"
    elif option in ("-e", "--editable"):
        why = "only packages from an index are installed: put code of your own into the artifact"
    else:
        why = "options are not accepted: only names and versions"
    raise InvalidArgument(f"line {number}, {line[:80]!r}, can't be used: {why}")
