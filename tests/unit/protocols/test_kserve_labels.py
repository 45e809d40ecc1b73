"""Labels alone, as KServe's V1 servers answer for classifiers."""

import json

import numpy as np
import pytest

from bms.core.inference import InferResponse
from bms.core.signature import Signature, TensorSpec
from bms.core.tensor import Tensor
from bms.protocols.kserve_labels import encode_labels, labels_alone

SCORES = Tensor("scores", np.array([[0.1, 0.9, 0], [0.5, 0.2, 0.3]], np.float32))
INPUT = TensorSpec(name="x", dtype="FP32", shape=(None, 4))


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
    answer = labels_alone(given, classifier(*labels))
    assert (answer.model, answer.version, answer.id) == ("m", 3, "7")
    ((name, array),) = answer.outputs
    assert (name, array.dtype, array.tolist()) == ("output-0", expected.dtype, expected.tolist())
    other = InferResponse(model="m", version=3, outputs=[SCORES])
    assert labels_alone(other, Signature(inputs=(INPUT,), method="regress")) is other


def test_others_have_no_labels() -> None:
    assert predictions(Signature(inputs=(INPUT,), method="regress"), SCORES) is None
    assert predictions(classifier(), Tensor("other", np.zeros((2, 3)))) is None
    assert predictions(classifier(), Tensor("label", np.zeros((2, 3)))) is None  # of several targets
