"""ModelInfer messages of the Open Inference Protocol v2: decodes requests and encodes answers.

Source: https://github.com/kserve/open-inference-protocol (inference_grpc.md) and Triton's grpc_service.proto. Clients
decode numbers from `raw_output_contents` alone, so that is what is always sent.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from bms.core.errors import BmsError, InvalidArgument
from bms.core.tensors.fitting import fit_inputs
from bms.core.tensors.request import InferRequest, InferResponse
from bms.core.tensors.signature import Signature
from bms.core.tensors.tensor import Tensor, dtype_of, to_raw
from bms.protocols.client_memory import refuse_shared_memory
from bms.protocols.client_names import map_client_names
from bms.protocols.content_types import content_of, decoded_content
from bms.protocols.oip.classes import NO_CLASSES, TopClasses, best_classes, classes_of
from bms.protocols.oip.grpc.outline import InferMessage
from bms.protocols.oip.grpc.tensors import typed_array
from bms.protocols.oip.infer import MAX_TENSORS, DecodedInfer, set_parameters, signature_name
from bms.protocols.oip.tensors import CONTENT_TYPE, raw_array, whole
from bms.protocols.protobuf.pool import message
from bms.protocols.protobuf.wire import field, varint, varint_field

_StreamResponse = message("inference.ModelStreamInferResponse")
_CHOICE = "parameter_choice"
_EMPTY_FINAL = "triton_enable_empty_final_response"
_NO_CHOICE: Mapping[str, bool] = {}
_FINAL = field(4, field(1, b"triton_final_response") + field(2, varint_field(1, 1)))
_NOT_FINAL = field(4, field(1, b"triton_final_response") + field(2, varint_field(1, 0)))


class _Plan(NamedTuple):
    """How to decode requests with one outline: all of a request but its id and the tensors' bytes. A name, data type
    and shape for every tensor; the same bytes mean the same until the signatures are others."""

    signatures: Mapping[str, Signature]
    model: str
    signature: str
    specs: list[tuple[str, str, tuple[int, ...]]]
    rows: int
    outputs: tuple[str, ...]
    classes: Mapping[str, TopClasses]
    timeout_s: float | None
    priority: int
    params: bytes


def read_version(text: str) -> tuple[int | None, str | None]:
    """Returns the number, or else the alias, that `model_version` is; None for both where it is empty."""
    if text.isascii() and text.isdigit() and len(text) <= 18:
        return int(text), None
    return None, text or None


def decode_infer(given: InferMessage, signatures: Mapping[str, Signature]) -> DecodedInfer:
    """Decodes a request. Raises InvalidArgument for what does not fit the signature it means."""
    outline, id, raws = given
    plan = outline.plan
    if not isinstance(plan, _Plan) or plan.signatures is not signatures or len(plan.specs) != len(raws):
        return _decode_new(given, signatures)
    tensors = [Tensor(spec[0], raw_array(spec[1], spec[2], raw)) for spec, raw in zip(plan.specs, raws, strict=True)]
    infer = InferRequest(
        model=plan.model, inputs=tensors, signature=plan.signature, outputs=plan.outputs, id=id,
        timeout_s=plan.timeout_s, priority=plan.priority, params=plan.params,
    )  # fmt: skip
    return DecodedInfer(infer, plan.rows, True, _NO_CHOICE, plan.classes)


def _decode_new(given: InferMessage, signatures: Mapping[str, Signature]) -> DecodedInfer:
    """Decodes a request and caches its plan, where all its tensors are raw. Otherwise as `decode_infer`."""
    request, raws = given.outline.message, given.raws
    inputs = request.inputs
    if not 1 <= len(inputs) <= MAX_TENSORS:
        raise InvalidArgument(f"the request has {len(inputs)} inputs, expected 1 to {MAX_TENSORS}")
    if raws and len(raws) != len(inputs):
        raise InvalidArgument(f"raw_input_contents has {len(raws)} tensors for {len(inputs)} inputs: send one for each")
    tensors: list[Tensor] = []
    for index, each in enumerate(inputs):
        tensors += _tensors(each, raws[index] if raws else None, request.model_name, signatures)
    parameters, notes = read_parameters(request.parameters), list[str]()
    chosen, placed = map_client_names(
        signatures, signature_name(parameters), tensors, parameters.get(CONTENT_TYPE), notes
    )
    fitted = fit_inputs(signatures[chosen], placed)
    rows, told = fitted.rows, (*notes, *fitted.notes)
    infer = InferRequest(model=request.model_name, inputs=fitted.tensors, signature=chosen, id=given.id, notes=told)
    set_parameters(infer, parameters, signatures)
    infer.outputs, classes = _outputs(request.outputs, signatures[chosen])
    said = any(each.parameters for each in inputs)  # which may declare another meaning of the bytes
    alone = said or infer.sequence is not None or bool(infer.notes)
    if raws and fitted.tensors is tensors and not alone:  # as they came: nothing was cast, renamed or filled in
        given.outline.plan = _Plan(
            signatures,
            infer.model,
            chosen,
            [(each.name, each.datatype, tuple(each.shape)) for each in inputs],
            rows,
            infer.outputs,
            classes,
            infer.timeout_s,
            infer.priority,
            infer.params,
        )
    return DecodedInfer(infer, rows, True, _NO_CHOICE, classes)


def encode_infer(
    response: InferResponse, classes: Mapping[str, TopClasses] = NO_CLASSES, notes: tuple[str, ...] = ()
) -> bytes:
    """Encodes a ModelInferResponse. By hand: it is a few small numbers around raw bytes, which are so copied once.

    Notes for its sender are in the parameter `warning`.
    """
    return _encode(response, classes, _warning(notes) if notes else b"")


def encode_stream_part(
    response: InferResponse, classes: Mapping[str, TopClasses] = NO_CLASSES, notes: tuple[str, ...] = ()
) -> bytes:
    """Encodes a ModelStreamInferResponse. Its parameter `triton_final_response` says whether it is the request's
    last."""
    final = _FINAL if response.final else _NOT_FINAL
    return field(2, _encode(response, classes, final + _warning(notes) if notes else final))


def encode_stream_end(model: str, version: int, id: str | None) -> bytes:
    """Encodes the ModelStreamInferResponse without outputs that ends the parts of one request."""
    return encode_stream_part(InferResponse(model=model, version=version, outputs=[], id=id))


def encode_stream_error(error: BmsError, id: str | None) -> bytes:
    """Encodes a ModelStreamInferResponse for one request that failed; the stream goes on."""
    answer: bytes = _StreamResponse(
        error_message=f"{error.code}: {error.message}", infer_response={"id": id or ""}
    ).SerializeToString()
    return answer


def wants_empty_final(given: InferMessage) -> bool:
    """Whether the client of a stream wants an empty answer after the last part."""
    parameters = given.outline.message.parameters
    return _EMPTY_FINAL in parameters and bool(parameters[_EMPTY_FINAL].bool_param)


def read_parameters(given: Mapping[str, Any]) -> dict[str, Any]:
    """Returns plain values of InferParameters. Raises InvalidArgument for one that has none."""
    values = {}
    for name, parameter in given.items():
        choice = parameter.WhichOneof(_CHOICE)
        if choice is None:
            raise InvalidArgument(f"parameter {name[:80]!r} has no value that is known here")
        values[name] = getattr(parameter, choice)
    return values


def _tensors(given: Any, raw: memoryview | None, model: str, signatures: Mapping[str, Signature]) -> list[Tensor]:
    """Returns the tensors, and masks of what is missing where their content types say so."""
    name, shape = given.name, tuple(given.shape)
    if shape and min(shape) < 0:
        raise InvalidArgument(f"input {name[:80]!r} has shape {list(shape)}: dimensions must not be negative")
    content_type = None
    if given.parameters:
        parameters = read_parameters(given.parameters)
        refuse_shared_memory(parameters, f"input {name[:80]!r}")
        content_type = content_of(parameters.get(CONTENT_TYPE), name, signatures)
    if raw is None:
        return decoded_content(Tensor(name, typed_array(name, given.datatype, shape, given.contents)), content_type)
    if given.HasField("contents") and given.contents.ListFields():
        raise InvalidArgument(
            f"contents field must not be specified when using raw_input_contents for {name[:80]!r} for model "
            f"{model[:80]!r}: input {name[:80]!r} has contents beside raw_input_contents, send one or the other"
        )
    return decoded_content(Tensor(name, raw_array(given.datatype, shape, raw)), content_type)


def _outputs(wanted: Any, signature: Signature) -> tuple[tuple[str, ...], Mapping[str, TopClasses]]:
    """Returns the outputs that are asked for, and those of which the best classes alone."""
    if len(wanted) > MAX_TENSORS:
        raise InvalidArgument(f"the request names {len(wanted)} outputs, expected {MAX_TENSORS} at most")
    names: dict[str, None] = {}
    classes: dict[str, TopClasses] = {}
    for output in wanted:
        signature.output(output.name)
        if output.name in names:
            raise InvalidArgument(f"output {output.name[:80]!r} is asked for twice")
        names[output.name] = None
        if output.parameters:
            parameters = read_parameters(output.parameters)
            refuse_shared_memory(parameters, f"output {output.name!r}")
            if count := whole(parameters.get("classification", 0), "classification"):
                classes[output.name] = classes_of(signature, output.name, count)
    return tuple(names), classes


def _warning(notes: tuple[str, ...]) -> bytes:
    return field(4, field(1, b"warning") + field(2, field(3, "; ".join(notes).encode())))


def _encode(response: InferResponse, classes: Mapping[str, TopClasses], parameters: bytes) -> bytes:
    parts = [_model(response.model, response.version)]
    if response.id:
        parts.append(field(3, response.id.encode()))
    parts.append(parameters)
    raws: list[bytes] = []
    for name, array in response.outputs:
        if name in classes:
            array = best_classes(array, classes[name])
        parts.append(_output(name, dtype_of(array), array.shape))
        raw = to_raw(array)
        raws += (field(6, b"", len(raw)), raw)  # type: ignore[arg-type]
    return b"".join(parts + raws)


@lru_cache(maxsize=1024)
def _model(name: str, version: int) -> bytes:
    return _text(1, name) + field(2, b"%d" % version)


@lru_cache(maxsize=1024)
def _output(name: str, dtype: str, shape: tuple[int, ...]) -> bytes:
    dimensions = b"".join(map(varint, shape))
    packed = field(3, dimensions) if shape else b""
    return field(5, _text(1, name) + field(2, dtype.encode()) + packed)


def _text(number: int, text: str) -> bytes:
    """Encodes a text field; an empty one is left out."""
    return field(number, text.encode()) if text else b""
