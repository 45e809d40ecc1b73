"""Bodies of predictions: what the client writes is what the gateway's own codec reads, and the other way round."""

import msgspec
import numpy as np
import pytest
from msgspec import structs

from bms.core.errors import Internal, InvalidArgument
from bms.core.tensors.columns import ColumnType
from bms.core.tensors.parameters import Parameter
from bms.core.tensors.request import InferResponse
from bms.core.tensors.sequences import SequenceLimits, SequenceStep
from bms.core.tensors.signature import Signature, TensorSpec, column_spec
from bms.core.tensors.tensor import Array, Tensor
from bms.protocols.oip.infer import decode_infer, encode_infer
from bms.protocols.tfserving.examples import decode_examples
from bms.protocols.tfserving.predict import decode_predict
from bms.sdk.predictions.answers import array_of, decode_answer, decode_columns
from bms.sdk.predictions.bodies import encode_columns, encode_examples, encode_json, encode_raw
from bms.sdk.predictions.sent import SentInputs

COLUMNS: dict[str, ColumnType] = {"id": "integer", "price": "number", "city": "text", "paid": "boolean"}


def signature(array: Array, dtype: str) -> dict[str, Signature]:
    spec = TensorSpec(name="x", dtype=dtype, shape=(None, *array.shape[1:]))  # type: ignore[arg-type]
    return {"serving_default": Signature(inputs=(spec,), outputs=(spec,))}


def of_bytes(*items: bytes) -> Array:
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array


ARRAYS: list[tuple[str, Array]] = [
    ("FP32", np.array([[0.1, -3e38], [1e-45, 7]], np.float32)),
    ("FP64", np.array([0.1, 1e300])),
    ("FP16", np.array([[0.1, 65504, 6e-8]], np.float16)),
    ("INT64", np.array([[2**62, -1]])),
    ("UINT8", np.arange(6, dtype=np.uint8).reshape(1, 2, 3)),
    ("BOOL", np.array([True, False])),
    ("BYTES", of_bytes(b"", b"\xff\x00", "é".encode())),
    ("FP32", np.arange(12, dtype=np.float32).reshape(4, 3)[::2]),
]


@pytest.mark.parametrize(("dtype", "array"), ARRAYS)
def test_raw_tensors_keep_every_bit_both_ways(dtype: str, array: Array) -> None:
    body, length = encode_raw(SentInputs({"x": array}))
    decoded = decode_infer(body, length, "m", signature(array, dtype))
    assert decoded.request.inputs[0].dtype == dtype
    np.testing.assert_array_equal(decoded.request.inputs[0].array, array)
    answer, told = encode_infer(InferResponse(model="m", version=3, outputs=[Tensor("x", array)]), decoded)
    version, outputs = decode_answer(answer, told)
    assert (version, outputs["x"].dtype) == (3, array.dtype)
    np.testing.assert_array_equal(outputs["x"], array)


@pytest.mark.parametrize(("dtype", "array"), [each for each in ARRAYS if each[0] != "BYTES"])
def test_json_tensors_keep_every_bit_both_ways(dtype: str, array: Array) -> None:
    decoded = decode_infer(encode_json(SentInputs({"x": array})), None, "m", signature(array, dtype))
    np.testing.assert_array_equal(decoded.request.inputs[0].array, array)
    answer, told = encode_infer(InferResponse(model="m", version=1, outputs=[Tensor("x", array)]), decoded)
    assert told is None
    outputs = decode_answer(answer, None)[1]
    assert outputs["x"].dtype == array.dtype
    np.testing.assert_array_equal(outputs["x"], array)


@pytest.mark.parametrize(("dtype", "array"), ARRAYS)
def test_columns_are_read_by_tensorflow_servings_rules(dtype: str, array: Array) -> None:
    decoded = decode_predict(encode_columns(SentInputs({"x": array})), "m", signature(array, dtype))
    np.testing.assert_array_equal(decoded.request.inputs[0].array, array)


def test_columns_of_one_output_get_a_name() -> None:
    assert decode_columns(b'{"outputs": [[1, 2]]}')["output"].tolist() == [[1, 2]]
    assert set(decode_columns(b'{"outputs": {"a": [1], "b": [2]}}')) == {"a", "b"}


def test_lists_become_what_the_answer_declares() -> None:
    assert array_of([[1, 2]], "FP32").dtype == np.float32
    assert array_of(["a", b"b"], "BYTES").tolist() == [b"a", b"b"]


def test_numbers_that_json_has_no_word_for_travel_both_ways() -> None:
    array = np.array([[np.inf, -np.inf, np.nan, 1]], np.float32)
    for part in (array, array[:, 2:]):
        decoded = decode_infer(encode_json(SentInputs({"x": part})), None, "m", signature(part, "FP32"))
        np.testing.assert_array_equal(decoded.request.inputs[0].array, part)
        answer, _ = encode_infer(InferResponse(model="m", version=1, outputs=[Tensor("x", part)]), decoded)
        np.testing.assert_array_equal(decode_answer(answer, None)[1]["x"], part)
    decoded = decode_predict(encode_columns(SentInputs({"x": array})), "m", signature(array, "FP32"))  # type: ignore[assignment]
    np.testing.assert_array_equal(decoded.request.inputs[0].array, array)
    assert np.isnan(decode_columns(b'{"outputs": [NaN]}')["output"]).all()


