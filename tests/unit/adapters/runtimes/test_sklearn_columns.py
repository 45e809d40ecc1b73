"""What a fitted structure tells of its columns, shown on stand-ins that hold what scikit-learn's estimators hold."""

from typing import Any

import numpy as np
import pytest

from bms.adapters.runtimes.examples.file import Example
from bms.adapters.runtimes.sklearn.columns import MAX_LEVELS, Learnt, learnt_of, unknown
from bms.adapters.runtimes.sklearn.input_forms import column_of
from bms.core.tensors.columns import Column

NAMES = ("age", "city", "note")


class Fitted:
    """An estimator with these attributes."""

    def __init__(self, **attributes: Any) -> None:
        vars(self).update(attributes)


class FunctionTransformer(Fitted):
    """A function: what it takes, it does not tell."""


class SimpleImputer(Fitted):
    """Fills what is missing."""


def levels(*values: Any, dtype: Any = object) -> Fitted:
    return Fitted(categories_=[np.array(values, dtype=dtype)], n_features_in_=1)


def columns(**parts: tuple[Any, list[int]]) -> Fitted:
    return Fitted(
        transformers_=[(name, part, None) for name, (part, _) in parts.items()],
        _transformer_to_input_indices={name: places for name, (_, places) in parts.items()},
    )


def pipeline(*steps: Any) -> Fitted:
    return Fitted(steps=[(str(number), step) for number, step in enumerate(steps)])


def told(model: Any) -> dict[str, Column | None]:
    return {name: one.column for name, one in learnt_of(model, NAMES).items()}


def test_a_plain_estimator_takes_numbers() -> None:
    assert told(Fitted(coef_=np.zeros(3))) == dict.fromkeys(NAMES, Column(type="number"))


def test_encoders_vectorisers_and_what_is_dropped_are_told_apart() -> None:
    model = pipeline(
        columns(
            a=(levels("Köln", "Rome"), [1]),
            b=(Fitted(build_analyzer=lambda: None), [2]),
            remainder=("drop", [0]),
        )
    )
    assert told(model) == {
        "age": Column(type="text", optional=True, unread=True),
        "city": Column(type="text", categories=("Köln", "Rome")),
        "note": Column(type="text"),
    }


@pytest.mark.parametrize(
    ("values", "dtype", "column"),
    [
        ((1, 2), np.int64, Column(type="integer", categories=(1, 2))),
        ((1.5, np.nan), np.float64, Column(type="number", categories=(1.5,))),
        ((False, True), np.bool_, Column(type="boolean", categories=(False, True))),
        ((False, True, np.nan), object, Column(type="boolean", categories=(False, True))),
        (("a", None), object, Column(type="text", categories=("a",))),
        ((1, 2, None), object, Column(type="integer", categories=(1, 2))),
        (("2026-01-01",), "datetime64[D]", Column(type="datetime")),
        (((1, 2),), object, None),
    ],
)
def test_the_type_is_that_of_the_levels(values: Any, dtype: Any, column: Column | None) -> None:
    array = np.empty(len(values), dtype=object) if dtype is object else np.array(values, dtype=dtype)
    array[:] = values
    learnt = learnt_of(Fitted(categories_=[array]), ["one"])["one"]
    assert learnt.column == column
    assert learnt.none is (None in values)


def test_an_imputer_before_an_encoder_keeps_its_columns_and_a_function_does_not() -> None:
    imputer = SimpleImputer(statistics_=np.array(["Rome"], dtype=object), missing_values=None, n_features_in_=1)
    found = learnt_of(pipeline(imputer, levels("Köln", "Rome")), ["city"])["city"]
    assert (found.column, found.none) == (Column(type="text", categories=("Köln", "Rome")), True)
    function = FunctionTransformer(func=str.lower, n_features_in_=1)
    assert list(unknown(learnt_of(pipeline(function, levels("köln")), ["city"]))) == ["city"]
    same = FunctionTransformer(func=None, n_features_in_=1)
    assert told_one(pipeline(same, levels("köln"))) == Column(type="text", categories=("köln",))


def told_one(model: Any) -> Column | None:
    return learnt_of(model, ["city"])["city"].column


def test_a_constant_fill_says_nothing_of_numbers_that_were_fitted() -> None:
    filled = np.array([0, "none"], dtype=object)
    numbers = SimpleImputer(statistics_=filled, _fit_dtype=np.dtype(np.float64))
    assert {one.column for one in learnt_of(numbers, ["a", "b"]).values()} == {Column(type="number")}


def test_searches_and_ensembles_are_what_their_members_are() -> None:
    inner = pipeline(columns(a=(levels("Köln"), [1]), b=("passthrough", [0]), c=("drop", [2])), Fitted())
    wanted = told(inner)
    assert told(Fitted(best_estimator_=inner)) == wanted
    assert told(Fitted(estimators_=[inner, inner])) == wanted
    assert told(Fitted(estimators_=[Fitted(n_features_in_=2)], estimators_features_=[[0, 2]])) == dict.fromkeys(
        NAMES, Column(type="number")
    )
    assert told(Fitted(estimator_=Fitted(n_features_in_=2))) == dict.fromkeys(NAMES, Column(type="number"))


def test_of_many_levels_some_are_kept() -> None:
    many = [f"level {number}" for number in range(1000)]
    found = told_one(Fitted(categories_=[np.array(many, dtype=object)]))
    assert found is not None
    assert found.categories == tuple(many[:MAX_LEVELS])


@pytest.mark.parametrize(
    ("learnt", "values", "column"),
    [
        (Learnt(used=True), (1, 2), Column(type="number")),
        (Learnt(used=True), (1, 2**60), Column(type="integer")),
        (Learnt(used=True), ("a",), Column(type="text")),
        (Learnt(used=True), (None,), Column(type="number")),
        (Learnt(used=False), (5,), Column(type="number", optional=True, unread=True)),
        (Learnt(used=False), (None,), Column(type="text", optional=True, unread=True)),
        (Learnt(used=True, kinds={"number"}), (True,), Column(type="boolean")),
        (Learnt(used=True, kinds={"text"}, levels=("a",)), ("b",), Column(type="text", categories=("a",))),
        (Learnt(used=True, kinds={"integer"}, levels=(1,)), (2,), Column(type="integer", categories=(1,))),
    ],
)
def test_what_training_did_not_tell_the_examples_values_do(
    learnt: Learnt, values: tuple[object, ...], column: Column
) -> None:
    assert column_of(learnt, Example(columns={"one": values}), "one") == column


def test_declared_types_count_more_than_all_else() -> None:
    example = Example(columns={"one": (1,)}, types={"one": "category"})
    assert column_of(Learnt(used=True, kinds={"number"}), example, "one") == Column(type="category")
