"""TensorFlow Serving's REST classify and regress: `examples` of named features → `results`."""

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import msgspec
import numpy as np

from bms.core.errors import Internal, InvalidArgument
from bms.core.fitting import fit_inputs
from bms.core.inference import InferRequest, InferResponse, Verb
from bms.core.signature import Signature, TensorSpec, is_table
from bms.core.tensor import Array, Tensor
from bms.protocols.json_tensors import array_of, dump
from bms.protocols.json_values import BodyDecoder, JsonValue, first_character, first_element, joined, members, objects
from bms.protocols.signature_choice import choose_signature
from bms.protocols.tables import table_of_rows
from bms.protocols.tfserving import Decoded

V = TypeVar("V")


class ExamplesBody(msgspec.Struct, Generic[V], forbid_unknown_fields=True):
    """What a client sends to `:classify` and `:regress`; `context` holds features that all examples share."""

    examples: V
    context: V | msgspec.UnsetType = msgspec.UNSET
    signature_name: str | None = None


_body: BodyDecoder[ExamplesBody[JsonValue]] = BodyDecoder(ExamplesBody[msgspec.Raw], ExamplesBody[Any])  # type: ignore[arg-type]


def decode_examples(body: bytes | memoryview, model: str, signatures: Mapping[str, Signature], verb: Verb) -> Decoded:
    """A feature is a value or a list of values, as in `tf.train.Example`; matrices may also be nested.

    Raises InvalidArgument for features that are missing, unknown, or do not fill the input's shape.
    """
    parsed = _body(body)
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
    if is_table(signature) and not any(first_character(value) == "[" for value in examples[0].values()):
        tensors = table_of_rows(examples, signature, notes)
    else:
        for index, example in enumerate(examples):
            if example.keys() != given:
                raise InvalidArgument(f"example {index} has features {sorted(example)}, the first one {sorted(given)}")
        named = [(signature.input(name), [example[name] for example in examples]) for name in given]
        tensors = [Tensor(spec.name, _column(spec, values, notes)) for spec, values in named]
    fitted = fit_inputs(signature, tensors)
    request = InferRequest(model=model, inputs=fitted.tensors, signature=chosen, notes=(*notes, *fitted.notes))
    return Decoded(request, fitted.rows, True)


def encode_classify(response: InferResponse, signature: Signature) -> bytes:
    """`[[label, score], …]` for every example, in the order of the classes; unnamed classes by their number."""
    scores = _output(response, signature.scores)
    if scores.ndim != 2:
        raise Internal(f"the scores have {scores.ndim} dimensions, expected examples × classes")
    labels = signature.labels or tuple(str(index) for index in range(scores.shape[1]))
    if len(labels) != scores.shape[1]:
        raise Internal(f"the model gives {scores.shape[1]} scores for {len(labels)} labels")
    return dump({"results": [[[label, score] for label, score in zip(labels, row, strict=True)] for row in scores]})


def encode_regress(response: InferResponse) -> bytes:
    """One number for every example: of the only output that has one."""
    fitting = [tensor.array for tensor in response.outputs if tensor.dtype != "BYTES" and _is_column(tensor.array)]
    if len(fitting) != 1:
        told = ", ".join(f"{one.name!r} {one.dtype} {list(one.array.shape)}" for one in response.outputs)
        raise Internal(f"the model gives {told}; expected just one output with a number for every example")
    return dump({"results": np.ascontiguousarray(fitting[0].reshape(-1))})


def _column(spec: TensorSpec, values: list[JsonValue], notes: list[str]) -> Array:
    what, rank, inner = spec.name, len(spec.shape), spec.shape[1:]
    if first_character(values[0]) != "[":
        column = array_of(joined(values), spec.dtype, 1, what, notes)
        return column.reshape((len(values), *(1 for _ in inner)))
    nested = joined(values)
    if rank > 2 and first_element(values[0]) == "[":
        return array_of(nested, spec.dtype, rank, what, notes)
    flat = array_of(nested, spec.dtype, 2, what, notes)
    if rank == 2 or spec.column is not None:
        return flat
    known = tuple(size for size in inner if size is not None)
    if len(known) != len(inner) or flat.shape[1] != int(np.prod(known, dtype=np.int64)):
        raise InvalidArgument(f"{what!r} has {flat.shape[1]} values, expected shape {list(inner)}")
    return flat.reshape((len(values), *known))


def _is_column(array: Array) -> bool:
    return array.ndim == 1 or (array.ndim == 2 and array.shape[1] == 1)


def _output(response: InferResponse, name: str | None) -> Array:
    for tensor in response.outputs:
        if tensor.name == name:
            return tensor.array
    raise Internal(f"the model did not give the output {name!r} that holds its scores")
