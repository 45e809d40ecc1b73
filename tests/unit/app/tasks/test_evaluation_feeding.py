"""Columns of a data set reach the inputs of a model by their names, exactly, or not at all."""

from typing import Any

import numpy as np
import pytest

from bms.adapters.datasets.manifest import Manifest
from bms.adapters.datasets.schema import ColumnSchema, TableSchema
from bms.app.tasks.evaluation.feeding import Fed, fed
from bms.core.errors import BmsError, FailedPrecondition
from bms.core.tensors.columns import mask_name
from bms.core.tensors.signature import DEFAULT, MATRIX, Signature, TensorSpec, column_spec
from bms.core.tensors.tensor import DType

LABEL = ColumnSchema(name="y", kind="label", labels=("no", "yes"))
BIG = 2**53 + 1


def data(label: str = "y", **columns: tuple[str, Any]) -> tuple[Manifest, dict[str, Any]]:
    """A data set of columns (kind, values), the label last."""
    features = []
    for name, (kind, values) in columns.items():
        shape = values.shape[1:] if isinstance(values, np.ndarray) else ()
        features.append(ColumnSchema(name=name, kind=kind, shape=shape))  # type: ignore[arg-type]
    rows = len(next(iter(columns.values()))[1])
    manifest = Manifest(schema=TableSchema(features=(*features, LABEL)), splits={}, label=label)
    return manifest, {**{name: values for name, (_, values) in columns.items()}, "y": np.zeros(rows, np.int64)}


def takes(*inputs: TensorSpec, name: str = DEFAULT) -> dict[str, Signature]:
    return {name: Signature(inputs=inputs)}


def tensor(name: str, *shape: int | None, dtype: DType = "FP64") -> TensorSpec:
    return TensorSpec(name=name, dtype=dtype, shape=(None, *shape))


def objects(*cells: object) -> Any:
    array = np.empty(len(cells), dtype=object)
    array[:] = cells
    return array


def given(signatures: dict[str, Signature], **columns: tuple[str, Any]) -> Fed:
    return fed(signatures, *data(**columns))


def refusal(signatures: dict[str, Signature], **columns: tuple[str, Any]) -> str:
    with pytest.raises(BmsError) as refused:
        given(signatures, **columns)
    return refused.value.message


INCOME = ("float", np.array([0.25, 0.75]))
AGE = ("int", np.array([26, 85]))


def test_columns_of_a_table_are_joined_by_name_in_whatever_order_they_come() -> None:
    table = takes(column_spec("income", "number"), column_spec("age", "number"))
    made = given(table, age=AGE, income=INCOME)
    assert made.inputs["income"].tolist() == [0.25, 0.75]
    assert made.inputs["age"].tolist() == [26.0, 85.0]
    assert made.notes == ("columns by name: 'income', 'age'",)


def test_a_column_that_is_missing_is_refused_with_both_sides() -> None:
    said = refusal(takes(column_spec("income", "number"), column_spec("city", "text")), income=INCOME, age=AGE)
    assert "lacks 'city'" in said
    assert "'income' number, 'city' text" in said
    assert "'income' float, 'age' int" in said


def test_a_label_that_the_model_wants_as_an_input_is_pointed_at() -> None:
    assert "'y' is its label, which is to be predicted" in refusal(takes(column_spec("y", "text")), income=INCOME)


def test_columns_that_the_model_does_not_take_are_left_out_and_told() -> None:
    made = given(takes(column_spec("age", "integer")), age=AGE, income=INCOME, note=("text", ["a", "b"]))
    assert list(made.inputs) == ["age"]
    assert made.notes[1] == "columns that the model does not take: 'income', 'note'"


def test_an_optional_column_that_is_absent_has_no_values() -> None:
    made = given(takes(column_spec("age", "number"), column_spec("city", "text", optional=True)), age=AGE)
    assert made.inputs[mask_name("city")].tolist() == [True, True]
    assert "columns without values: 'city'" in made.notes


