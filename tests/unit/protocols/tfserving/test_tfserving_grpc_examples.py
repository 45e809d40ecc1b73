"""Classify, Regress and MultiInference over gRPC: examples to requests, outputs to results."""

from typing import Any

import numpy as np
import pytest

from bms.core.errors import InvalidArgument
from bms.core.formats.example_codec import decode_example
from bms.core.tensors.features import Feature
from bms.core.tensors.request import InferResponse, Verb
from bms.core.tensors.signature import Signature, TensorSpec, column_spec
from bms.core.tensors.tensor import Tensor
from bms.protocols.protobuf.pool import message
from bms.protocols.protobuf.wire import field
from bms.protocols.tfserving.grpc.examples import MOST_EXAMPLES, decode_examples, examples_of, read_examples, read_tasks
from bms.protocols.tfserving.grpc.results import classification_result, regression_result, result_response, task_result
from bms.protocols.tfserving.predict import DecodedPredict

Example = message("tensorflow.Example")
Request = message("tensorflow.serving.ClassificationRequest")
Classes = message("tensorflow.serving.ClassificationResponse")
Regressions = message("tensorflow.serving.RegressionResponse")
Multi = message("tensorflow.serving.MultiInferenceResponse")


def spec(name: str, dtype: str, *shape: int | None, **more: Any) -> TensorSpec:
    return TensorSpec(name=name, dtype=dtype, shape=shape, **more)  # type: ignore[arg-type]


SCORES = (spec("scores", "FP32", None, 2),)
MATRIX = Signature(inputs=(spec("x", "FP32", None, 2),), outputs=SCORES, method="classify", scores="scores")
SQUARES = Signature(inputs=(spec("x", "FP32", None, 2, 2),), outputs=SCORES, method="classify", scores="scores")
ONE = Signature(inputs=(spec("n", "INT64", None),), outputs=(spec("v", "FP32", None),), method="regress")
PARSING = Signature(
    inputs=(spec("examples", "BYTES", None, features=(Feature(name="a", dtype="FP32"),)),),
    outputs=SCORES,
    method="classify",
    scores="scores",
)
TABLE = Signature(
    inputs=(
        column_spec("length", "number"),
        column_spec("count", "integer", optional=True),
        column_spec("kind", "text", optional=True),
    ),
    outputs=SCORES,
    method="classify",
    scores="scores",
    labels=("no", "yes"),
)


def example(**features: Any) -> Any:
    made = Example()
    for name, values in features.items():
        feature = made.features.feature[name]
        if not values:
            feature.SetInParent()
        elif isinstance(values[0], bytes):
            feature.bytes_list.value.extend(values)
        elif isinstance(values[0], float):
            feature.float_list.value.extend(values)
        else:
            feature.int64_list.value.extend(values)
    return made


def asked(*examples: Any, context: Any = None) -> bytes:
    request = Request()
    request.model_spec.name = "m"
    if context is None:
        request.input.example_list.examples.extend(examples)
    else:
        request.input.example_list_with_context.examples.extend(examples)
        request.input.example_list_with_context.context.CopyFrom(context)
    return bytes(request.SerializeToString())


def decoded(signature: Signature, *examples: Any, verb: Verb = "classify", context: Any = None) -> DecodedPredict:
    rows = examples_of(read_examples(asked(*examples, context=context)))
    return decode_examples(rows, "m", None, {"serving_default": signature}, verb)


def test_features_are_the_inputs_of_a_model_that_parses_none() -> None:
    request, rows = decoded(MATRIX, example(x=[1.0, 2.0]), example(x=[3.0, 4.0]))[:2]
    assert (rows, request.inputs[0].array.tolist()) == (2, [[1, 2], [3, 4]])
    request = decoded(SQUARES, example(x=[1, 2, 3, 4])).request
    assert request.inputs[0].array.tolist() == [[[1, 2], [3, 4]]]
    request = decoded(ONE, example(n=[2**62]), example(n=[-1]), verb="regress").request
    assert request.inputs[0].array.tolist() == [2**62, -1]


def test_a_model_that_parses_examples_gets_them_as_they_came_behind_the_context() -> None:
    request, rows = decoded(PARSING, example(a=[1.0]), example(), context=example(a=[2.0], b=[b"c"]))[:2]
    assert rows == 2
    first, second = (decode_example(row) for row in request.inputs[0].array)
    assert [first["a"].tolist(), second["a"].tolist()] == [[1], [2]]  # type: ignore[union-attr]
    assert first["b"] == [b"c"]


def test_what_an_example_lacks_is_missing_in_a_table() -> None:
    request, rows = decoded(TABLE, example(length=[1.5], kind=[b"a"]), example(length=[2.0], count=[3], kind=[]))[:2]
    told = {each.name: each.array.tolist() for each in request.inputs}
    assert rows == 2
    assert told["length"] == [1.5, 2]
    assert told["count"][1] == 3
    assert told["count:missing"] == [True, False]
    assert told["kind:missing"] == [False, True]


