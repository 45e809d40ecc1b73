"""TensorFlow Serving's GetModelStatus and GetModelMetadata: the states of versions, and the signatures of one."""

from collections.abc import Iterable
from typing import Any

from bms.core.errors import InvalidArgument, NotFound
from bms.core.serving.snapshot import ServedVersion
from bms.core.tensors.signature import Signature, TensorSpec
from bms.protocols.protobuf.pool import POOL, message
from bms.protocols.tfserving.grpc.data_types import NUMBERS
from bms.protocols.tfserving.grpc.model_spec import Meant

_Status = message("tensorflow.serving.GetModelStatusResponse")
_Metadata = message("tensorflow.serving.GetModelMetadataResponse")
_SignatureDefs = message("tensorflow.serving.SignatureDefMap")
_STATES = POOL.FindEnumTypeByName("tensorflow.serving.ModelVersionStatus.State").values_by_name
_UNKNOWN = 2  # an error code
_FIELD = "signature_def"


def status_unknown(meant: Meant) -> NotFound:
    """Returns the error for an unknown model, or version of it, in the words of GetModelStatus."""
    if meant.number is None:
        return NotFound(f"Could not find any versions of model {meant.name}")
    return NotFound(f"Could not find version {meant.number} of model {meant.name}")


def model_status(versions: Iterable[ServedVersion]) -> bytes:
    """Encodes a GetModelStatusResponse, newest version first."""
    response = _Status()
    for version in sorted(versions, key=lambda version: -version.number):
        told = response.model_version_status.add(version=version.number, state=_STATES[version.state].number)
        told.status.error_code = _UNKNOWN if version.error else 0
        told.status.error_message = version.error
    written: bytes = response.SerializeToString()
    return written


def check_fields(fields: Iterable[str]) -> None:
    """Raises InvalidArgument unless signatures alone are asked for."""
    asked = list(fields)
    if not asked:
        raise InvalidArgument("GetModelMetadataRequest must specify at least one metadata_field")
    for name in asked:
        if name != _FIELD:
            raise InvalidArgument(f"Metadata field {name[:80]} is not supported: ask for {_FIELD}")


def model_metadata(model: str, version: ServedVersion) -> bytes:
    """Encodes a GetModelMetadataResponse with all signatures, packed as TensorFlow Serving does."""
    signatures = _SignatureDefs()
    for name, signature in version.signatures.items():
        _define(signatures.signature_def[name], signature)
    response = _Metadata()
    response.model_spec.name = model
    response.model_spec.version.value = version.number
    response.metadata[_FIELD].Pack(signatures)
    written: bytes = response.SerializeToString(deterministic=True)
    return written


def _define(out: Any, signature: Signature) -> None:
    out.method_name = f"tensorflow/serving/{signature.method}"
    for spec in signature.inputs:
        _describe(out.inputs[spec.name], spec)
    for spec in signature.outputs:
        _describe(out.outputs[spec.name], spec)


def _describe(out: Any, spec: TensorSpec) -> None:
    out.name = f"{spec.name}:0"
    out.dtype = NUMBERS[spec.dtype]
    out.tensor_shape.SetInParent()
    for size in spec.shape:
        out.tensor_shape.dim.add(size=-1 if size is None else size)
