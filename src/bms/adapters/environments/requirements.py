"""Validates requirements: names, versions, extras and markers; nothing that names a place.

The grammar is PEP 508's without direct references: a path, URL or installer option in a requirement would let a
tenant read files, reach hosts or change how everything else is installed.
"""

from collections.abc import Iterable

from bms.adapters.environments.parsing import canonical_name, requirement
from bms.core.errors import InvalidArgument

MAX_REQUIREMENTS = 200
MAX_LENGTH = 500


def normalise(requirements: Iterable[str]) -> tuple[str, ...]:
    """Brings requirements into one canonical form: names as in PEP 503, each once, sorted.

    Raises InvalidArgument naming the first that is not allowed.
    """
    texts = list(requirements)
    if len(texts) > MAX_REQUIREMENTS:
        raise InvalidArgument(f"{len(texts)} requirements are too many: expected at most {MAX_REQUIREMENTS}")
    return tuple(sorted({_canonical(text) for text in texts}))


def names(requirements: Iterable[str]) -> frozenset[str]:
    """The canonical names of those requirements that restrict the version."""
    parsed = map(requirement, requirements)
    return frozenset(canonical_name(each.name) for each in parsed if each.specifier)


def _canonical(text: str) -> str:
    shown = repr(text[:80])
    if len(text) > MAX_LENGTH or not text.isprintable():
        raise InvalidArgument(f"requirement {shown} is not valid: expected one line of at most {MAX_LENGTH} characters")
    try:
        parsed = requirement(text)
    except ValueError as error:
        reason = str(error).partition("\n")[0]
        raise InvalidArgument(
            f"requirement {shown} is not valid ({reason}): write a name and versions, for example 'scikit-learn>=1.5'; "
            "paths, URLs and options are not accepted"
        ) from None
    if parsed.url is not None:
        raise InvalidArgument(
            f"requirement {shown} names a place: only names and versions from the configured index are accepted"
        )
    extras = f"[{','.join(sorted(map(canonical_name, parsed.extras)))}]" if parsed.extras else ""
    versions = ",".join(sorted(map(str, parsed.specifier)))
    marker = f" ; {parsed.marker}" if parsed.marker else ""
    return f"{canonical_name(parsed.name)}{extras}{versions}{marker}"
