"""Bodies that tritonclient writes are decoded to its arrays, and ours are read by it as they were, bit by bit.

Without sockets, for many arrays; in a process of its own, as every client library.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = """
import numpy as np
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as arrays
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput

from bms.core.tensors.request import InferResponse
from bms.core.tensors.signature import Signature, TensorSpec
from bms.core.tensors.tensor import NUMPY, Tensor
from bms.protocols.oip.infer import decode_infer, encode_infer
from bms.web.inference.http.compression import deflate, inflate
from tests.sizes import enough

SHAPES = arrays.array_shapes(min_dims=1, max_dims=3, max_side=4)
TEXTS = {True: st.binary(max_size=9), False: st.text(max_size=9).map(str.encode)}

def any_array(drawn):
    dtype, binary = drawn
    if dtype == "BYTES":
        made = SHAPES.flatmap(lambda shape: arrays.arrays(object, shape, elements=TEXTS[binary], fill=st.nothing()))
    else:
        only = {} if binary or not dtype.startswith("FP") else {"allow_nan": False, "allow_infinity": False}
        kind = NUMPY[dtype]
        made = SHAPES.flatmap(lambda shape: arrays.arrays(kind, shape, elements=arrays.from_dtype(kind, **only)))
    return st.tuples(st.just(dtype), st.just(binary), made)

def same(left, right):
    if left.dtype.kind == "O":
        return left.shape == right.shape and left.ravel().tolist() == right.ravel().tolist()
    return left.shape == right.shape and left.dtype == right.dtype and left.tobytes() == right.tobytes()

pairs = st.tuples(st.sampled_from(sorted(NUMPY)), st.booleans()).filter(lambda pair: pair != ("FP16", False))

@settings(max_examples=enough(80, 400), deadline=None)
@given(pairs.flatmap(any_array), st.booleans(), st.sampled_from([None, b"gzip", b"deflate"]))
def check(drawn, binary_out, coding):
    dtype, binary_in, array = drawn
    binary_out = binary_out or dtype == "FP16" or (dtype == "BYTES" and binary_in)
    spec = TensorSpec(name="x", dtype=dtype, shape=(None,) * array.ndim)
    known = {"serving_default": Signature(inputs=(spec,), outputs=(spec,))}
    given_input = InferInput("x", list(array.shape), dtype)
    given_input.set_data_from_numpy(array, binary_data=binary_in)
    wanted = [InferRequestedOutput("x", binary_data=binary_out)]
    body, json_size = InferenceServerClient.generate_request_body([given_input], outputs=wanted, request_id="7")
    decoded = decode_infer(bytes(body), json_size, "m", known)
    got = decoded.request.inputs[0].array
    assert same(got, array), (got, array)
    response = InferResponse(model="m", version=1, outputs=[Tensor("x", array)], id="7")
    answer, length = encode_infer(response, decoded)
    lines = b""
    if coding is not None:
        answer, lines = deflate(answer, coding)
    told = coding.decode() if lines else None
    read = InferenceServerClient.parse_response_body(answer, header_length=length, content_encoding=told)
    back = read.as_numpy("x")
    if dtype == "BYTES" and not binary_out:
        back = np.array([str(item).encode() for item in back.ravel()], dtype=object).reshape(back.shape)
    assert same(back, array), (back, array)
    assert read.get_response()["id"] == "7"

check()
print("done")
"""


def test_bodies_survive_both_ways(tmp_path: Path) -> None:
    program = tmp_path / "round_trips.py"
    program.write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, str(program)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        cwd=tmp_path,
    )
    assert done.stdout.splitlines()[-1:] == ["done"], (done.stdout, done.stderr[-3000:])
