import pytest

from bms.core.errors import InvalidArgument
from bms.core.tensors.signature import Signature, TensorSpec
from bms.protocols.signature_choice import choose_signature, content_signature, takes_content


def signature(*names: str, method: str = "predict", dtype: str = "FP32") -> Signature:
    specs = tuple(TensorSpec(name=name, dtype=dtype, shape=(None,)) for name in names)  # type: ignore[arg-type]
    return Signature(inputs=specs, outputs=specs, method=method)  # type: ignore[arg-type]


A, B, AB = signature("a"), signature("b"), signature("a", "b")
CLASSES = signature("a", method="classify")
IMAGE = signature("image", method="classify", dtype="BYTES")


@pytest.mark.parametrize(
    ("signatures", "named", "inputs", "verb", "chosen"),
    [
        ({"serving_default": A, "other": B}, None, None, "predict", "serving_default"),
        ({"serving_default": A, "other": B}, None, ["a"], "predict", "serving_default"),
        ({"serving_default": A, "other": B}, None, ["b"], "predict", "other"),
        ({"serving_default": A, "other": B}, "other", ["a"], "predict", "other"),
        ({"serving_default": A, "other": B}, None, ["z"], "predict", "serving_default"),
        ({"only": B}, None, None, "predict", "only"),
        ({"only": B}, None, ["z"], "predict", "only"),
        ({"one": A, "two": AB}, None, ["b", "a"], "predict", "two"),
        ({"serving_default": A, "cls": CLASSES}, None, ["a"], "classify", "cls"),
        ({"serving_default": CLASSES, "image": IMAGE}, None, ["image"], "classify", "image"),
    ],
)
def test_a_request_means(
    signatures: dict[str, Signature], named: str | None, inputs: list[str] | None, verb: str, chosen: str
) -> None:
    assert choose_signature(signatures, named, inputs, verb) == chosen  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("signatures", "named", "inputs", "verb", "said"),
    [
        ({"serving_default": A}, "zz", None, "predict", "no signature 'zz'"),
        ({"serving_default": A}, "serving_default", None, "classify", "is for 'predict', not for 'classify'"),
        ({"serving_default": A}, None, None, "classify", "no signature for 'classify'"),
        ({"one": A, "two": B}, None, None, "predict", "say which signature"),
        ({"one": A, "two": CLASSES}, None, ["a"], "predict", "say which signature"),
    ],
)
def test_what_means_nothing_or_too_much_is_refused(
    signatures: dict[str, Signature], named: str | None, inputs: list[str] | None, verb: str, said: str
) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        choose_signature(signatures, named, inputs, verb)  # type: ignore[arg-type]
    assert said in refusal.value.message


def test_an_image_goes_to_the_signature_that_takes_one() -> None:
    assert content_signature({"serving_default": A, "image": IMAGE}, "image", "classify") == "image"
    with pytest.raises(InvalidArgument, match="takes no encoded image"):
        content_signature({"serving_default": A, "image": signature("image")}, "image")


def test_who_takes_no_text_is_known_without_an_error() -> None:
    assert takes_content({"serving_default": A}, "text") is None
    assert takes_content({"serving_default": A, "text": signature("text", dtype="BYTES")}, "text") == "text"
