"""Decodes Classify, Regress and MultiInference: messages of `tf.train.Example`s to requests.

A model that parses examples itself is given them as they came, each behind the context that all share, as TensorFlow
Serving does; any other gets their features as its inputs.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from bms.core.errors import InvalidArgument
from bms.core.formats.example_codec import decode_example
from bms.core.tensors.fitting import fit_inputs
from bms.core.tensors.request import InferRequest, Verb
from bms.core.tensors.signature import Signature
from bms.core.tensors.tensor import Tensor
from bms.protocols.protobuf.pool import message, parse
from bms.protocols.signature_choice import choose_signature
from bms.protocols.tfserving.grpc.features import tensors_of
from bms.protocols.tfserving.predict import DecodedPredict

MOST_EXAMPLES = 100_000  # of one request
MOST_SHARED_BYTES = 64 << 20  # of the context, which each example gets
MOST_TASKS = 256

_Request = message("bms.serialized.ExamplesRequest")
_MultiRequest = message("bms.serialized.MultiInferenceRequest")
_Example = message("tensorflow.Example")


def read_examples(data: bytes | memoryview) -> Any:
    """Parses a ClassificationRequest or RegressionRequest, whose examples are bytes."""
    return parse(_Request, data)


def read_tasks(data: bytes | memoryview) -> Any:
    """Parses a MultiInferenceRequest, whose examples are bytes. Raises InvalidArgument for none, and for too many."""
    request = parse(_MultiRequest, data)
    if not 1 <= len(request.tasks) <= MOST_TASKS:
        raise InvalidArgument(f"the request has {len(request.tasks)} tasks, expected 1 to {MOST_TASKS}")
    return request


def examples_of(request: Any) -> list[bytes]:
    """Returns each example as it came, behind the context: parsed as one, what the example says goes before what is
    shared.

    Raises InvalidArgument for none, and for what is no example.
    """
    kind = request.input.WhichOneof("kind")
    given = getattr(request.input, kind) if kind else None
    if given is None or not given.examples:
        raise InvalidArgument("Input is empty.")
    context = given.context if kind == "example_list_with_context" else b""
    count = len(given.examples)
    if count > MOST_EXAMPLES or count * len(context) > MOST_SHARED_BYTES:
        raise InvalidArgument(
            f"the request has {count} examples, with a context of {len(context)} bytes for each: send at most "
            f"{MOST_EXAMPLES}, and {MOST_SHARED_BYTES} bytes of context for all"
        )
    examples = [context + example for example in given.examples]
    for example in examples:
        parse(_Example, example)
    return examples


def decode_examples(
    examples: list[bytes], model: str, named: str | None, signatures: Mapping[str, Signature], verb: Verb
) -> DecodedPredict:
    """Decodes examples. Raises InvalidArgument for features that are missing, unknown, or do not fill the input's
    shape."""
    first = decode_example(examples[0])
    chosen = choose_signature(signatures, named, first.keys(), verb)
    signature = signatures[chosen]
    if signature.inputs[0].features is not None:
        rows = np.empty(len(examples), dtype=object)
        rows[:] = examples
        tensors = [Tensor(signature.inputs[0].name, rows)]
    else:
        tensors = tensors_of([first, *map(decode_example, examples[1:])], signature)
    fitted = fit_inputs(signature, tensors)
    request = InferRequest(model=model, inputs=fitted.tensors, signature=chosen, notes=fitted.notes)
    return DecodedPredict(request, fitted.rows, True)
