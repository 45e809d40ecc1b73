"""TensorFlow Serving's Predict over gRPC: messages to requests, what is remembered of them, answers to messages."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bms.core.errors import BmsError, FailedPrecondition, InvalidArgument
from bms.core.tensors.request import InferResponse
from bms.core.tensors.signature import Signature, TensorSpec, column_spec
from bms.core.tensors.tensor import Tensor
from bms.protocols.oip.infer import MAX_TENSORS
from bms.protocols.protobuf.pool import message, parse
from bms.protocols.protobuf.wire import field, varint_field
from bms.protocols.tfserving.grpc.model_spec import Meant
from bms.protocols.tfserving.grpc.predict import DecodedGrpcPredict, decode_predict, encode_predict
from bms.protocols.tfserving.grpc.predict_outline import PredictMessage, PredictOutline, read_predict

Request = message("tensorflow.serving.PredictRequest")
Response = message("tensorflow.serving.PredictResponse")
FLOAT, DOUBLE, STRING = 1, 2, 7


def spec(name: str, dtype: str = "FP32", *shape: int | None) -> TensorSpec:
    return TensorSpec(name=name, dtype=dtype, shape=shape or (None, 2))  # type: ignore[arg-type]


SIGNATURES = {
    "serving_default": Signature(inputs=(spec("x"),), outputs=(spec("y"), spec("z"))),
    "pair": Signature(inputs=(spec("a"), spec("b", "FP64")), outputs=(spec("y"),)),
    "text": Signature(inputs=(spec("t", "BYTES", None),), outputs=(spec("y"),)),
    "table": Signature(inputs=(column_spec("n", "number"), column_spec("c", "text", optional=True))),
}


def put(out: Any, array: Any, dtype: int) -> None:
    out.dtype = dtype
    out.tensor_shape.SetInParent()
    for size in array.shape:
        out.tensor_shape.dim.add(size=size)
    if dtype == STRING:
        out.string_val.extend(array.ravel().tolist())
    else:
        out.tensor_content = array.tobytes()


def written(name: str = "m", signature: str = "", wanted: tuple[str, ...] = (), **inputs: Any) -> bytes:
    request = Request(output_filter=wanted)
    request.model_spec.name, request.model_spec.signature_name = name, signature
    for each, array in inputs.items():
        kind = STRING if array.dtype == object else DOUBLE if array.dtype == np.float64 else FLOAT
        put(request.inputs[each], array, kind)
    return bytes(request.SerializeToString())


def decoded(data: bytes, signatures: Any = SIGNATURES) -> DecodedGrpcPredict:
    return decode_predict(read_predict(data), signatures)


ROWS = np.array([[1, 2], [3, 4]], np.float32)


def test_what_is_remembered_means_the_same_as_what_is_read_anew() -> None:
    for times in range(3):
        request, rows = decoded(written(x=ROWS + np.float32(times), wanted=("z",)))
        assert (request.model, request.signature, request.outputs, rows) == ("m", "serving_default", ("z",), 2)
        assert request.inputs[0].name == "x"
        assert np.array_equal(request.inputs[0].array, ROWS + np.float32(times))
    assert read_predict(written(x=ROWS, wanted=("z",))).message is None  # it was not parsed


def test_the_bytes_of_tensors_are_not_copied() -> None:
    data = written(x=np.zeros((1000, 2), np.float32))
    for _ in range(2):
        request, _ = decoded(data)
    assert np.shares_memory(request.inputs[0].array, np.frombuffer(data, np.uint8))


def test_packed_floats_are_remembered_like_raw_ones() -> None:
    request = Request()
    request.model_spec.name = "floats"
    put(request.inputs["x"], ROWS, FLOAT)
    request.inputs["x"].tensor_content = b""
    request.inputs["x"].float_val.extend(ROWS.ravel().tolist())
    for _ in range(2):
        told, rows = decoded(request.SerializeToString())
        assert rows == 2
        assert np.array_equal(told.inputs[0].array, ROWS)
    assert read_predict(request.SerializeToString()).message is None


def test_messages_of_one_length_are_cut_each_where_its_own_values_are() -> None:
    """The second of a length is first tried where the first was cut."""
    one, two = np.full((1, 2), 1, np.float32), np.full((1, 2), 2.0)
    alike = [
        (written("one", x=ROWS), "one"),
        (written("two", x=ROWS + np.float32(1)), "two"),
        (written("aaaa", x=ROWS[:1], signature="serving_default"), "aaaa"),
    ]
    pair = written("p", a=one, b=two)
    padded = written("q" * (1 + len(pair) - len(written("q", x=ROWS))), x=ROWS)
    assert len(padded) == len(pair)
    for _ in range(3):
        for data, model in alike:
            assert decoded(data).request.model == model
        assert decoded(pair).request.signature == "pair"
        assert decoded(padded).request.signature == "serving_default"
        assert np.array_equal(decoded(padded).request.inputs[0].array, ROWS)


def test_of_a_known_message_every_other_octet_means_what_the_parser_says() -> None:
    known = written("known", x=ROWS, wanted=("y",))
    decoded(known)
    for place in range(len(known)):
        for octet in (0, 1, 2, 0x0A, 0x12, 0x22, 0x7F, 0x80, 0xFF):
            data = known[:place] + bytes((octet,)) + known[place + 1 :]
            assert meaning(read_predict, data) == meaning(parsed_whole, data), (place, octet)


def parsed_whole(data: bytes) -> PredictMessage:
    request = parse(Request, data)
    return PredictMessage(PredictOutline(request), [], data, request)


def meaning(read: Callable[[bytes], PredictMessage], data: bytes) -> object:
    try:
        request, rows = decode_predict(read(data), SIGNATURES)
    except BmsError as error:
        return type(error)
    arrays = [(each.name, each.array.shape, each.array.tobytes()) for each in request.inputs]
    return request.model, request.signature, request.outputs, rows, arrays


def test_two_inputs_in_any_order_keep_their_names() -> None:
    a, b = np.full((1, 2), 1, np.float32), np.full((1, 2), 2.0)
    for data in (written(a=a, b=b), written(b=b, a=a)):
        for _ in range(2):
            request, rows = decoded(data)
            assert (request.signature, rows) == ("pair", 1)
            assert {each.name: each.array.tolist() for each in request.inputs} == {"a": [[1, 1]], "b": [[2, 2]]}


def test_other_signatures_are_asked_anew() -> None:
    data = written(x=ROWS)
    assert decoded(data).request.signature == "serving_default"
    other = {"other": SIGNATURES["serving_default"]}
    assert decoded(data, other).request.signature == "other"
    assert decoded(data).request.signature == "serving_default"


def test_texts_and_numbers_of_other_types_are_read_each_time() -> None:
    for _ in range(2):
        request, rows = decoded(written(t=np.array([b"a", b"\xff"], object)))
        assert (request.inputs[0].array.tolist(), rows) == ([b"a", b"\xff"], 2)
        cast, _ = decoded(written(x=ROWS.astype(np.float64) + 2.0**-40))
        assert cast.inputs[0].array.dtype == np.float32
        assert "rounded to FP32" in cast.notes[0]


def test_columns_of_a_table_are_joined_by_name() -> None:
    request, rows = decoded(written(signature="table", n=np.array([1.5, 2])))
    assert rows == 2
    assert {each.name for each in request.inputs} >= {"n", "c"}


def test_the_value_that_stands_for_all_is_never_taken_for_raw() -> None:
    """Of a known outline, other bytes of the same length would be."""
    request = Request()
    request.model_spec.name = "filled"
    put(request.inputs["x"], ROWS, FLOAT)
    request.inputs["x"].tensor_content = b""
    request.inputs["x"].float_val.append(7)
    for _ in range(2):
        assert decoded(request.SerializeToString()).request.inputs[0].array.tolist() == [[7, 7], [7, 7]]


def test_which_model_is_meant() -> None:
    request = Request()
    request.model_spec.name = "m"
    assert read_predict(request.SerializeToString()).outline.meant == Meant("m", None, None, None)
    request.model_spec.version.value = 0
    assert read_predict(request.SerializeToString()).outline.meant == Meant("m", 0, None, None)
    request.model_spec.version_label = "stable"
    request.model_spec.signature_name = "s"
    meant = read_predict(request.SerializeToString()).outline.meant
    assert meant == Meant("m", None, "stable", "s")
    assert meant.unlabelled().message == "Unrecognized servable version label: stable"
    assert Meant("m", None, None, None).unknown().message == "Servable not found for request: Latest(m)"
    assert Meant("m", 9, None, None).unknown().message == "Servable not found for request: Specific(m, 9)"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "Missing ModelSpec"),
        (Request(model_spec={}).SerializeToString(), "has no name"),
        (written(), "no inputs"),
        (written(q=ROWS), "'x'"),
        (written(x=ROWS[:, :1]), r"expected \[-1, 2\]"),
        (written(x=ROWS, wanted=("q",)), "no output 'q'"),
        (written(x=ROWS, wanted=("y", "y")), "twice"),
        (written(x=ROWS)[:-1], "not a message tensorflow.serving.PredictRequest"),
        (written(x=ROWS) + b"\x12\x7f", "not a message"),
        (b"\x0a\xff\xff\xff\xff\xff\xff", "not a message"),
        (written(**{f"x{number}": ROWS for number in range(MAX_TENSORS + 1)}), f"expected {MAX_TENSORS} at most"),
        (written(x=ROWS, wanted=("y",) * (MAX_TENSORS + 1)), "2049 outputs, expected 2048 at most"),
        (b"\x0a\x00" * 100_000, "has no name"),
        (field(2, b"\x0a\x01x\x12" * 100_000), "not a message"),
    ],
)
def test_what_does_not_fit_is_refused(data: bytes, said: str) -> None:
    for _ in range(2):
        with pytest.raises(InvalidArgument, match=said):
            decoded(data)


def test_a_signature_that_is_not_there_is_a_failed_precondition_as_theirs() -> None:
    with pytest.raises(FailedPrecondition, match='Serving signature key "q" not found'):
        decoded(written(x=ROWS, signature="q"))


def test_fields_in_another_order_are_read_whole() -> None:
    tensor = field(4, ROWS.tobytes()) + field(2, b"".join(field(2, varint_field(1, 2)) for _ in range(2))) + b"\x08\x01"
    entry = field(2, tensor) + field(1, b"x")
    for data in (
        field(2, entry) + field(1, field(1, b"m")),
        field(1, field(1, b"m")) + field(2, entry) + field(2, entry),  # the last of a name counts
    ):
        for _ in range(2):
            assert np.array_equal(decoded(data).request.inputs[0].array, ROWS)


def test_of_an_input_that_comes_twice_the_last_counts() -> None:
    first, last = written(x=ROWS), written(x=ROWS + np.float32(1))
    for _ in range(2):
        assert np.array_equal(decoded(first + last).request.inputs[0].array, ROWS + np.float32(1))


def test_answers_say_their_values_in_the_fields_that_clients_read() -> None:
    outputs = [
        Tensor("y", ROWS),
        Tensor("label", np.array([3, -1])),
        Tensor("text", np.array([b"a", b"\xff"], dtype=object)),
        Tensor("flag", np.array([True])),
    ]
    for _ in range(2):
        data = encode_predict(InferResponse(model="m", version=7, outputs=outputs), "serving_default")
        answer = Response.FromString(data)
        assert (answer.model_spec.name, answer.model_spec.version.value) == ("m", 7)
        assert answer.model_spec.signature_name == "serving_default"
        assert list(answer.outputs["y"].float_val) == [1, 2, 3, 4]
        assert [dim.size for dim in answer.outputs["y"].tensor_shape.dim] == [2, 2]
        assert list(answer.outputs["label"].int64_val) == [3, -1]
        assert list(answer.outputs["text"].string_val) == [b"a", b"\xff"]
        assert list(answer.outputs["flag"].bool_val) == [True]
