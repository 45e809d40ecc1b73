"""What a maker declares must fit what verification finds."""

from datetime import UTC, datetime

import msgspec
import pytest

from bms.control.models.nouns import Measurement, Version
from bms.control.models.verdicts import MAX_REASON, rejected, verdict
from bms.core.tensors.signature import DEFAULT, Signature, TensorSpec
from bms.core.workloads.programs import VerifyReport

X = TensorSpec(name="x", dtype="FP32", shape=(None, 64))
LABEL = TensorSpec(name="label", dtype="INT64", shape=(None,))
SCORES = TensorSpec(name="scores", dtype="FP32", shape=(None, 3))
FOUND = Signature(inputs=(X,), outputs=(LABEL, SCORES))
VERSION = Version(
    id="version_1",
    tenant="acme",
    model="digits",
    number=1,
    state="verifying",
    runtime="onnx",
    artifact="sha256:" + "0" * 64,
    size=1,
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
    created_by="user_1",
)


def _report(**signatures: Signature) -> VerifyReport:
    return VerifyReport(signatures=signatures, memory=5, load_ns=6, infer_ns=7, format="onnx")


def _declared(signature: Signature, labels: tuple[str, ...] = ()) -> Version:
    return msgspec.structs.replace(VERSION, signatures={DEFAULT: signature}, labels=labels)


def _with(spec: TensorSpec, **changes: object) -> TensorSpec:
    return msgspec.structs.replace(spec, **changes)


def test_without_a_declaration_what_was_found_counts() -> None:
    ready = verdict(VERSION, _report(serving_default=FOUND, image=FOUND))
    assert (ready.state, ready.reason) == ("ready", "")
    assert ready.signatures == {DEFAULT: FOUND, "image": FOUND}
    assert ready.measurement == Measurement(memory=5, load_ns=6, infer_ns=7)


def test_which_signatures_answer_part_by_part_is_noted() -> None:
    report = msgspec.structs.replace(_report(serving_default=FOUND, stream=FOUND), streaming=("stream", "no such"))
    assert verdict(VERSION, report).metadata == {"answers of stream": "part by part, as they are made"}
    assert verdict(VERSION, _report(serving_default=FOUND)).metadata == {}


def test_the_makers_words_are_kept_and_labels_put_where_scores_are() -> None:
    classify = Signature(inputs=(X,), outputs=(SCORES,), method="classify", scores="scores")
    ready = verdict(_declared(classify, ("a", "b", "c")), _report(serving_default=FOUND))
    assert ready.state == "ready"
    assert ready.signatures[DEFAULT] == msgspec.structs.replace(classify, labels=("a", "b", "c"))


def test_class_names_that_were_found_are_kept_where_a_signature_is_declared_without() -> None:
    found = msgspec.structs.replace(FOUND, method="classify", scores="scores", labels=("a", "b", "c"))
    said = Signature(inputs=(X,), outputs=(SCORES,), method="classify", scores="scores")
    assert verdict(_declared(said), _report(serving_default=found)).signatures[DEFAULT].labels == ("a", "b", "c")


def test_declared_names_stand_for_the_numbers_that_were_found() -> None:
    found = msgspec.structs.replace(FOUND, method="classify", scores="scores", labels=("0", "1", "2"))
    named = msgspec.structs.replace(VERSION, labels=("cat", "dog", "eel"))
    ready = verdict(named, _report(serving_default=found))
    assert ready.signatures[DEFAULT].labels == ready.labels == ("cat", "dog", "eel")


def test_declared_names_of_classes_that_are_answered_without_scores_are_kept() -> None:
    answers = Signature(inputs=(X,), outputs=(LABEL,))
    named = msgspec.structs.replace(VERSION, labels=("no", "yes"))
    assert verdict(named, _report(serving_default=answers)).signatures[DEFAULT].labels == ("no", "yes")


@pytest.mark.parametrize("declared", [("b", "a", "c"), ("x", "y", "z"), ("a", "b")])
def test_declared_names_that_contradict_those_found_reject_with_both(declared: tuple[str, ...]) -> None:
    found = msgspec.structs.replace(FOUND, method="classify", scores="scores", labels=("a", "b", "c"))
    settled = verdict(msgspec.structs.replace(VERSION, labels=declared), _report(serving_default=found))
    assert settled.state == "rejected"
    assert "'a', 'b', 'c'" in settled.reason
    assert ", ".join(map(repr, declared)) in settled.reason


def test_class_names_that_were_found_become_the_versions() -> None:
    found = msgspec.structs.replace(FOUND, method="classify", scores="scores", labels=("a", "b", "c"))
    assert verdict(VERSION, _report(serving_default=found)).labels == ("a", "b", "c")


@pytest.mark.parametrize(
    "fits",
    [
        Signature(inputs=(_with(X, shape=(8, 64)),), outputs=(SCORES,), batched=False),
        Signature(inputs=(X,), outputs=(_with(SCORES, shape=(None, None)),)),
    ],
    ids=["a fixed size for a free one", "an output promised less exactly"],
)
def test_narrower_inputs_and_looser_outputs_fit(fits: Signature) -> None:
    assert verdict(_declared(fits), _report(serving_default=FOUND)).signatures[DEFAULT] == fits