@pytest.mark.parametrize(
    ("signature", "examples", "said"),
    [
        (MATRIX, (), "Input is empty"),
        (MATRIX, (example(x=[1.0, 2.0]), example()), "example 1 has features"),
        (MATRIX, (example(x=[1.0, 2.0]), example(x=[1.0])), "1 to 2 values: send as many in each"),
        (MATRIX, (example(x=[1.0]),), r"expected \[-1, 2\]"),
        (MATRIX, (example(x=[b"a", b"b"]),), "BYTES, expected FP32"),
        (MATRIX, (example(x=[1.0, 2.0]), example(x=[1, 2])), "send the same kind in all"),
        (MATRIX, (example(y=[1.0, 2.0]),), "no input 'y'"),
        (MATRIX, (example(x=[]),), "'x' has no values"),
        (SQUARES, (example(x=[1.0]),), r"1 values, expected shape \[2, 2\]"),
        (TABLE, (example(length=[1.0, 2.0]),), "has 2 values, expected one"),
        (TABLE, (example(count=[1]),), "'length' is missing"),
        (TABLE, (example(length=[1.0], width=[1.0]),), "'width' is unknown"),
        (ONE, (example(n=[1]),), "no signature for 'classify': use predict"),
    ],
)
def test_features_that_do_not_fit_are_refused(signature: Signature, examples: tuple[Any, ...], said: str) -> None:
    with pytest.raises(InvalidArgument, match=said):
        decoded(signature, *examples)


def test_bytes_that_are_no_example_are_refused() -> None:
    data = field(1, field(1, b"m")) + field(2, field(1, field(1, b"\xff\xff")))
    with pytest.raises(InvalidArgument, match=r"not a message tensorflow\.Example"):
        examples_of(read_examples(data))
    with pytest.raises(InvalidArgument, match="Input is empty"):
        examples_of(read_examples(field(1, field(1, b"m"))))


def test_there_are_no_more_examples_and_tasks_than_can_be_read_in_a_moment() -> None:
    spec = field(1, field(1, b"m"))
    many = field(2, field(1, b"\x0a\x00" * (MOST_EXAMPLES + 1)))
    with pytest.raises(InvalidArgument, match="100001 examples"):
        examples_of(read_examples(spec + many))
    context = field(2, field(3, bytes(1 << 16)))
    shared = field(2, field(2, context + b"\x0a\x00" * 2000))
    with pytest.raises(InvalidArgument, match="67108864 bytes of context for all"):
        examples_of(read_examples(spec + shared))
    with pytest.raises(InvalidArgument, match="257 tasks, expected 1 to 256"):
        read_tasks(b"\x0a\x00" * 257)


def answer(*outputs: Tensor) -> InferResponse:
    return InferResponse(model="m", version=7, outputs=outputs)


def test_classes_are_named_by_the_signature_or_by_the_model_or_by_number() -> None:
    two = decoded(MATRIX, example(x=[1.0, 2.0]), example(x=[3.0, 4.0]))
    scores = Tensor("scores", np.array([[0.25, 0.75], [0.5, 0.5]]))
    classes = Tensor("classes", np.array([[b"a", b"\xff"], [b"c", b"d"]], dtype=object))

    def told(signature: Signature, *outputs: Tensor) -> list[list[tuple[str, float]]]:
        result = classification_result(answer(*outputs), two, signature)
        response = Classes.FromString(result_response(result, answer(), "s"))
        assert (response.model_spec.name, response.model_spec.version.value) == ("m", 7)
        assert response.model_spec.signature_name == "s"
        return [[(one.label, one.score) for one in row.classes] for row in response.result.classifications]

    assert told(TABLE, scores) == [[("no", 0.25), ("yes", 0.75)], [("no", 0.5), ("yes", 0.5)]]
    assert told(MATRIX, scores, classes) == [[("a", 0.25), ("\ufffd", 0.75)], [("c", 0.5), ("d", 0.5)]]
    assert told(MATRIX, scores) == [[("0", 0.25), ("1", 0.75)], [("0", 0.5), ("1", 0.5)]]
    with pytest.raises(InvalidArgument, match="1 answers for 2 examples"):
        told(MATRIX, Tensor("scores", np.zeros((1, 2))))


def test_regressions_are_one_number_for_each_example() -> None:
    one = decoded(ONE, example(n=[1]), example(n=[2]), verb="regress")
    result = regression_result(answer(Tensor("v", np.array([[1.5], [-2]]))), one)
    response = Regressions.FromString(result_response(result, answer(), "s"))
    assert [each.value for each in response.result.regressions] == [1.5, -2]
    both = task_result(result, 3, answer(), "s") + task_result(b"", 2, answer(), "t")
    tasks = Multi.FromString(both).results
    assert [each.WhichOneof("result") for each in tasks] == ["regression_result", "classification_result"]
    assert tasks[0].model_spec.signature_name == "s"
