"""Examples for a model that parses `tf.train.Example`s itself: JSON features to serialized ones, and results."""

import base64
import json
from typing import Any

import numpy as np
import pytest

from bms.core.errors import Internal, InvalidArgument
from bms.core.formats.example_codec import decode_example, encode_example
from bms.core.tensors.features import Feature
from bms.core.tensors.request import InferRequest, InferResponse
from bms.core.tensors.signature import Signature, TensorSpec
from bms.core.tensors.tensor import Tensor
from bms.protocols.tfserving.examples import decode_examples, encode_classify, encode_regress
from bms.protocols.tfserving.predict import DecodedPredict, decode_predict

FEATURES = (
    Feature(name="ids", dtype="INT64"),
    Feature(name="length", dtype="FP32", size=1),
    Feature(name="pair", dtype="FP32", size=2),
    Feature(name="word", dtype="BYTES", size=1),
)


def signature(features: tuple[Feature, ...] | None = FEATURES, *, batched: bool = True) -> Signature:
    return Signature(
        inputs=(TensorSpec(name="inputs", dtype="BYTES", shape=(None,), features=features),),
        outputs=(
            TensorSpec(name="scores", dtype="FP32", shape=(None, 2)),
            TensorSpec(name="classes", dtype="BYTES", shape=(None, 2)),
        ),
        method="classify",
        scores="scores",
        batched=batched,
    )


def sent(*examples: object, features: tuple[Feature, ...] | None = FEATURES, **more: object) -> list[dict[str, Any]]:
    """The features of each example that the model is given."""
    body = json.dumps({"examples": examples, **more}).encode()
    decoded = decode_examples(body, "m", {"serving_default": signature(features)}, "classify")
    (tensor,) = decoded.request.inputs
    assert (tensor.name, decoded.rows, decoded.row_form) == ("inputs", len(examples), True)
    assert decoded.request.signature == "serving_default"
    read = [decode_example(row) for row in tensor.array]  # type: ignore[arg-type]
    return [
        {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in one.items()}
        for one in read
    ]


def test_values_are_what_the_model_reads_of_them() -> None:
    given = {"length": 2, "word": "öl", "ids": [3, True, -4], "pair": [1, 2.5]}
    expected = {"length": [2.0], "word": ["öl".encode()], "ids": [3, 1, -4], "pair": [1.0, 2.5]}
    assert sent({**given, "ids": [3, 1, -4]}) == [expected]
    assert sent({"ids": True}) == [{"ids": [1]}]
    (one,) = sent({"length": 2})
    assert isinstance(one["length"][0], float)


def test_kinds_are_those_of_json_where_it_is_not_known_what_is_read() -> None:
    told = sent({"a": 2, "b": 0.5, "c": "x", "d": [True, False], "e": [1, 2.5], "f": {"b64": "/w=="}}, features=())
    assert told == [{"a": [2], "b": [0.5], "c": [b"x"], "d": [1, 0], "e": [1.0, 2.5], "f": [b"\xff"]}]
    assert sent({"a": float("nan"), "b": 3}, features=())[0]["b"] == [3]


def test_bytes_are_base64() -> None:
    assert sent({"word": {"b64": "/w=="}}) == [{"word": [b"\xff"]}]


def test_examples_may_have_other_features_than_one_another_and_share_a_context() -> None:
    assert sent({"length": 1}, {"word": "a"}, context={"ids": 5}) == [
        {"length": [1.0], "ids": [5]},
        {"word": [b"a"], "ids": [5]},
    ]


@pytest.mark.parametrize("nothing", [None, []])
def test_what_has_no_value_is_left_out(nothing: object) -> None:
    assert sent({"length": 1, "word": nothing, "ids": nothing}) == [{"length": [1.0]}]


def test_what_is_serialized_goes_as_it_is() -> None:
    raw = encode_example({"length": np.array([1.5], dtype="f4")})
    assert sent({"inputs": {"b64": base64.b64encode(raw).decode()}}) == [{"length": [1.5]}]


