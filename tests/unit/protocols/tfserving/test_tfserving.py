"""Predict, classify and regress as TensorFlow Serving's REST speaks them."""

import base64
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from bms.core.errors import Internal, InvalidArgument
from bms.core.tensors.request import InferRequest, InferResponse
from bms.core.tensors.signature import Signature, TensorSpec
from bms.core.tensors.tensor import Array, Tensor
from bms.protocols.tfserving.examples import decode_examples, encode_classify, encode_regress
from bms.protocols.tfserving.predict import (
    DecodedPredict,
    check_each_answered,
    decode_content,
    decode_predict,
    encode_predict,
)
from tests.peers.frames_server import SIGNATURES


def body(value: object) -> bytes:
    return json.dumps(value).encode()


def inputs(value: object) -> dict[str, object]:
    decoded = decode_predict(body(value), "m", SIGNATURES)
    return {tensor.name: tensor.array.tolist() for tensor in decoded.request.inputs}


def response(*tensors: Tensor) -> InferResponse:
    return InferResponse(model="m", version=1, outputs=list(tensors))


def text(*items: bytes) -> Array:
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array


ROW = [1.0, 2.0, 3.0, 4.0]


@pytest.mark.parametrize(
    "value",
    [
        {"instances": [ROW]},
        {"instances": [{"x": ROW}]},
        {"inputs": [ROW]},
        {"inputs": {"x": [ROW]}},
        {"signature_name": "serving_default", "instances": [ROW]},
        {"signature_name": "", "instances": [ROW]},
    ],
)
def test_rows_and_columns_with_and_without_names_are_the_same_request(value: object) -> None:
    assert inputs(value) == {"x": [ROW]}


@pytest.mark.parametrize(
    ("signature", "values", "expected"),
    [
        ("words", [["a"], ["b"]], {"prompt": [b"a", b"b"]}),
        ("words", [[{"b64": "YQ=="}]], {"prompt": [b"a"]}),
        ("column", [5, 6], {"c": [[5.0], [6.0]]}),
        ("column", [[5], [6]], {"c": [[5.0], [6.0]]}),
    ],
)
def test_one_value_a_row_may_be_in_a_list_of_its_own_or_not(signature: str, values: object, expected: object) -> None:
    column = Signature(inputs=(TensorSpec(name="c", dtype="FP32", shape=(None, 1)),))
    known = {**SIGNATURES, "column": column}
    name = next(iter(expected))  # type: ignore[call-overload]
    named = {"instances": [{name: value} for value in values]}  # type: ignore[attr-defined]
    for given_ in ({"instances": values}, named, {"inputs": values}, {"inputs": {name: values}}):
        decoded = decode_predict(body({**given_, "signature_name": signature}), "m", known)
        assert {one: array.tolist() for one, array in decoded.request.inputs} == expected


def test_a_request_knows_its_rows_signature_and_form() -> None:
    decoded = decode_predict(body({"instances": [ROW, ROW]}), "m", SIGNATURES)
    assert (decoded.rows, decoded.row_form, decoded.request.signature) == (2, True, "serving_default")
    assert decode_predict(body({"inputs": [ROW]}), "m", SIGNATURES).row_form is False


def test_named_rows_of_another_signature_choose_it() -> None:
    rows = [{"number": 7, "text": "a"}, {"number": -1, "text": {"b64": base64.b64encode(b"\xff").decode()}}]
    assert inputs({"instances": rows}) == {"number": [7, -1], "text": [b"a", b"\xff"]}


def test_one_unnamed_b64_value_is_a_value_and_not_a_name() -> None:
    got = inputs({"signature_name": "image", "instances": [{"b64": "YWI="}, {"b64": ""}]})
    assert got == {"image": [b"ab", b""]}


