"""The Open Inference Protocol over gRPC: messages to requests, answers to messages."""

from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from bms.core.errors import InvalidArgument, NotFound
from bms.core.tensors.request import InferResponse
from bms.core.tensors.signature import Signature, TensorSpec
from bms.core.tensors.tensor import NUMPY, Tensor, dtype_of, from_raw, to_raw
from bms.protocols.oip.classes import TopClasses
from bms.protocols.oip.grpc.infer import (
    decode_infer,
    encode_infer,
    encode_stream_end,
    encode_stream_error,
    encode_stream_part,
    read_version,
    wants_empty_final,
)
from bms.protocols.oip.grpc.outline import InferMessage, read_infer
from bms.protocols.oip.infer import MAX_TENSORS
from bms.protocols.protobuf.pool import message

Request = message("inference.ModelInferRequest")
Response = message("inference.ModelInferResponse")
Part = message("inference.ModelStreamInferResponse")
FIELDS = {
    "BOOL": "bool_contents",
    **dict.fromkeys(("INT8", "INT16", "INT32"), "int_contents"),
    "INT64": "int64_contents",
    **dict.fromkeys(("UINT8", "UINT16", "UINT32"), "uint_contents"),
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}


def signature(dtype: str, rank: int) -> dict[str, Signature]:
    spec = TensorSpec(name="x", dtype=dtype, shape=(None,) * rank)  # type: ignore[arg-type]
    scores = TensorSpec(name="y", dtype="FP32", shape=(None, 3))
    text = TensorSpec(name="t", dtype="BYTES", shape=(None,))
    return {"serving_default": Signature(inputs=(spec,), outputs=(scores, text), batched=False)}


FLOATS = signature("FP32", 2)


def arrays(dtype: str) -> st.SearchStrategy[Any]:
    shapes = npst.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=4)
    if dtype == "BYTES":
        return shapes.flatmap(
            lambda shape: st.lists(
                st.binary(max_size=9), min_size=int(np.prod(shape)), max_size=int(np.prod(shape))
            ).map(lambda items: np.array([*items, None], dtype=object)[:-1].reshape(shape))
        )
    return npst.arrays(NUMPY[dtype], shapes)


ANY = st.sampled_from(sorted(NUMPY)).flatmap(arrays)


def asked(array: Any = None, **changes: object) -> InferMessage:
    return read_infer(written(array, **changes))


def written(array: Any = None, **changes: object) -> bytes:
    array = np.zeros((1, 4), np.float32) if array is None else array
    given_input = {"name": "x", "datatype": dtype_of(array), "shape": array.shape}
    fields = {"model_name": "m", "inputs": [given_input], "raw_input_contents": [bytes(to_raw(array))]}
    return Request(**{**fields, **changes}).SerializeToString()


@given(ANY)
def test_raw_tensors_come_as_they_were_sent(array: Any) -> None:
    decoded = decode_infer(asked(array), signature(dtype_of(array), array.ndim))
    (tensor,) = decoded.request.inputs
    assert tensor.name == "x"
    assert bytes(to_raw(tensor.array)) == bytes(to_raw(array))
    assert (tensor.array.dtype, tensor.array.shape) == (array.dtype, array.shape)


@given(ANY.filter(lambda array: array.dtype != np.float16))
def test_typed_contents_mean_the_same_as_raw_ones(array: Any) -> None:
    dtype = dtype_of(array)
    contents = {FIELDS[dtype]: array.ravel().tolist()}
    typed = asked(
        inputs=[{"name": "x", "datatype": dtype, "shape": array.shape, "contents": contents}], raw_input_contents=[]
    )
    (tensor,) = decode_infer(typed, signature(dtype, array.ndim)).request.inputs
    assert (tensor.array.dtype, tensor.array.shape) == (array.dtype, array.shape)
    assert bytes(to_raw(tensor.array)) == bytes(to_raw(array))