@pytest.mark.parametrize(
    ("examples", "said"),
    [
        ([], "at least one object"),
        ([{"length": 1}, {"lenght": 1}], "example 1: no feature 'lenght': this model reads 'ids', 'length'"),
        ([{"word": "a"}, {"word": 3}], "'word of example 1' must be BYTES"),
        ([{"length": "long"}], "'length of example 0' must be FP32"),
        ([{"ids": [1.5]}], "'ids of example 0' must be INT64"),
        ([{"ids": [1, None]}], "'ids of example 0' must be INT64"),
        ([{"length": [1, 2]}], "'length of example 0' has 2 values, expected 1"),
        ([{"pair": [[1], [2]]}], "'pair of example 0' must be FP32"),
        ([{"pair": [1, 2, 3]}], "'pair of example 0' has 3 values, expected 2"),
        ([{"length": 1e39}], "a number that FP32 cannot hold"),
        ([{"ids": 2**63}], "'ids of example 0'"),
        ([{"word": {"b64": "!"}}], "'word of example 0' holds a b64 value that is not base64"),
        ([{"word": {"b65": "AA=="}}], "'word of example 0' must be BYTES"),
        ([{"word": ["a", "b"]}], "'word of example 0' has 2 values, expected 1"),
    ],
)
def test_features_that_do_not_fit_are_refused_with_example_and_name(examples: list[object], said: str) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        sent(*examples)
    assert said in refusal.value.message


def asked(examples: int) -> DecodedPredict:
    rows = np.empty(examples, dtype=object)
    rows[:] = b""
    return DecodedPredict(InferRequest(model="m", inputs=[Tensor("inputs", rows)]), 1, True)


def scores(rows: int) -> Tensor:
    return Tensor("scores", np.tile(np.array([0.25, 0.75], dtype="f4"), (rows, 1)))


def names(*rows: list[bytes]) -> Tensor:
    return Tensor("classes", np.array(rows, dtype=object))


def answer(*outputs: Tensor) -> InferResponse:
    return InferResponse(model="m", version=1, outputs=list(outputs))


def test_classes_are_named_by_the_model_where_it_names_them() -> None:
    given = answer(scores(2), names([b"no", b"yes"], [b"yes", b"no"]))
    told = json.loads(encode_classify(given, asked(2), signature()))
    assert told == {"results": [[["no", 0.25], ["yes", 0.75]], [["yes", 0.25], ["no", 0.75]]]}
    for other in (names([b"only"]), Tensor("classes", np.ones((1, 2)))):  # not one for each score, or no texts
        told = json.loads(encode_classify(answer(scores(1), other), asked(1), signature()))
        assert told == {"results": [[["0", 0.25], ["1", 0.75]]]}


@pytest.mark.parametrize(("examples", "answers"), [(3, 2), (1, 2), (1, 0), (2, 3)])
def test_results_are_as_many_as_examples_or_none_are_given(examples: int, answers: int) -> None:
    told = f"gives {answers} answers for {examples} examples.*send 'inputs' to :predict instead"
    with pytest.raises(InvalidArgument, match=told):
        encode_classify(answer(scores(answers)), asked(examples), signature(batched=False))
    for shape in ((answers,), (answers, 1)):
        with pytest.raises(InvalidArgument, match=told):
            encode_regress(answer(Tensor("y", np.ones(shape))), asked(examples))


def test_a_regression_is_the_output_with_a_number_for_each_example() -> None:
    total, each = Tensor("total", np.ones(1)), Tensor("each", np.array([1.0, 2.0]))
    assert encode_regress(answer(total, each), asked(2)) == b'{"results":[1.0,2.0]}'
    with pytest.raises(Internal, match="'total' FP64"):
        encode_regress(answer(total, each), asked(3))


@pytest.mark.parametrize(
    "body",
    [
        {"instances": [{"length": 2, "word": "a"}, {"word": "b"}]},
        {"dataframe_records": [{"length": 2, "word": "a"}, {"length": None, "word": "b"}]},
        {"dataframe_split": {"columns": ["length", "word"], "data": [[2, "a"], [None, "b"]]}},
    ],
)
def test_rows_of_predict_may_be_features(body: object) -> None:
    decoded = decode_predict(json.dumps(body).encode(), "m", {"serving_default": signature()})
    (tensor,) = decoded.request.inputs
    expected = [{"length": np.array([2], "f4"), "word": [b"a"]}, {"word": [b"b"]}]
    assert tensor.array.tolist() == [encode_example(one) for one in expected]  # type: ignore[arg-type]
    assert (decoded.rows, decoded.row_form) == (2, True)


@pytest.mark.parametrize("row", [{"b64": "AAEC"}, {"inputs": {"b64": "AAEC"}}])
def test_rows_of_predict_may_be_serialized(row: object) -> None:
    body = json.dumps({"instances": [row]}).encode()
    (tensor,) = decode_predict(body, "m", {"serving_default": signature()}).request.inputs
    assert tensor.array.tolist() == [b"\x00\x01\x02"]
