"""Chooses the rows that parent and child are both asked: every split of a data set, and rows made beside them."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from bms.adapters.datasets.manifest import Manifest
from bms.app.tasks.evaluation.feeding import fed
from bms.core.errors import InvalidArgument
from bms.core.tensors.signature import Signature
from bms.core.tensors.tensor import Array
from bms.serving.lifecycle.servable import Servable

MOST = 10_000  # rows of a split; of larger ones so many, evenly spread
_AT_ONCE = 256  # rows of a run: bounds memory, and is what a server's large batch looks like


class Question(NamedTuple):
    """Rows for one signature; `of` describes them to people, `places` [rows] number them there."""

    of: str
    signature: str
    inputs: dict[str, Array]
    places: Array

    @property
    def rows(self) -> int:
        return len(self.places)

    def only(self, rows: Array) -> "Question":
        """The rows at these indices, in their order."""
        return self._replace(inputs=rows_at(self.inputs, rows), places=self.places[rows])


class Answered(NamedTuple):
    """The parent's answers; rows that it refuses (`refused` of them) are left out."""

    question: Question
    outputs: dict[str, Array]
    refused: int = 0


class Real(NamedTuple):
    """The rows of one split; `notes` tell people how they were put together."""

    question: Question
    notes: tuple[str, ...]


def real(signatures: Mapping[str, Signature], manifest: Manifest, split: str, columns: Mapping[str, Any]) -> Real:
    """Reads the rows of each split. Raises FailedPrecondition where columns and inputs can't be joined."""
    given = fed(signatures, manifest, columns)
    whole = Question(split, given.name, given.inputs, np.arange(given.rows))
    if given.rows > MOST:
        whole = whole.only(np.unique(np.linspace(0, given.rows - 1, MOST).astype(np.int64)))
    return Real(whole, given.notes)


def made(of: str, signature: str, inputs: dict[str, Array]) -> Question:
    return Question(of, signature, inputs, np.arange(len(next(iter(inputs.values())))))


def ask(parent: Servable, question: Question) -> Answered:
    """Asks the parent. Rows that it refuses are left out, found by bisection.

    Raises InvalidArgument, its words, where it refuses all of them.
    """
    step = _AT_ONCE if parent.signatures[question.signature].batched else 1
    kept: list[Array] = []
    outputs: list[dict[str, Array]] = []
    refusal: InvalidArgument | None = None
    waiting = [np.arange(start, min(question.rows, start + step)) for start in range(0, question.rows, step)][::-1]
    while waiting:
        rows = waiting.pop()
        try:
            answers = parent.infer(question.signature, rows_at(question.inputs, rows))
        except InvalidArgument as error:
            refusal = error
            if len(rows) > 1:
                waiting += [rows[len(rows) // 2 :], rows[: len(rows) // 2]]
            continue
        kept.append(rows)
        outputs.append(answers)
    if not outputs:
        raise refusal or InvalidArgument("there are no rows")
    rows = np.concatenate(kept)
    return Answered(question.only(rows), joined(outputs), question.rows - len(rows))


def joined(parts: list[dict[str, Array]]) -> dict[str, Array]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def rows_at(inputs: Mapping[str, Array], rows: Array) -> dict[str, Array]:
    return {name: array[rows] for name, array in inputs.items()}