@pytest.mark.parametrize("wire", ["raw", "json", "columns", "examples"])
def test_tables_arrive_as_they_were_sent_by_every_wire(wire: str) -> None:
    signatures = {
        "serving_default": Signature(
            inputs=tuple(column_spec(name, type) for name, type in COLUMNS.items()), method="classify"
        )
    }
    mask = np.array([False, True])
    arrays = {
        "id": np.array([2**53 + 1, 0]),
        "price": np.array([0.1, np.nan]),
        "city": of_bytes("Köln".encode(), b""),
        "paid": np.array([True, False]),
    }
    sent = SentInputs(arrays, dict.fromkeys(("id", "city", "paid"), mask))
    if wire == "raw":
        request = decode_infer(*encode_raw(sent), "m", signatures).request
    elif wire == "json":
        request = decode_infer(encode_json(sent), None, "m", signatures).request
    elif wire == "columns":
        request = decode_predict(encode_columns(sent), "m", signatures).request
    else:
        request = decode_examples(encode_examples(sent), "m", signatures, "classify").request
    given = {tensor.name: tensor.array for tensor in request.inputs}
    assert set(given) == {*COLUMNS, "id:missing", "city:missing", "paid:missing"}
    for name, array in sent.tensors().items():
        np.testing.assert_array_equal(given[name], array, err_msg=name)


def test_a_signature_is_asked_for_by_name_on_every_wire() -> None:
    one = Signature(inputs=(TensorSpec(name="x", dtype="FP64", shape=(None, 2)),), method="classify")
    signatures = {"serving_default": one, "matrix": one}
    sent = SentInputs({"x": np.zeros((1, 2))}, signature="matrix")
    chosen = [
        decode_infer(*encode_raw(sent), "m", signatures).request.signature,
        decode_infer(encode_json(sent), None, "m", signatures).request.signature,
        decode_predict(encode_columns(sent), "m", signatures).request.signature,
        decode_examples(encode_examples(sent), "m", signatures, "classify").request.signature,
    ]
    assert chosen == ["matrix"] * 4


def test_json_carries_no_bytes_that_are_no_text() -> None:
    with pytest.raises(InvalidArgument, match="input 'x' holds bytes that are not UTF-8"):
        encode_json(SentInputs({"x": of_bytes(b"\xff")}))


@pytest.mark.parametrize("body", [b"", b"[]", b'{"outputs": 3}', b'{"model_version": "x", "outputs": []}'])
def test_what_is_no_answer_is_an_error(body: bytes) -> None:
    with pytest.raises(Internal, match="no prediction"):
        decode_answer(body, None)
    with pytest.raises(Internal, match="no prediction"):
        decode_columns(body[:-1])


def test_fields_from_the_future_are_no_obstacle() -> None:
    answer = {
        "model_version": "2",
        "new": 1,
        "outputs": [{"name": "y", "datatype": "INT64", "shape": [1], "data": [4]}],
    }
    assert decode_answer(msgspec.json.encode(answer), None)[1]["y"].tolist() == [4]


@pytest.mark.parametrize("wire", ["raw", "json", "tfserving"])
def test_parameters_travel_by_every_wire_whatever_their_names(wire: str) -> None:
    array = np.zeros((1, 2), np.float32)
    params = (
        Parameter(name="timeout", type="number", default=1.0),
        Parameter(name="few", type="integer", many=True, default=(1,)),
    )
    signatures = {name: structs.replace(one, params=params) for name, one in signature(array, "FP32").items()}
    sent = SentInputs({"x": array}, params={"timeout": 2.5, "few": [3]})
    if wire == "tfserving":
        request = decode_predict(encode_columns(sent), "m", signatures).request
    elif wire == "json":
        request = decode_infer(encode_json(sent), None, "m", signatures).request
    else:
        request = decode_infer(*encode_raw(sent), "m", signatures).request
    assert request.params == b'{"few":[3],"timeout":2.5}'
    assert request.timeout_s is None


@pytest.mark.parametrize("id", [7, 2**64 - 1, "7"])
@pytest.mark.parametrize(("start", "end"), [(True, False), (False, False), (False, True)])
def test_a_step_says_its_sequence(id: int | str, start: bool, end: bool) -> None:
    array = np.array([1], np.int64)
    kept = msgspec.structs.replace(signature(array, "INT64")["serving_default"], sequences=SequenceLimits())
    step = SequenceStep(id, start, end)
    for body, length in (
        encode_raw(SentInputs({"x": array}, step=step)),
        (encode_json(SentInputs({"x": array}, step=step)), None),
    ):
        assert decode_infer(body, length, "m", {"serving_default": kept}).request.sequence == step
