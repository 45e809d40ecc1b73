"""Every dialect over REST: what a client writes is what is decoded, and what is encoded is what a client reads, for
arrays of every type that JSON can carry, bit by bit."""

import base64
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from bms.core.tensors.request import InferRequest, InferResponse
from bms.core.tensors.signature import Signature, TensorSpec
from bms.core.tensors.tensor import NUMPY, Array, DType, Tensor
from bms.protocols.oip.generate import decode_generate, encode_event, encode_generate
from bms.protocols.oip.infer import decode_infer, encode_infer
from bms.protocols.tfserving.examples import decode_examples, encode_classify, encode_regress
from bms.protocols.tfserving.predict import DecodedPredict, decode_predict, encode_predict

NUMBERS: list[DType] = [
    "BOOL",
    "UINT8",
    "UINT16",
    "UINT32",
    "UINT64",
    "INT8",
    "INT16",
    "INT32",
    "INT64",
    "FP32",
    "FP64",
]
SHAPES = arrays.array_shapes(min_dims=1, max_dims=4, max_side=3)


def any_array(dtype: DType) -> st.SearchStrategy[Array]:
    if dtype == "BYTES":
        texts = st.one_of(st.text().map(str.encode), st.binary())
        return SHAPES.flatmap(lambda shape: arrays.arrays(object, shape, elements=texts, fill=st.nothing()))
    return SHAPES.flatmap(lambda shape: arrays.arrays(NUMPY[dtype], shape))


KINDS: list[DType] = [*NUMBERS, "BYTES"]
DRAWN = st.sampled_from(KINDS).flatmap(lambda dtype: st.tuples(st.just(dtype), any_array(dtype)))


def signatures(dtype: DType, rank: int, method: str = "predict") -> dict[str, Signature]:
    spec = TensorSpec(name="x", dtype=dtype, shape=(None,) * rank)
    return {"serving_default": Signature(inputs=(spec,), outputs=(spec,), method=method, scores="x")}  # type: ignore[arg-type]


def written(array: Array, texts: bool = True) -> Any:
    """As any JSON writer puts it; bytes as text where they are, and as base64 where not."""
    if array.dtype.kind != "O":
        return array.tolist()
    flat = np.empty(array.size, dtype=object)
    flat[:] = [_text(item, texts) for item in array.ravel()]
    return flat.reshape(array.shape).tolist()


def _text(content: bytes, texts: bool) -> object:
    try:
        if texts:
            return content.decode()
    except UnicodeDecodeError:
        pass
    return {"b64": base64.b64encode(content).decode()}


def read(value: Any, dtype: DType, shape: tuple[int, ...]) -> Array:
    """As a reader of JSON makes an array of it."""
    if dtype != "BYTES":
        return np.array(value, dtype=NUMPY[dtype]).reshape(shape)
    flat = np.empty(int(np.prod(shape)), dtype=object)
    flat[:] = [base64.b64decode(item["b64"]) if isinstance(item, dict) else item.encode() for item in _flat(value)]
    return flat.reshape(shape)


def _flat(value: Any) -> list[Any]:
    return [leaf for item in value for leaf in _flat(item)] if isinstance(value, list) else [value]


def same(left: Array, right: Array) -> bool:
    """Equal to the last bit, but that one NaN is as good as another."""
    if left.dtype != right.dtype or left.shape != right.shape:
        return False
    if left.dtype.kind == "f":
        signs = np.array_equal(np.signbit(left) & ~np.isnan(left), np.signbit(right) & ~np.isnan(right))
        return signs and np.array_equal(left, right, equal_nan=True)
    return left.tolist() == right.tolist()


def answer(array: Array, name: str = "x") -> InferResponse:
    return InferResponse(model="m", version=1, outputs=[Tensor(name, array)])


@given(DRAWN, st.booleans(), st.booleans())
def test_tf_servings_rows_and_columns(drawn: tuple[DType, Array], named: bool, texts: bool) -> None:
    dtype, array = drawn
    known = signatures(dtype, array.ndim)
    value = written(array, texts)
    rows = {"instances": [{"x": row} for row in value] if named else value}
    columns = {"inputs": {"x": value} if named else value}
    for body, row_form, key in ((rows, True, "predictions"), (columns, False, "outputs")):
        decoded = decode_predict(json.dumps(body).encode(), "m", known)
        assert same(decoded.request.inputs[0].array, array)
        assert (decoded.rows, decoded.row_form) == (array.shape[0], row_form)
        told = json.loads(encode_predict(answer(array), row_form))
        assert same(read(told[key], dtype, array.shape), array)


