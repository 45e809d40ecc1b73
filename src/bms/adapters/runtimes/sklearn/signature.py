"""Infers the signature of an estimator from its answers to examples."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from bms.adapters.runtimes.sklearn.inputs import InputForm
from bms.adapters.runtimes.sklearn.methods import PROBABILITIES, Calls, calls_of, class_names
from bms.core.errors import BmsError, FailedPrecondition
from bms.core.tensors.signature import Signature, TensorSpec, is_table
from bms.core.tensors.tensor import Array, dtype_of
from bms.serving.inference.reasons import reason
from bms.serving.inference.row_independence import LARGE, batches_to_test
from bms.serving.lifecycle.examples import constant, rows_of, varied
from bms.serving.lifecycle.synthetic_rows import QUESTIONS

REFUSALS = (ValueError, TypeError, ArithmeticError, LookupError, AttributeError)  # what estimators say no with
_ROWS = 4
_REPEATS = 3
Run = Callable[[Mapping[str, Array]], dict[str, Array]]


class DoesNotRun(Exception):
    """Raised when no example ran; with the message of the first that failed."""


class LearntSignature(NamedTuple):
    """How an estimator is called, what it takes and gives, and rows that it ran on."""

    calls: Calls
    signature: Signature
    example: Mapping[str, Array]


def inferred(estimator: Any, way: InputForm, own: Mapping[str, Array] | None) -> LearntSignature:
    """Infers the signature when the estimator is called by `way`. `own`: an example of its maker's.

    Raises DoesNotRun; FailedPrecondition for an estimator that answers nothing, or at random, and for a table whose
    rows depend on one another.
    """
    calls = calls_of(estimator)

    def run(inputs: Mapping[str, Array]) -> dict[str, Array]:
        rows = way.rows(inputs)
        return {name: call(rows) for name, call in calls.items()}

    example, answers = _first_that_runs(run, _examples(way, own))
    outputs = tuple(
        TensorSpec(name=name, dtype=dtype_of(array), shape=(None, *array.shape[1:])) for name, array in answers.items()
    )
    signature = Signature(inputs=way.inputs, outputs=outputs)
    gaps = _with_gaps(example)
    gapped = None if gaps is None else _answers(run, gaps)  # who takes no gaps refuses them later, too
    seen = [(example, answers)] if gaps is None or gapped is None else [(example, answers), (gaps, gapped)]
    if not all(_alike(run(rows), told, list(told)) for rows, told in seen for _ in range(_REPEATS)):
        raise FailedPrecondition(
            f"the {type(estimator).__name__} draws at random: it answers the same rows differently from run to run"
        )
    if not all(_independent(run, rows, told) for rows, told in seen):
        if is_table(signature):
            raise FailedPrecondition(
                f"the {type(estimator).__name__} answers a row differently in a batch than alone: rows of requests are "
                "put together, so each must be answered by itself"
            )
        unbatched = tuple(TensorSpec(name=one.name, dtype=one.dtype, shape=(None,) * len(one.shape)) for one in outputs)
        return LearntSignature(calls, Signature(inputs=way.inputs, outputs=unbatched, batched=False), example)
    return LearntSignature(calls, _with_method(signature, class_names(estimator)), example)


def _with_method(signature: Signature, names: tuple[str, ...]) -> Signature:
    """A classifier of one target has a probability for each class; of several, and of several labels, it has not."""
    shapes = {spec.name: spec.shape for spec in signature.outputs}
    method, scores, labels = signature.method, signature.scores, signature.labels
    classes = shapes.get(PROBABILITIES, ())
    if len(classes) == 2 and len(shapes.get("label", ())) == 1:
        method, scores = "classify", PROBABILITIES
        labels = names if len(names) == classes[1] else ()
    elif len(shapes.get("prediction", ())) == 1:
        method = "regress"
    return Signature(inputs=signature.inputs, outputs=signature.outputs, method=method, scores=scores, labels=labels)


def _examples(way: InputForm, own: Mapping[str, Array] | None) -> Iterator[Mapping[str, Array]]:
    """The maker's own, else synthetic ones: models that take few values take those that training saw, or some of those
    without any below zero."""
    if own is not None:
        yield own
        return
    if way.example is not None:
        yield way.example
    signature = Signature(inputs=way.inputs)
    made = varied(signature, _ROWS)
    yield made
    yield {name: np.abs(array) if array.dtype.kind == "f" else array for name, array in made.items()}
    yield constant(signature, _ROWS, 1)
    yield constant(signature, _ROWS, 0)


def _first_that_runs(run: Run, examples: Iterator[Mapping[str, Array]]) -> tuple[Mapping[str, Array], dict[str, Array]]:
    failure: Exception | None = None
    for example in examples:
        try:
            return example, run(example)
        except BmsError as error:
            failure = failure or DoesNotRun(error.message)
        except Exception as error:  # noqa: BLE001 - whatever a library within the estimator raises
            failure = failure or DoesNotRun(reason(error))
    raise failure or DoesNotRun("there is no example")


def _with_gaps(example: Mapping[str, Array]) -> dict[str, Array] | None:
    """The example with a row in which no floating-point number is there; None where it has no such numbers."""
    made = {name: array.copy() for name, array in example.items()}
    floats = [array for array in made.values() if array.dtype.kind == "f" and len(array) > 1]
    for array in floats:
        array[1] = np.nan
    return made if floats else None


def _answers(run: Run, rows: Mapping[str, Array]) -> dict[str, Array] | None:
    """None where the model refuses these rows."""
    try:
        return run(rows)
    except (BmsError, *REFUSALS):
        return None


def _independent(run: Run, example: Mapping[str, Array], together: dict[str, Array]) -> bool:
    """Whether each row gets the same answer alone and in any batch. (That all get the same answer is no obstacle, as it
    is for other formats: estimators are made to answer row by row.)"""
    rows = dict(example)
    count = len(next(iter(rows.values())))
    if any(array.shape[:1] != (count,) for array in together.values()):
        return False
    try:
        alone = [run(rows_of(rows, [row])) for row in range(min(count, QUESTIONS))]
        for order in batches_to_test(len(alone), LARGE):
            company = run(rows_of(rows, order))
            if any(len(array) != len(order) for array in company.values()):
                return False
            for place, row in enumerate(order):
                if not _alike(alone[row], rows_of(company, [place]), list(together)):
                    return False
    except REFUSALS:
        return False
    return True


def _alike(one: dict[str, Array], other: dict[str, Array], names: list[str]) -> bool:
    for name in names:
        here, there = one[name], other[name]
        if here.shape != there.shape:
            return False
        if here.dtype.kind == "f" and not np.allclose(here, there, rtol=1e-3, atol=1e-5, equal_nan=True):
            return False
        if here.dtype.kind != "f" and not np.array_equal(here, there):
            return False
    return True
