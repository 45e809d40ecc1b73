"""The generate extension of the Open Inference Protocol."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bms.core.errors import InvalidArgument, Unavailable
from bms.core.tensors.request import InferResponse
from bms.core.tensors.signature import Signature, TensorSpec
from bms.core.tensors.tensor import Tensor
from bms.protocols.oip.generate import decode_generate, encode_error_event, encode_event, encode_generate
from tests.peers.frames_server import SIGNATURES


def spec(name: str, dtype: str, *shape: int | None) -> TensorSpec:
    return TensorSpec(name=name, dtype=dtype, shape=shape)  # type: ignore[arg-type]


TEXTS = {
    "serving_default": Signature(
        inputs=(spec("text_input", "BYTES", None, 1), spec("max_tokens", "INT32", None)),
        outputs=(spec("text_output", "BYTES", None),),
    )
}


def inputs(value: object, signatures: dict[str, Signature] = SIGNATURES) -> dict[str, object]:
    decoded = decode_generate(json.dumps(value).encode(), "m", signatures)
    return {tensor.name: tensor.array.tolist() for tensor in decoded.request.inputs}


def test_a_plain_value_is_one_row() -> None:
    assert inputs({"number": 3, "text": "hé"}) == {"number": [3], "text": ["hé".encode()]}
    assert inputs({"x": [1, 2, 3, 4]}) == {"x": [[1.0, 2.0, 3.0, 4.0]]}
    assert inputs({"text_input": "a", "max_tokens": 5}, TEXTS) == {"text_input": [[b"a"]], "max_tokens": [5]}


def test_nested_values_are_rows() -> None:
    assert inputs({"number": [3, 4], "text": ["a", "b"]}) == {"number": [3, 4], "text": [b"a", b"b"]}
    assert inputs({"x": [[1, 2, 3, 4], [5, 6, 7, 8]]})["x"] == [[1, 2, 3, 4], [5, 6, 7, 8]]


def test_parameters_that_name_inputs_are_inputs_and_the_rest_are_parameters() -> None:
    body = {"text_input": "a", "stream": False, "parameters": {"max_tokens": 5, "timeout": 2_000_000, "priority": 1}}
    decoded = decode_generate(json.dumps({**body, "id": "7"}).encode(), "m", TEXTS)
    assert {tensor.name for tensor in decoded.request.inputs} == {"text_input", "max_tokens"}
    assert (decoded.request.timeout_s, decoded.request.priority, decoded.request.id) == (2.0, 1, "7")


def test_bare_nan_is_read() -> None:
    decoded = decode_generate(b'{"parameters": {"x": [NaN, 1, 2, 3]}}', "m", SIGNATURES)
    assert np.isnan(decoded.request.inputs[0].array[0, 0])
    assert np.isnan(decode_generate(b'{"x": [NaN, 1, 2, 3]}', "m", SIGNATURES).request.inputs[0].array[0, 0])


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{"x": [[[1]]]}', "nested 3 lists deep, expected at most 2"),
        ('{"x": [1, 2]}', "shape [1, 2], expected [-1, 4]"),
        ('{"x": ["a"]}', "must be FP32"),
        (
            '{"x": [1, 2, 3, 4], "more": [1]}',
            "no input 'more', and a parameter must be one value: this model takes 'features', ",
        ),
        ('{"number": 1}', "no input 'number'"),
        ('{"x": [1, 2, 3, 4], "id": 7}', "'id' must be a string"),
        ('{"x": [1, 2, 3, 4], "parameters": [1]}', "'parameters' must be an object"),
        ('{"x": [1, 2, 3, 4], "parameters": {"timeout": -1}}', "'timeout'"),
        ('{"x": [1, 2, 3, 4], "sequence_id": 4}', "sequences are not served"),
        ("[]", "not what was expected"),
        ("{", "not JSON"),
        ("", "not JSON"),
        ('{"x": ' + "[" * 100_000, "nested too deeply"),
    ],
    ids=lambda value: value[:40],
)
def test_what_does_not_fit_is_refused_with_its_reason(body: str, said: str) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        decode_generate(body.encode(), "m", SIGNATURES)
    assert said in refusal.value.message


def test_a_model_whose_tensor_has_a_reserved_name_is_asked_by_infer() -> None:
    signatures = {"serving_default": Signature(inputs=(spec("a", "FP32", None),), outputs=(spec("id", "FP32", None),))}
    with pytest.raises(InvalidArgument, match="use infer"):
        decode_generate(b'{"a": 1}', "m", signatures)


def test_an_answer_names_model_version_and_outputs_as_plain_values() -> None:
    outputs = [
        Tensor("text", np.array([["hé".encode()]], dtype=object)),
        Tensor("scores", np.array([[0.5, 1.0]], dtype="f4")),
        Tensor("half", np.array([[1.5]], dtype="f2")),
        Tensor("rows", np.array([[1], [2]])),
        Tensor("flag", np.array([True])),
    ]
    answer = json.loads(encode_generate(InferResponse(model="m", version=3, outputs=outputs, id="7")))
    assert answer == {
        "model_name": "m",
        "model_version": "3",
        "id": "7",
        "text": "hé",
        "scores": [0.5, 1.0],
        "half": 1.5,
        "rows": [[1], [2]],
        "flag": True,
    }


def test_events_are_one_line_of_data_and_errors_come_inside_the_stream() -> None:
    event = encode_event(InferResponse(model="m", version=1, outputs=[Tensor("t", np.array([b"a\nb"], dtype=object))]))
    assert event.startswith(b"data: {")
    assert event.endswith(b"}\n\n")
    assert event.count(b"\n") == 2
    assert json.loads(event.removeprefix(b"data: "))["t"] == "a\nb"
    assert encode_error_event(Unavailable("gone")) == b'data: {"error":"gone","code":"UNAVAILABLE"}\n\n'


@given(st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), st.text()), min_size=1, max_size=5))
def test_rows_come_back_as_they_went(rows: list[tuple[int, str]]) -> None:
    body = {"number": [number for number, _ in rows], "text": [text for _, text in rows]}
    decoded = decode_generate(json.dumps(body).encode(), "m", SIGNATURES)
    answer = json.loads(encode_generate(InferResponse(model="m", version=1, outputs=decoded.request.inputs)))
    if len(rows) == 1:
        assert (answer["number"], answer["text"]) == rows[0]
    else:
        assert (answer["number"], answer["text"]) == (body["number"], body["text"])