@given(DRAWN)
def test_outputs_of_bytes_are_base64_whatever_they_hold(drawn: tuple[DType, Array]) -> None:
    dtype, array = drawn
    told = json.loads(encode_predict(answer(array, "x_bytes"), row_form=True))["predictions"]
    assert same(read(told, dtype, array.shape), array)
    assert dtype != "BYTES" or all(isinstance(item, dict) for item in _flat(told))


@given(DRAWN, st.booleans(), st.booleans())
def test_the_open_inference_protocols_json(drawn: tuple[DType, Array], flat: bool, named_output: bool) -> None:
    dtype, array = drawn
    data = written(array)
    tensor = {"name": "x", "shape": array.shape, "datatype": dtype, "data": _flat(data) if flat else data}
    body: dict[str, object] = {"inputs": [tensor], "id": "7"}
    if named_output:
        body["outputs"] = [{"name": "x"}]
    decoded = decode_infer(json.dumps(body).encode(), None, "m", signatures(dtype, array.ndim))
    assert same(decoded.request.inputs[0].array, array)
    if dtype == "BYTES" and any(isinstance(item, dict) for item in _flat(data)):
        return  # JSON cannot carry such an output: it is refused, as another test shows
    encoded, length = encode_infer(answer(array), decoded)
    (told,) = json.loads(encoded)["outputs"]
    assert (length, told["datatype"], tuple(told["shape"])) == (None, dtype, array.shape)
    assert same(read(told["data"], dtype, array.shape), array)


@given(DRAWN)
def test_generates_values_and_events(drawn: tuple[DType, Array]) -> None:
    dtype, array = drawn
    decoded = decode_generate(json.dumps({"x": written(array)}).encode(), "m", signatures(dtype, array.ndim))
    assert same(decoded.request.inputs[0].array, array)
    told = json.loads(encode_generate(answer(array)))
    assert same(read(told["x"], dtype, array.shape), array)
    assert json.loads(encode_event(answer(array)).removeprefix(b"data: ")) == told or dtype in ("FP32", "FP64")


@given(st.sampled_from(NUMBERS).flatmap(lambda dtype: st.tuples(st.just(dtype), any_array(dtype))))
def test_features_of_examples(drawn: tuple[DType, Array]) -> None:
    dtype, array = drawn
    body = {"examples": [{"x": row} for row in array.tolist()]}
    if array.ndim == 2 or (array.ndim == 1):
        decoded = decode_examples(json.dumps(body).encode(), "m", signatures(dtype, array.ndim, "classify"), "classify")
        assert same(decoded.request.inputs[0].array, array)


@pytest.mark.parametrize("dtype", ["FP32", "FP64"])
def test_floats_have_a_point_or_an_exponent_and_what_is_not_finite_is_bare(dtype: DType) -> None:
    values = np.array([0, -0.0, 1, 16777216, 1e-7, 1e22, np.nan, np.inf, -np.inf], dtype=NUMPY[dtype])
    text = encode_predict(answer(values), row_form=True).decode()
    items = text.removeprefix('{"predictions":[').removesuffix("]}").split(",")
    assert items[-3:] == ["NaN", "Infinity", "-Infinity"]
    assert all("." in item or "e" in item for item in items[:-3]), items
    finite = encode_predict(answer(values[:6]), row_form=True).decode()
    assert [float(item) for item in items[:6]] == json.loads(finite)["predictions"]


@given(arrays.arrays(np.float32, st.tuples(st.integers(1, 4), st.integers(1, 5))))
def test_scores_and_values_of_classify_and_regress(scores: Array) -> None:
    named = Signature(
        inputs=(), outputs=(), method="classify", scores="x", labels=tuple(f"c{n}" for n in range(scores.shape[1]))
    )
    sent = DecodedPredict(InferRequest(model="m", inputs=[Tensor("x", scores)]), len(scores), True)
    told = json.loads(encode_classify(answer(scores), sent, named))["results"]
    assert [[label for label, _ in row] for row in told] == [list(named.labels)] * len(scores)
    assert same(read([[score for _, score in row] for row in told], "FP32", scores.shape), scores)
    values = scores[:, :1]
    assert same(read(json.loads(encode_regress(answer(values), sent))["results"], "FP32", (len(values), 1)), values)