def test_bf16_is_read_as_the_fp32_of_the_same_value() -> None:
    raw = np.array([1.5, -2.0], np.float32).view("<u4") >> 16
    given_input = {"name": "x", "datatype": "BF16", "shape": [1, 2]}
    request = asked(inputs=[given_input], raw_input_contents=[raw.astype("<u2").tobytes()])
    assert decode_infer(request, FLOATS).request.inputs[0].array.tolist() == [[1.5, -2.0]]


@given(
    st.text(max_size=20),
    st.integers(0, 2**63 - 1),
    st.one_of(st.none(), st.text(max_size=20)),
    st.lists(st.tuples(st.text(max_size=300), ANY), max_size=4),
)
def test_answers_are_the_bytes_that_protobuf_writes(
    model: str, version: int, id: str | None, outputs: list[tuple[str, Any]]
) -> None:
    response = InferResponse(model=model, version=version, outputs=[Tensor(*each) for each in outputs], id=id)
    expected = Response(
        model_name=model,
        model_version=str(version),
        id=id or "",
        outputs=[{"name": name, "datatype": dtype_of(array), "shape": array.shape} for name, array in outputs],
        raw_output_contents=[bytes(to_raw(array)) for _, array in outputs],
    )
    assert encode_infer(response) == expected.SerializeToString(deterministic=True)
    part = Part(infer_response=expected)
    part.infer_response.parameters["triton_final_response"].bool_param = True
    assert Part.FromString(encode_stream_part(response)) == part
    response.final = False
    part.infer_response.parameters["triton_final_response"].bool_param = False
    assert Part.FromString(encode_stream_part(response)) == part


def test_a_streams_end_and_its_errors() -> None:
    end = Part.FromString(encode_stream_end("m", 3, "7"))
    assert (end.infer_response.model_name, end.infer_response.id, len(end.infer_response.outputs)) == ("m", "7", 0)
    assert end.infer_response.parameters["triton_final_response"].bool_param
    error = Part.FromString(encode_stream_error(NotFound("no deployment 'm'"), "7"))
    assert error.error_message == "NOT_FOUND: no deployment 'm'"
    assert error.infer_response.id == "7"


def test_parameters_outputs_and_the_id_are_understood() -> None:
    request = asked(
        id="7",
        parameters={
            "priority": {"uint64_param": 2},
            "timeout": {"int64_param": 1_500_000},
            "signature_name": {"string_param": "serving_default"},
            "mine": {"double_param": 0.5},
            "triton_enable_empty_final_response": {"bool_param": True},
        },
        outputs=[{"name": "y", "parameters": {"classification": {"int64_param": 2}}}, {"name": "t"}],
    )
    decoded = decode_infer(request, FLOATS)
    infer = decoded.request
    assert (infer.model, infer.id, infer.priority, infer.timeout_s) == ("m", "7", 2, 1.5)
    assert infer.outputs == ("y", "t")
    assert decoded.classes == {"y": TopClasses(2, (), False)}
    assert wants_empty_final(request)
    assert not wants_empty_final(asked())
    assert decode_infer(asked(), FLOATS).request.id is None


def test_classes_are_answered_as_bytes() -> None:
    scores = np.array([0.25, 0.5, 0.125], np.float32)
    answer = InferResponse(model="m", version=1, outputs=[Tensor("y", scores)])
    made = Response.FromString(encode_infer(answer, {"y": TopClasses(2, ("a", "b", "c"), False)}))
    assert (made.outputs[0].datatype, list(made.outputs[0].shape)) == ("BYTES", [2])
    assert from_raw("BYTES", (2,), made.raw_output_contents[0]).tolist() == [b"0.5:1:b", b"0.25:0:a"]


