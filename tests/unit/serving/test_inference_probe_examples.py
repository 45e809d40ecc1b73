"""A model that parses serialized examples itself is tried with such, of the features that it reads."""

from typing import Any

import numpy as np
import pytest
from msgspec import structs

from bms.core.clock import ManualClock
from bms.core.errors import FailedPrecondition, InvalidArgument
from bms.core.formats.example_codec import decode_example
from bms.core.tensors.features import Feature
from bms.core.tensors.signature import DEFAULT, Signature, TensorSpec
from bms.core.tensors.tensor import Array
from bms.serving.inference.probe import ObservedSignature, observed
from tests.servables import Function, FunctionServable

FEATURES = (
    Feature(name="must", dtype="FP32", size=2),
    Feature(name="ids", dtype="INT64", size=1),
    Feature(name="tags", dtype="BYTES"),
)
SPEC = TensorSpec(name="examples", dtype="BYTES", shape=(None,), features=FEATURES)


def looked_at(function: Function, spec: TensorSpec = SPEC) -> ObservedSignature:
    signature = Signature(inputs=(spec,), outputs=(TensorSpec(name="y", dtype="FP64", shape=(None,)),))
    return observed(FunctionServable(function), DEFAULT, signature, monotonic=ManualClock().monotonic)


def parsed(inputs: dict[str, Array]) -> list[dict[str, Any]]:
    """The examples, all of which have two numbers `must`."""
    examples: list[dict[str, Any]] = [decode_example(one) for one in inputs["examples"].tolist()]  # type: ignore[arg-type]
    if any(len(one.get("must", ())) != 2 for one in examples):
        raise InvalidArgument("Feature: must is required")
    return examples


def summed(examples: list[dict[str, Any]]) -> Array:
    return np.array([float(np.sum(one["must"])) + len(b"".join(one["tags"])) for one in examples])


def test_examples_have_all_features_in_their_sizes_and_texts_of_several_lengths() -> None:
    given: list[dict[str, Any]] = []

    def model(inputs: dict[str, Array]) -> dict[str, Array]:
        given.extend(parsed(inputs))
        return {"y": summed(parsed(inputs))}

    seen = looked_at(model)
    assert (seen.apart, seen.signature.batched, seen.signature.inputs) == ("", True, (SPEC,))
    assert all(one.keys() == {"must", "ids", "tags"} for one in given)
    assert {len(one["tags"]) for one in given} == {1, 2, 3}


def test_neighbours_whose_features_are_no_numbers_long_or_large_are_tried() -> None:
    strange = {"nan": False, "long": False, "large": False}

    def model(inputs: dict[str, Array]) -> dict[str, Array]:
        examples = parsed(inputs)
        for one in examples:
            strange["nan"] |= bool(np.isnan(one["must"]).all())
            strange["long"] |= max(map(len, one["tags"])) > 1000
            strange["large"] |= int(one["ids"][0]) == 5000
        return {"y": summed(examples)}

    looked_at(model)
    assert strange == {"nan": True, "long": True, "large": True}


def test_examples_that_see_the_numbers_of_one_another_have_runs_of_their_own() -> None:
    seen = looked_at(lambda inputs: {"y": summed(parsed(inputs)) - summed(parsed(inputs)).max()})
    assert not seen.signature.batched
    seen = looked_at(
        lambda inputs: {"y": summed(parsed(inputs)) * (1 if np.isfinite(summed(parsed(inputs))).all() else 2)}
    )
    assert "'examples' is nan" in seen.apart


def test_texts_and_numbers_of_examples_are_of_the_kinds_that_the_model_takes() -> None:
    def model(inputs: dict[str, Array]) -> dict[str, Array]:
        examples = parsed(inputs)
        if any(one[:2] != b"\xff\xd8" for example in examples for one in example["tags"]):
            raise InvalidArgument("no JPEG")
        if any(example["ids"][0] < 1 for example in examples):
            raise InvalidArgument("an empty sequence")
        return {"y": summed(examples)}

    assert looked_at(model).signature.batched


def test_texts_are_tried_where_no_example_is_taken_after_all() -> None:
    def model(inputs: dict[str, Array]) -> dict[str, Array]:
        texts: list[bytes] = inputs["examples"].tolist()
        if any(one.startswith(b"\x0a") for one in texts):
            raise InvalidArgument("no text")
        return {"y": np.array([float(len(one)) for one in texts])}

    assert looked_at(model).signature.batched


def test_without_its_features_no_example_is_made_up_that_is_parsed() -> None:
    with pytest.raises(FailedPrecondition, match="give one of your own"):
        looked_at(lambda inputs: {"y": summed(parsed(inputs))}, structs.replace(SPEC, features=()))
