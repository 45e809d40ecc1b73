"""Infer bodies of the Open Inference Protocol v2 over REST: decodes requests and encodes answers.

Source: https://github.com/kserve/open-inference-protocol and Triton's binary tensor extension: a header says how
long the JSON part is, raw little-endian tensors follow it in the order of their descriptions.
"""

from collections.abc import Mapping
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from bms.core.errors import InvalidArgument
from bms.core.formats.whole_numbers import without_point
from bms.core.serving.model_config import check_sequence
from bms.core.tensors.fitting import fit_inputs
from bms.core.tensors.outputs import OutputRows
from bms.core.tensors.parameters import OWN_PARAMETERS, chosen_parameters
from bms.core.tensors.request import InferRequest, InferResponse
from bms.core.tensors.sequences import SequenceStep
from bms.core.tensors.signature import Signature, check_inputs, usual_rows
from bms.core.tensors.tensor import Tensor, dtype_of, to_raw
from bms.protocols.client_memory import REGION, refuse_shared_memory
from bms.protocols.client_names import map_client_names
from bms.protocols.content_types import content_of
from bms.protocols.json.bodies import BodyDecoder, Read
from bms.protocols.json.repeats import quotes_of
from bms.protocols.json.tensors import dump
from bms.protocols.json.values import JsonValue
from bms.protocols.oip.classes import NO_CLASSES, TopClasses, best_classes, classes_of
from bms.protocols.oip.flat import decode_flat
from bms.protocols.oip.large import decode_large
from bms.protocols.oip.rows import encode_rows
from bms.protocols.oip.tensors import (
    CONTENT_TYPE,
    InputBody,
    LooseInputBody,
    StrictInputBody,
    json_data,
    raw_input,
    read_input,
    whole,
)
from bms.protocols.signature_choice import choose_signature

V = TypeVar("V")
_LONGEST_ID = 128  # characters of a sequence's name
MAX_TENSORS = 2048  # a table may have a thousand columns, each with a mask
_NONE: Mapping[str, Any] = {}
PARAMS = "params"
_OWN_BEGIN = ("sequence_", "triton_")


class OutputBody(msgspec.Struct):
    """One tensor that a client wants."""

    name: str
    parameters: dict[str, Any] | None = None


class InferBody(msgspec.Struct, Generic[V]):
    """The body that a client sends to `…/infer`."""

    inputs: list[LooseInputBody[V]]
    id: str | None = None
    outputs: list[OutputBody] | None = None
    parameters: dict[str, Any] | None = None


class StrictOutputBody(OutputBody, forbid_unknown_fields=True):
    """`OutputBody` that refuses unknown members."""


class StrictInferBody(msgspec.Struct, Generic[V], forbid_unknown_fields=True):
    """`InferBody` that refuses unknown members at any depth."""

    inputs: list[StrictInputBody[V]]
    id: str | None = None
    outputs: list[StrictOutputBody] | None = None
    parameters: dict[str, Any] | None = None


class DecodedInfer(NamedTuple):
    """A decoded request, its number of rows, and how to answer: which outputs as raw tensors (all by default, or some),
    which by their best classes alone, and which at all, where these differ from those asked of the model."""

    request: InferRequest
    rows: int
    all_binary: bool = False
    binary: Mapping[str, bool] = {}
    classes: Mapping[str, TopClasses] = NO_CLASSES
    asked: tuple[str, ...] = ()


def _quotes(parsed: InferBody[JsonValue]) -> int:
    """Counts the quotation marks that such a body is written with, `null`s and marks within texts aside."""
    count = 2
    for each in parsed.inputs:
        parameters, data = each.parameters, each.data
        count += 10 if parameters is None else 12 + quotes_of(parameters)
        if data is not msgspec.UNSET:
            count += 2 + quotes_of(data)
    if parsed.id is not None:
        count += 4
    if parsed.parameters is not None:
        count += 2 + quotes_of(parsed.parameters)
    if parsed.outputs is not None:
        count += 2
        for wanted in parsed.outputs:
            count += 4 if wanted.parameters is None else 6 + quotes_of(wanted.parameters)
    return count


_body: BodyDecoder[InferBody[JsonValue]] = BodyDecoder(
    StrictInferBody[msgspec.Raw],  # type: ignore[arg-type]
    InferBody[msgspec.Raw],  # type: ignore[arg-type]
    InferBody[Any],
    _quotes,
    inputs=InputBody,
    outputs=OutputBody,
)


_outlines: dict[bytes, Read[InferBody[JsonValue]]] = {}
_LONGEST, _MOST = 1024, 1024  # bytes of an outline, and how many are remembered