def test_bare_nan_and_infinity_are_read() -> None:
    decoded = decode_predict(b'{"instances": [[NaN, Infinity, -Infinity, 1]]}', "m", SIGNATURES)
    assert np.array_equal(
        decoded.request.inputs[0].array, np.array([[np.nan, np.inf, -np.inf, 1]], dtype="f4"), equal_nan=True
    )
    named = decode_predict(b'{"instances": [{"x": [NaN, 1, 2, 3]}]}', "m", SIGNATURES)
    assert np.isnan(named.request.inputs[0].array[0, 0])


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({}, "either 'instances' (rows) or 'inputs'"),
        ({"instances": [ROW], "inputs": [ROW]}, "either 'instances' (rows) or 'inputs'"),
        ({"instances": []}, "at least one row"),
        ({"instances": 3}, "at least one row"),
        ({"instances": {"x": ROW}}, "at least one row"),
        ({"instances": [[1, 2]]}, "shape [1, 2], expected [-1, 4]"),
        ({"instances": [ROW, [1]]}, "different lengths"),
        ({"instances": [ROW, {"x": ROW}]}, "nested 2 lists deep"),
        ({"instances": [{"x": ROW}, ROW]}, "all elements are objects"),
        ({"instances": [{"x": ROW}, {"y": ROW}]}, "instance 1 names"),
        ({"instances": [{"x": ROW, "z": 1}]}, "no input 'z'"),
        ({"instances": [{"number": 7}]}, "no input 'number'"),
        ({"signature_name": "two", "instances": [{"number": 7}]}, "input 'text' is missing"),
        ({"signature_name": "two", "instances": [1]}, "send each instance as an object"),
        ({"signature_name": "two", "inputs": [1]}, "object of named tensors"),
        ({"signature_name": "zz", "instances": [ROW]}, "no signature 'zz'"),
        ({"signature_name": "two", "inputs": {"number": [1, 2], "text": ["a"]}}, "disagree on the number of rows"),
        ({"inputs": {}}, "is missing"),
        ([], "not what was expected"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_reason(value: object, said: str) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        decode_predict(body(value), "m", SIGNATURES)
    assert said in refusal.value.message


@pytest.mark.parametrize("data", [b"", b"{", b"nope", b'{"instances": ' + b"[" * 100_000, b"\xff\xfe", b'{"a": NaN'])
def test_what_is_not_json_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidArgument):
        decode_predict(data, "m", SIGNATURES)


def test_an_image_is_one_row_of_bytes() -> None:
    decoded = decode_content(b"\x89PNG", "m", SIGNATURES, "classify", "image")
    assert decoded.request.signature == "image"
    assert decoded.request.inputs[0].array.tolist() == [b"\x89PNG"]
    with pytest.raises(InvalidArgument, match="empty"):
        decode_content(b"", "m", SIGNATURES, "classify", "image")


def test_a_single_output_loses_its_name_and_several_keep_theirs() -> None:
    one = response(Tensor("y", np.array([[1, 2]], dtype="f4")))
    assert encode_predict(one, row_form=True) == b'{"predictions":[[1.0,2.0]]}'
    assert encode_predict(one, row_form=False) == b'{"outputs":[[1.0,2.0]]}'
    two = response(Tensor("n", np.array([1, 2])), Tensor("s", text(b"a", b"b")))
    assert encode_predict(two, row_form=True) == b'{"predictions":[{"n":1,"s":"a"},{"n":2,"s":"b"}]}'
    assert encode_predict(two, row_form=False) == b'{"outputs":{"n":[1,2],"s":["a","b"]}}'


def test_outputs_named_bytes_return_as_base64() -> None:
    assert (
        encode_predict(response(Tensor("raw_bytes", text(b"a"))), row_form=True) == b'{"predictions":[{"b64":"YQ=="}]}'
    )


def test_outputs_without_common_rows_are_refused_as_rows_and_given_as_columns() -> None:
    uneven = response(Tensor("a", np.zeros(2)), Tensor("b", np.zeros(3)))
    with pytest.raises(InvalidArgument, match="send 'inputs' instead"):
        encode_predict(uneven, row_form=True)
    assert json.loads(encode_predict(uneven, row_form=False)) == {"outputs": {"a": [0.0] * 2, "b": [0.0] * 3}}
    with pytest.raises(InvalidArgument):
        encode_predict(response(Tensor("a", np.array(1.0))), row_form=True)


def test_instances_of_a_model_that_is_not_batched_are_each_answered_or_refused() -> None:
    several = TensorSpec(name="x", dtype="FP32", shape=(None,))
    free = Signature(inputs=(several,), outputs=(structs.replace(several, name="y"),), batched=False)

    def check(sent: object, answers: int, signature: Signature = free) -> None:
        decoded = decode_predict(body(sent), "m", {"serving_default": signature})
        check_each_answered(decoded, response(Tensor("y", np.zeros(answers, dtype="f4"))), signature)

    for answers in (2, 4, 0):
        with pytest.raises(InvalidArgument, match=f"gives {answers} answers for 3 instances.*send 'inputs' instead"):
            check({"instances": [1.0, 2.0, 3.0]}, answers)
        check({"inputs": [1.0, 2.0, 3.0]}, answers)  # as columns nothing is said to belong together
        check({"instances": [1.0]}, answers)  # all of them are the one's
    check({"instances": [1.0, 2.0, 3.0]}, 3)
    lines = structs.replace(free, inputs=(structs.replace(several, shape=(3,)),))
    check({"instances": [1.0, 2.0, 3.0]}, 2, lines)  # three numbers that are one thing


@given(
    st.lists(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=4, max_size=4), min_size=1)
)
def test_rows_come_back_as_they_went(rows: list[list[float]]) -> None:
    decoded = decode_predict(body({"instances": rows}), "m", SIGNATURES)
    answered = json.loads(encode_predict(response(Tensor("y", decoded.request.inputs[0].array)), row_form=True))
    assert np.array_equal(np.array(answered["predictions"], dtype="f4"), np.array(rows, dtype="f4"))


