"""What makers say is checked before it is stored."""

import pytest

from bms.control.models.checks import MAX_SAID, check_alias, check_gates, check_new, check_text
from bms.control.models.drafts import declared_runtime
from bms.control.models.nouns import Gate, Lineage, NewVersion
from bms.core.errors import InvalidArgument
from bms.core.tensors.signature import Signature, TensorSpec

X = TensorSpec(name="x", dtype="FP32", shape=(None, 4))


@pytest.mark.parametrize(
    ("new", "words"),
    [
        (NewVersion(metadata={"note": "x" * MAX_SAID}), f"at most {MAX_SAID}"),
        (NewVersion(lineage=Lineage(parent=0)), "parent 0"),
        (NewVersion(lineage=Lineage(parent=2**31)), "parent"),
        (NewVersion(lineage=Lineage(relation="converted")), "needs a parent"),
        (NewVersion(signatures={"s": Signature(inputs=(), outputs=(X,))}), "at least one input"),
        (NewVersion(labels=("no", "yes", "no")), "label 'no' is given twice"),
        (NewVersion(signatures={"s": Signature(inputs=(X,), labels=("a", "a"))}), "label 'a' is given twice"),
        (NewVersion(signatures={"s": Signature(inputs=(X, X), outputs=(X,))}), "twice"),
        (
            NewVersion(
                signatures={"s": Signature(inputs=(TensorSpec(name="x", dtype="FP32", shape=(-1, 4)),), outputs=(X,))}
            ),
            "dimension that is not 0 to",
        ),
    ],
)
def test_descriptions_that_cannot_be(new: NewVersion, words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        check_new(new)


def test_a_plain_description_passes() -> None:
    new = NewVersion(metrics={"accuracy": 0.97}, lineage=Lineage(parent=1, relation="converted"))
    assert check_new(new) is new


def _gate(**changes: object) -> Gate:
    return Gate(**{"metric": "accuracy", "dataset": "digits", "minimum": 0.9, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "gates",
    [
        (_gate(dataset="Digits"),),
        (_gate(dataset="digits@"),),
        (_gate(dataset="digits@latest"),),
        (_gate(dataset="../digits"),),
        (_gate(dataset="digits@99999999999"),),
        (_gate(metric=""),),
        (_gate(split=""),),
        (_gate(minimum=float("nan")),),
        (_gate(), _gate(minimum=0.5)),
        tuple(_gate(split=f"s{index}") for index in range(21)),
        (_gate(metric="m"),),
        (_gate(minimum=None),),
        (_gate(metric="rmse"),),
    ],
)
def test_gates_that_cannot_be(gates: tuple[Gate, ...]) -> None:
    with pytest.raises(InvalidArgument):
        check_gates(gates)


def test_gates_on_a_name_or_an_exact_version_pass() -> None:
    gates = (_gate(), _gate(dataset="digits@3"), _gate(split="test"))
    assert check_gates(gates) == gates


@pytest.mark.parametrize("name", ["3", "0042", "", "Prod", "a/b", "..", "a\x00b", "x" * 64])
def test_aliases_that_cannot_be(name: str) -> None:
    with pytest.raises(InvalidArgument):
        check_alias(name)


def test_texts_have_a_length_and_no_control_characters() -> None:
    assert check_text("description", "two\nlines\tand 数字") == "two\nlines\tand 数字"
    for bad in ("a\x00b", "\x1b[2J", "x" * 10_001):
        with pytest.raises(InvalidArgument, match="description"):
            check_text("description", bad)


def test_a_runtime_is_one_of_those_there_are_or_left_to_be_recognised() -> None:
    known = ("onnx", "sklearn")
    assert [declared_runtime(said, known) for said in ("", "onnx")] == ["", "onnx"]
    with pytest.raises(InvalidArgument, match="unknown runtime 'torch': use one of onnx, sklearn, or leave it out"):
        declared_runtime("torch", known)
