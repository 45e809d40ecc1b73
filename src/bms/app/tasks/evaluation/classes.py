"""Matches the classes that a model answered with the true ones, by the names of the classes on both sides."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bms.app.tasks.evaluation.target import TrueClasses
from bms.core.errors import FailedPrecondition
from bms.core.tensors.class_names import names_text, numbered, places
from bms.core.tensors.tensor import Array


class Judged(NamedTuple):
    """True and answered classes of the rows: `true` and `answered` [rows] are places among `names`, the classes.
    `scores` [rows, names] are the model's, where it gives them. `note` tells people how the classes were joined."""

    names: tuple[str, ...]
    true: NDArray[np.int64]
    answered: NDArray[np.int64]
    scores: Array | None
    note: str

    @property
    def right(self) -> NDArray[np.bool_]:
        """[rows]: whether the answered class is the true one."""
        return np.equal(self.true, self.answered)


def judged_scores(scores: Array, labels: tuple[str, ...], target: TrueClasses) -> Judged:
    """Judges by scores [rows, classes]; `labels` name the classes in their order, none: they have only numbers.

    Raises FailedPrecondition, listing both sides, where a class of the data set is none of the model's.
    """
    if scores.ndim != 2 or scores.dtype.kind not in "fiu":
        raise FailedPrecondition(
            f"the scores are {scores.dtype} {list(scores.shape)}: expected a number a row and class"
        )
    if np.isnan(scores).any():
        rows = int(np.isnan(scores).any(axis=1).sum())
        raise FailedPrecondition(f"the model gave NaN as scores of {rows} of {len(scores)} rows: they choose no class")
    count = scores.shape[1]
    if labels and len(labels) != count:
        raise FailedPrecondition(
            f"the model gives {count} scores a row for {len(labels)} classes: {names_text(labels)}"
        )
    if not labels:
        _check_numbers(target, count)
    names = labels or numbered(count)
    true = _true_places(target, names)[target.codes]
    note = "classes by name: " if labels else "classes by number, the names that the data set has, too: "
    return Judged(names, true, scores.argmax(axis=1).astype(np.int64), scores, note + names_text(target.names))


def judged_answers(
    answers: Array, labels: tuple[str, ...], target: TrueClasses, scored: Judged | None = None
) -> Judged:
    """Judges by one answered class a row: its name, or its number among `labels`.

    `scored`: the same rows by scores, which tell what is meant where a number may be either.
    Raises FailedPrecondition, listing both sides, where names don't join or numbers may mean either.
    """
    values, codes = _distinct(answers)
    names = [_name(value) for value in values]
    if labels:
        known = _meant(_readings(values, names, labels), codes, scored, names, labels)
        true = _true_places(target, labels)[target.codes]
        return Judged(labels, true, known[codes], None, "classes by name: " + names_text(target.names))
    joined = np.array([-1 if at is None else at for at in places(names, target.names)], dtype=np.int64)
    strange = [name for name, at in zip(names, joined, strict=True) if at < 0]
    if len(strange) == len(names) or (strange and not isinstance(values[0], bytes)):
        raise _differ(target, names, f"it answers {names_text(strange)}, and does not say what else it knows")
    joined[joined < 0] = len(target.names) + np.arange(len(strange))
    note = "classes by the names that the model answers: " + names_text(names)
    return Judged((*target.names, *strange), target.codes, joined[codes], None, note)


def _true_places(target: TrueClasses, model: Sequence[str]) -> NDArray[np.int64]:
    """The place of each of the target's classes among the model's, also of those that no row of this split has: a class
    that only one side knows shows that the two don't belong together."""
    found = places(target.names, model)
    unknown = [name for name, at in zip(target.names, found, strict=True) if at is None]
    if unknown:
        raise _differ(target, model, f"it does not know {names_text(unknown)}")
    return np.array(found, dtype=np.int64)


def _check_numbers(target: TrueClasses, count: int) -> None:
    """Checks that the data set, too, numbers its classes from 0 (False and True are 0 and 1). Raises
    FailedPrecondition."""
    if 0 not in places(target.names, numbered(count)):
        raise _differ(target, numbered(count), "the model's classes have no names, only numbers from 0")


def _readings(values: Sequence[object], names: Sequence[str], labels: tuple[str, ...]) -> list[NDArray[np.int64]]:
    """The `labels` that each answer may mean: the one of that name, the one of that number, or, where both exist,
    either.

    Raises FailedPrecondition where it is none of them.
    """
    by_name = places(names, labels)
    numbers = [value if type(value) is int and 0 <= value < len(labels) else None for value in values]
    found = [np.array(one, dtype=np.int64) for one in (by_name, numbers) if None not in one]
    if not found:
        strange = [name for name, at in zip(names, by_name, strict=True) if at is None]
        raise FailedPrecondition(f"the model answers {names_text(strange)}, not among its classes {names_text(labels)}")
    return found


def _meant(
    readings: list[NDArray[np.int64]],
    codes: NDArray[np.int64],
    scored: Judged | None,
    names: Sequence[str],
    labels: tuple[str, ...],
) -> NDArray[np.int64]:
    """The meaning of each answer: the only reading, or of two the one that more of the rows' best scores agree with."""
    first, last = readings[0], readings[-1]
    if np.array_equal(first, last):
        return first
    if scored is None:
        raise FailedPrecondition(
            f"the model answers {names_text(names)}, which may be names or numbers of its classes {names_text(labels)}"
            ": let it answer names as texts, or declare no labels"
        )
    agree = [int((reading[codes] == scored.answered).sum()) for reading in readings]
    return first if agree[0] >= agree[1] else last


def _differ(target: TrueClasses, model: Sequence[str], why: str) -> FailedPrecondition:
    return FailedPrecondition(
        f"the data set's label {target.column!r} has the classes {names_text(target.names)}, the model has "
        f"{names_text(model)}: {why}. If they mean the same, name the model's as the data set's, in the order of its "
        "scores: with --label when it is pushed, or in `labels` of the version.json that a job writes"
    )


def _distinct(answers: Array) -> tuple[list[object], NDArray[np.int64]]:
    """The different answers, and which of them each row has. Raises FailedPrecondition where an answer is not one class
    a row."""
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
