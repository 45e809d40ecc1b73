"""Open Inference Protocol bodies, in JSON and with binary tensors behind it."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from bms.core.errors import InvalidArgument
from bms.core.tensors.request import InferResponse
from bms.core.tensors.signature import Signature, TensorSpec
from bms.core.tensors.tensor import NUMPY, Tensor, from_raw, to_raw
from bms.protocols.oip.infer import MAX_TENSORS, DecodedInfer, decode_infer, encode_infer
from tests.peers.frames_server import SIGNATURES

X = {"name": "x", "shape": [1, 4], "datatype": "FP32", "data": [1, 2, 3, 4]}


def decoded(value: object, raw: bytes = b"", length: int | None = None) -> DecodedInfer:
    data = json.dumps(value).encode()
    return decode_infer(data + raw, len(data) if raw and length is None else length, "m", SIGNATURES)


def refusal(value: object, raw: bytes = b"", length: int | None = None) -> str:
    with pytest.raises(InvalidArgument) as error:
        decoded(value, raw, length)
    return error.value.message


def only(dtype: str, *shape: int | None) -> dict[str, Signature]:
    spec = TensorSpec(name="x", dtype=dtype, shape=shape)  # type: ignore[arg-type]
    return {"serving_default": Signature(inputs=(spec,), outputs=(spec,))}


@pytest.mark.parametrize("data", [[1, 2, 3, 4], [[1, 2, 3, 4]]])
def test_data_may_be_flat_or_nested(data: object) -> None:
    got = decoded({"inputs": [{**X, "data": data}]})
    assert got.request.inputs[0].array.tolist() == [[1.0, 2.0, 3.0, 4.0]]
    assert (got.rows, got.request.signature, got.request.id) == (1, "serving_default", None)


def test_a_request_carries_id_timeout_priority_and_wanted_outputs() -> None:
    got = decoded(
        {
            "id": "7",
            "inputs": [X],
            "outputs": [{"name": "y", "parameters": {"binary_data": True}}],
            "parameters": {"timeout": 1_500_000, "priority": 2},
        }
    )
    request = got.request
    assert (request.id, request.timeout_s, request.priority, request.outputs) == ("7", 1.5, 2, ("y",))
    assert got.binary == {"y": True}


@pytest.mark.parametrize("last", ["4", "NaN"])  # which the slow parser reads
def test_a_shape_may_be_written_with_points(last: str) -> None:
    body = f'{{"inputs": [{{"name": "x", "shape": [1.0, 4], "datatype": "FP32", "data": [1.0, 2.0, 3.0, {last}]}}]}}'
    got = decode_infer(body.encode(), None, "m", SIGNATURES)
    assert (got.rows, got.request.inputs[0].array.shape) == (1, (1, 4))


def test_half_precision_travels_in_json_as_other_numbers_do() -> None:
    body = {"inputs": [{"name": "x", "shape": [2, 1], "datatype": "FP16", "data": [1, 0.1]}]}
    got = decode_infer(json.dumps(body).encode(), None, "m", only("FP16", None, 1))
    array = got.request.inputs[0].array
    assert (array.dtype, array.tolist()) == (np.float16, np.array([[1], [0.1]], np.float16).tolist())
    answer, _ = encode_infer(InferResponse(model="m", version=1, outputs=[Tensor("x", array)]), got)
    (told,) = json.loads(answer)["outputs"]
    assert (told["datatype"], told["shape"]) == ("FP16", [2, 1])
    assert np.array_equal(np.array(told["data"], np.float16), array.ravel())


def test_input_names_or_a_parameter_choose_the_signature() -> None:
    two = [
        {"name": "number", "shape": [1], "datatype": "INT64", "data": [5]},
        {"name": "text", "shape": [1], "datatype": "BYTES", "data": ["hé"]},
    ]
    assert decoded({"inputs": two}).request.signature == "two"
    features = {"name": "features", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}
    assert decoded({"inputs": [features], "parameters": {"signature_name": "number"}}).request.signature == "number"


def test_binary_tensors_follow_the_json_in_order() -> None:
    number, text = np.array([1, -2]), np.array([b"a", b""], dtype=object)
    raws = [bytes(to_raw(number)), bytes(to_raw(text))]
    described = [
        {"name": name, "shape": [2], "datatype": kind, "parameters": {"binary_data_size": len(raw)}}
        for name, kind, raw in (("number", "INT64", raws[0]), ("text", "BYTES", raws[1]))
    ]
    got = decoded({"inputs": described}, b"".join(raws))
    assert [tensor.array.tolist() for tensor in got.request.inputs] == [[1, -2], [b"a", b""]]


def test_header_zero_means_one_raw_input() -> None:
    raw = np.arange(8, dtype="f4").tobytes()
    got = decode_infer(raw, 0, "m", SIGNATURES)
    assert got.request.inputs[0].array.tolist() == [[0.0, 1.0, 2.0, 3.0], [4.0, 5.0, 6.0, 7.0]]
    assert got.all_binary
    one = decode_infer(b"abc", 0, "m", only("BYTES", None))
    assert one.request.inputs[0].array.tolist() == [b"abc"]


@pytest.mark.parametrize(
    ("signatures", "said"),
    [
        ({"serving_default": SIGNATURES["two"]}, "one input"),
        (only("FP32", None, None, None), "cannot say how"),
        (only("FP32", None, 3), "were delivered"),
    ],
)
def test_a_raw_body_that_cannot_say_its_shape_is_refused(signatures: dict[str, Signature], said: str) -> None:
    with pytest.raises(InvalidArgument) as error:
        decode_infer(bytes(16), 0, "m", signatures)
    assert said in error.value.message


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"shape": [2, 4]}, "8 elements; 4 were delivered"),
        ({"shape": [-1, 4]}, "must not be negative"),
        ({"shape": [1.5, 4.0]}, "a shape holds whole numbers, not [1.5, 4.0]"),
        ({"shape": [1.0, 3.0]}, "3 elements; 4 were delivered"),
        ({"shape": [1e30, 4]}, "were delivered"),
        ({"shape": ["1", 4]}, "Expected `int | float`, got `str`"),
        ({"shape": [1 << 62] * 100_000}, "100000 dimensions, expected 64 at most"),
        ({"shape": [1 << 62] * 100_000, "data": [[1]]}, "100000 dimensions, expected 64 at most"),
        ({"shape": [1, 4], "data": [[1, 2], [3, 4]]}, "its data have [2, 2]"),
        ({"data": [[1, 2], [3]]}, "different lengths"),
        ({"datatype": "FP16", "data": [1, 2, 3, 70000]}, "cannot hold"),
        ({"datatype": "BF16"}, "JSON cannot carry it"),
        ({"datatype": "BYTES", "data": ["1", "2", "3", "4"]}, "is BYTES, expected FP32"),
        ({"datatype": "FP99"}, "unknown data type"),
        ({"data": ["1", "2", "3", "4"]}, "got `str`"),
        ({"shape": [10**30]}, "were delivered"),
        ({"parameters": {"binary_data_size": 16}}, "both 'data' and 'binary_data_size'"),
    ],
)
def test_an_input_that_contradicts_itself_or_the_signature_is_refused(change: dict[str, object], said: str) -> None:
    assert said in refusal({"inputs": [{**X, **change}]})


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"inputs": []}, "0 inputs"),
        ({"inputs": [X] * (MAX_TENSORS + 1)}, f"expected 1 to {MAX_TENSORS}"),
        ({"inputs": [X, X]}, "given twice"),
        ({"inputs": [{"name": "x", "shape": [1, 4], "datatype": "FP32"}]}, "neither 'data' nor"),
        ({"inputs": [X], "outputs": [{"name": "q"}]}, "no output 'q'"),
        ({"inputs": [X], "outputs": [{"name": "y", "parameters": {"classification": "3"}}]}, "'classification'"),
        ({"inputs": [X], "parameters": {"timeout": -1}}, "'timeout'"),
        ({"inputs": [X], "parameters": {"priority": "high"}}, "'priority'"),
        ({"inputs": [X], "parameters": {"sequence_id": 3}}, "sequences"),
        ({"inputs": [X], "parameters": {"signature_name": 3}}, "must be a string"),
        ({}, "missing required field"),
    ],
)
def test_a_request_that_cannot_be_meant_is_refused(value: object, said: str) -> None:
    assert said in refusal(value)


@pytest.mark.parametrize(
    ("size", "raw", "said"),
    [
        (16, bytes(8), "declares 16 bytes, 8 were delivered"),
        (8, bytes(16), "needs 16 bytes, 8 were delivered"),
        (16, bytes(20), "4 bytes are left over"),
        ("16", bytes(16), "whole number"),
        (True, bytes(16), "whole number"),
    ],
)
def test_binary_sizes_must_be_true(size: object, raw: bytes, said: str) -> None:
    described = {"name": "x", "shape": [1, 4], "datatype": "FP32", "parameters": {"binary_data_size": size}}
    assert said in refusal({"inputs": [described]}, raw)


@pytest.mark.parametrize("length", [-1, 10**6])
def test_a_json_part_longer_than_the_body_is_refused(length: int) -> None:
    assert "Inference-Header-Content-Length" in refusal({"inputs": [X]}, length=length)


def test_answers_are_flat_json_with_the_id_echoed_only_if_sent() -> None:
    outputs = [Tensor("y", np.array([[1, 2]], dtype="f4")), Tensor("s", np.array([b"a"], dtype=object))]
    plain = decoded({"inputs": [X]})
    body, length = encode_infer(InferResponse(model="m", version=3, outputs=outputs), plain)
    assert length is None
    assert json.loads(body) == {
        "model_name": "m",
        "model_version": "3",
        "outputs": [
            {"name": "y", "datatype": "FP32", "shape": [1, 2], "data": [1.0, 2.0]},
            {"name": "s", "datatype": "BYTES", "shape": [1], "data": ["a"]},
        ],
    }
    named = InferResponse(model="m", version=3, outputs=[], id="7")
    assert json.loads(encode_infer(named, plain)[0])["id"] == "7"


def test_outputs_are_binary_by_default_or_one_by_one() -> None:
    outputs = [Tensor("y", np.array([[1, 2]], dtype="f4")), Tensor("z", np.array([3]))]
    answer = InferResponse(model="m", version=1, outputs=outputs)
    request = decoded({"inputs": [X]}).request
    body, length = encode_infer(answer, DecodedInfer(request, 1, all_binary=True, binary={"z": False}))
    assert length is not None
    described = json.loads(body[:length])["outputs"]
    assert described[0]["parameters"] == {"binary_data_size": 8}
    assert "data" not in described[0]
    assert described[1]["data"] == [3]
    assert body[length:] == outputs[0].array.tobytes()


def test_outputs_that_json_cannot_carry_are_refused() -> None:
    tensor = Tensor("b", np.array([b"\xff"], dtype=object))
    with pytest.raises(InvalidArgument, match="ask for binary data"):
        encode_infer(InferResponse(model="m", version=1, outputs=[tensor]), decoded({"inputs": [X]}))


@given(
    st.sampled_from([name for name in NUMPY if name != "BYTES"]).flatmap(
        lambda name: st.tuples(
            st.just(name), arrays.arrays(NUMPY[name], arrays.array_shapes(min_dims=1, max_dims=3, max_side=3))
        )
    )
)
def test_binary_tensors_survive_both_ways_bit_by_bit(drawn: tuple[str, np.ndarray]) -> None:  # type: ignore[type-arg]
    dtype, array = drawn
    raw = bytes(to_raw(array))
    described = {"name": "x", "shape": array.shape, "datatype": dtype, "parameters": {"binary_data_size": len(raw)}}
    data = json.dumps({"inputs": [described], "parameters": {"binary_data_output": True}}).encode()
    got = decode_infer(data + raw, len(data), "m", only(dtype, *(None for _ in array.shape)))
    body, length = encode_infer(InferResponse(model="m", version=1, outputs=got.request.inputs), got)
    assert length is not None
    back = from_raw(dtype, array.shape, body[length:])
    assert back.tobytes() == array.tobytes()


def test_half_a_character_beside_a_bare_nan_is_refused() -> None:
    body = b'{"id": "\\ud800", "inputs": [{"name": "x", "shape": [1, 4], "datatype": "FP32", "data": [NaN, 1, 2, 3]}]}'
    with pytest.raises(InvalidArgument, match="not UTF-8"):
        decode_infer(body, None, "m", SIGNATURES)
    whole = decode_infer(body.replace(b"\\ud800", b"\\ud83d\\ude00"), None, "m", SIGNATURES)
    assert whole.request.id == "\U0001f600"
