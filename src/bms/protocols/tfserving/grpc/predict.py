"""TensorFlow Serving's Predict over gRPC: decodes requests and encodes answers."""

from collections.abc import Mapping
from math import prod
from typing import Any, NamedTuple

from bms.core.errors import FailedPrecondition, InvalidArgument
from bms.core.tensors.fitting import fit_inputs
from bms.core.tensors.request import InferRequest, InferResponse
from bms.core.tensors.signature import Signature
from bms.core.tensors.tensor import Tensor
from bms.protocols.oip.infer import MAX_TENSORS
from bms.protocols.oip.tensors import raw_array
from bms.protocols.signature_choice import choose_signature
from bms.protocols.tfserving.grpc.data_types import data_type
from bms.protocols.tfserving.grpc.model_spec import write_spec
from bms.protocols.tfserving.grpc.predict_outline import PredictMessage, input_names
from bms.protocols.tfserving.grpc.read_tensor import read_tensor
from bms.protocols.tfserving.grpc.write_tensor import Parts, write_entry

_RAW_FIELDS = {"FP32": "float_val", "FP64": "double_val"}  # in which values are as raw as in tensor_content


class DecodedGrpcPredict(NamedTuple):
    """A decoded request and its number of rows."""

    request: InferRequest
    rows: int


class _Plan(NamedTuple):
    """How to decode requests with one outline: all of a request but the tensors' bytes. The same bytes mean the same
    until the signatures are others."""

    signatures: Mapping[str, Signature]
    signature: str
    specs: list[tuple[str, str, tuple[int, ...]]]
    rows: int


def decode_predict(given: PredictMessage, signatures: Mapping[str, Signature]) -> DecodedGrpcPredict:
    """Decodes a request. Raises InvalidArgument for what does not fit the signature it means, FailedPrecondition where
    there is no signature of that name."""
    outline, raws, _, _ = given
    plan = outline.plan
    if not isinstance(plan, _Plan) or plan.signatures is not signatures:
        return _decode_new(given, signatures)
    tensors = [Tensor(spec[0], raw_array(spec[1], spec[2], raw)) for spec, raw in zip(plan.specs, raws, strict=True)]
    request = InferRequest(model=outline.meant.name, inputs=tensors, signature=plan.signature, outputs=outline.filter)
    return DecodedGrpcPredict(request, plan.rows)


def _decode_new(given: PredictMessage, signatures: Mapping[str, Signature]) -> DecodedGrpcPredict:
    """Decodes a request and caches its plan, where all its tensors are raw. Otherwise as `decode_predict`."""
    outline, message = given.outline, given.parsed()
    inputs, named = message.inputs, outline.meant.signature
    if len(inputs) > MAX_TENSORS:
        raise InvalidArgument(f"the request has {len(inputs)} inputs, expected {MAX_TENSORS} at most")
    if named is not None and named not in signatures:
        raise FailedPrecondition(f'Serving signature key "{named[:80]}" not found.')
    if not inputs:
        raise InvalidArgument("the request has no inputs: send a tensor for each that the signature takes")
    raw = len(given.raws) == len(inputs)  # of a name that comes twice, the last counts
    names = input_names(given.data) if raw else list(inputs)
    tensors = [Tensor(name, read_tensor(name, inputs[name])) for name in names]
    chosen = choose_signature(signatures, named, names)
    for name in outline.filter:
        signatures[chosen].output(name)
    if len(set(outline.filter)) != len(outline.filter):
        raise InvalidArgument("output_filter names an output twice: name each once")
    fitted = fit_inputs(signatures[chosen], tensors)
    if raw and fitted.tensors is tensors and all(_is_raw(inputs[name]) for name in names):
        specs = [(name, data_type(inputs[name].dtype, name).dtype, array.shape) for name, array in tensors]
        outline.plan = _Plan(signatures, chosen, specs, fitted.rows)
    request = InferRequest(
        model=outline.meant.name,
        inputs=fitted.tensors,
        signature=chosen,
        outputs=outline.filter,
        notes=fitted.notes,
    )
    return DecodedGrpcPredict(request, fitted.rows)


def _is_raw(tensor: Any) -> bool:
    """Whether a tensor holds all its values, as raw numbers."""
    dtype = data_type(tensor.dtype, "").dtype
    if tensor.tensor_content:
        return dtype != "BYTES"
    return dtype in _RAW_FIELDS and len(getattr(tensor, _RAW_FIELDS[dtype])) == prod(
        d.size for d in tensor.tensor_shape.dim
    )


def encode_predict(response: InferResponse, signature: str) -> bytes:
    """Encodes a PredictResponse. By hand: it is a few small numbers around raw bytes, which are so copied once."""
    parts: Parts = []
    for name, array in response.outputs:
        write_entry(1, name, array, parts)
    parts.append(write_spec(2, response.model, response.version, signature))
    return b"".join(parts)