def test_what_is_missing_reaches_the_model_as_missing() -> None:
    table = takes(
        column_spec("rent", "number"),
        column_spec("age", "integer"),
        column_spec("years", "number"),
        column_spec("smokes", "boolean"),
        column_spec("city", "text"),
    )
    made = given(
        table,
        rent=("float", np.array([1.5, np.nan])),
        age=("int", objects(BIG, None)),
        years=("int", objects(3, None)),
        smokes=("bool", objects(True, None)),
        city=("text", ["Köln", None]),
    )
    assert np.isnan(made.inputs["rent"]).tolist() == [False, True]
    assert (made.inputs["age"][0], made.inputs[mask_name("age")].tolist()) == (BIG, [False, True])
    assert (made.inputs["years"][0], np.isnan(made.inputs["years"][1])) == (3.0, True)
    assert made.inputs[mask_name("smokes")].tolist() == [False, True]
    assert (made.inputs["city"][0], made.inputs[mask_name("city")].tolist()) == ("Köln".encode(), [False, True])


def test_whole_numbers_of_a_float_column_are_integers_and_others_are_not() -> None:
    table = takes(column_spec("age", "integer"))
    made = given(table, age=("float", np.array([41.0, np.nan])))
    assert (made.inputs["age"][0], made.inputs[mask_name("age")].tolist()) == (41, [False, True])
    assert "41.5" in refusal(table, age=("float", np.array([41.5, 1.0])))


@pytest.mark.parametrize(
    ("spec", "column", "words"),
    [
        (column_spec("c", "text"), ("int", np.array([1])), "'c' is int in the data set, and the model takes text"),
        (column_spec("c", "number"), ("text", ["1"]), "'c' is text in the data set, and the model takes number"),
        (column_spec("c", "category", categories=("a",)), ("int", np.array([1])), "takes category there (BYTES)"),
        (column_spec("c", "category", categories=(1, 2)), ("text", ["1"]), "takes category there (INT64)"),
        (column_spec("c", "datetime"), ("float", np.array([1.0])), "takes datetime"),
        (column_spec("c", "boolean"), ("int", np.array([2])), "2"),
        (column_spec("c", "number"), ("float", np.zeros((1, 3))), "float [-1, 3]"),
    ],
)
def test_a_column_of_another_type_is_refused(spec: TensorSpec, column: tuple[str, Any], words: str) -> None:
    assert words in refusal(takes(spec), c=column)


def test_a_column_of_classes_that_is_not_the_label_is_its_names() -> None:
    manifest = Manifest(
        schema=TableSchema(features=(ColumnSchema(name="size", kind="label", labels=("large", "small")), LABEL)),
        splits={},
        label="y",
    )
    signatures = takes(column_spec("size", "category", categories=("small", "large")))
    made = fed(signatures, manifest, {"size": np.array([1, 0]), "y": np.array([0, 1])})
    assert made.inputs["size"].tolist() == [b"small", b"large"]


def test_named_inputs_that_are_no_table_are_joined_by_name_too() -> None:
    signatures = takes(tensor("age", 1, dtype="FP32"), tensor("pixels", 4), tensor("city", dtype="BYTES"))
    columns = {"city": ("text", ["a", "b"]), "pixels": ("float", np.ones((2, 2, 2))), "age": AGE, "id": AGE}
    made = given(signatures, **columns)
    assert {name: array.shape for name, array in made.inputs.items()} == {"age": (2, 1), "pixels": (2, 4), "city": (2,)}
    assert "does not take: 'id'" in made.notes[1]
    assert "lacks 'city'" in refusal(signatures, age=AGE, pixels=columns["pixels"])
    assert "'age' is text in the data set" in refusal(signatures, **{**columns, "age": ("text", ["1", "2"])})


def test_one_input_of_a_columns_name_is_that_column() -> None:
    made = given(takes(tensor("income", 1)), age=AGE, income=INCOME)
    assert made.inputs["income"].tolist() == [[0.25], [0.75]]


def test_a_matrix_without_names_is_all_columns_in_the_data_sets_order_and_says_so() -> None:
    made = given(takes(tensor("x", 4)), income=INCOME, age=AGE, place=("float", np.array([[1.0, 2.0], [3.0, 4.0]])))
    assert made.inputs["x"].tolist() == [[0.25, 26, 1, 2], [0.75, 85, 3, 4]]
    assert made.notes == ("input 'x' is, by place, the columns 'income', 'age', 'place': the model names none",)