X = {"name": "x", "datatype": "FP32", "shape": [1, 2]}
REFUSED: dict[str, tuple[dict[str, object], str]] = {
    "no inputs": ({"inputs": [], "raw_input_contents": []}, "0 inputs"),
    "many inputs": ({"inputs": [X] * (MAX_TENSORS + 1), "raw_input_contents": []}, "2049 inputs"),
    "too few raw tensors": ({"inputs": [X, X]}, "1 tensors for 2 inputs"),
    "raw and typed": ({"inputs": [{**X, "contents": {"fp32_contents": [1, 2]}}]}, "one or the other"),
    "short raw": ({"inputs": [X], "raw_input_contents": [bytes(7)]}, "needs 8 bytes"),
    "typed elsewhere": (
        {"inputs": [{**X, "contents": {"fp64_contents": [1, 2]}}], "raw_input_contents": []},
        "fp32_contents alone",
    ),
    "typed twice": (
        {
            "inputs": [{**X, "contents": {"fp32_contents": [1, 2], "bool_contents": [True]}}],
            "raw_input_contents": [],
        },
        "fp32_contents alone",
    ),
    "too few typed": (
        {"inputs": [{**X, "contents": {"fp32_contents": [1]}}], "raw_input_contents": []},
        "2 elements; 1 were delivered",
    ),
    "neither": ({"inputs": [X], "raw_input_contents": []}, "0 were delivered"),
    "FP16 typed": ({"inputs": [{**X, "datatype": "FP16"}], "raw_input_contents": []}, "raw_input_contents"),
    "an unknown type": ({"inputs": [{**X, "datatype": "FP99"}], "raw_input_contents": []}, "unknown type 'FP99'"),
    "an unknown raw type": ({"inputs": [{**X, "datatype": "FP99"}]}, "unknown data type"),
    "a negative shape": ({"inputs": [{**X, "shape": [-1, 2]}]}, "must not be negative"),
    "a huge shape": ({"inputs": [{**X, "shape": [2**62, 2**62]}]}, "needs"),
    "many names": ({"model_name": "m", "outputs": [{"name": "y"}] * (MAX_TENSORS + 1)}, "2049 outputs, expected 2048"),
    "many raw tensors": ({"raw_input_contents": [b""] * (MAX_TENSORS + 1)}, "2049 tensors, expected 2048 at most"),
    "a deep shape": ({"inputs": [{**X, "shape": [2**62] * 100_000}]}, "100000 dimensions, expected 64"),
    "a deep shape, typed": (
        {"inputs": [{**X, "shape": [2**62] * 100_000}], "raw_input_contents": []},
        "100000 dimensions, expected 64",
    ),
    "shared memory": (
        {"inputs": [{**X, "parameters": {"shared_memory_region": {"string_param": "r"}}}]},
        "names shared memory: shared memory named by clients is not served",
    ),
    "shared memory out": (
        {"outputs": [{"name": "y", "parameters": {"shared_memory_region": {"string_param": "r"}}}]},
        "names shared memory: shared memory named by clients is not served",
    ),
    "an unknown output": ({"outputs": [{"name": "z"}]}, "no output 'z'"),
    "classes of text": ({"outputs": [{"name": "t", "parameters": {"classification": {"int64_param": 1}}}]}, "BYTES"),
    "a sequence": ({"parameters": {"sequence_id": {"uint64_param": 5}}}, "sequences are not served"),
    "a negative priority": ({"parameters": {"priority": {"int64_param": -1}}}, "not negative"),
    "a parameter without value": ({"parameters": {"priority": {}}}, "'priority' has no value"),
    "a signature that is a number": ({"parameters": {"signature_name": {"int64_param": 1}}}, "must be a string"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fit_is_refused_in_words(name: str) -> None:
    changes, said = REFUSED[name]
    with pytest.raises(InvalidArgument, match=said):
        decode_infer(asked(**changes), FLOATS)


@pytest.mark.parametrize(
    ("dtype", "beyond"), [("INT8", 128), ("INT8", -129), ("INT16", 1 << 15), ("UINT8", 256), ("UINT16", 1 << 16)]
)
def test_typed_numbers_beyond_their_type_are_refused(dtype: str, beyond: int) -> None:
    contents = {FIELDS[dtype]: [0, beyond]}
    request = asked(
        inputs=[{"name": "x", "datatype": dtype, "shape": [1, 2], "contents": contents}], raw_input_contents=[]
    )
    with pytest.raises(InvalidArgument, match=f"beyond {dtype}"):
        decode_infer(request, signature(dtype, 2))


@given(ANY, ANY)
def test_a_request_like_one_before_is_read_as_new(first: Any, second: Any) -> None:
    """What is remembered of an outline changes nothing: not for other bytes, not for another signature."""
    for array in (first, second, first):
        for _ in range(2):
            decoded = decode_infer(asked(array, id="a"), signature(dtype_of(array), array.ndim))
            assert bytes(to_raw(decoded.request.inputs[0].array)) == bytes(to_raw(array))
        with pytest.raises(InvalidArgument):
            decode_infer(asked(array), signature(dtype_of(array), array.ndim + 1))
    strict = {"serving_default": Signature(inputs=FLOATS["serving_default"].inputs, outputs=())}
    assert decode_infer(asked(), FLOATS).rows == 1
    assert decode_infer(asked(np.zeros((3, 4), np.float32)), strict).rows == 3
    with pytest.raises(InvalidArgument, match="needs 16 bytes"):
        decode_infer(asked(raw_input_contents=[bytes(15)]), FLOATS)
    with pytest.raises(InvalidArgument, match="0 were delivered"):
        decode_infer(asked(raw_input_contents=[]), FLOATS)


PIECE = st.builds(
    lambda **fields: Request(**fields).SerializeToString(),
    model_name=st.text(max_size=5),
    model_version=st.text(max_size=3),
    id=st.text(max_size=200),
    inputs=st.lists(st.builds(lambda name: {"name": name}, st.text(max_size=300)), max_size=2),
    outputs=st.lists(st.builds(lambda name: {"name": name}, st.text(max_size=5)), max_size=1),
    parameters=st.dictionaries(st.text(max_size=3), st.just({"bool_param": True}), max_size=1),
    raw_input_contents=st.lists(st.binary(max_size=300), max_size=2),
)


@given(st.lists(PIECE, max_size=3), st.binary(max_size=4))
def test_outline_id_and_tensors_together_are_the_message(pieces: list[bytes], rest: bytes) -> None:
    """Whatever the order of its fields: pieces of a message one behind the other are one message."""
    data = b"".join(pieces) + rest
    try:
        whole = Request.FromString(data)
    except DecodeError:
        with pytest.raises(InvalidArgument):
            read_infer(data)
        return
    for form in (data, data, memoryview(data)):
        outline, id, raws = read_infer(form)
        again = Request()
        again.CopyFrom(outline.message)
        again.id, again.raw_input_contents[:] = id or "", [bytes(raw) for raw in raws]
        assert again == whole


def test_versions_are_numbers_or_else_aliases() -> None:
    assert read_version("") == (None, None)
    assert read_version("12") == (12, None)
    for text in ("-1", "1.0", "v0.1.0", "latest", "1" * 19, "²", " 1"):
        assert read_version(text) == (None, text)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_request_or_refused(data: bytes) -> None:
    with suppress(InvalidArgument):
        decode_infer(read_infer(data), FLOATS)


@given(st.data())
def test_a_request_with_some_bytes_changed_is_taken_or_refused(draw: st.DataObject) -> None:
    data = bytearray(written(parameters={"priority": {"int64_param": 1}}, outputs=[{"name": "y"}]))
    for _ in range(draw.draw(st.integers(1, 4))):
        data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    with suppress(InvalidArgument):
        decode_infer(read_infer(bytes(data)), FLOATS)


def test_what_was_rounded_is_told_in_a_parameter_and_what_was_cast_exactly_is_not() -> None:
    batched = {"serving_default": Signature(inputs=(TensorSpec(name="x", dtype="FP32", shape=(None, 2)),))}
    rounded = decode_infer(asked(np.array([[0.1, 0.5]])), batched)
    assert rounded.request.inputs[0].dtype == "FP32"
    answer = InferResponse(model="m", version=1, outputs=[])
    parameters = Response.FromString(encode_infer(answer, notes=rounded.request.notes)).parameters
    assert parameters["warning"].string_param == "input 'x': FP64 numbers were rounded to FP32, which the model takes"
    exact = asked(np.array([[1, 2]], dtype=np.int16))
    for _ in range(2):  # what is remembered of an outline gives the same
        assert decode_infer(exact, batched).request.inputs[0].array.tolist() == [[1.0, 2.0]]
        assert decode_infer(exact, batched).request.notes == ()
