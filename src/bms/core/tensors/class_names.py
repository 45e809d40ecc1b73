"""Names of classes: a data set's and a model's are joined by name, never by position."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from decimal import Decimal
from math import prod

from bms.core.errors import FailedPrecondition
from bms.core.tensors.signature import Signature, TensorSpec

# A number with leading zeros is a code (a postcode, an article), not a number.
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:e[+-]?\d{1,4})?", re.ASCII | re.I)
_TRUTHS = {"false": False, "true": True}
_UNNAMED = "LABEL_"  # what Hugging Face calls classes that nobody named
_SHOWN = 20

Form = Callable[[str], Hashable]
"""What a name says, None for a name that such a form does not apply to."""


def places(data: Sequence[str], model: Sequence[str]) -> tuple[int | None, ...]:
    """Returns where each name of `data` stands in `model`; None where it is none of its names.

    Names are the same if they are equal as texts (canonically equivalent ones of Unicode are), or, where all names of
    both sides are numbers, as numbers ("1" and "1.0"), or, where all are truth values, as these: "true", "True" and 1.
    Nothing else is: "Yes" is not "yes". Raises FailedPrecondition where the model has a name twice.
    """
    twice = duplicate_name(model)
    if twice is not None:
        raise FailedPrecondition(f"the model calls two of its classes {twice[:80]!r}: give each its own name")
    best: tuple[int | None, ...] = (None,) * len(data)
    for form in (_itself, _text, number_of, _truth):
        found = _placed(data, model, form)
        if found is not None and found.count(None) < best.count(None):
            best = found
    return best


def numbered(count: int) -> tuple[str, ...]:
    """Returns the names of classes that have none but their numbers."""
    return tuple(map(str, range(count)))


def are_numbers(names: Sequence[str]) -> bool:
    """Whether these names only number the classes: "0", "1", …, or Hugging Face's LABEL_0, LABEL_1, …"""
    return tuple(name.removeprefix(_UNNAMED) for name in names) == numbered(len(names))


def resolve_class_names(declared: Sequence[str], found: Sequence[str]) -> tuple[str, ...]:
    """Returns the names of a model's classes, in the order of its scores: those its maker declares, else those its file
    holds.

    Both may be there if they say the same, or if those of the file are numbers. Raises FailedPrecondition, listing both
    sides, where they contradict one another.
    """
    if not declared or not found or tuple(declared) == tuple(found):
        return tuple(declared or found)
    if len(declared) == len(found) and (are_numbers(found) or _renames(declared, found)):
        return tuple(declared)
    raise FailedPrecondition(
        f"the labels {names_text(declared)} were declared, but the model's file names its classes {names_text(found)}, "
        "in the order of its scores: declare the same, or none"
    )


def number_of(name: str) -> Decimal | None:
    """Returns the number that a name is; None for one that is something else, such as the code "007"."""
    return Decimal(name) if _NUMBER.fullmatch(name) else None


def duplicate_name(names: Sequence[str]) -> str | None:
    """Returns a name that stands for two classes; None where each has its own."""
    counts = Counter(names)
    return next((name for name in names if counts[name] > 1), None)


def names_text(names: Sequence[str]) -> str:
    """Formats names for people, the first twenty of many."""
    shown = ", ".join(repr(name[:80]) for name in names[:_SHOWN])
    return shown + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def _renames(declared: Sequence[str], found: Sequence[str]) -> bool:
    """Whether `declared` is the same in the same order, or names classes that were only numbers, such as 3, 5, 8."""
    if places(declared, found) == tuple(range(len(found))):
        return True
    numbers = all(number_of(name) is not None for name in found)
    return numbers and all(number_of(name) is None for name in declared)


def _placed(data: Sequence[str], model: Sequence[str], form: Form) -> tuple[int | None, ...] | None:
    """Returns the places of names in one form; None where the form does not apply: not to all names, or not without
    making one of two."""
    given, known = [form(name) for name in data], [form(name) for name in model]
    for side in (given, known):
        if None in side or len(set(side)) != len(side):
            return None
    index = {said: place for place, said in enumerate(known)}
    return tuple(index.get(said) for said in given)


def _itself(name: str) -> Hashable:
    return name


def _text(name: str) -> Hashable:
    return unicodedata.normalize("NFC", name)


def _truth(name: str) -> Hashable:
    said = _TRUTHS.get(name.casefold())
    number = number_of(name) if said is None else None
    return bool(number) if number is not None and number in (0, 1) else said


def class_labels(signature: Signature, output: str) -> tuple[str, ...]:
    """Returns the names of the classes whose scores an output holds; none where it is not known to hold such."""
    labels = signature.labels
    if signature.scores is not None:
        return labels if signature.scores == output else ()
    return labels if labels and holds_a_number_each(signature.output(output), labels) else ()


def holds_a_number_each(spec: TensorSpec, labels: Sequence[str]) -> bool:
    """Whether an output holds, in each row, as many numbers as there are labels: [rows, 10], or [rows, 10, 1, 1]."""
    row = [size for size in spec.shape[1:] if size is not None]
    whole = bool(row) and len(row) == len(spec.shape) - 1
    return whole and spec.dtype not in ("BYTES", "BOOL") and prod(row) == len(labels)
