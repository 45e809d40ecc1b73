"""Answers of classifiers as KServe's servers give them: the label of each row alone.

By V1 `{"predictions": [1, 1]}`, by V2 one output, `output-0`, which metadata list and a request may name, beside the
model's own outputs. Source: kserve's sklearn, xgboost and lightgbm servers (`get_predict_response`), and its e2e tests.
"""

import re
from collections.abc import Iterable, Mapping

import msgspec
import numpy as np
import numpy.typing as npt

from bms.core.tensors.class_names import numbered
from bms.core.tensors.request import InferResponse
from bms.core.tensors.signature import Signature, TensorSpec
from bms.core.tensors.tensor import Array, Tensor
from bms.protocols.json.tensors import dump, text_values
from bms.protocols.oip.infer import DecodedInfer

_OUTPUT = "output-0"
_LABEL = re.compile(r"(output_)?(predicted_)?(label|class|predict)(s|es|ion|ions)?", re.IGNORECASE)
_WHOLE = re.compile(r"-?(0|[1-9]\d{0,17})", re.ASCII)
_MOST = 1024  # versions whose signatures are remembered with labels
_labelled: dict[int, tuple[Mapping[str, Signature], Mapping[str, Signature]]] = {}


def with_labels(signatures: Mapping[str, Signature]) -> Mapping[str, Signature]:
    """Returns the signatures as V2 clients see them: those of classifiers have `output-0`, first. The same object for
    the same signatures, since whoever caches what a request means relies on it."""
    found = _labelled.get(id(signatures))
    if found is None or found[0] is not signatures:
        if len(_labelled) >= _MOST:
            _labelled.clear()
        found = signatures, {name: _with_label(signature) for name, signature in signatures.items()}
        _labelled[id(signatures)] = found  # which keeps them, so that no others get their number
    return found[1]


def label_request(decoded: DecodedInfer, signatures: Mapping[str, Signature]) -> DecodedInfer:
    """Translates a request for `output-0` into outputs of the model; `asked` records what its answer has."""
    request = decoded.request
    if _OUTPUT not in request.outputs:
        return decoded
    signature = signatures[request.signature or ""]
    source = _source(signature)
    if source is None:
        return decoded  # an output of the model's own has that name
    asked = request.outputs
    request.outputs = tuple(dict.fromkeys(source.name if name == _OUTPUT else name for name in asked))
    return decoded._replace(asked=asked)


def encode_labels(response: InferResponse, signature: Signature) -> bytes | None:
    """Encodes a V1 body; None where the outputs have no label for each row, which is then answered as TensorFlow
    Serving does."""
    labels = _labels(response.outputs, signature)
    if labels is None:
        return None
    column = Tensor("", labels)
    return dump({"predictions": text_values(labels, False) if column.dtype == "BYTES" else labels})


def label_response(response: InferResponse, decoded: DecodedInfer, signature: Signature) -> InferResponse:
    """Builds a V2 answer: for a request that names no outputs labels alone, `response` itself where its outputs have
    none for each row; else the outputs that it names."""
    if decoded.asked:
        return _answer(response, [_named_output(response, name, signature) for name in decoded.asked])
    if decoded.request.outputs:
        return response
    labels = _labels(response.outputs, signature)
    return response if labels is None else _answer(response, [Tensor(_OUTPUT, labels)])


def _answer(response: InferResponse, outputs: list[Tensor]) -> InferResponse:
    return InferResponse(
        model=response.model, version=response.version, outputs=outputs, id=response.id, final=response.final
    )


def _named_output(response: InferResponse, name: str, signature: Signature) -> Tensor:
    source = _source(signature) if name == _OUTPUT else None
    (array,) = [one.array for one in response.outputs if one.name == (name if source is None else source.name)]
    if source is None:
        return Tensor(name, array)
    return Tensor(_OUTPUT, _best(array, signature) if source.name == signature.scores else array.reshape(len(array)))


def _with_label(signature: Signature) -> Signature:
    source = _source(signature)
    if source is None:
        return signature
    dtype = source.dtype
    if source.name == signature.scores:
        dtype = "INT64" if all(map(_WHOLE.fullmatch, signature.labels)) else "BYTES"
    told = TensorSpec(name=_OUTPUT, dtype=dtype, shape=source.shape[:1])
    return msgspec.structs.replace(signature, outputs=(told, *signature.outputs))


def _source(signature: Signature) -> TensorSpec | None:
    """Returns the output that labels are made of; None where there are none, or the model's own would be hidden by
    them."""
    specs = signature.outputs
    if signature.method != "classify" or any(spec.name == _OUTPUT for spec in specs):
        return None
    own = next((spec for spec in specs if _LABEL.fullmatch(spec.name) and spec.shape[1:] in ((), (1,))), None)
    if own is not None and own.shape:
        return own
    return next((spec for spec in specs if spec.name == signature.scores and len(spec.shape) == 2), None)


def _labels(outputs: Iterable[Tensor], signature: Signature) -> Array | None:
    """Returns a label for each row: the output that is called so, else the class with the largest score by its name."""
    given = list(outputs)
    if signature.method != "classify" or any(one.name == _OUTPUT for one in given):
        return None
    told = next((one.array for one in given if _LABEL.fullmatch(one.name) and _one_a_row(one.array)), None)
    if told is not None:
        return told.reshape(len(told))
    scores = next((one.array for one in given if one.name == signature.scores), None)
    if scores is None or scores.ndim != 2 or not scores.shape[1]:
        return None
    return _best(scores, signature)


def _one_a_row(array: Array) -> bool:
    return array.ndim == 1 or (array.ndim == 2 and array.shape[1] == 1)


def _best(scores: Array, signature: Signature) -> Array:
    """Returns the names of the classes with the largest scores; names that are all whole numbers become numbers."""
    labels = signature.labels
    best: npt.NDArray[np.intp] = np.argmax(scores, axis=1)
    names = labels if len(labels) == scores.shape[1] else numbered(scores.shape[1])
    if all(_WHOLE.fullmatch(name) for name in names):
        return np.array([int(name) for name in names], dtype=np.int64)[best]
    texts: npt.NDArray[np.object_] = np.empty(len(names), dtype=object)
    texts[:] = [name.encode() for name in names]
    return texts[best]
