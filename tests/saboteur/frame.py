"""A proof that the platform makes, an honest subject that it passes, and saboteurs that break the subject.

To add one: a `Proof` in a module of this folder, its line in `proofs.py`. Subjects are wrapped (servables, converters,
signatures, sets of rows); our own source is never changed.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple


class Saboteur(NamedTuple):
    """`breaks` makes a broken subject of an honest one; `refusal`: a regular expression, words of the refusal."""

    breaks: Callable[[Any], Any]
    refusal: str


class Proof(NamedTuple):
    """`judge` raises a BmsError for what it refuses. `example`: the same proof on a single example alone, where it has
    such a form: some saboteur must get past that, or the rest of the proof's rows would be for nothing."""

    name: str
    subject: Callable[[], Any]
    judge: Callable[[Any], object]
    saboteurs: Mapping[str, Saboteur]
    example: Callable[[Any], object] | None = None
