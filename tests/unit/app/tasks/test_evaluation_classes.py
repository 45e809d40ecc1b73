"""A model's classes and a data set's are held against one another by name."""

import numpy as np
import pytest

from bms.app.tasks.evaluation.classes import judged_answers, judged_scores
from bms.app.tasks.evaluation.target import TrueClasses
from bms.core.errors import FailedPrecondition
from bms.core.tensors.tensor import Array


def target(rows: list[str], names: tuple[str, ...] | None = None) -> TrueClasses:
    """The data set's label: the true class of each row; `names` in the data set's own order, sorted unless given."""
    known = names or tuple(sorted(set(rows)))
    return TrueClasses("answer", known, np.array([known.index(row) for row in rows]), True)


def scores(model: tuple[str, ...], answered: list[str]) -> Array:
    """Probabilities by which the model answers these classes, 0.9 sure."""
    rest = 0.1 / max(1, len(model) - 1)
    return np.array([[0.9 if name == answer else rest for name in model] for answer in answered])


def texts(*values: str) -> Array:
    array = np.empty(len(values), dtype=object)
    array[:] = [value.encode() for value in values]
    return array


def accuracy(array: Array, labels: tuple[str, ...], truth: TrueClasses) -> float:
    return float(np.mean(judged_scores(array, labels, truth).right))


def test_a_model_that_is_always_wrong_measures_0_and_one_always_right_1() -> None:
    model = ("yes", "no")  # not in the data set's order
    truth = target(["no", "yes", "no", "no"])
    assert accuracy(scores(model, ["yes", "no", "yes", "yes"]), model, truth) == 0
    assert accuracy(scores(model, ["no", "yes", "no", "no"]), model, truth) == 1


def test_a_model_may_know_more_classes_than_the_data_has() -> None:
    model = ("apple", "banana", "cherry")
    truth = target(["cherry", "apple", "cherry", "apple"])
    judged = judged_scores(scores(model, ["cherry", "apple", "banana", "apple"]), model, truth)
    assert judged.right.tolist() == [True, True, False, True]
    assert judged.scores is not None
    assert judged.scores[np.arange(4), judged.true] == pytest.approx([0.9, 0.9, 0.05, 0.9])
    assert judged.note == "classes by name: 'apple', 'cherry'"


def test_a_class_that_the_model_does_not_know_is_refused_with_both_sides() -> None:
    model = ("apple", "banana")
    with pytest.raises(FailedPrecondition) as refused:
        judged_scores(scores(model, ["apple", "banana"]), model, target(["apple", "plum"]))
    for said in (
        "'answer'",
        "the classes 'apple', 'plum'",
        "the model has 'apple', 'banana'",
        "not know 'plum'",
        "--label",
    ):
        assert said in refused.value.message


def test_a_class_that_no_row_of_this_split_has_must_be_known_too() -> None:
    """Classes 1, 2 and 3 that a model numbers 0, 1 and 2 would be found, one too low, in rows of 1 and 2 alone."""
    with pytest.raises(FailedPrecondition, match="does not know '3'"):
        judged_scores(np.eye(3)[:2], ("0", "1", "2"), target(["1", "2"], ("1", "2", "3")))


@pytest.mark.parametrize(
    ("rows", "count"), [(["0", "1", "2"], 3), (["0", "2"], 3), (["0", "1"], 10), (["False", "True"], 2)]
)
def test_numbers_join_classes_without_names_where_the_data_set_counts_from_0_too(rows: list[str], count: int) -> None:
    numbers = [{"False": 0, "True": 1}.get(row) if row in ("False", "True") else int(row) for row in rows]
    array = np.eye(count)[numbers]
    judged = judged_scores(array, (), target(rows))
    assert judged.right.all()
    assert "by number" in judged.note


