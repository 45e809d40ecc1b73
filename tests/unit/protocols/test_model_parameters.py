"""A model's own parameters by every wire that has a place for them: taken, refused or told, never just left out."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bms.core.errors import InvalidArgument
from bms.core.tensors.parameters import Parameter
from bms.core.tensors.request import InferRequest
from bms.core.tensors.signature import DEFAULT, Signature, TensorSpec
from bms.protocols.oip import infer as oip
from bms.protocols.oip.generate import decode_generate
from bms.protocols.oip.grpc.infer import decode_infer as decode_grpc
from bms.protocols.oip.grpc.outline import read_infer
from bms.protocols.protobuf.pool import message
from bms.protocols.tfserving.predict import decode_predict

X, Y = (TensorSpec(name=name, dtype="FP32", shape=(None, 2)) for name in "xy")
KNOWN = (
    Parameter(name="times", type="integer", default=1),
    Parameter(name="few", type="number", default=(0.5,), many=True),
    Parameter(name="priority", type="text", default="low"),
)
WITH = {DEFAULT: Signature(inputs=(X,), outputs=(Y,), params=KNOWN)}
WITHOUT = {DEFAULT: Signature(inputs=(X,), outputs=(Y,))}
Request = message("inference.ModelInferRequest")
Ask = Callable[[dict[str, Any], dict[str, Signature]], InferRequest]


def by_json(parameters: dict[str, Any], signatures: dict[str, Signature]) -> InferRequest:
    tensor = {"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}
    body = json.dumps({"inputs": [tensor], "parameters": parameters}).encode()
    return oip.decode_infer(body, None, "m", signatures).request


def by_raw(parameters: dict[str, Any], signatures: dict[str, Signature]) -> InferRequest:
    tensor = {"name": "x", "shape": [1, 2], "datatype": "FP32", "parameters": {"binary_data_size": 8}}
    head = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True, **parameters}}).encode()
    return oip.decode_infer(head + bytes(8), len(head), "m", signatures).request


def by_generate(parameters: dict[str, Any], signatures: dict[str, Signature]) -> InferRequest:
    return decode_generate(json.dumps({"x": [1, 2], "parameters": parameters}).encode(), "m", signatures).request


def by_grpc(parameters: dict[str, Any], signatures: dict[str, Signature]) -> InferRequest:
    """Twice: what an outline means is remembered."""
    request = Request(model_name="m", raw_input_contents=[np.float32([1, 2]).tobytes()])
    request.inputs.add(name="x", datatype="FP32", shape=[1, 2])
    for name, value in parameters.items():
        given = value if isinstance(value, int | str) else json.dumps(value)
        setattr(request.parameters[name], "int64_param" if isinstance(given, int) else "string_param", given)
    given = read_infer(request.SerializeToString())
    first = decode_grpc(given, signatures).request
    again = decode_grpc(given, signatures).request
    assert (again.params, again.notes) == (first.params, first.notes)
    return again


WIRES = pytest.mark.parametrize("ask", [by_json, by_raw, by_generate, by_grpc])


@WIRES
def test_parameters_come_by_name_or_together_where_no_name_of_the_protocols_hides_them(ask: Ask) -> None:
    assert ask({"times": 3, "few": "[1.5]"}, WITH).params == b'{"few":[1.5],"times":3}'
    taken = ask({"priority": 2, "params": {"priority": "high", "times": 2}}, WITH)
    assert (taken.priority, taken.params) == (2, b'{"priority":"high","times":2}')
    assert ask({"times": 1, "timeout": 5000}, WITH).params == b""


@WIRES
def test_parameters_that_a_model_does_not_have_are_refused_or_told(ask: Ask) -> None:
    with pytest.raises(InvalidArgument, match="unknown parameter 'tims': this model takes 'times' integer"):
        ask({"tims": 3}, WITH)
    with pytest.raises(InvalidArgument, match="unknown parameter 'times': this model takes no parameters"):
        ask({"params": {"times": 3}}, WITHOUT)
    told = ask({"times": 3, "triton_enable_empty_final_response": 0, "timeout": 5000}, WITHOUT)
    assert told.notes == ("this model takes no parameters: 'times' not read",)
    assert told.params == b""
    assert ask({"timeout": 5000, "headers": "a", "params": {}}, WITHOUT).notes == ()


@pytest.mark.parametrize("ask", [by_json, by_raw, by_generate])
def test_whole_numbers_may_be_written_with_a_point(ask: Ask) -> None:
    taken = ask({"times": 3.0, "priority": 2.0, "timeout": 5000.0}, WITH)
    assert (taken.params, taken.priority, taken.timeout_s) == (b'{"times":3}', 2, 0.005)
    assert ask({"times": 1.0, "few": [2.0]}, WITH).params == b'{"few":[2.0]}'  # a number keeps its point
    with pytest.raises(InvalidArgument, match=r"parameter 'times' is 2.5, expected a whole number"):
        ask({"times": 2.5}, WITH)
    with pytest.raises(InvalidArgument, match="parameter 'timeout' must be a whole number"):
        ask({"timeout": 0.5}, WITH)


def test_the_size_of_a_raw_tensor_may_be_written_with_a_point() -> None:
    tensor = {"name": "x", "shape": [1.0, 2.0], "datatype": "FP32", "parameters": {"binary_data_size": 8.0}}
    head = json.dumps({"inputs": [tensor]}).encode()
    (x,) = oip.decode_infer(head + np.float32([1, 2]).tobytes(), len(head), "m", WITH).request.inputs
    assert x.array.tolist() == [[1, 2]]


def test_predict_takes_them_as_mlflow_names_them() -> None:
    body = {"instances": [[1, 2]], "params": {"times": 3}}
    assert decode_predict(json.dumps(body).encode(), "m", WITH).request.params == b'{"times":3}'
    left = decode_predict(json.dumps(body).encode(), "m", WITHOUT).request
    assert (left.params, left.ignored) == (b"", ("params",))  # of which the door tells
    assert decode_predict(b'{"instances": [[1, 2]], "params": {}}', "m", WITHOUT).request.ignored == ()
    with pytest.raises(InvalidArgument, match="must be an object of values by name"):
        decode_predict(b'{"instances": [[1, 2]], "params": [1]}', "m", WITH)


@pytest.mark.parametrize("together", ["{", 5, [1]])
def test_what_is_no_object_of_parameters_is_refused(together: object) -> None:
    with pytest.raises(InvalidArgument, match="parameter 'params'"):
        by_json({"params": together}, WITH)
