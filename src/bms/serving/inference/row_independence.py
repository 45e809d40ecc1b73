"""Proves that a model's rows are independent: each gets the same answer alone as in any batch."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from bms.core.errors import BmsError
from bms.core.tensors.tensor import Array
from bms.serving.inference.batching.tolerance import close, loosest, precision
from bms.serving.lifecycle.examples import rows_of
from bms.serving.lifecycle.synthetic_rows import QUESTIONS
from bms.serving.lifecycle.unusual_rows import UnusualRow

Run = Callable[[dict[str, Array]], dict[str, Array]]
Answers = Mapping[str, Array]
LARGE = 17  # rows of a batch that every model must take
_MANY = 65  # of small ones: more than share a run by default
_SMALL = 1 << 20  # elements of so many rows
_ROUNDED = 128  # times the type's precision is the least
_GROWN = 50  # times as large it may be that is the same whatever the other rows are
FEW = "give an example of several rows whose answers differ (`--example FILE`)"


class RowDependence(NamedTuple):
    """Why rows must not share a run. `unknown`: since the examples could not tell, whatever the model does."""

    why: str
    unknown: bool = False


class Limit(NamedTuple):
    """The tolerance for one output: the relative difference that is rounding, and the largest number in any row's
    answer."""

    relative: float
    largest: float


Limits = Mapping[str, Limit]


def find_row_dependence(
    run: Run, rows: dict[str, Array], alone: Sequence[Answers], unusual_rows: Iterable[UnusualRow] = ()
) -> RowDependence | None:
    """Tests whether rows may share a run: returns None where they may, else why not.

    `rows` are several, each another; `alone` is the answer to each by itself. They run again, in batches of
    other rows, orders and sizes; then beside each of `unusual_rows` that the model takes.
    """
    count = len(alone)
    if fault := _one_answer_each(alone):
        return RowDependence(fault)
    limits = _limits(alone)
    for row in {0, count - 1}:
        if not _same(alone[row], _answers_to(run, rows_of(rows, [row])), limits):
            return RowDependence(
                "the model answers the same row differently from run to run: it holds state, or draws at random"
            )
    if count < 2:
        why = "it takes only one of the examples, which can't tell whether its rows are independent"
        return RowDependence(f"{why}: {FEW}", unknown=True)
    for order in batches_to_test(count, largest_batch(rows, count)):
        try:
            together = run(rows_of(rows, order))
        except BmsError as error:
            if len(order) > LARGE:
                continue  # a model may have a limit: where a run fails, each of its calls is run alone
            return RowDependence(f"it does not run on {len(order)} rows at once: {error.message}")
        if fault := _in_batch(run, rows, together, order, alone, limits):
            return RowDependence(fault)
    for unusual in unusual_rows:
        if fault := _beside(run, rows, alone, unusual, limits):
            return RowDependence(fault)
    if not _differ(alone, limits):
        why = f"all {count} examples get the same answer, which can't tell whether rows are independent"
        return RowDependence(f"{why}: {FEW}", unknown=True)
    return None


def largest_batch(rows: dict[str, Array], count: int) -> int:
    """Returns the largest batch to test with: small where rows are large, or so slow that there are few examples."""
    elements = sum(array.size // len(array) for array in rows.values())
    return _MANY if count >= QUESTIONS and elements * _MANY <= _SMALL else LARGE


def batches_to_test(count: int, most: int) -> list[list[int]]:
    """Returns the batches to test, as row numbers: all rows in both orders, few of them, some twice, many, and
    `most`."""
    last, middle = count - 1, count // 2
    return [
        [0, last],
        [*range(count)],
        [*reversed(range(count))],
        [middle, 0, middle],
        *([(5 * place + place // count) % count for place in range(size)] for size in sorted({LARGE, most})),
    ]


def _beside(run: Run, rows: dict[str, Array], alone: Sequence[Answers], unusual: UnusualRow, limits: Limits) -> str:
    """Compares the answers to the first and the last row when they run with an unusual row. What changes beside a usual
    row, too, is rounding: libraries compute by other steps for other numbers of rows."""
    order = [0, len(alone) - 1]
    try:
        together = run({name: np.concatenate([array[order], unusual.row[name]]) for name, array in rows.items()})
    except BmsError:
        return ""  # where a run fails, each of its calls is run alone
    usual = _answers_to(run, rows_of(rows, [*order, order[0]]))
    own = _answers_to(run, unusual.row) if unusual.exact else {}
    for name, array in together.items():
        if array.shape[:1] != (len(order) + 1,):
            return _another_count(name, array, f"{len(order) + 1} rows, where {unusual.what} in one of them")
        for place, row in enumerate(order):
            here = array[place : place + 1]
            known = [alone[row][name], *([usual[name][place : place + 1]] if name in usual else [])]
            if not any(_close(one, here, limits[name]) for one in known):
                return _differs(name, f"a batch where {unusual.what} in another row")
        if name in own and not _close(own[name], array[len(order) :], limits[name]):
            return _differs(name, f"a batch where {unusual.what} in another row")
    return ""


def _limits(alone: Sequence[Answers]) -> Limits:
    return {name: _limit([answers[name] for answers in alone]) for name in alone[0]}


def _limit(arrays: Sequence[Array]) -> Limit:
    """Returns the tolerance that rounding may need, but at most a tenth of what rows differ by: beside a large constant
    answers are all but the same."""
    dtype = arrays[0].dtype
    if dtype.kind != "f":
        return Limit(0.0, 0.0)
    values = np.stack(arrays).astype(np.float64)
    with np.errstate(all="ignore"):
        differences = np.abs(values - values[0]) / np.maximum(np.abs(values), np.abs(values[0]))
        farthest = float(np.max(differences, initial=0.0, where=np.isfinite(differences)))
    largest = float(np.max(np.abs(values), initial=0.0, where=np.isfinite(values)))
    return Limit(min(loosest(dtype), max(farthest / 10, _ROUNDED * precision(dtype))), largest)


def _differ(alone: Sequence[Answers], limits: Limits) -> bool:
    return any(not _same(alone[0], other, limits) for other in alone[1:])


def _answers_to(run: Run, row: dict[str, Array]) -> Answers:
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


def _differs(name: str, batch: str) -> str:
    return f"output {name!r} of a row differs in {batch} from its output alone"


def _another_count(name: str, array: Array, rows: str) -> str:
    return f"output {name!r} has shape {list(array.shape)} for {rows}: the model does not give one answer per row"


def _in_batch(
    run: Run, rows: dict[str, Array], together: Answers, order: Sequence[int], alone: Sequence[Answers], limits: Limits
) -> str:
    for name, array in together.items():
        if array.shape[:1] != (len(order),):
            return _another_count(name, array, f"{len(order)} rows")
        for place, row in enumerate(order):
            here = array[place : place + 1]
            if _close(alone[row][name], here, limits[name]):
                continue
            if not _rounded_by_size(
                run, rows_of(rows, [row] * len(order)), name, place, alone[row], here, limits[name]
            ):
                others = "1 other row" if len(order) == 2 else f"{len(order) - 1} other rows"
                return _differs(name, f"a batch with {others}")
    return ""


def _rounded_by_size(
    run: Run, copies: dict[str, Array], name: str, place: int, alone: Answers, here: Array, limit: Limit
) -> bool:
    """Whether the difference is rounding by batch size: `here` equals the row's answer in a batch of its own copies,
    and nearly its answer alone, since libraries compute by other steps for other numbers of rows. Rounding grows where
    a row is far from what is usual."""
    among_copies = _answers_to(run, copies).get(name)
    if among_copies is None or among_copies.shape[:1] != (len(next(iter(copies.values()))),):
        return False
    same = among_copies[place : place + 1]
    grown = limit._replace(relative=_GROWN * limit.relative)
    return _close(same, here, limit) and _close(alone[name], same, grown)


def _same(one: Answers, other: Answers, limits: Limits) -> bool:
    return one.keys() == other.keys() and all(_close(array, other[name], limits[name]) for name, array in one.items())


def _close(one: Array, other: Array, limit: Limit) -> bool:
    return close(one, other, limit.relative, min(1.0, limit.largest))
