"""TensorFlow Serving's REST classify and regress: `examples` of named features → `results`."""

from collections.abc import Mapping
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec
import numpy as np

from bms.core.errors import Internal, InvalidArgument
from bms.core.tensors.fitting import fit_inputs
from bms.core.tensors.request import InferRequest, InferResponse, Verb
from bms.core.tensors.signature import Signature, is_table
from bms.core.tensors.tensor import Array, Tensor
from bms.protocols.json.bodies import BodyDecoder
from bms.protocols.json.repeats import quotes_of
from bms.protocols.json.tensors import dump, text_values
from bms.protocols.json.values import JsonValue, first_character, first_element, members, objects
from bms.protocols.signature_choice import choose_signature
from bms.protocols.tables import table_of_rows
from bms.protocols.tensor_frames import values_of_rows
from bms.protocols.tfserving.predict import DecodedPredict
from bms.protocols.tfserving.serialized_examples import serialized, takes_features

V = TypeVar("V")
_CLASSES = "classes"


class ExamplesBody(msgspec.Struct, Generic[V]):
    """The body that a client sends to `:classify` and `:regress`; `context` holds features that all examples share."""

    examples: V
    context: V | msgspec.UnsetType = msgspec.UNSET
    signature_name: str | None = None


class StrictExamplesBody(ExamplesBody[V], Generic[V], forbid_unknown_fields=True):
    """`ExamplesBody` that refuses unknown members."""


def _quotes(parsed: ExamplesBody[JsonValue]) -> int:
    count = 2 + quotes_of(parsed.examples) + (0 if parsed.signature_name is None else 4)
    return count if parsed.context is msgspec.UNSET else count + 2 + quotes_of(parsed.context)


_body: BodyDecoder[ExamplesBody[JsonValue]] = BodyDecoder(
    StrictExamplesBody[msgspec.Raw],  # type: ignore[arg-type]
    ExamplesBody[msgspec.Raw],  # type: ignore[arg-type]
    ExamplesBody[Any],
    _quotes,
)


def decode_examples(
    body: bytes | memoryview, model: str, signatures: Mapping[str, Signature], verb: Verb
) -> DecodedPredict:
    """Decodes examples. A feature is a value or a list of values, as in `tf.train.Example`; matrices may also be
    nested. For a model that parses serialized examples itself they are serialized, and need not have the same features.

    Raises InvalidArgument for features that are missing, unknown, or do not fill the input's shape.
    """
    parsed, ignored = _body(body)
    if first_element(parsed.examples) != "{":
        raise InvalidArgument("'examples' must be a list of at least one object of named features")
    examples = objects(parsed.examples, "'examples'")
    if parsed.context is not msgspec.UNSET:
        shared = members(parsed.context, "'context'")
        examples = [{**shared, **example} for example in examples]
    given = examples[0].keys()
    chosen = choose_signature(signatures, parsed.signature_name or None, given, verb)
    signature = signatures[chosen]
    notes: list[str] = []
    if takes_features(signature.inputs[0], examples[0]):
        tensors = [serialized(signature.inputs[0], examples, notes)]
    elif is_table(signature) and not any(first_character(value) == "[" for value in examples[0].values()):
        tensors = table_of_rows(examples, signature, notes)
    else:
        for index, example in enumerate(examples):
            if example.keys() != given:
                raise InvalidArgument(f"example {index} has features {sorted(example)}, the first one {sorted(given)}")
        named = [(signature.input(name), [example[name] for example in examples]) for name in given]
        tensors = [Tensor(spec.name, values_of_rows(spec, values, notes)) for spec, values in named]
    fitted = fit_inputs(signature, tensors)
    told = (*notes, *fitted.notes)
    request = InferRequest(model=model, inputs=fitted.tensors, signature=chosen, notes=told, ignored=ignored)
    return DecodedPredict(request, fitted.rows, True)


def encode_classify(response: InferResponse, decoded: DecodedPredict, signature: Signature) -> bytes:
    """Encodes `[[label, score], …]` for every example, in the order of the classes. Errors as in `class_scores`."""
    scores, named, labels = class_scores(response, decoded, signature)
    if named is not None:
        names: Any = text_values(named, False)
        pairs = [[[*pair] for pair in zip(*one, strict=True)] for one in zip(names, scores, strict=True)]
        return dump({"results": pairs})
    return dump({"results": [[[label, score] for label, score in zip(labels, row, strict=True)] for row in scores]})


def encode_regress(response: InferResponse, decoded: DecodedPredict) -> bytes:
    """Encodes one number for every example. Errors as in `regressions`."""
    return dump({"results": np.ascontiguousarray(regressions(response, decoded))})


class ClassScores(NamedTuple):
    """Scores [examples, classes], and the classes' names: `named` [examples, classes] of BYTES in the order of each
    example, else `labels` in the order of all."""

    scores: Array
    named: Array | None
    labels: tuple[str, ...]


def class_scores(response: InferResponse, decoded: DecodedPredict, signature: Signature) -> ClassScores:
    """Returns the scores of classes, named by the signature, else by the model's own output `classes`, else by their
    numbers. Raises InvalidArgument where not each example has its scores."""
    scores = _output(response, signature.scores)
    if scores.ndim != 2:
        raise Internal(f"the scores have {scores.ndim} dimensions, expected examples × classes")
    if len(scores) != _count(decoded):
        raise _not_each(len(scores), decoded)
    named = None if signature.labels else _named_classes(response, scores.shape)
    labels = signature.labels or tuple(str(index) for index in range(scores.shape[1]))
    if len(labels) != scores.shape[1]:
        raise Internal(f"the model gives {scores.shape[1]} scores for {len(labels)} labels")
    return ClassScores(scores, named, labels)


def regressions(response: InferResponse, decoded: DecodedPredict) -> Array:
    """Returns [examples], of the only output that has one number for every example. Raises InvalidArgument where
    numbers are more or fewer than examples."""
    columns = [tensor.array for tensor in response.outputs if tensor.dtype != "BYTES" and _is_column(tensor.array)]
    fitting = [array for array in columns if len(array) == _count(decoded)]
    if len(columns) == 1 and not fitting:
        raise _not_each(len(columns[0]), decoded)
    if len(fitting) != 1:
        told = ", ".join(f"{one.name!r} {one.dtype} {list(one.array.shape)}" for one in response.outputs)
        raise Internal(f"the model gives {told}; expected just one output with a number for every example")
    return fitting[0].reshape(-1)


def _count(decoded: DecodedPredict) -> int:
    """Counts the examples that were sent, also to a model that is not batched, of which all are one row."""
    array = decoded.request.inputs[0].array
    return len(array) if array.ndim else 1


def _not_each(answers: int, decoded: DecodedPredict) -> InvalidArgument:
    return InvalidArgument(
        f"the model gives {answers} answers for {_count(decoded)} examples, and does not say which belongs to which: "
        "send 'inputs' to :predict instead"
    )


def _named_classes(response: InferResponse, shape: tuple[int, ...]) -> Array | None:
    """Returns the names of each example's classes, where the model gives them beside their scores, as TensorFlow's
    do."""
    for tensor in response.outputs:
        if tensor.name == _CLASSES and tensor.dtype == "BYTES" and tensor.array.shape == shape:
            return tensor.array
    return None


def _is_column(array: Array) -> bool:
    return array.ndim == 1 or (array.ndim == 2 and array.shape[1] == 1)


def _output(response: InferResponse, name: str | None) -> Array:
    for tensor in response.outputs:
        if tensor.name == name:
            return tensor.array
    raise Internal(f"the model did not give the output {name!r} that holds its scores")