@pytest.mark.parametrize(
    "value",
    [
        {"examples": [{"features": [0.25, 1]}]},
        {"examples": [{}], "context": {"features": [0.25, 1]}},
        {"signature_name": "classes", "examples": [{"features": [0.25, 1]}], "context": {}},
    ],
)
def test_examples_name_features_and_share_a_context(value: object) -> None:
    decoded = decode_examples(body(value), "m", {"classes": SIGNATURES["classes"]}, "classify")
    assert decoded.request.inputs[0].array.tolist() == [[0.25, 1.0]]


MATRIX = Signature(
    inputs=(
        TensorSpec(name="flag", dtype="INT64", shape=(None,)),
        TensorSpec(name="grid", dtype="FP32", shape=(None, 2, 2)),
    ),
    outputs=(TensorSpec(name="v", dtype="FP32", shape=(None,)),),
    method="regress",
)


@pytest.mark.parametrize("grid", [[1, 2, 3, 4], [[1, 2], [3, 4]]])
def test_features_are_values_lists_or_nested(grid: object) -> None:
    decoded = decode_examples(
        body({"examples": [{"flag": 1, "grid": grid}]}), "m", {"serving_default": MATRIX}, "regress"
    )
    assert {tensor.name: tensor.array.tolist() for tensor in decoded.request.inputs} == {
        "flag": [1],
        "grid": [[[1.0, 2.0], [3.0, 4.0]]],
    }


def test_a_scalar_may_be_a_list_of_one() -> None:
    signature = Signature(
        inputs=(TensorSpec(name="a", dtype="FP32", shape=(None, 1)),), outputs=MATRIX.outputs, method="regress"
    )
    for value in (3, [3]):
        decoded = decode_examples(body({"examples": [{"a": value}]}), "m", {"s": signature}, "regress")
        assert decoded.request.inputs[0].array.tolist() == [[3.0]]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"examples": []}, "at least one object"),
        ({"examples": [1]}, "at least one object"),
        ({"examples": [{"flag": 1, "grid": [1, 2]}]}, "'grid' has 2 values, expected shape [2, 2]"),
        ({"examples": [{"flag": 1, "grid": [1, 2, 3, 4]}, {"flag": 1}]}, "example 1 has features"),
        ({"examples": [{"flag": 1}]}, "'grid' is missing"),
        ({"instances": [1]}, "missing required field `examples`"),
    ],
)
def test_examples_that_do_not_fit_are_refused(value: object, said: str) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        decode_examples(body(value), "m", {"serving_default": MATRIX}, "regress")
    assert said in refusal.value.message or "unknown field" in refusal.value.message


def sent(examples: int) -> DecodedPredict:
    return DecodedPredict(InferRequest(model="m", inputs=[Tensor("x", np.zeros(examples))]), examples, True)


def test_classes_carry_labels_or_numbers() -> None:
    scores = response(Tensor("scores", np.array([[0.25, 0.75]], dtype="f4")))
    assert encode_classify(scores, sent(1), SIGNATURES["classes"]) == b'{"results":[[["no",0.25],["yes",0.75]]]}'
    unnamed = Signature(inputs=(), outputs=(), method="classify", scores="scores")
    assert encode_classify(scores, sent(1), unnamed) == b'{"results":[[["0",0.25],["1",0.75]]]}'


@pytest.mark.parametrize(
    "tensor",
    [
        Tensor("other", np.zeros((1, 2))),
        Tensor("scores", np.zeros(2)),
        Tensor("scores", np.zeros((1, 3))),
    ],
)
def test_scores_that_do_not_fit_the_signature_are_our_defect(tensor: Tensor) -> None:
    with pytest.raises(Internal):
        encode_classify(response(tensor), sent(len(tensor.array)), SIGNATURES["classes"])


def test_regressions_are_one_number_for_every_example() -> None:
    for shape in ((2,), (2, 1)):
        assert encode_regress(response(Tensor("v", np.ones(shape, dtype="f4"))), sent(2)) == b'{"results":[1.0,1.0]}'
    with pytest.raises(Internal):
        encode_regress(response(Tensor("v", np.ones((2, 2)))), sent(2))


def test_a_regression_of_several_outputs_is_the_only_one_that_can_be_it() -> None:
    value, variances = Tensor("value", np.array([[1.0], [2.0]])), Tensor("variances", np.ones((2, 3)))
    assert encode_regress(response(variances, value), sent(2)) == b'{"results":[1.0,2.0]}'
    with pytest.raises(Internal, match=r"'value' FP64.*'variance' FP64"):
        encode_regress(response(value, Tensor("variance", np.ones(2))), sent(2))
