"""Large bodies, read in one go, mean what the general way says they mean, or are left to it."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bms.core.errors import InvalidArgument
from bms.core.tensors.signature import Signature, TensorSpec
from bms.protocols.oip import infer as oip
from bms.protocols.oip import large as oip_large
from bms.protocols.oip.infer import DecodedInfer, decode_infer
from bms.protocols.oip.large import decode_large

SIGNATURES = {
    "serving_default": Signature(inputs=(TensorSpec(name="x", dtype="FP32", shape=(None, None)),), outputs=()),
    "two": Signature(
        inputs=(TensorSpec(name="a", dtype="INT32", shape=(None,)), TensorSpec(name="b", dtype="FP64", shape=(None,))),
        outputs=(),
    ),
}
NUMBERS = st.integers(-(2**65), 2**65) | st.integers(-9, 9) | st.floats(allow_nan=False, allow_infinity=False)
WRONG = st.sampled_from([None, True, "1", [1], {}, "[", 1.5])
FIELDS = {
    "name": st.sampled_from(["x", "a", "b", "[", "é"]) | WRONG,
    "shape": st.lists(st.integers(0, 4), min_size=1, max_size=2) | st.lists(WRONG, max_size=2) | WRONG,
    "datatype": st.sampled_from(["FP32", "FP64", "FP16", "INT32", "UINT8", "UINT64", "BOOL", "BYTES", "?"]) | WRONG,
    "data": st.lists(NUMBERS, max_size=16) | st.lists(NUMBERS | WRONG, max_size=4) | WRONG,
}
INPUT = st.fixed_dictionaries(FIELDS) | st.fixed_dictionaries(
    FIELDS, optional={"parameters": st.just({}), "more": st.just(1)}
)
GOOD = st.tuples(st.integers(1, 4), st.integers(1, 4)).flatmap(
    lambda shape: st.lists(NUMBERS, min_size=shape[0] * shape[1], max_size=shape[0] * shape[1]).map(
        lambda data: {"name": "x", "shape": list(shape), "datatype": "FP32", "data": data}
    )
)
BODIES = st.fixed_dictionaries(
    {"inputs": st.lists(GOOD, min_size=1, max_size=2) | st.lists(INPUT, max_size=3)},
    optional={
        "id": st.text(max_size=3) | WRONG,
        "parameters": st.dictionaries(st.sampled_from(["timeout", "priority", "o"]), st.integers(0, 9)) | WRONG,
        "outputs": st.just([]),
    },
)


def outcome(body: bytes) -> object:
    try:
        decoded = decode_infer(body, None, "m", SIGNATURES)
    except InvalidArgument as error:
        return error.message
    return _plain(decoded)


def _plain(decoded: DecodedInfer) -> object:
    request = decoded.request
    tensors = [(name, array.dtype.str, array.shape, array.tobytes()) for name, array in request.inputs]
    return tensors, decoded.rows, request.signature, request.id, request.timeout_s, request.priority


@given(BODIES)
def test_the_general_way_agrees(value: object) -> None:
    body = json.dumps(value).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(oip_large, "LARGE", 0)
        patch.setattr(oip, "decode_flat", lambda *_: None)
        fast = outcome(body)
        patch.setattr(oip, "decode_large", lambda _: None)
        assert fast == outcome(body)


def large(rows: int = 100, **changes: object) -> bytes:
    data = [round(0.25 * number, 2) for number in range(rows * 100)]
    given = {"name": "x", "shape": [rows, 100], "datatype": "FP32", "data": data}
    return json.dumps({"inputs": [given | changes], "id": "7", "parameters": {"priority": 2}}).encode()


@pytest.mark.skipif(oip_large.simdjson is None, reason="simdjson has no wheels for this Python")
def test_a_large_body_takes_the_fast_way_from_whatever_holds_it() -> None:
    for body in (large(), memoryview(large())):
        found = decode_large(body)
        assert found is not None
        ((name, array),), id, parameters = found
        assert (name, array.shape, array.dtype, id, parameters) == ("x", (100, 100), np.float32, "7", {"priority": 2})
        np.testing.assert_array_equal(array.ravel(), np.arange(10_000, dtype="<f4") / 4)
        assert decode_infer(body, None, "m", SIGNATURES).request.priority == 2


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"id"', b'"inputs"'),  # twice
        (b"[0.0,", b"[[0.0],"),
        (b"[0.0,", b"[NaN,"),
        (b"[0.0,", b"[1e39,"),
        (b"[0.0,", b"[true,"),
        (b'"x"', b'"["'),
        (b"[100, 100]", b"[100, -100]"),
        (b"FP32", b"FP16"),
        (b'"7"', b"7"),
        (b"}}", b"}"),
    ],
)
def test_what_is_not_plain_is_left_to_the_general_way(old: bytes, new: bytes) -> None:
    body = large().replace(old, new, 1)
    assert body != large()
    assert decode_large(body) is None


def test_where_simdjson_is_not_to_be_had_a_large_body_means_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    fast = outcome(large())
    monkeypatch.setattr(oip_large, "simdjson", None)
    assert decode_large(large()) is None
    assert outcome(large()) == fast
