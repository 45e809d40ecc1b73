"""Makes rows that a data set lacks and conversions go wrong on: unusual numbers, extremes, and both sides of
decisions."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from bms.app.tasks.awkward import awkward_rows
from bms.app.tasks.proof.questions import Question, ask, made
from bms.core.errors import InvalidArgument
from bms.core.tensors.signature import DEFAULT, Signature
from bms.core.tensors.tensor import NUMPY, Array
from bms.serving.lifecycle.examples import varied
from bms.serving.lifecycle.servable import Servable

UNUSUAL, EXTREME, DECISIONS = "unusual numbers", "extremes", "rows beside decisions"
_EXTREMES: dict[str, tuple[float, ...]] = {
    "FP64": (1e12, -1e12, 1e-300, 5e-324, -0.0, np.inf, -np.inf),
    "FP32": (1e6, -1e6, 1e-38, 1e-45, -0.0, np.inf, -np.inf),
    "INT64": (2**62, -(2**62), -(2**31), 2**31 - 1),
}
_ROWS, _COLUMNS, _PAIRS, _HALVINGS = 8, 32, 24, 14


def edges(parent: Servable, rows: Array | None, splits: Sequence[tuple[int, float]]) -> Iterator[Question]:
    """Edge rows for a parent whose default signature takes one matrix of numbers. `rows`: real ones of that input,
    where there are any. `splits`: (feature, threshold) of trees within."""
    signature = parent.signatures[DEFAULT]
    spec = signature.inputs[0]
    base = rows if rows is not None else varied(signature, _ROWS)[spec.name]
    for of, found in (
        (UNUSUAL, awkward_rows(base, spec.dtype, splits)),
        (EXTREME, _extremes(base, spec.dtype)),
        (DECISIONS, _beside_decisions(parent, signature, base)),
    ):
        if len(found):
            yield made(of, DEFAULT, {spec.name: found})


def _extremes(rows: Array, dtype: str) -> Array:
    """Rows with one column that is huge, tiny, negative zero or infinite; of very many columns, some."""
    values = _EXTREMES[dtype]
    base = rows[:_ROWS].astype(NUMPY[dtype])
    columns = np.unique(np.linspace(0, base.shape[1] - 1, min(base.shape[1], _COLUMNS)).astype(int))
    changed = np.repeat(base[:1], len(columns) * len(values), axis=0)
    for row, (column, value) in enumerate((column, value) for column in columns for value in values):
        changed[row] = base[row % len(base)]
        changed[row, column] = value
    return changed


def _beside_decisions(parent: Servable, signature: Signature, rows: Array) -> Array:
    """Rows on both sides of the parent's decisions, between rows that it labels differently. A child that decides by
    another threshold, or another score, is found out here though the data set's own rows lie far from it."""
    labels = [spec.name for spec in signature.outputs if not spec.dtype.startswith("FP") and len(spec.shape) == 1]
    name = signature.inputs[0].name
    if not labels or rows.dtype.kind != "f":
        return rows[:0]
    label = labels[0]

    def decided(asked: Array) -> Array:
        return parent.infer(DEFAULT, {name: asked}, (label,))[label]

    try:
        known = ask(parent, made("", DEFAULT, {name: rows[:256]}))
    except InvalidArgument:  # the proof itself says so, of all rows
        return rows[:0]
    answers, taken = known.outputs[label], known.question.inputs[name]
    first, second = _pairs(answers)
    one, other = taken[first].astype(np.float64), taken[second].astype(np.float64)
    mind = answers[first]
    try:
        for _ in range(_HALVINGS if len(first) else 0):
            middle = (one + other) / 2
            same = np.asarray(decided(middle.astype(rows.dtype)) == mind, dtype=np.bool_)[:, None]
            one, other = np.where(same, middle, one), np.where(same, other, middle)
    except InvalidArgument:  # between two of its rows are some that it does not take, as between two categories
        return rows[:0]
    return np.concatenate([one, other]).astype(rows.dtype)


def _pairs(answers: Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of indices of rows with different answers: from each answer to the others, in turns."""
    kinds = [np.flatnonzero(answers == one) for one in dict.fromkeys(answers.tolist())]
    pairs: list[tuple[int, int]] = []
    for number, here in enumerate(kinds):
        for step, there in enumerate(kinds[number + 1 :]):
            for turn in range(max(1, _PAIRS // len(kinds))):
                pairs.append((int(here[(turn + step) % len(here)]), int(there[turn % len(there)])))
    found = np.array(pairs[: 4 * _PAIRS], dtype=np.int64).reshape(-1, 2)
    return found[:, 0], found[:, 1]
