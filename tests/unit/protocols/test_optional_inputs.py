"""Inputs that a request may leave out."""

import numpy as np
import pytest

from bms.core.errors import InvalidArgument
from bms.core.tensors.fitting import fit_inputs
from bms.core.tensors.signature import DEFAULT, Signature, TensorSpec, check_inputs
from bms.core.tensors.tensor import Tensor
from bms.protocols.frames import InferMeta, TensorMeta
from bms.protocols.signature_choice import choose_signature, takes
from bms.serving.inference.batching.batch_keys import BatchKeys
from tests.servables import FunctionServable, doubled

X = TensorSpec(name="x", dtype="FP32", shape=(None, 2))
BIAS = TensorSpec(name="bias", dtype="FP32", shape=(None, 2), optional=True)
OUT = TensorSpec(name="y", dtype="FP32", shape=(None, 2))
SIGNATURE = Signature(inputs=(X, BIAS), outputs=(OUT,))
OTHER = Signature(inputs=(TensorSpec(name="text", dtype="BYTES", shape=(None,)),), outputs=(OUT,))


def rows(name: str, count: int = 2, dtype: str = "f4") -> Tensor:
    return Tensor(name, np.ones((count, 2), dtype))


def test_a_request_without_it_is_one_of_the_signature() -> None:
    assert takes(SIGNATURE, ["x"])
    assert takes(SIGNATURE, ["x", "bias"])
    assert not takes(SIGNATURE, ["bias"])
    assert not takes(SIGNATURE, ["x", "else"])
    assert choose_signature({"a": OTHER, "b": SIGNATURE}, None, ["x"]) == "b"
    assert choose_signature({DEFAULT: SIGNATURE, "b": OTHER}, None, ["x"]) == DEFAULT


def test_it_may_stay_away_and_nothing_else() -> None:
    assert check_inputs(SIGNATURE, [rows("x")]) == 2
    with pytest.raises(InvalidArgument, match="input 'x' is missing"):
        check_inputs(SIGNATURE, [rows("bias")])
    with pytest.raises(InvalidArgument, match="disagree on the number of rows"):
        check_inputs(SIGNATURE, [rows("x"), rows("bias", 3)])


def test_what_comes_without_it_is_cast_as_ever() -> None:
    fitted = fit_inputs(SIGNATURE, [rows("x", dtype="f8")])
    assert (fitted.rows, [each.array.dtype for each in fitted.tensors]) == (2, [np.float32])


def test_requests_with_and_without_it_share_no_run() -> None:
    kinds = BatchKeys()
    kinds.serve(FunctionServable(doubled, {DEFAULT: SIGNATURE}))
    found = []
    for given in ([rows("x")], [rows("x"), rows("bias")], [rows("x")]):
        metas = tuple(TensorMeta(name, "FP32", array.shape, array.nbytes) for name, array in given)
        found.append(kinds.find(InferMeta("", 0, (), metas), given)[0])
    assert found[0] is found[2]
    assert found[0] is not found[1]
