"""Triton's generate extension: inputs by name as plain JSON in, outputs by name as plain JSON out, once or as events.

Source: https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_generate.md
A value is one row unless it is nested as deep as the input has dimensions; so `"text"` is a whole request for a
model of texts. Events are those of https://html.spec.whatwg.org/multipage/server-sent-events.html, the stream ends
with the answer's body.
"""

from collections.abc import Collection, Mapping
from typing import Any

import msgspec
import numpy as np

from bms.core.errors import BmsError, InvalidArgument
from bms.core.tensors.fitting import fit_inputs
from bms.core.tensors.request import InferRequest, InferResponse
from bms.core.tensors.signature import Signature
from bms.core.tensors.tensor import Array, Tensor
from bms.protocols.json.bodies import BodyDecoder
from bms.protocols.json.repeats import quotes_of
from bms.protocols.json.tensors import MAX_RANK, array_of, dump, text_values
from bms.protocols.json.values import JsonValue, ValueDecoder
from bms.protocols.oip.infer import MAX_TENSORS, DecodedInfer, set_parameters, signature_name
from bms.protocols.signature_choice import choose_signature

EVENT_STREAM = b"text/event-stream; charset=utf-8"
RESERVED = frozenset({"id", "parameters", "model_name", "model_version"})
Scalar = str | int | float | bool | None
_OPENING = b" \t\n\r["

_Members = dict[str, msgspec.Raw]
_body: BodyDecoder[dict[str, JsonValue]] = BodyDecoder(_Members, _Members, dict[str, Any], quotes_of)  # type: ignore[arg-type]
_scalar: ValueDecoder[Scalar] = ValueDecoder(Scalar, Scalar)
_parameters: ValueDecoder[dict[str, Any]] = ValueDecoder(dict[str, Any], dict[str, Any])


def decode_generate(body: bytes | memoryview, model: str, signatures: Mapping[str, Signature]) -> DecodedInfer:
    """Decodes a body. Members that name no input are parameters, and members of `parameters` that name an input are
    inputs.

    Raises InvalidArgument for what does not fit the signature it means.
    """
    given = _body(body)[0]
    id = _scalar_of(given.pop("id", None), "id", ())
    if not isinstance(id, str | None):
        raise InvalidArgument("'id' must be a string")
    parameters = _read_parameters(given.pop("parameters", None))
    names = {spec.name for signature in signatures.values() for spec in signature.inputs}
    inputs = {name: value for name, value in given.items() if name in names}
    inputs |= {name: parameters.pop(name) for name in names & parameters.keys()}
    parameters |= {name: _scalar_of(value, name, names) for name, value in given.items() if name not in names}
    if len(inputs) > MAX_TENSORS:
        raise InvalidArgument(f"the request has {len(inputs)} inputs, expected at most {MAX_TENSORS}")
    chosen = choose_signature(signatures, signature_name(parameters), inputs)
    signature = signatures[chosen]
    _refuse_reserved(signature)
    notes: list[str] = []
    named = [(signature.input(name), value) for name, value in inputs.items()]
    tensors = [Tensor(spec.name, _array(value, spec.dtype, len(spec.shape), spec.name, notes)) for spec, value in named]
    fitted = fit_inputs(signature, tensors)
    told = (*notes, *fitted.notes)
    request = InferRequest(model=model, inputs=fitted.tensors, signature=chosen, id=id or None, notes=told)
    set_parameters(request, parameters, signatures)
    return DecodedInfer(request, fitted.rows)


def encode_generate(response: InferResponse) -> bytes:
    """Encodes one answer. An output of one element is written as that element, one of one row as that row.

    Raises InvalidArgument for outputs that JSON cannot carry.
    """
    head: dict[str, object] = {"model_name": response.model, "model_version": str(response.version)}
    if response.id is not None:
        head["id"] = response.id
    for tensor in response.outputs:
        head[tensor.name] = _value(tensor)
    return dump(head)


def encode_event(response: InferResponse) -> bytes:
    """Encodes one answer of a stream, as an event. Errors as in `encode_generate`."""
    return b"data: %b\n\n" % encode_generate(response)


def encode_error_event(error: BmsError) -> bytes:
    """Encodes an error after the stream had begun, when its status was already sent: in words, and by its code."""
    return b"data: %b\n\n" % dump({"error": error.message, "code": error.code})


def _read_parameters(value: JsonValue) -> dict[str, Any]:
    if value is None:
        return {}
    try:
        return _parameters(value)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidArgument(f"'parameters' must be an object: {error}") from None


def _scalar_of(value: JsonValue, name: str, inputs: Collection[str]) -> Scalar:
    if value is None:
        return None
    try:
        return _scalar(value)
    except (msgspec.DecodeError, RecursionError):
        takes = f": this model takes {', '.join(map(repr, sorted(inputs)))}" if inputs else ""
        raise InvalidArgument(f"no input {name[:80]!r}, and a parameter must be one value{takes}") from None


def _refuse_reserved(signature: Signature) -> None:
    for spec in (*signature.inputs, *signature.outputs):
        if spec.name in RESERVED:
            raise InvalidArgument(f"a tensor of this model is named {spec.name!r}, which generate reserves: use infer")


def _array(value: JsonValue, dtype: str, rank: int, name: str, notes: list[str]) -> Array:
    """Returns `value` with dimensions of 1 put in front until it has `rank` of them."""
    depth = _depth(value)
    if depth > rank:
        raise InvalidArgument(f"{name!r} is nested {depth} lists deep, expected at most {rank}")
    array = array_of(value, dtype, depth, name, notes)
    return array.reshape((1,) * (rank - depth) + array.shape)


def _depth(value: JsonValue) -> int:
    """Returns how many lists a value begins with."""
    if isinstance(value, msgspec.Raw):
        head = bytes(memoryview(value)[: 4 * MAX_RANK])
        return head[: len(head) - len(head.lstrip(_OPENING))].count(b"[")
    depth = 0
    while isinstance(value, list):
        depth, value = depth + 1, value[0] if value else None
    return depth


def _value(tensor: Tensor) -> object:
    array = tensor.array
    if tensor.dtype == "FP16":
        array = array.astype(np.float32)
    if array.size == 1:
        array = array.reshape(())
    while array.ndim > 1 and array.shape[0] == 1:
        array = array[0]
    return text_values(array, False) if tensor.dtype == "BYTES" else array
