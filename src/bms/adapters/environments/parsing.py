"""Parses requirements as PEP 508 writes them, by `packaging`.

It is imported with the first of them: most homes see none before they have run for long, and compiling its expressions
would take a tenth of control's start.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from packaging.requirements import Requirement


def requirement(text: str) -> "Requirement":
    """Parses a requirement. Raises ValueError that says what is wrong in its first line."""
    from packaging.requirements import Requirement

    return Requirement(text)


def canonical_name(name: str) -> str:
    """Normalises a package's name, as in PEP 503."""
    from packaging.utils import canonicalize_name

    return canonicalize_name(name)
