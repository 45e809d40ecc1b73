"""The classification extension of the Open Inference Protocol."""

import json

import numpy as np
import pytest

from bms.core.errors import InvalidArgument
from bms.core.tensors.request import InferResponse
from bms.core.tensors.signature import Signature, TensorSpec
from bms.core.tensors.tensor import Tensor
from bms.protocols.oip.classes import TopClasses, best_classes, classes_of
from bms.protocols.oip.infer import decode_infer, encode_infer
from tests.peers.frames_server import SIGNATURES


def best(values: object, most: int, labels: tuple[str, ...] = (), batched: bool = True) -> list[object]:
    return best_classes(np.asarray(values), TopClasses(most, labels, batched)).tolist()  # type: ignore[no-any-return]


def test_the_best_come_first_with_value_index_and_label() -> None:
    assert best([[1, 5, 10, 4]], 2) == [[b"10:2", b"5:1"]]
    fruit = ("pear", "pickle", "apple", "plum")
    assert best([[1, 5, 10, 4]], 2, fruit) == [[b"10:2:apple", b"5:1:pickle"]]


def test_every_row_has_its_own_and_no_more_than_there_are() -> None:
    assert best([[1, 2], [4, 3]], 9) == [[b"2:1", b"1:0"], [b"4:0", b"3:1"]]
    assert best_classes(np.zeros((3, 5)), TopClasses(2, (), True)).shape == (3, 2)


def test_a_model_without_rows_gives_one_list() -> None:
    assert best([1, 3, 2], 1, batched=False) == [b"3:1"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[0.1, 0.1]], dtype="f4"), [[b"0.1:0", b"0.1:1"]]),
        (np.array([[np.nan, -np.inf]], dtype="f4"), [[b"-inf:1", b"nan:0"]]),
        (np.array([[False, True]]), [[b"1:1", b"0:0"]]),
        (np.array([[0, 255, 7]], dtype="u1"), [[b"255:1", b"7:2", b"0:0"]]),
        (
            np.array([[-(2**63), 2**63 - 1, 2**63 - 2]]),
            [[b"9223372036854775807:1", b"9223372036854775806:2", b"-9223372036854775808:0"]],
        ),
        (np.array([[1, 1, 1]]), [[b"1:0", b"1:1", b"1:2"]]),
        (np.array([[0.5, 2]], dtype="f2"), [[b"2.0:1", b"0.5:0"]]),
    ],
    ids=["equal", "not-finite", "bool", "unsigned", "int64", "equal-integers", "half"],
)
def test_numbers_of_every_type_are_compared_as_they_are(values: np.ndarray, expected: object) -> None:  # type: ignore[type-arg]
    assert best(values, 3) == expected


def test_an_output_asked_for_as_classes_is_answered_as_text_with_the_models_labels() -> None:
    wanted = {"name": "scores", "parameters": {"classification": 1}}
    given = {"name": "features", "shape": [2, 2], "datatype": "FP32", "data": [1, 2, 3, 4]}
    body = json.dumps({"inputs": [given], "outputs": [wanted], "parameters": {"signature_name": "classes"}}).encode()
    decoded = decode_infer(body, None, "m", SIGNATURES)
    scores = Tensor("scores", np.array([[0.25, 0.75], [0.9, 0.1]], dtype="f4"))
    answer, length = encode_infer(InferResponse(model="m", version=1, outputs=[scores]), decoded)
    assert length is None
    assert json.loads(answer)["outputs"] == [
        {"name": "scores", "datatype": "BYTES", "shape": [2, 1], "data": ["0.75:1:yes", "0.9:0:no"]}
    ]


def test_bytes_have_no_classes() -> None:
    number = {"name": "number", "shape": [1], "datatype": "INT64", "data": [1]}
    text = {"name": "text", "shape": [1], "datatype": "BYTES", "data": ["a"]}
    wanted = {"name": "text", "parameters": {"classification": 1}}
    body = json.dumps({"inputs": [number, text], "outputs": [wanted]}).encode()
    with pytest.raises(InvalidArgument, match="needs numbers"):
        decode_infer(body, None, "m", SIGNATURES)


def test_labels_are_of_the_output_with_a_number_for_each_where_none_is_called_scores() -> None:
    spec = TensorSpec(name="x", dtype="FP32", shape=(None, 2))
    outputs = tuple(
        TensorSpec(name=name, dtype="FP32", shape=shape)
        for name, shape in (("logits", (None, 2, 1, 1)), ("features", (None, 5)), ("free", (None, None)))
    )
    signature = Signature(inputs=(spec,), outputs=outputs, labels=("no", "yes"))
    labels = {one.name: classes_of(signature, one.name, 1).labels for one in outputs}
    assert labels == {"logits": ("no", "yes"), "features": (), "free": ()}
