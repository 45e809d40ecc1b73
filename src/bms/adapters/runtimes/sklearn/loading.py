"""Resolves a fitted estimator's signatures: the declared ones, or those inferred."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from bms.adapters.runtimes.artifacts.model_file import lacking
from bms.adapters.runtimes.examples.file import Example
from bms.adapters.runtimes.examples.inputs import example_inputs
from bms.adapters.runtimes.servables.declared import completed_signature
from bms.adapters.runtimes.sklearn.columns import learnt_of, unknown
from bms.adapters.runtimes.sklearn.input_forms import FittedEstimator, names_of, ways
from bms.adapters.runtimes.sklearn.inputs import matrix_of
from bms.adapters.runtimes.sklearn.methods import calls_of
from bms.adapters.runtimes.sklearn.servable import Called
from bms.adapters.runtimes.sklearn.signature import DoesNotRun, inferred
from bms.core.errors import FailedPrecondition
from bms.core.tensors.signature import DEFAULT, MATRIX, Signature, is_table


def fitted_from(estimator: Any, example: Example | None) -> FittedEstimator:
    """Inspects an object from a file as a fitted estimator. Raises FailedPrecondition for what is no estimator, or
    answers nothing; and where pandas is missing, which one that was fitted on a frame needs."""
    calls_of(estimator)
    names = names_of(estimator)
    if not names:
        return FittedEstimator(estimator, example=example)
    try:
        import pandas
    except ImportError as error:
        raise lacking("sklearn", "pandas", error) from error
    return FittedEstimator(estimator, names, learnt_of(estimator, names), example, pandas)


def called_by(fitted: FittedEstimator, declared: Mapping[str, Signature]) -> dict[str, Called]:
    """The signatures, by name. A table of numbers alone is also a matrix. Raises FailedPrecondition, saying what to
    do."""
    try:
        if declared:
            return {name: _declared_call(fitted, name, signature) for name, signature in declared.items()}
        found = _first(fitted, None)
        matrix = _matrix(fitted, found)
        return {DEFAULT: found} if matrix is None else {DEFAULT: found, MATRIX: matrix}
    except DoesNotRun as error:
        raise FailedPrecondition(
            f"the {fitted.kind} does not run on an example: {error}{_advice(fitted, declared)}"
        ) from error


def _matrix(fitted: FittedEstimator, table: Called) -> Called | None:
    """The table as a matrix, where it is one that takes any numbers."""
    way = matrix_of(table.way, fitted.pandas) if is_table(table.signature) else None
    if way is None or any(spec.column is not None and spec.column.categories for spec in table.way.inputs):
        return None
    same = np.stack([table.example[spec.name] for spec in table.way.inputs], axis=1)
    seen = inferred(fitted.estimator, way, {way.inputs[0].name: same})
    return Called(seen.signature, way, seen.calls, seen.example)


def _declared_call(fitted: FittedEstimator, name: str, signature: Signature) -> Called:
    try:
        found = _first(fitted, signature)
    except DoesNotRun:
        completed_signature(
            name, signature, _first(fitted, None).signature
        )  # says which type it is that the model takes instead
        raise
    return found._replace(signature=completed_signature(name, signature, found.signature))


def _first(fitted: FittedEstimator, declared: Signature | None) -> Called:
    failure: DoesNotRun | None = None
    for way in ways(fitted, declared):
        try:
            seen = inferred(fitted.estimator, way, example_inputs(fitted.example, Signature(inputs=way.inputs)))
        except DoesNotRun as error:
            failure = failure or error
        else:
            return Called(seen.signature, way, seen.calls, seen.example)
    raise failure or DoesNotRun("its input can't be detected")


def _advice(fitted: FittedEstimator, declared: Mapping[str, Signature]) -> str:
    told = {name for signature in declared.values() for name in (spec.name for spec in signature.inputs)}
    guessed = [name for name in unknown(dict(fitted.learnt)) if name not in told]
    if not guessed or (fitted.example is not None and set(guessed) <= set(fitted.example.kinds)):
        return ""
    shown = ", ".join(map(repr, guessed[:5]))
    return (
        f"; nothing in the model tells what column {shown} holds: say it, for example with "
        f"`--column '{guessed[0]} text'` (number, integer, text, boolean, category or datetime), or give rows as the "
        "model takes them with `--example rows.csv`"
    )
