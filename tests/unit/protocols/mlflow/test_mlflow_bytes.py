"""Bytes in frames of MLflow's protocol: each value is base64, or says itself that it is."""

import json

import numpy as np
import pytest

from bms.core.errors import InvalidArgument
from bms.core.tensors.tensor import Tensor
from bms.protocols.mlflow.bytes import from_base64


def given(body: object, *values: bytes) -> list[bytes]:
    (tensor,) = from_base64([Tensor("img", np.array(values, object))], ("img",), json.dumps(body).encode())
    return list(tensor.array.ravel().tolist())


B64 = {"b64": "aGk="}
OTHERS = [
    {"dataframe_records": [{"img": B64}, {"img": "aGk="}]},
    {"dataframe_split": {"columns": ["n", "img"], "data": [[1, B64], [2, "aGk="]]}},
    {"dataframe_split": {"data": [[B64], ["aGk="]]}},
    {"dataframe_records": [{"picture": B64}, {"picture": "aGk="}]},
    {"dataframe_records": [{"img": [B64]}, {"img": ["aGk="]}]},
]


@pytest.mark.parametrize("body", OTHERS)
def test_one_that_says_what_it_is_changes_nothing_for_the_others(body: object) -> None:
    assert given(body, b"hi", b"aGk=") == [b"hi", b"hi"]


@pytest.mark.parametrize("more", [{"params": {"o": {"b64": 1}}}, {}])
def test_nor_does_another_column_or_a_parameter(more: dict[str, object]) -> None:
    rows = [{"img": "aGk=", "meta": {"b64": "x"}}]
    assert given({"dataframe_records": rows, **more}, b"aGk=") == [b"hi"]


def test_lines_as_mime_has_them_are_joined() -> None:
    assert given({"dataframe_records": [{"img": "aG\nk="}]}, b"aG\nk=") == [b"hi"]


def test_elsewhere_texts_are_bytes_as_they_are() -> None:
    assert given({"instances": ["aGk="]}, b"aGk=") == [b"aGk="]


def test_a_text_that_is_none_is_refused_with_its_place() -> None:
    with pytest.raises(InvalidArgument, match="input 'img', value 1: expected base64"):
        given({"dataframe_records": [{"img": "aGk="}, {"img": "none, this"}]}, b"aGk=", b"none, this")
