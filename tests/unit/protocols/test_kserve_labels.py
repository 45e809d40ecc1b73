"""Labels alone, as KServe's V1 servers answer for classifiers."""

import json

import numpy as np
import pytest

from bms.core.errors import InvalidArgument
from bms.core.serving.snapshot import DeploymentEntry, ServedVersion
from bms.core.tensors.request import InferRequest, InferResponse
from bms.core.tensors.signature import DEFAULT, Signature, TensorSpec
from bms.core.tensors.tensor import Tensor
from bms.protocols.oip.config import encode_config
from bms.protocols.oip.infer import DecodedInfer, decode_infer
from bms.protocols.oip.kserve_labels import encode_labels, label_request, label_response, with_labels
from bms.protocols.oip.metadata import encode_model

SCORES = Tensor("scores", np.array([[0.1, 0.9, 0], [0.5, 0.2, 0.3]], np.float32))
INPUT = TensorSpec(name="x", dtype="FP32", shape=(None, 4))
ALL = DecodedInfer(InferRequest(model="m", inputs=[]), 2)  # of a request that names no outputs


def classifier(*labels: str) -> Signature:
    return Signature(inputs=(INPUT,), method="classify", scores="scores", labels=labels)


def predictions(signature: Signature, *outputs: Tensor) -> object:
    body = encode_labels(InferResponse(model="m", version=1, outputs=list(outputs)), signature)
    return None if body is None else json.loads(body)["predictions"]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (("0", "1", "2"), [1, 0]),
        (("3", "5", "8"), [5, 3]),
        (("no", "yes", "maybe"), ["yes", "no"]),
        (("1", "02", "3"), ["02", "1"]),  # "02" is a code
        ((), [1, 0]),
    ],
)
def test_the_best_class_by_its_name(labels: tuple[str, ...], expected: list[object]) -> None:
    assert predictions(classifier(*labels), SCORES) == expected


@pytest.mark.parametrize(
    ("name", "array", "expected"),
    [
        ("label", np.array([7, 8]), [7, 8]),
        ("output_label", np.array([[7], [8]]), [7, 8]),
        ("class", np.array([b"cat", b"dog"], object), ["cat", "dog"]),
        ("predictions", np.array([0.0, 2.0]), [0.0, 2.0]),
    ],
)
def test_the_models_own_label_goes_before_its_scores(name: str, array: np.ndarray, expected: list[object]) -> None:
    assert predictions(classifier("a", "b", "c"), SCORES, Tensor(name, array)) == expected


@pytest.mark.parametrize(
    ("labels", "expected"),
    [(("3", "5", "8"), np.array([5, 3])), (("no", "yes", "maybe"), np.array([b"yes", b"no"], object))],
)
def test_by_v2_labels_are_the_one_output_of_kserves_servers(labels: tuple[str, ...], expected: np.ndarray) -> None:
    given = InferResponse(model="m", version=3, outputs=[SCORES], id="7")
    answer = label_response(given, ALL, classifier(*labels))
    assert (answer.model, answer.version, answer.id) == ("m", 3, "7")
    ((name, array),) = answer.outputs
    assert (name, array.dtype, array.tolist()) == ("output-0", expected.dtype, expected.tolist())
    other = InferResponse(model="m", version=3, outputs=[SCORES])
    assert label_response(other, ALL, Signature(inputs=(INPUT,), method="regress")) is other


SPEC = TensorSpec(name="scores", dtype="FP32", shape=(None, 3))
LABEL = TensorSpec(name="label", dtype="INT32", shape=(None, 1))


def declared(*labels: str, outputs: tuple[TensorSpec, ...] = (SPEC,)) -> Signature:
    return Signature(inputs=(INPUT,), outputs=outputs, method="classify", scores="scores", labels=labels)


