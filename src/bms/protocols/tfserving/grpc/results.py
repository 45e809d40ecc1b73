"""Encodes classes and regressions of a model's outputs as messages.

What they are is found as over REST (`tfserving.examples`). By hand: it is a few octets around each number.
"""

from collections.abc import Iterable
from functools import lru_cache

import numpy as np

from bms.core.tensors.request import InferResponse
from bms.core.tensors.signature import Signature
from bms.core.tensors.tensor import Array
from bms.protocols.protobuf.wire import field
from bms.protocols.tfserving.examples import class_scores, regressions
from bms.protocols.tfserving.grpc.model_spec import write_spec
from bms.protocols.tfserving.predict import DecodedPredict

_SCORE, _VALUE = b"\x15", b"\x0d"  # tags of Class.score and Regression.value, floats
_FLOAT = 4  # bytes


def classification_result(response: InferResponse, decoded: DecodedPredict, signature: Signature) -> bytes:
    """Encodes a ClassificationResult. Errors as in `class_scores`."""
    scores, named, labels = class_scores(response, decoded, signature)
    rows: Iterable[Iterable[bytes]]
    if named is None:
        heads = _heads(labels)
        rows = (heads for _ in scores)
    else:
        rows = ([_head(name) for name in row] for row in named)
    return b"".join(
        field(1, b"".join([head + score for head, score in zip(row, _floats(one), strict=True)]))
        for row, one in zip(rows, scores, strict=True)
    )


def regression_result(response: InferResponse, decoded: DecodedPredict) -> bytes:
    """Encodes a RegressionResult. Errors as in `regressions`."""
    return b"".join([field(1, _VALUE + number) for number in _floats(regressions(response, decoded))])


def result_response(result: bytes, response: InferResponse, signature: str) -> bytes:
    """Encodes a ClassificationResponse or RegressionResponse."""
    return field(1, result) + write_spec(2, response.model, response.version, signature)


def task_result(result: bytes, number: int, response: InferResponse, signature: str) -> bytes:
    """Encodes one of the results of a MultiInferenceResponse; `number` is 2 for classes, 3 for regressions."""
    return field(1, write_spec(1, response.model, response.version, signature) + field(number, result))


@lru_cache(maxsize=64)
def _heads(labels: tuple[str, ...]) -> list[bytes]:
    return [_head(label.encode()) for label in labels]


def _head(name: object) -> bytes:
    """Encodes a Class but for its score. What is no text in UTF-8 is made such: a label is a string."""
    label = name if isinstance(name, bytes) else str(name).encode()
    label = label.decode(errors="replace").encode()
    named = field(1, label) + _SCORE
    return field(1, b"", len(named) + _FLOAT) + named


def _floats(numbers: Array) -> list[bytes]:
    with np.errstate(over="ignore"):
        raw = numbers.astype("<f4").tobytes()
    return [raw[at : at + _FLOAT] for at in range(0, len(raw), _FLOAT)]
