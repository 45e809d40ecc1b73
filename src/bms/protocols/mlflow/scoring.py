"""MLflow's scoring protocol: decodes bodies of `/invocations` and encodes `{"predictions": …}`.

Source: mlflow/pyfunc/scoring_server/__init__.py and mlflow/utils/proto_json_utils.py of MLflow 3.17. Where its server
leaves out what it does not know, parameters above all, this one refuses.
"""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from bms.core.errors import BmsError, InvalidArgument, UnsupportedMedia
from bms.core.tensors.columns import mask_name
from bms.core.tensors.predicted import Predicted
from bms.core.tensors.request import InferResponse
from bms.core.tensors.signature import Signature
from bms.core.tensors.tensor import Array, Tensor
from bms.protocols.json.tensors import dump, text_values
from bms.protocols.mlflow.bytes import from_base64, to_base64
from bms.protocols.tfserving.predict import DecodedPredict, decode_csv, decode_predict

VERSION = "3.17.2"  # of MLflow, whose protocol this is: what its clients ask for is which one they may speak
ONLY_UTF8 = "charset must be utf-8"
_CHAT = ("messages", "prompt", "input")
_CODES = {
    "INVALID_ARGUMENT": "BAD_REQUEST",
    "FAILED_PRECONDITION": "BAD_REQUEST",
    "PAYLOAD_TOO_LARGE": "BAD_REQUEST",
    "NOT_FOUND": "RESOURCE_DOES_NOT_EXIST",
    "RESOURCE_EXHAUSTED": "REQUEST_LIMIT_EXCEEDED",
    "UNAVAILABLE": "TEMPORARILY_UNAVAILABLE",
    "UNIMPLEMENTED": "NOT_IMPLEMENTED",
    "INTERNAL": "INTERNAL_ERROR",
    "DATA_LOSS": "INTERNAL_ERROR",
    "ALREADY_EXISTS": "RESOURCE_ALREADY_EXISTS",
}


def error_body(error: BmsError) -> bytes:
    """Encodes an error as MLflow writes it: `error_code` is one of its own names."""
    return dump({"error_code": _CODES.get(error.code, error.code), "message": error.message})


def decode_invocation(
    body: bytes | memoryview, content_type: bytes, model: str, signatures: Mapping[str, Signature]
) -> DecodedPredict:
    """Decodes a body of JSON, or of CSV by its content type. Columns that the model does not have are left out, with a
    note.

    Raises InvalidArgument for what does not fit the model, UnsupportedMedia for another character set than UTF-8.
    """
    csv = _is_csv(content_type)
    if csv:
        decoded = decode_csv(body, model, signatures, "predict", mlflow=True)
    else:
        try:
            decoded = decode_predict(body, model, signatures, mlflow=True)
        except InvalidArgument:
            if (chat := _chat_member(body)) is None:
                raise
            raise InvalidArgument(
                f"a body with {chat!r} is one for models that chat, complete or embed in OpenAI's way, which is not "
                "answered here: send 'dataframe_split', 'dataframe_records', 'instances' or 'inputs'; a model that "
                "answers texts is asked by /v2/models/NAME/generate, and /v1/embeddings embeds texts"
            ) from None
    signature = signatures[decoded.request.signature or ""]
    if signature.predicted is not None and signature.predicted.base64 and not csv:
        decoded.request.inputs = from_base64(list(decoded.request.inputs), signature.predicted.base64, body)
    predicted = _predicted(signature)
    if predicted is not None and predicted.outputs:
        decoded.request.outputs = predicted.outputs
    return decoded


def encode_invocation(response: InferResponse, decoded: DecodedPredict, signature: Signature) -> bytes:
    """Encodes an answer. Raises InvalidArgument where a model's outputs have no common number of rows, but are a
    frame."""
    known = {tensor.name for tensor in response.outputs}
    gaps = {name: tensor.array for tensor in response.outputs for name in known if tensor.name == mask_name(name)}
    masks = {mask_name(name) for name in gaps}
    predicted, outputs = _predicted(signature), [one for one in response.outputs if one.name not in masks]
    if predicted is None:
        several = "records" if decoded.row_form else "columns"
        predicted = Predicted(form="value" if len(outputs) == 1 else several)  # type: ignore[arg-type]
    values = [_with_nulls(_values(tensor, predicted), gaps.get(tensor.name)) for tensor in outputs]
    names = predicted.names or tuple(tensor.name for tensor in outputs)
    told: object = values[0]
    if predicted.form == "columns":
        told = dict(zip(names, values, strict=True))
    elif predicted.form == "records":
        told = _records(outputs, names, values)
    elif predicted.form == "lists":
        told = [[one] for one in (values[0] if isinstance(values[0], list) else values[0].tolist())]
    elif predicted.form == "numbered":
        told = [{str(at): one for at, one in enumerate(row)} for row in _rows(outputs[0].array)]
    if predicted.nested or predicted.form == "numbered":  # plain values of Python
        return json.dumps({"predictions": told}, default=_plain).encode()
    return dump({"predictions": told})


def _predicted(signature: Signature) -> Predicted | None:
    """Returns the form of the answer; None where it is not known, or is of outputs that this signature was declared
    without."""
    predicted = signature.predicted
    known = {spec.name for spec in signature.outputs}
    return predicted if predicted is not None and known.issuperset(predicted.outputs) else None


def _values(tensor: Tensor, predicted: Predicted) -> Any:
    array = tensor.array
    if tensor.name in predicted.base64:
        return to_base64(array)
    if tensor.name in predicted.nested:
        return [json.loads(text) for text in array.tolist()]
    if predicted.column is not None:
        array = np.ascontiguousarray(array[..., predicted.column])
    return text_values(array, False) if tensor.dtype == "BYTES" else array


def _with_nulls(values: Any, gaps: Array | None) -> Any:
    """With None for what is missing, as MLflow's server has it."""
    if gaps is None:
        return values
    if gaps.ndim > 1:
        return [_with_nulls(one, gap) for one, gap in zip(values, gaps, strict=True)]
    listed = values.tolist() if isinstance(values, np.ndarray) else values
    return [None if gap else one for one, gap in zip(listed, gaps.tolist(), strict=True)]


def _records(outputs: list[Tensor], names: tuple[str, ...], values: list[Any]) -> list[dict[str, Any]]:
    lengths = {tensor.array.shape[0] if tensor.array.ndim else None for tensor in outputs}
    if len(lengths) != 1 or None in lengths:
        raise InvalidArgument("the model's outputs have no common number of rows, so that they can't be a frame")
    return [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)]


def _rows(array: Array) -> list[list[Any]]:
    rows: list[Any] = array.tolist()
    return [row if isinstance(row, list) else [row] for row in rows]


def _plain(value: Any) -> Any:
    return value.tolist()


def _is_csv(content_type: bytes) -> bool:
    """Whether the body is CSV, else it is JSON. Raises UnsupportedMedia for one that is not UTF-8."""
    kind, *more = [part.strip().lower() for part in content_type.decode("latin-1").split(";")]
    for part in more:
        name, _, value = part.partition("=")
        if name and (name.strip() != "charset" or value.strip(' "') != "utf-8"):
            raise UnsupportedMedia(f"content type parameter {part[:80]!r} is not understood: {ONLY_UTF8}")
    return kind == "text/csv"


def _chat_member(body: bytes | memoryview) -> str | None:
    try:
        given = json.loads(bytes(body))
    except (ValueError, RecursionError):
        return None
    return next((name for name in _CHAT if isinstance(given, dict) and name in given), None)
