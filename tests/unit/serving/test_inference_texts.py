"""Texts as token ids, by a tokenizer that is easy to check: a word is as many as it has letters."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pytest

from bms.core.errors import FailedPrecondition, InvalidArgument
from bms.core.tensors.preprocessing import TextPreprocess
from bms.core.tensors.signature import DEFAULT, Signature, TensorSpec
from bms.core.tensors.tensor import Array
from bms.serving.inference.preparation.texts import TextPlan
from bms.serving.inference.preparation.tokens import MAX_BYTES, by_length, padded, texts_of


class Words(NamedTuple):
    ids: list[int]
    type_ids: list[int]


class Letters:
    """Keeps `Tokenizer`'s contract."""

    def __init__(self, pad: int | None = 99) -> None:
        self.pad = pad
        self.unread = ("tokenizer_config.json: fold",)

    def encode(self, texts: list[str]) -> Sequence[Words]:
        return [Words([len(word) for word in text.split()], [1 for _ in text.split()]) for text in texts]


def takes(*names: str, length: int | None = None, dtype: Any = "INT64", **more: Any) -> dict[str, Signature]:
    specs = tuple(TensorSpec(name=name, dtype=dtype, shape=(None, length)) for name in names)
    outputs = (TensorSpec(name="y", dtype="FP32", shape=(None, 2)),)
    return {DEFAULT: Signature(inputs=specs, outputs=outputs, **more)}


def test_what_its_tokenizer_did_not_read_the_plan_did_not() -> None:
    assert TextPlan(options(), takes("i", "m"), Letters()).unread == ("tokenizer_config.json: fold",)


def options(**given: Any) -> TextPreprocess:
    return TextPreprocess(**{"ids": "i", "mask": "m", "types": "", "max_length": 16, **given})


def texts(*given: bytes) -> dict[str, Array]:
    array = np.empty(len(given), dtype=object)
    array[:] = given
    return {"text": array}


def test_rows_are_filled_up_to_the_longest_rounded_up() -> None:
    plan = TextPlan(options(types="t"), takes("i", "m", "t", dtype="INT32"), Letters())
    made = plan.prepare(texts(b"a bb", "ccc é a b c d e f g".encode(), b""))
    assert {name: (array.shape, array.dtype) for name, array in made.items()} == dict.fromkeys(
        "imt", ((3, 16), np.dtype(np.int32))
    )
    assert made["i"][0].tolist() == [1, 2] + [99] * 14
    assert made["m"].sum(axis=1).tolist() == [2, 9, 0]
    assert made["t"][1].tolist() == [1] * 9 + [0] * 7
    assert plan.prepare(texts(b"a"))["i"].shape == (1, 8)


def test_without_a_mask_nothing_is_rounded() -> None:
    plan = TextPlan(options(mask=""), takes("i"), Letters())
    assert plan.prepare(texts(b"a bb ccc", b"a"))["i"].tolist() == [[1, 2, 3], [1, 99, 99]]


def test_a_model_of_one_length_gets_that() -> None:
    plan = TextPlan(options(), takes("i", "m", length=20), Letters())
    assert plan.prepare(texts(b"a"))["i"].shape == (1, 20)


def test_the_signature_takes_texts_and_gives_what_its_target_gives() -> None:
    signatures = takes("i", "m", method="classify", scores="y", labels=("a", "b"))
    plan = TextPlan(options(), signatures, Letters())
    assert (plan.name, plan.target) == ("text", DEFAULT)
    assert plan.signature.inputs == (TensorSpec(name="text", dtype="BYTES", shape=(None,)),)
    assert (plan.signature.method, plan.signature.scores, plan.signature.labels) == ("classify", "y", ("a", "b"))


@pytest.mark.parametrize(
    ("given", "signatures", "pad", "says"),
    [
        ({}, takes("i"), 0, "makes 'i', 'm', but no signature takes just that"),
        ({"ids": "", "mask": "m"}, takes("m"), 0, "ids is empty"),
        ({}, takes("i", "m", dtype="FP32"), 0, r"input 'i' is FP32 \[-1, -1\]"),
        ({}, takes("i", "m", batched=False), 0, "preprocess makes INT64"),
        ({"max_length": 0}, takes("i", "m"), 0, "max_length is 0"),
        ({"max_length": 1 << 20}, takes("i", "m"), 0, "expected 1 to 131072"),
        ({}, takes("i", "m", length=8), 0, r"up to 16 tokens, but the model takes \['8'\]"),
        ({"mask": ""}, takes("i"), None, "names no padding"),
    ],
)
def test_what_does_not_fit_the_model_is_refused(given: Any, signatures: Any, pad: int | None, says: str) -> None:
    with pytest.raises(FailedPrecondition, match=says):
        TextPlan(options(**given), signatures, Letters(pad))


def last_token(known: int) -> Any:
    """A model that answers by the last token that is not `known`, and, of each token, by itself."""

    def run(inputs: dict[str, Array]) -> dict[str, Array]:
        ids = inputs["i"]
        rows = [row[row != known] for row in ids]
        return {"y": np.array([[row[-1], len(row)] for row in rows], np.float32), "tokens": ids.astype(np.float32)}

    return run


def test_texts_are_tried_together_and_a_padding_that_the_model_does_not_know_is_refused() -> None:
    plan = TextPlan(options(max_length=64), takes("i", "m"), Letters(99))
    plan.check(last_token(99))
    with pytest.raises(FailedPrecondition, match=r"the answer to 'yes' \(y\) changes .* by the id 99"):
        plan.check(last_token(0))
    with pytest.raises(FailedPrecondition, match="by 0, since no file names a padding"):
        TextPlan(options(max_length=64), takes("i", "m"), Letters(None)).check(last_token(99))


def test_texts_that_are_none_are_named_by_their_place() -> None:
    with pytest.raises(InvalidArgument, match="text 2 of 2: byte 1 is not UTF-8"):
        texts_of(texts(b"a", b"b\xff")["text"])
    with pytest.raises(InvalidArgument, match="text 1 of 1: 1048577 bytes"):
        texts_of(texts(b"a" * (MAX_BYTES + 1))["text"])


def test_padding_to_a_multiple_or_to_one_length() -> None:
    rows = [Words([1, 2, 3], [0, 0, 0]), Words([4], [0])]
    assert padded(rows, 7).ids.tolist() == [[1, 2, 3], [4, 7, 7]]
    assert padded(rows, 7, multiple=2).mask.tolist() == [[1, 1, 1, 0], [1, 0, 0, 0]]
    assert padded(rows, 7, length=5).ids.shape == (2, 5)
    assert padded([Words([], [])], 7).ids.tolist() == [[7]]


@pytest.mark.parametrize(
    ("lengths", "groups"),
    [
        ([5], [[0]]),
        ([3, 9, 5], [[1, 2, 0]]),
        ([8, 256, 9, 130, 7], [[1, 3], [2, 0, 4]]),
        ([100, 40], [[0, 1]]),
        ([100, 20], [[0], [1]]),
    ],
)
def test_short_texts_are_not_filled_up_to_long_ones(lengths: list[int], groups: list[list[int]]) -> None:
    assert by_length(lengths) == groups
