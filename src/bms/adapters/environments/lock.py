"""Lock files: exact versions with their hashes in one canonical form, and how they match requirements."""

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from bms.adapters.environments.parsing import canonical_name, requirement
from bms.core.errors import InvalidArgument

if TYPE_CHECKING:
    from packaging.requirements import Requirement

MAX_LINES = 2000
MAX_LINE = 40_000  # characters: some 500 hashes
_HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def normalise_lock(lines: Iterable[str]) -> tuple[str, ...]:
    """Brings pins into the canonical form, each once, sorted.

    Raises InvalidArgument naming the first that is no `name==version --hash=sha256:…`.
    """
    texts = list(lines)
    if len(texts) > MAX_LINES:
        raise InvalidArgument(f"a lock of {len(texts)} lines is too long: expected at most {MAX_LINES}")
    return tuple(sorted({_canonical(text) for text in texts}))


def pinned(lock: Iterable[str]) -> "dict[str, Requirement]":
    """The pinned versions by name, of a canonical lock; the last where a universal lock has several for different
    machines."""
    parsed = (requirement(line.partition(" --hash=")[0]) for line in lock)
    return {canonical_name(each.name): each for each in parsed}


def beside(requirements: Iterable[str], lock: Sequence[str]) -> tuple[str, ...]:
    """The requirements that the lock does not cover.

    Raises InvalidArgument where it pins a version that a requirement excludes.
    """
    pins = pinned(lock)
    missing = []
    for text in requirements:
        wanted = requirement(text)
        pin = pins.get(canonical_name(wanted.name))
        if pin is None:
            missing.append(text)
        elif wanted.marker is None and pin.marker is None:
            version = next(iter(pin.specifier)).version
            if not wanted.specifier.contains(version, prereleases=True):
                raise InvalidArgument(f"the lock has {pin.name}=={version}, but {text} is needed: lock it again")
    return tuple(missing)


def constraints_of(lock: Iterable[str]) -> tuple[str, ...]:
    """The versions alone as constraints, without extras, which constraints can't have."""
    parsed = (requirement(line.partition(" --hash=")[0]) for line in lock)
    return tuple(f"{each.name}{each.specifier}" + (f" ; {each.marker}" if each.marker else "") for each in parsed)


def lock_lines(text: str) -> tuple[str, ...]:
    """The canonical lines of a lock file that uv wrote."""
    joined = text.replace("\\\n", " ")
    return tuple(" ".join(line.split()) for line in joined.splitlines() if line.strip() and line[0] != "#")


def lock_text(lines: Iterable[str]) -> str:
    """A lock file with these lines, as uv writes it: a hash per line."""
    return "".join(line.replace(" --hash=", " \\\n    --hash=") + "\n" for line in lines)


def exact(lines: Iterable[str]) -> tuple[str, ...]:
    """Rewrites the pins of a canonical lock so that only these very versions match: `2.0+cpu` meets `==2.0`, and where
    an index offers both, uv takes it, to refuse it for its hash."""
    return tuple(line.replace("==", "===", 1) for line in lines)


def hashed(lines: Iterable[str]) -> bool:
    """Whether every line has a hash."""
    return all(" --hash=" in line for line in lines)


def _canonical(text: str) -> str:
    shown = repr(text[:80])
    expected = "expected `name==version --hash=sha256:…`, one package a line, without options"
    if len(text) > MAX_LINE or not text.isprintable():
        raise InvalidArgument(f"lock line {shown} is not valid: {expected}, at most {MAX_LINE} characters")
    words = text.split()
    hashes = [word for word in words if word.startswith("--")]
    said = " ".join(word for word in words if not word.startswith("--"))
    if not hashes or not all(_HASH.fullmatch(word) for word in hashes):
        raise InvalidArgument(f"lock line {shown} has no SHA-256 hash, or an option: {expected}")
    try:
        parsed = requirement(said)
    except ValueError as error:
        reason = str(error).partition("\n")[0]
        raise InvalidArgument(f"lock line {shown} is not valid ({reason}): {expected}") from None
    exact = [each for each in parsed.specifier if each.operator == "==" and not each.version.endswith(".*")]
    if parsed.url is not None or len(parsed.specifier) != 1 or not exact:
        raise InvalidArgument(f"lock line {shown} does not name one exact version: {expected}")
    extras = f"[{','.join(sorted(map(canonical_name, parsed.extras)))}]" if parsed.extras else ""
    marker = f" ; {parsed.marker}" if parsed.marker else ""
    return " ".join([f"{canonical_name(parsed.name)}{extras}{parsed.specifier}{marker}", *sorted(set(hashes))])
