"""The proof that a model's rows are independent: each is answered alone as in company, whatever company that is."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from bms.core.errors import BmsError
from bms.core.tensor import Array
from bms.serving.inference.closeness import close as _close
from bms.serving.lifecycle.examples import rows_of
from bms.serving.lifecycle.made_up import QUESTIONS
from bms.serving.lifecycle.strangers import Stranger

Run = Callable[[dict[str, Array]], dict[str, Array]]
Answers = Mapping[str, Array]
LARGE = 17  # rows of a company that every model must take
_MANY = 65  # of small ones: more than share a run where nothing else is said
_SMALL = 1 << 20  # elements of so many rows
FEW = "give an example of several rows whose answers differ (`--example FILE`)"


class Apart(NamedTuple):
    """Why rows must not share a run. `unknown`: since the examples could not tell, whatever the model does."""

    why: str
    unknown: bool = False


def apart(
    run: Run, rows: dict[str, Array], alone: Sequence[Answers], strangers: Iterable[Stranger] = ()
) -> Apart | None:
    """None where rows may share a run.

    `rows` are several, each another; `alone` is the answer to each by itself. They are asked again, and in companies of
    other neighbours, orders and sizes; then beside each of `strangers` that the model takes.
    """
    count = len(alone)
    if fault := _one_answer_each(alone):
        return Apart(fault)
    for row in {0, count - 1}:
        if not _same(alone[row], _again(run, rows_of(rows, [row]))):
            return Apart(
                "the model answers the same row differently from run to run: it holds state, or draws at random"
            )
    if count < 2:
        why = "it takes only one of the examples, which can't tell whether its rows are independent"
        return Apart(f"{why}: {FEW}", unknown=True)
    for order in companies(count, crowd(rows, count)):
        try:
            together = run(rows_of(rows, order))
        except BmsError as error:
            if len(order) > LARGE:
                continue  # a model may have a limit: where a run fails, each of its calls is run alone
            return Apart(f"it does not run on {len(order)} rows at once: {error.message}")
        if fault := _in_company(together, order, alone):
            return Apart(fault)
    for stranger in strangers:
        if fault := _beside(run, rows, alone, stranger):
            return Apart(fault)
    if not _differ(alone):
        why = f"all {count} examples get the same answer, which can't tell whether rows are independent"
        return Apart(f"{why}: {FEW}", unknown=True)
    return None


def crowd(rows: dict[str, Array], count: int) -> int:
    """How many rows the largest company has: few where they are large, or so slow that there are few examples."""
    elements = sum(array.size // len(array) for array in rows.values())
    return _MANY if count >= QUESTIONS and elements * _MANY <= _SMALL else LARGE


def companies(count: int, most: int) -> list[list[int]]:
    """Which rows are asked together: all in both orders, few of them, some twice, many, and `most`."""
    last, middle = count - 1, count // 2
    return [
        [0, last],
        [*range(count)],
        [*reversed(range(count))],
        [middle, 0, middle],
        *([(5 * place + place // count) % count for place in range(size)] for size in sorted({LARGE, most})),
    ]


def _beside(run: Run, rows: dict[str, Array], alone: Sequence[Answers], stranger: Stranger) -> str:
    """What is wrong with the answers to the first row, the last and such a neighbour, which run together."""
    order = [0, len(alone) - 1]
    try:
        together = run({name: np.concatenate([array[order], stranger.row[name]]) for name, array in rows.items()})
    except BmsError:
        return ""  # where a run fails, each of its calls is run alone
    expected = [alone[row] for row in order]
    own = _again(run, stranger.row) if stranger.exact else {}
    for name, array in together.items():
        if array.shape[:1] != (len(order) + 1,):
            return _another_count(name, array, f"{len(order) + 1} rows, where of one {stranger.what}")
        for place, answers in enumerate([*expected, own]):
            if name in answers and not _close(answers[name], array[place : place + 1]):
                return f"output {name!r} of a row is another in company than alone, where of one row {stranger.what}"
    return ""


def _differ(alone: Sequence[Answers]) -> bool:
    return any(not _same(alone[0], other) for other in alone[1:])


def _again(run: Run, row: dict[str, Array]) -> Answers:
    try:
        return run(row)
    except BmsError:
        return {}


def _one_answer_each(alone: Sequence[Answers]) -> str:
    for answers in alone:
        for name, array in answers.items():
            if array.shape[:1] != (1,):
                return _another_count(name, array, "one row")
            if array.shape != alone[0][name].shape:
                return f"the shape of output {name!r} depends on what is in the row"
    return ""


def _another_count(name: str, array: Array, rows: str) -> str:
    return f"output {name!r} has shape {list(array.shape)} for {rows}: the model does not give one answer per row"


def _in_company(together: Answers, order: Sequence[int], alone: Sequence[Answers]) -> str:
    for name, array in together.items():
        if array.shape[:1] != (len(order),):
            return _another_count(name, array, f"{len(order)} rows")
        for place, row in enumerate(order):
            if not _close(alone[row][name], array[place : place + 1]):
                return f"output {name!r} of a row is another in company of {len(order) - 1} rows than alone"
    return ""


def _same(one: Answers, other: Answers) -> bool:
    return one.keys() == other.keys() and all(_close(array, other[name]) for name, array in one.items())