def _outline(text: bytes) -> Read[InferBody[JsonValue]]:
    """Parses the JSON part before raw tensors. A client's is nearly always the same, but for the tensors' bytes behind
    it, so parsed ones that hold no data are cached."""
    found = _outlines.get(text)
    if found is None:
        found = _body(text)
        if len(text) <= _LONGEST and all(each.data is msgspec.UNSET for each in found[0].inputs):
            if len(_outlines) >= _MOST:
                _outlines.clear()
            _outlines[text] = found
    return found


def decode_infer(
    body: bytes | memoryview, json_length: int | None, model: str, signatures: Mapping[str, Signature]
) -> DecodedInfer:
    """Decodes a body. `json_length` is the header Inference-Header-Content-Length, None where it was not sent; 0: one
    raw input.

    Raises InvalidArgument for what does not fit the signature it means.
    """
    if json_length is None and (flat := decode_flat(body, model, signatures)) is not None:
        request, rows, parameters = flat
        if not parameters:
            return DecodedInfer(request, rows)
        if "signature_name" not in parameters:
            return _with_parameters(request, rows, parameters, signatures)
    if json_length is None and (large := decode_large(body)) is not None and 1 <= len(large[0]) <= MAX_TENSORS:
        return _of_json(model, *large, signatures)
    if json_length == 0:
        chosen = choose_signature(signatures, None, None)
        tensors = [raw_input(signatures[chosen], body)]
        rows = check_inputs(signatures[chosen], tensors)
        return DecodedInfer(InferRequest(model=model, inputs=tensors, signature=chosen), rows, True)
    if json_length is not None and not 0 < json_length <= len(body):
        raise InvalidArgument(f"Inference-Header-Content-Length is {json_length}, the body has {len(body)} bytes")
    view = memoryview(body)
    at = len(body) if json_length is None else json_length
    parsed, ignored = _body(body) if json_length is None else _outline(bytes(view[:at]))
    if not 1 <= len(parsed.inputs) <= MAX_TENSORS:
        raise InvalidArgument(f"the request has {len(parsed.inputs)} inputs, expected 1 to {MAX_TENSORS}")
    tensors = []
    notes: list[str] = []
    for given in parsed.inputs:
        said = given.parameters.get(CONTENT_TYPE) if given.parameters else None
        if said is not None and content_of(said, given.name, signatures) is None:
            given = msgspec.structs.replace(given, parameters={**(given.parameters or {}), CONTENT_TYPE: None})
        made, size = read_input(given, view, at, notes)
        tensors += made
        at += size
    if at != len(body):
        raise InvalidArgument(f"{len(body) - at} bytes are left over after the last binary tensor")
    decoded = _of_json(model, tensors, parsed.id, parsed.parameters, signatures, notes)
    if ignored:
        decoded.request.ignored = ignored
    if not parsed.outputs:
        return decoded
    request, rows, all_binary = decoded.request, decoded.rows, decoded.all_binary
    signature, binary, classes = signatures[request.signature or ""], {}, {}
    for output in parsed.outputs:
        signature.output(output.name)
        if output.name in binary:
            raise InvalidArgument(f"output {output.name[:80]!r} is asked for twice")
        wanted = output.parameters or _NONE
        if REGION in wanted:
            refuse_shared_memory(wanted, f"output {output.name[:80]!r}")
        binary[output.name] = bool(wanted.get("binary_data", all_binary))
        if count := whole(wanted.get("classification", 0), "classification"):
            classes[output.name] = classes_of(signature, output.name, count)
    request.outputs = tuple(binary)
    return DecodedInfer(request, rows, all_binary, binary, classes)


def _of_json(
    model: str,
    tensors: list[Tensor],
    id: str | None,
    parameters: Mapping[str, Any] | None,
    signatures: Mapping[str, Signature],
    notes: list[str] | None = None,
) -> DecodedInfer:
    names = [name for name, _ in tensors]
    named = signature_name(parameters) if parameters else None
    chosen = choose_signature(signatures, named, names)
    told: tuple[str, ...] = ()
    if not (rows := usual_rows(signatures[chosen], tensors)):
        notes = [] if notes is None else notes
        content_type = parameters.get(CONTENT_TYPE) if parameters else None
        chosen, tensors = map_client_names(signatures, named, tensors, content_type, notes)
        tensors, rows, told = fit_inputs(signatures[chosen], tensors)
    request = InferRequest(model=model, inputs=tensors, signature=chosen, id=id or None)
    if notes or told:
        request.notes = (*(notes or ()), *told)
    return _with_parameters(request, rows, parameters, signatures) if parameters else DecodedInfer(request, rows)


def _with_parameters(
    request: InferRequest, rows: int, parameters: Mapping[str, Any], signatures: Mapping[str, Signature]
) -> DecodedInfer:
    set_parameters(request, parameters, signatures)
    return DecodedInfer(request, rows, bool(parameters.get("binary_data_output", False)))