@pytest.mark.parametrize(
    ("rows", "count"), [(["no", "yes"], 2), (["1", "2"], 3), (["1", "2", "3"], 3), (["0", "5"], 3)]
)
def test_numbers_join_nothing_else(rows: list[str], count: int) -> None:
    with pytest.raises(FailedPrecondition, match="--label"):
        judged_scores(np.eye(count)[: len(rows)], (), target(rows))


def test_names_that_are_numbers_are_no_places() -> None:
    model = ("2", "10", "1")
    assert accuracy(scores(model, ["1", "2", "10"]), model, target(["1", "2", "10"])) == 1


def test_labels_must_be_as_many_as_scores() -> None:
    with pytest.raises(FailedPrecondition, match="3 scores a row for 2 classes: 'a', 'b'"):
        judged_scores(np.eye(3), ("a", "b"), target(["a", "b", "a"]))


def test_scores_that_are_no_numbers_choose_nothing() -> None:
    with pytest.raises(FailedPrecondition, match="NaN as scores of 1 of 2 rows"):
        judged_scores(np.array([[np.nan, 0.5], [0.5, 0.5]]), ("a", "b"), target(["a", "b"]))


@pytest.mark.parametrize(
    ("answers", "labels", "rows", "right"),
    [
        (texts("no", "yes", "maybe"), (), ["no", "no", "yes"], [True, False, False]),
        (texts("b", "a"), ("a", "b", "c"), ["b", "b"], [True, False]),
        (np.array([1, 0, 0]), (), ["1", "1", "0"], [True, False, True]),
        (np.array([3, 5]), (), ["3", "3"], None),  # whether 5 is a class, or the number of one, is not told
        (np.array([3, 5, 3]), (), ["3", "5", "5"], [True, True, False]),
        (np.array([[1], [0]]), ("no", "yes"), ["yes", "yes"], [True, False]),
        (np.array([3, 5]), ("3", "5"), ["5", "5"], [False, True]),
        (np.array([True, False]), (), ["False", "True"], [False, False]),
        (np.array([1.0, 0.0]), (), ["1", "0"], [True, True]),
        (np.array([0, 1]), (), ["no", "yes"], None),
        (texts("0", "1"), (), ["no", "yes"], None),
        (np.array([0, 2]), ("no", "yes"), ["no", "yes"], None),
        (texts("x", "a"), ("a", "b"), ["a", "b"], None),
        (np.array([0, 2]), ("0", "1", "10", "2"), ["0", "10"], None),  # 2 is a name and, as a number, means "10"
        (np.zeros((2, 3)), (), ["a", "b"], None),
    ],
)
def test_answered_classes_are_joined_by_name(
    answers: Array, labels: tuple[str, ...], rows: list[str], right: list[bool] | None
) -> None:
    if right is None:
        with pytest.raises(FailedPrecondition):
            judged_answers(answers, labels, target(rows))
        return
    judged = judged_answers(answers, labels, target(rows))
    assert judged.right.tolist() == right
    assert judged.scores is None


def test_an_answer_that_no_class_of_the_data_is_called_is_a_class_of_its_own() -> None:
    judged = judged_answers(texts("no", "maybe", "perhaps"), (), target(["no", "yes", "yes"]))
    assert (judged.names, judged.answered.tolist()) == (("no", "yes", "maybe", "perhaps"), [0, 2, 3])


@pytest.mark.parametrize(("scored", "right"), [([2, 1], [True, True]), ([1, 0], [False, False])])
def test_where_a_number_may_be_a_name_or_a_place_the_scores_tell_which(scored: list[int], right: list[bool]) -> None:
    labels = ("0", "2", "1")
    truth = target(["1", "2"], ("0", "1", "2"))
    best = judged_scores(np.eye(3)[scored], labels, truth)
    assert judged_answers(np.array([1, 2]), labels, truth, best).right.tolist() == right
    with pytest.raises(FailedPrecondition, match="names or numbers"):
        judged_answers(np.array([1, 2]), labels, truth)
