"""Which class a model answered for each row, and which was right: by the names of the classes on both sides."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bms.app.tasks.evaluation.target import Target
from bms.core.class_names import names_text, numbered, places
from bms.core.errors import FailedPrecondition
from bms.core.tensor import Array


class Judged(NamedTuple):
    """`right` [rows]: the answered class is the true one. `chances` [rows]: what the model gave the true one, where it
    tells. `note` says for people how the classes were joined."""

    right: NDArray[np.bool_]
    chances: NDArray[np.float64] | None
    note: str


def judged_scores(scores: Array, labels: tuple[str, ...], target: Target) -> Judged:
    """By scores [rows, classes]; `labels` name the classes in their order, none: they have only numbers.

    Raises FailedPrecondition, listing both sides, where a class of the data set is none of the model's.
    """
    if scores.ndim != 2 or scores.dtype.kind not in "fiu":
        raise FailedPrecondition(
            f"the scores are {scores.dtype} {list(scores.shape)}: expected a number a row and class"
        )
    numbers = np.asarray(scores, dtype=np.float64)
    if np.isnan(numbers).any():
        rows = int(np.isnan(numbers).any(axis=1).sum())
        raise FailedPrecondition(f"the model gave NaN as scores of {rows} of {len(numbers)} rows: they choose no class")
    count = numbers.shape[1]
    if labels and len(labels) != count:
        raise FailedPrecondition(
            f"the model gives {count} scores a row for {len(labels)} classes: {names_text(labels)}"
        )
    if not labels:
        _check_numbers(target, count)
    place = _true_places(target, labels or numbered(count))
    true = place[target.codes]
    note = "classes by name: " if labels else "classes by number, the names that the data set has, too: "
    chances = numbers[np.arange(len(true)), true]
    return Judged(numbers.argmax(axis=1) == true, chances, note + names_text(target.names))


def judged_answers(answers: Array, labels: tuple[str, ...], target: Target) -> Judged:
    """By one answered class a row: its name, or its number among `labels`.

    Raises FailedPrecondition, listing both sides, where names don't join or numbers may mean either.
    """
    values, codes = _told_apart(answers)
    names = [_name(value) for value in values]
    if labels:
        known = np.array(_answered_places(values, names, labels), dtype=np.int64)
        right = known[codes] == _true_places(target, labels)[target.codes]
        return Judged(right, None, "classes by name: " + names_text(target.names))
    joined = np.array([-1 if at is None else at for at in places(names, target.names)], dtype=np.int64)
    strange = [name for name, at in zip(names, joined, strict=True) if at < 0]
    if len(strange) == len(names) or (strange and not isinstance(values[0], bytes)):
        raise _differ(target, names, f"it answers {names_text(strange)}, and does not say what else it knows")
    return Judged(
        joined[codes] == target.codes, None, "classes by the names that the model answers: " + names_text(names)
    )


def _true_places(target: Target, model: Sequence[str]) -> NDArray[np.int64]:
    """Where each of the target's classes stands among the model's, also of those that no row of this split has: a class
    that only one side knows says that the two don't speak of the same."""
    found = places(target.names, model)
    unknown = [name for name, at in zip(target.names, found, strict=True) if at is None]
    if unknown:
        raise _differ(target, model, f"it does not know {names_text(unknown)}")
    return np.array(found, dtype=np.int64)


def _check_numbers(target: Target, count: int) -> None:
    """Raises FailedPrecondition unless the data set, too, numbers its classes from 0 (False and True are 0 and 1)."""
    if 0 not in places(target.names, numbered(count)):
        raise _differ(target, numbered(count), "the model's classes have no names, only numbers from 0")


def _answered_places(values: Sequence[object], names: Sequence[str], labels: tuple[str, ...]) -> list[int]:
    """Which of the `labels` each answer is: the one of that name; where none has such names, the one of that number."""
    by_name = places(names, labels)
    numbers = [value if type(value) is int and 0 <= value < len(labels) else None for value in values]
    named, numbered_ = None not in by_name, None not in numbers
    if named and numbered_ and list(by_name) != numbers:
        raise FailedPrecondition(
            f"the model answers {names_text(names)}, which may be names or numbers of its classes {names_text(labels)}"
            ": let it answer names as texts, or declare no labels"
        )
    if named:
        return [at for at in by_name if at is not None]
    if numbered_:
        return [number for number in numbers if number is not None]
    strange = [name for name, at in zip(names, by_name, strict=True) if at is None]
    raise FailedPrecondition(f"the model answers {names_text(strange)}, none of its classes {names_text(labels)}")


def _differ(target: Target, model: Sequence[str], why: str) -> FailedPrecondition:
    return FailedPrecondition(
        f"the data set's label {target.column!r} has the classes {names_text(target.names)}, the model has "
        f"{names_text(model)}: {why}. If they mean the same, name the model's as the data set's, in the order of its "
        "scores: with --label when it is pushed, or in `labels` of the version.json that a job writes"
    )


def _told_apart(answers: Array) -> tuple[list[object], NDArray[np.int64]]:
    """The different answers, and which of them each row has. Raises FailedPrecondition for what is no class a row."""
    if answers.ndim == 2 and answers.shape[1] == 1:
        answers = answers[:, 0]
    if answers.ndim != 1:
        raise FailedPrecondition(f"the model answers {list(answers.shape)}: expected one class a row")
    cells = answers.tolist()
    values = sorted(set(cells))
    index = {value: code for code, value in enumerate(values)}
    return values, np.array([index[cell] for cell in cells], dtype=np.int64)


def _name(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