@pytest.mark.parametrize(
    ("signature", "dtype"),
    [
        (declared("3", "5", "8"), "INT64"),
        (declared(), "INT64"),
        (declared("no", "yes", "maybe"), "BYTES"),
        (declared("no", "yes", "maybe", outputs=(SPEC, LABEL)), "INT32"),
    ],
)
def test_metadata_and_configuration_tell_the_output_that_labels_come_as(signature: Signature, dtype: str) -> None:
    version = ServedVersion(number=1, state="AVAILABLE", signatures={DEFAULT: signature}, replicas=())
    entry = DeploymentEntry(id="d", tenant="t", name="m", model="m", versions=(version,), dialect="kserve")
    first, *others = json.loads(encode_model(entry, version))["outputs"]
    assert first == {"name": "output-0", "datatype": dtype, "shape": [-1]}
    assert [each["name"] for each in others] == [spec.name for spec in signature.outputs]
    (first, *_) = json.loads(encode_config(entry, version))["output"]
    assert first["name"] == "output-0"
    usual = DeploymentEntry(id="d", tenant="t", name="m", model="m", versions=(version,))
    assert [each["name"] for each in json.loads(encode_model(usual, version))["outputs"]] == [
        spec.name for spec in signature.outputs
    ]


def asked(signatures: dict[str, Signature], *names: str) -> DecodedInfer:
    data = {"name": "x", "datatype": "FP32", "shape": [1, 4], "data": [1, 2, 3, 4]}
    body = json.dumps({"inputs": [data], "outputs": [{"name": name} for name in names]}).encode()
    return label_request(decode_infer(body, None, "m", with_labels(signatures)), signatures)


@pytest.mark.parametrize(
    ("names", "of_model", "told"),
    [
        (("output-0",), ("label",), ["output-0"]),
        (("scores", "output-0"), ("scores", "label"), ["scores", "output-0"]),
        (("output-0", "label"), ("label",), ["output-0", "label"]),
        (("scores",), ("scores",), ["scores"]),
    ],
)
def test_labels_may_be_asked_for_by_name(names: tuple[str, ...], of_model: tuple[str, ...], told: list[str]) -> None:
    signature = declared("a", "b", "c", outputs=(SPEC, LABEL))
    decoded = asked({DEFAULT: signature}, *names)
    assert decoded.request.outputs == of_model
    given = {"scores": SCORES, "label": Tensor("label", np.array([[1], [0]], np.int32))}
    answer = label_response(
        InferResponse(model="m", version=1, outputs=[given[name] for name in of_model]), decoded, signature
    )
    assert [tensor.name for tensor in answer.outputs] == told
    values = {tensor.name: tensor.array.tolist() for tensor in answer.outputs}
    assert values.get("output-0", [1, 0]) == [1, 0]
    assert values.get("label", [[1], [0]]) == [[1], [0]]


def test_labels_that_are_made_of_scores_may_be_asked_for_by_name() -> None:
    signature = declared("a", "b", "c")
    decoded = asked({DEFAULT: signature}, "output-0")
    assert decoded.request.outputs == ("scores",)
    (told,) = label_response(InferResponse(model="m", version=1, outputs=[SCORES]), decoded, signature).outputs
    assert (told.name, told.array.tolist()) == ("output-0", [b"b", b"a"])


def test_others_have_no_such_output_and_one_of_the_models_own_stays() -> None:
    with pytest.raises(InvalidArgument, match="no output 'output-0': this model gives 'scores'"):
        asked({DEFAULT: Signature(inputs=(INPUT,), outputs=(SPEC,), method="regress")}, "output-0")
    own = TensorSpec(name="output-0", dtype="FP32", shape=(None, 3))
    decoded = asked({DEFAULT: declared(outputs=(SPEC, own))}, "output-0")
    assert (decoded.request.outputs, decoded.asked) == (("output-0",), ())


def test_the_same_signatures_get_labels_once() -> None:
    signatures = {DEFAULT: declared()}
    assert with_labels(signatures) is with_labels(signatures)


def test_others_have_no_labels() -> None:
    assert predictions(Signature(inputs=(INPUT,), method="regress"), SCORES) is None
    assert predictions(classifier(), Tensor("other", np.zeros((2, 3)))) is None
    assert predictions(classifier(), Tensor("label", np.zeros((2, 3)))) is None  # of several targets