@pytest.mark.parametrize(
    ("declared", "reason"),
    [
        (Signature(inputs=(_with(X, name="y"),), outputs=(SCORES,)), "input 'y'.* takes 'x'"),
        (Signature(inputs=(_with(X, dtype="FP64"),), outputs=(SCORES,)), "as FP64, the model has FP32"),
        (Signature(inputs=(_with(X, shape=(None, 32)),), outputs=(SCORES,)), r"\[-1, 32\].* has \[-1, 64\]"),
        (Signature(inputs=(_with(X, shape=(None, None)),), outputs=(SCORES,)), "shape"),
        (Signature(inputs=(_with(X, shape=(None, 8, 8)),), outputs=(SCORES,)), "shape"),
        (Signature(inputs=(), outputs=(SCORES,)), "also takes input 'x'"),
        (Signature(inputs=(X,), outputs=(_with(SCORES, name="p"),)), "output 'p'.* gives 'label', 'scores'"),
        (Signature(inputs=(X,), outputs=(_with(SCORES, shape=(None, 10)),)), "shape"),
        (Signature(inputs=(X,), outputs=(LABEL,), scores="scores"), "scores from 'scores'"),
        (Signature(inputs=(X,), outputs=(SCORES,), scores="scores", labels=("a",)), "1 labels .* 3 classes"),
    ],
)
def test_a_contradiction_rejects_with_its_first_point(declared: Signature, reason: str) -> None:
    settled = verdict(_declared(declared), _report(serving_default=FOUND))
    assert settled.state == "rejected"
    assert settled.measurement is None
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(settled.reason)


def test_what_is_declared_batched_but_was_not_proved_to_be_is_served_unbatched_and_says_why() -> None:
    declared = msgspec.structs.replace(FOUND, method="classify", scores="scores")
    for shape in ((None, 64), (1, 64)):
        found = msgspec.structs.replace(FOUND, inputs=(_with(X, shape=shape),), batched=False)
        report = msgspec.structs.replace(
            _report(serving_default=found), apart={DEFAULT: "it holds \x1b state", "no": ""}
        )
        ready = verdict(_declared(declared), report)
        assert ready.state == "ready"
        assert ready.signatures[DEFAULT] == found
        assert ready.metadata == {f"batching of {DEFAULT}": "none: it holds \N{REPLACEMENT CHARACTER} state"}


def test_other_contradictions_reject() -> None:
    assert "declared, but the model has 'other'" in verdict(_declared(FOUND), _report(other=FOUND)).reason
    assert "no way to call" in verdict(VERSION, _report()).reason
    huge = msgspec.structs.replace(FOUND, labels=tuple(f"{number:0100}" for number in range(11_000)))
    assert "bytes" in verdict(VERSION, _report(serving_default=huge)).reason


def test_a_reason_is_cut_and_made_plain() -> None:
    settled = rejected(VERSION, "bad\x00\x1b[31m\nline " + "x" * 10_000)
    assert settled.reason.startswith("bad\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}[31m\nline x")
    assert len(settled.reason) == MAX_REASON
    assert rejected(VERSION, "").reason == "no reason was given"


@pytest.mark.parametrize(
    ("forged", "says"),
    [
        ({"x": Signature(inputs=(_with(X, shape=(None, 10**40)),))}, "has a dimension that is not 0 to"),
        ({"x": Signature(inputs=(_with(X, shape=(None, -3)),))}, "has a dimension that is not 0 to"),
        ({"x": Signature(inputs=(_with(X, shape=(1,) * 40),))}, "32 dimensions"),
        ({"x": Signature(inputs=(_with(X, name="x" * 1000),))}, "a name of more than 500"),
        ({str(number): FOUND for number in range(300)}, "are too many"),
    ],
)
def test_what_a_models_own_code_wrote_beyond_all_bounds_is_refused(forged: dict[str, Signature], says: str) -> None:
    """Gateways get signatures of all tenants in one snapshot: none may be such that it can't be sent."""
    settled = verdict(VERSION, _report(**forged))
    assert settled.state == "rejected"
    assert says in settled.reason


def test_a_format_is_a_word() -> None:
    report = msgspec.structs.replace(_report(serving_default=FOUND), format="f" * 3_000_000)
    assert len(verdict(VERSION, report).format) <= 64


def test_what_an_artifact_says_for_those_who_read_a_configuration_joins_what_was_declared() -> None:
    image = TensorSpec(name="x", dtype="FP32", shape=(None, 3, 4, 6))
    declared = Signature(inputs=(image,), outputs=(SCORES,))
    found = Signature(inputs=(_with(image, format="NCHW"),), outputs=(SCORES,), max_batch_size=8)
    ready = verdict(_declared(declared), _report(serving_default=found))
    assert (ready.state, ready.signatures[DEFAULT]) == ("ready", found)
    own = msgspec.structs.replace(declared, max_batch_size=2)
    assert verdict(_declared(own), _report(serving_default=found)).signatures[DEFAULT].max_batch_size == 2
    fixed = msgspec.structs.replace(own, inputs=(_with(image, shape=(4, 3, 4, 6)),))
    refused = verdict(_declared(fixed), _report(serving_default=found))
    assert (refused.state, "whose first dimension is not free" in refused.reason) == ("rejected", True)


def test_an_input_is_optional_only_to_a_model_that_does_without() -> None:
    declared = Signature(inputs=(_with(X, optional=True),), outputs=(SCORES,))
    refused = verdict(_declared(declared), _report(serving_default=FOUND))
    assert (refused.state, "was declared optional, and the model needs it" in refused.reason) == ("rejected", True)


def test_labels_name_the_classes_of_an_output_of_as_many_numbers() -> None:
    plain = Signature(inputs=(X,), outputs=(TensorSpec(name="logits", dtype="FP32", shape=(None, 3, 1, 1)),))
    version = msgspec.structs.replace(VERSION, labels=("a", "b", "c"))
    assert verdict(version, _report(serving_default=plain)).signatures[DEFAULT].labels == ("a", "b", "c")
    fewer = msgspec.structs.replace(VERSION, labels=("a", "b"))
    assert verdict(fewer, _report(serving_default=plain)).signatures[DEFAULT].labels == ()
