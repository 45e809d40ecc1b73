"""What counts as the same answer, and which rows parent and child are asked."""

from collections.abc import Mapping

import numpy as np
import pytest

from bms.app.tasks.proof.differences import differences
from bms.app.tasks.proof.edges import DECISIONS, EXTREME, UNUSUAL, edges
from bms.app.tasks.proof.questions import ask, made
from bms.core.errors import FailedPrecondition, InvalidArgument
from bms.core.tensors.signature import DEFAULT, Signature, TensorSpec
from bms.core.tensors.tensor import Array
from tests.servables import FunctionServable

SIGNATURE = Signature(
    inputs=(TensorSpec(name="x", dtype="FP64", shape=(None, 2)),),
    outputs=(TensorSpec(name="label", dtype="INT64", shape=(None,)),),
)
SINGLES = Signature(
    inputs=(TensorSpec(name="x", dtype="FP32", shape=(None, 2)),),
    outputs=(TensorSpec(name="y", dtype="FP32", shape=(None,)),),
)


def compared(parent: Mapping[str, Array], child: Mapping[str, Array], tolerance: float = 1e-5) -> dict[str, float]:
    rows = np.arange(100, 100 + len(next(iter(parent.values()))))
    return differences(parent, child, tolerance, "train", rows)


def texts(*values: str) -> Array:
    array = np.empty(len(values), dtype=object)
    array[:] = [value.encode() for value in values]
    return array


def test_every_output_is_compared_with_the_one_of_its_name() -> None:
    parent = {"p": np.array([[0.5, 0.5]]), "label": texts("a")}
    found = compared(parent, {"label": texts("a"), "p": np.array([[0.5, 0.5 + 1e-7]])})
    assert found == {"p": pytest.approx(1e-7), "label": 0.0}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"p": None}, r"gives 'label', its parent 'p', 'label': expected the same"),
        ({"q": np.zeros(2)}, r"gives 'p', 'label', 'q', its parent 'p', 'label'"),
        (
            {"label": texts("a", "c")},
            r"'label', row 101 of train: the parent answers 'b', the converted model 'c'; so on 1 of 2",
        ),
        (
            {"p": np.array([[0.5, 0.5], [1.0, 0.0]])},
            r"'p'\[0\], row 101 of train: the parent answers 0.2, .* 1.0, 0.8 apart",
        ),
        (
            {"p": np.zeros((2, 3))},
            r"'p' of the converted model is FP64 \[2, 3\], its parent's FP64 \[2, 2\], on 2 rows",
        ),
        ({"p": np.float32([[0.5, 0.5], [0.2, 0.8]])}, r"is FP32 \[2, 2\], its parent's FP64"),
        (
            {"p": np.array([[0.5, 0.5], [np.nan, 0.8]])},
            r"'p'\[0\], row 101 of train: .* the converted model nan, inf apart",
        ),
    ],
)
def test_a_refusal_names_output_row_and_both_answers(change: dict[str, Array | None], says: str) -> None:
    parent = {"p": np.array([[0.5, 0.5], [0.2, 0.8]]), "label": texts("a", "b")}
    child = {name: array for name, array in {**parent, **change}.items() if array is not None}
    with pytest.raises(FailedPrecondition, match=says):
        compared(parent, child)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_on_both_sides_does_not_differ_and_on_one_does(value: float) -> None:
    assert compared({"y": np.array([value])}, {"y": np.array([value])}) == {"y": 0}
    for one, other in ((value, 1.0), (1.0, value)):
        with pytest.raises(FailedPrecondition, match="inf apart"):
            compared({"y": np.array([one])}, {"y": np.array([other])})


def test_lost_digits_of_a_unix_time_count_and_rounding_of_huge_answers_does_not() -> None:
    parent = {"y": np.array([1_764_000_010.0, 1e15, 0.5])}
    assert compared(parent, {"y": np.nextafter(parent["y"], np.inf)})["y"] < 1e-8
    with pytest.raises(FailedPrecondition, match=r"row 100 of train: the parent answers 1764000010.0, .* 1764000000.0"):
        compared(parent, {"y": np.array([1_764_000_000.0, 1e15, 0.5])}, 1e-3)
    singles = {"y": np.float32([3e9])}
    assert compared(singles, {"y": np.nextafter(singles["y"], np.float32(np.inf))})["y"] < 1e-6


def test_rows_that_the_parent_refuses_are_left_out_and_counted() -> None:
    def halves(inputs: dict[str, Array]) -> dict[str, Array]:
        if np.isnan(inputs["x"]).any():
            raise InvalidArgument("there is no value")
        return {"label": (inputs["x"][:, 0] / 2).astype(np.int64)}

    parent = FunctionServable(halves, {DEFAULT: SIGNATURE})
    rows = np.array([[2.0, 2], [np.nan, 1], [4, 5], [6, 6], [np.nan, np.nan]])
    answered = ask(parent, made("train", DEFAULT, {"x": rows}))
    assert answered.question.places.tolist() == [0, 2, 3]
    assert answered.outputs["label"].tolist() == [1, 2, 3]
    assert answered.refused == 2
    with pytest.raises(InvalidArgument, match="there is no value"):
        ask(parent, made("train", DEFAULT, {"x": rows[1:2]}))


def test_a_row_is_made_on_either_side_of_a_decision() -> None:
    parent = FunctionServable(
        lambda inputs: {"label": (inputs["x"][:, 0] > 0.7).astype(np.int64)}, {DEFAULT: SIGNATURE}
    )
    found = {one.of: one for one in edges(parent, np.array([[0.0, 1.0], [5.0, -1.0], [1.0, 0.0]]), [])}
    assert list(found) == [UNUSUAL, EXTREME, DECISIONS]
    first = found[DECISIONS].inputs["x"][:, 0]
    assert np.abs(first - 0.7).max() < 1e-3
    assert {True, False} == set((first > 0.7).tolist())
    extreme = found[EXTREME].inputs["x"]
    assert {1e12, 5e-324, np.inf, -np.inf} <= set(extreme.ravel().tolist())


def test_what_decides_nothing_has_no_decisions() -> None:
    parent = FunctionServable(lambda inputs: {"y": inputs["x"][:, 0]}, {DEFAULT: SINGLES})
    found = list(edges(parent, None, []))
    assert [one.of for one in found] == [UNUSUAL, EXTREME]
    assert {one.inputs["x"].dtype for one in found} == {np.dtype(np.float32)}
