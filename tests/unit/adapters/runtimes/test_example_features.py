"""An example of features for a model that parses serialized ones."""

import json
from base64 import b64encode

import pytest

from bms.adapters.runtimes.examples.file import parsed_example
from bms.adapters.runtimes.examples.inputs import example_inputs
from bms.core.errors import FailedPrecondition
from bms.core.formats.example_codec import decode_example, encode_example
from bms.core.tensors.features import Feature
from bms.core.tensors.signature import Signature, TensorSpec

FEATURES = (
    Feature(name="fruit", dtype="BYTES", size=1),
    Feature(name="kg", dtype="FP32", size=1),
    Feature(name="ids", dtype="INT64"),
)
SIGNATURE = Signature(inputs=(TensorSpec(name="examples", dtype="BYTES", shape=(None,), features=FEATURES),))


def read(given: object) -> list[dict[str, object]]:
    inputs = example_inputs(parsed_example(json.dumps(given).encode()), SIGNATURE)
    assert inputs is not None
    rows = [decode_example(row) for row in inputs["examples"].tolist()]  # type: ignore[arg-type]
    return [
        {key: one if isinstance(one, list) or one is None else one.tolist() for key, one in row.items()} for row in rows
    ]


PEAR = {"fruit": [b"pear"], "kg": [2.0]}


@pytest.mark.parametrize(
    "given",
    [
        {"instances": [{"fruit": "pear", "kg": 2}]},
        {"inputs": {"fruit": ["pear"], "kg": [2]}},
        {"dataframe_split": {"columns": ["fruit", "kg"], "data": [["pear", 2]]}},
        {"instances": [{"fruit": {"b64": "cGVhcg=="}, "kg": [2], "ids": []}]},
        {"instances": [{"fruit": "pear", "kg": 2, "ids": None}]},
    ],
)
def test_features_are_serialized_in_every_form(given: object) -> None:
    assert read(given) == [PEAR]


def test_rows_may_have_lists_of_several_lengths_and_lack_features() -> None:
    assert read({"instances": [{"fruit": "pear", "kg": 2}, {"fruit": "plum"}]}) == [PEAR, {"fruit": [b"plum"]}]
    rows = [{"fruit": "pear", "ids": [1]}, {"fruit": "plum", "ids": [2, 3]}]
    assert [row["ids"] for row in read({"instances": rows})] == [[1], [2, 3]]


def test_what_is_serialized_already_is_taken_as_it_is() -> None:
    raw = encode_example({"fruit": [b"fig"]})
    text = json.dumps({"inputs": {"examples": [{"b64": b64encode(raw).decode()}]}})
    inputs = example_inputs(parsed_example(text.encode()), SIGNATURE)
    assert inputs is not None
    assert inputs["examples"].tolist() == [raw]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"fruit": "pear", "weight": 2}, "has a feature 'weight', the model reads 'fruit', 'kg', 'ids'"),
        ({"fruit": 3}, "'fruit' holds 3 at"),
        ({"kg": "two"}, "'kg' holds 'two' at"),
        ({"kg": [1, 2]}, r"feature 'kg' has shape \[2\], expected 1 values"),
        ({"ids": [[1], [2]]}, r"feature 'ids' has shape \[2, 1\], expected a flat list"),
        ({"ids": [1.5]}, "'ids' holds 1.5"),
    ],
)
def test_features_that_are_not_read_are_refused_by_name(row: object, said: str) -> None:
    with pytest.raises(FailedPrecondition, match=said):
        read({"instances": [row]})


def test_a_list_of_one_is_a_value_in_records_as_it_is_in_columns() -> None:
    assert read({"instances": [{"fruit": ["pear"], "kg": [2]}]}) == [PEAR]
