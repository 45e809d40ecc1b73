"""TensorFlow Serving's REST predict, both ways: bodies to requests, answers to bodies.

Source: https://www.tensorflow.org/tfx/serving/api_rest and the server's own json_tensor.cc where they differ.
Row form: `instances` → `predictions`; columnar form: `inputs` → `outputs`. A single output loses its name.
"""

from collections.abc import Mapping
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec
import numpy as np

from bms.core.errors import InvalidArgument
from bms.core.inference import InferRequest, InferResponse, Verb
from bms.core.signature import Signature, TensorSpec, check_inputs
from bms.core.tensor import Array, Tensor
from bms.protocols.json_tensors import array_of, dump, text_values
from bms.protocols.json_values import (
    BodyDecoder,
    JsonValue,
    first_character,
    first_element,
    first_is_base64,
    joined,
    members,
    objects,
)
from bms.protocols.signature_choice import choose_signature, content_signature

V = TypeVar("V")


class PredictBody(msgspec.Struct, Generic[V], forbid_unknown_fields=True):
    """What a client sends to `:predict`."""

    instances: V | msgspec.UnsetType = msgspec.UNSET
    inputs: V | msgspec.UnsetType = msgspec.UNSET
    signature_name: str | None = None


class Decoded(NamedTuple):
    """A decoded request, its number of rows, and whether it came (and is answered) in row form."""

    request: InferRequest
    rows: int
    row_form: bool


_body: BodyDecoder[PredictBody[JsonValue]] = BodyDecoder(PredictBody[msgspec.Raw], PredictBody[Any])  # type: ignore[arg-type]


def decode_predict(body: bytes | memoryview, model: str, signatures: Mapping[str, Signature]) -> Decoded:
    """Raises InvalidArgument for what does not fit the signature it means."""
    parsed = _body(body)
    name = parsed.signature_name or None
    if (parsed.instances is msgspec.UNSET) == (parsed.inputs is msgspec.UNSET):
        raise InvalidArgument("give either 'instances' (rows) or 'inputs' (columns), one of them and not both")
    if parsed.instances is not msgspec.UNSET:
        chosen, tensors = _rows(parsed.instances, name, signatures)
    else:
        chosen, tensors = _columns(parsed.inputs, name, signatures)
    rows = check_inputs(signatures[chosen], tensors)
    request = InferRequest(model=model, inputs=tensors, signature=chosen)
    return Decoded(request, rows, parsed.inputs is msgspec.UNSET)


def decode_content(
    body: bytes | memoryview, model: str, signatures: Mapping[str, Signature], verb: Verb, content: str
) -> Decoded:
    """A body that is an encoded image, or a text: one BYTES row for the signature that takes such."""
    chosen = content_signature(signatures, content, verb)
    if not body:
        raise InvalidArgument(f"the body is empty: send the {content} itself")
    row = np.empty(1, dtype=object)
    row[0] = bytes(body)
    tensors = [Tensor(signatures[chosen].inputs[0].name, row)]
    rows = check_inputs(signatures[chosen], tensors)
    return Decoded(InferRequest(model=model, inputs=tensors, signature=chosen), rows, True)


def encode_predict(response: InferResponse, row_form: bool) -> bytes:
    """Raises InvalidArgument where outputs of different lengths were asked for as rows."""
    outputs = response.outputs
    if not row_form:
        if len(outputs) == 1:
            return dump({"outputs": _value(outputs[0])})
        return dump({"outputs": {tensor.name: _value(tensor) for tensor in outputs}})
    lengths = {tensor.array.shape[0] if tensor.array.ndim else None for tensor in outputs}
    if len(lengths) != 1 or None in lengths:
        raise InvalidArgument("the model's outputs have no common number of rows: send 'inputs' instead of 'instances'")
    if len(outputs) == 1:
        return dump({"predictions": _value(outputs[0])})
    columns = [_value(tensor) for tensor in outputs]
    names = [tensor.name for tensor in outputs]
    return dump({"predictions": [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]})


def _rows(value: JsonValue, named: str | None, signatures: Mapping[str, Signature]) -> tuple[str, list[Tensor]]:
    begins = first_element(value)
    if begins in ("", "]"):
        raise InvalidArgument("'instances' must be a list of at least one row")
    if begins == "{" and not first_is_base64(value):
        return _named_rows(objects(value, "'instances'"), named, signatures)
    chosen = choose_signature(signatures, named, None)
    spec = _only_input(signatures[chosen], "send each instance as an object of named inputs")
    return chosen, [Tensor(spec.name, array_of(value, spec.dtype, len(spec.shape), "instances"))]


def _named_rows(
    rows: list[dict[str, JsonValue]], named: str | None, signatures: Mapping[str, Signature]
) -> tuple[str, list[Tensor]]:
    given = rows[0].keys()
    for index, row in enumerate(rows):
        if row.keys() != given:
            raise InvalidArgument(f"instance {index} names {sorted(row)}, the first one {sorted(given)}")
    chosen = choose_signature(signatures, named, given)
    signature = signatures[chosen]
    tensors = []
    for name in given:
        spec = signature.input(name)
        column = joined([row[name] for row in rows])
        tensors.append(Tensor(name, array_of(column, spec.dtype, len(spec.shape), name)))
    return chosen, tensors


def _columns(value: JsonValue, named: str | None, signatures: Mapping[str, Signature]) -> tuple[str, list[Tensor]]:
    if first_character(value) == "{":
        given = members(value, "'inputs'")
        if given.keys() != {"b64"}:
            chosen = choose_signature(signatures, named, given.keys())
            signature = signatures[chosen]
            specs = [(signature.input(name), item) for name, item in given.items()]
            return chosen, [
                Tensor(spec.name, array_of(item, spec.dtype, len(spec.shape), spec.name)) for spec, item in specs
            ]
    chosen = choose_signature(signatures, named, None)
    spec = _only_input(signatures[chosen], "send 'inputs' as an object of named tensors")
    return chosen, [Tensor(spec.name, array_of(value, spec.dtype, len(spec.shape), "inputs"))]


def _only_input(signature: Signature, instead: str) -> TensorSpec:
    if len(signature.inputs) != 1:
        names = ", ".join(repr(spec.name) for spec in signature.inputs)
        raise InvalidArgument(f"this signature takes {names}: {instead}")
    return signature.inputs[0]


def _value(tensor: Tensor) -> Array | object:
    if tensor.dtype == "BYTES":
        return text_values(tensor.array, tensor.name.endswith("_bytes"))
    return tensor.array