def test_a_table_is_never_joined_by_place() -> None:
    both = {**takes(tensor("x", 2), name=MATRIX), **takes(column_spec("a", "number"), column_spec("b", "number"))}
    assert "lacks 'a', 'b'" in refusal(both, income=INCOME, age=AGE)


@pytest.mark.parametrize(
    ("spec", "columns", "words"),
    [
        (tensor("x", 3), {"income": INCOME, "age": AGE}, "2 wide side by side: 'income' float, 'age' int"),
        (tensor("x", 2), {"income": INCOME, "city": ("text", ["a", "b"])}, "not all numbers"),
        (tensor("x", 2), {}, "not all numbers: none"),
        (tensor("x", 2, dtype="INT64"), {"age": AGE, "n": ("int", objects(1, None))}, "'n' has no value in row 1"),
        (tensor("x", 2), {"age": AGE, "n": ("int", objects(BIG, None))}, "'n' holds whole numbers"),
        (tensor("t", dtype="BYTES"), {"a": ("text", ["a"]), "b": ("text", ["b"])}, "'a' text, 'b' text"),
        (tensor("t", dtype="BYTES"), {"a": ("text", ["a", None])}, "no value in row 1"),
        (tensor("image", dtype="BYTES"), {"a": ("text", ["a"])}, "'image' BYTES"),
    ],
)
def test_what_nothing_tells_is_refused(spec: TensorSpec, columns: dict[str, Any], words: str) -> None:
    manifest, arrays = data(**(columns or {"y": INCOME}))
    if not columns:
        manifest, arrays = Manifest(schema=TableSchema(features=(LABEL,)), splits={}, label="y"), {"y": np.array([0])}
    with pytest.raises(FailedPrecondition) as refused:
        fed(takes(spec), manifest, arrays)
    assert words in refused.value.message


def test_numbers_lose_nothing_unless_the_model_takes_less_and_then_it_is_told() -> None:
    exact = given(takes(tensor("x", 2)), seconds=("int", np.array([1_700_000_001])), share=("float", np.array([0.1])))
    assert exact.inputs["x"].tolist() == [[1_700_000_001.0, 0.1]]
    assert len(exact.notes) == 1
    whole = given(takes(tensor("x", 2, dtype="INT64")), a=("int", np.array([BIG])), b=("int", np.array([1])))
    assert whole.inputs["x"].tolist() == [[BIG, 1]]
    narrow = given(takes(tensor("x", 1, dtype="FP32")), seconds=("int", np.array([1_700_000_001])))
    assert any("rounded to FP32" in note for note in narrow.notes)


def test_texts_and_images_reach_the_one_input_that_takes_them() -> None:
    texts = {"review": ("text", ["good", "bad"]), "stars": AGE}
    made = given(takes(tensor("t", dtype="BYTES")), **texts)
    assert made.inputs["t"].tolist() == [b"good", b"bad"]
    assert made.notes[0] == "input 't' is column 'review'"
    ids = {DEFAULT: Signature(inputs=(tensor("ids", None, dtype="INT64"),))}
    prepared = given({**ids, **takes(tensor("text", dtype="BYTES"), name="text")}, **texts)
    assert (prepared.name, prepared.inputs["text"].tolist()) == ("text", [b"good", b"bad"])
    picture = {**takes(tensor("x", 64)), **takes(tensor("image", dtype="BYTES"), name="image")}
    shown = given(picture, photo=("image", [b"png1", b"png2"]))
    assert (shown.name, shown.inputs["image"].tolist()) == ("image", [b"png1", b"png2"])


def test_a_signature_is_chosen_by_name_or_not_at_all() -> None:
    ways = {**takes(tensor("income"), name="rich"), **takes(tensor("x", 2), name="other")}
    assert given(ways, income=INCOME).name == "rich"
    assert "'rich', 'other'" in refusal(ways, age=AGE)


def test_an_empty_split_is_refused() -> None:
    assert "no rows" in refusal(takes(tensor("x", 1)), income=("float", np.zeros(0)))


def test_a_model_of_one_row_a_call_is_fed_all_rows() -> None:
    one = {DEFAULT: Signature(inputs=(TensorSpec(name="x", dtype="FP64", shape=(1, 2)),), batched=False)}
    assert given(one, income=INCOME, age=AGE).rows == 2