def encode_infer(response: InferResponse, decoded: DecodedInfer) -> tuple[bytes, int | None]:
    """Returns the body and the length of its JSON part, None where it is all JSON.

    Raises InvalidArgument for outputs that JSON cannot carry.
    """
    outputs = response.outputs
    # Share is a Sequence, and isinstance asks an abstract class for longer than all of this takes.
    if type(outputs) is OutputRows and not (decoded.all_binary or decoded.binary or decoded.classes):
        body = encode_rows(response.model, response.version, response.id, outputs)
        if body is not None:
            return body, None
    described: list[dict[str, object]] = []
    raws: list[bytes | memoryview] = []
    for tensor in outputs:
        name, array = tensor
        if name in decoded.classes:
            array = best_classes(array, decoded.classes[name])
            tensor = Tensor(name, array)
        dtype = dtype_of(array)
        item: dict[str, object] = {"name": name, "datatype": dtype, "shape": array.shape}
        if decoded.binary.get(name, decoded.all_binary):
            raw = to_raw(array)
            raws.append(raw)
            item["parameters"] = {"binary_data_size": len(raw)}
        else:
            item["data"] = json_data(tensor, dtype)
        described.append(item)
    head: dict[str, object] = {"model_name": response.model, "model_version": str(response.version)}
    if response.id is not None:
        head["id"] = response.id
    head["outputs"] = described
    json_part = dump(head)
    if not raws:
        return json_part, None
    return b"".join((json_part, *raws)), len(json_part)


def set_parameters(request: InferRequest, parameters: Mapping[str, Any], signatures: Mapping[str, Signature]) -> None:
    """Sets what the protocol reserves, `timeout` in microseconds, `priority`, and the step of a sequence, and the
    model's own parameters.

    What is neither is refused by a model that has parameters, and recorded in a note by one that has none: clients and
    what lies between send their own. Raises InvalidArgument for that, and for a step to a model that keeps nothing.
    """
    if id := parameters.get("sequence_id"):
        check_sequence(signatures[request.signature or ""], request.model)
        request.sequence = _step(id, parameters)
    timeout = whole(parameters.get("timeout", 0), "timeout")
    request.timeout_s = timeout / 1e6 if timeout else None
    request.priority = whole(parameters.get("priority", 0), "priority")
    if not parameters.keys() <= OWN_PARAMETERS:
        _set_own(request, parameters, signatures[request.signature or ""])


def _set_own(request: InferRequest, parameters: Mapping[str, Any], signature: Signature) -> None:
    """Sets the model's parameters: each by its name, or all in `params`, an object or its JSON, which no name of the
    protocol's own can hide."""
    given = {
        name: value
        for name, value in parameters.items()
        if name not in OWN_PARAMETERS and name != PARAMS and not name.startswith(_OWN_BEGIN)
    }
    together = parameters.get(PARAMS)
    if isinstance(together, str):
        try:
            together = msgspec.json.decode(together)
        except (msgspec.DecodeError, RecursionError) as error:
            raise InvalidArgument(f"parameter {PARAMS!r} is neither an object nor its JSON: {error}") from None
    if together is not None and not isinstance(together, Mapping):
        raise InvalidArgument(f"parameter {PARAMS!r} must be an object of values by name")
    if signature.params or together:
        request.params = chosen_parameters(signature.params, {**given, **(together or {})})
    elif given:
        names = ", ".join(repr(name[:80]) for name in list(given)[:10])
        request.notes = (*request.notes, f"this model takes no parameters: {names} not read")


def _step(id: object, parameters: Mapping[str, Any]) -> SequenceStep:
    """Reads the step of a sequence. Raises InvalidArgument for an id that is none, and for flags that are no truth
    values."""
    id = without_point(id)
    named = isinstance(id, str) and len(id) <= _LONGEST_ID
    numbered = isinstance(id, int) and not isinstance(id, bool) and 0 < id < 1 << 64
    if not named and not numbered:
        raise InvalidArgument(
            f"sequence_id must be a whole number below 2**64, or a text of at most {_LONGEST_ID} characters"
        )
    flags = [parameters.get(name, False) for name in ("sequence_start", "sequence_end")]
    if not all(isinstance(flag, bool) for flag in flags):
        raise InvalidArgument("sequence_start and sequence_end must be true or false")
    return SequenceStep(id, *flags)  # type: ignore[arg-type]


def signature_name(parameters: Mapping[str, Any]) -> str | None:
    """Returns the signature that is asked for by name, None where none is."""
    value = parameters.get("signature_name")
    if value is not None and not isinstance(value, str):
        raise InvalidArgument("parameter 'signature_name' must be a string")
    return value
