"""Columns in a few words."""

import pytest

from bms.core.errors import InvalidArgument
from bms.sdk.nouns.columns import column, parse_column, tensor_text
from bms.sdk.nouns.signatures import Column, Feature, TensorSpec


@pytest.mark.parametrize(
    ("text", "name", "dtype", "declared"),
    [
        ("age number", "age", "FP64", Column(type="number")),
        ("n integer INT32", "n", "INT32", Column(type="integer")),
        ("city text?", "city", "BYTES", Column(type="text", optional=True)),
        ("sepal length (cm) number FP32", "sepal length (cm)", "FP32", Column(type="number")),
        ("paid boolean", "paid", "BOOL", Column(type="boolean")),
        ("bought datetime", "bought", "BYTES", Column(type="datetime")),
        ("color category[red,green]", "color", "BYTES", Column(type="category", categories=("red", "green"))),
        ("size category[1,2]?", "size", "INT64", Column(type="category", optional=True, categories=(1, 2))),
        ('zip category["1","2,3"]', "zip", "BYTES", Column(type="category", categories=("1", "2,3"))),
        ("kind category", "kind", "BYTES", Column(type="category")),
        ("type of number text", "type of number", "BYTES", Column(type="text")),
    ],
)
def test_a_column_is_read_and_told_alike(text: str, name: str, dtype: str, declared: Column) -> None:
    spec = parse_column(text)
    assert spec == TensorSpec(name=name, dtype=dtype, shape=(None,), column=declared)
    assert tensor_text(spec) == text


def test_levels_that_would_read_otherwise_are_told_in_quotes() -> None:
    for levels in (("1", "2"), ("a", "b,c"), (" a",), ("true",)):
        spec = column("x", "category", categories=levels)
        assert parse_column(tensor_text(spec)) == spec


def test_people_see_few_levels_and_those_of_categories_alone() -> None:
    levels = ("a", "b", "c")
    assert tensor_text(column("x", "category", categories=levels), most=2) == "x category[a,b,…]"
    assert tensor_text(column("x", "text", categories=levels, optional=True), most=2) == "x text?"


def test_other_tensors_are_told_with_their_shapes() -> None:
    assert tensor_text(TensorSpec(name="x", dtype="FP64", shape=(None, 4))) == "x FP64 [-1, 4]"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("age", "'age' is no column: write its name and type"),
        ("age numbr", "column 'age': there is no type 'numbr': .*number, integer, text, boolean, category, datetime"),
        ("city text FP32", "column 'city' is text, which FP32 can't carry"),
        ("x category[[1]]", "levels must be texts, numbers or booleans"),
        (f"x category[{'[' * 100_000}]", "levels are texts, numbers or booleans, and not lists"),
    ],
)
def test_what_is_no_column_is_refused_with_the_types_there_are(text: str, says: str) -> None:
    with pytest.raises(InvalidArgument, match=says):
        parse_column(text)


def test_features_of_serialized_examples_are_shown_to_people() -> None:
    features = (Feature(name="length", dtype="FP32", size=1), Feature(name="tags", dtype="BYTES"))
    spec = TensorSpec(name="x", dtype="BYTES", shape=(None,), features=features)
    assert tensor_text(spec, most=2) == "x BYTES [-1] of {length FP32 [1], tags BYTES [-1]}"
    assert tensor_text(spec, most=1) == "x BYTES [-1] of {length FP32 [1], …}"
    assert tensor_text(spec) == "x BYTES [-1]"
