"""What a version says for clients that read a model's configuration."""

import pytest
from msgspec import structs

from bms.core.errors import FailedPrecondition, InvalidArgument
from bms.core.serving.model_config import check_configured, check_rows, configured
from bms.core.tensors.signature import DEFAULT, Signature, TensorSpec

IMAGE = TensorSpec(name="image", dtype="FP32", shape=(None, 3, 4, 6))
SCORES = TensorSpec(name="scores", dtype="FP32", shape=(None, 2))
PLAIN = Signature(inputs=(IMAGE,), outputs=(SCORES,))
LAID_OUT = structs.replace(PLAIN, inputs=(structs.replace(IMAGE, format="NCHW"),))


def test_what_is_said_of_a_version_is_said_of_its_batched_signatures() -> None:
    stream = structs.replace(PLAIN, batched=False)
    made = configured({DEFAULT: PLAIN, "stream": stream}, 8, {"image": "NCHW"})
    assert (made[DEFAULT].max_batch_size, made["stream"].max_batch_size) == (8, 0)
    assert made[DEFAULT].inputs[0].format == made["stream"].inputs[0].format == "NCHW"
    check_configured(DEFAULT, made[DEFAULT])


def test_what_a_signature_says_itself_stays() -> None:
    said = structs.replace(LAID_OUT, max_batch_size=4)
    assert configured({"a": said}, 0, {}) == {"a": said}


@pytest.mark.parametrize(
    ("signature", "why", "words"),
    [
        (
            structs.replace(PLAIN, batched=False),
            "it draws lots",
            "8, which promises .*, but it draws lots",
        ),
        (structs.replace(PLAIN, batched=False), "", "but each request has a run of its own"),
        (
            structs.replace(PLAIN, outputs=(structs.replace(SCORES, shape=(1, 2)),)),
            "",
            r"'scores' has shape \[1, 2\], whose first dimension is not free",
        ),
    ],
)
def test_a_largest_batch_is_for_rows_that_are_independent(signature: Signature, why: str, words: str) -> None:
    with pytest.raises(FailedPrecondition, match=words):
        check_configured("s", configured({"s": signature}, 8, {})["s"], why)


def test_a_format_is_for_images() -> None:
    with pytest.raises(FailedPrecondition, match=r"'image' of .* has format NCHW, .* say max_batch_size, too"):
        check_configured("s", LAID_OUT)
    check_configured("s", structs.replace(LAID_OUT, max_batch_size=1))
    with pytest.raises(FailedPrecondition, match="format NHWC is set for input 'x': the model takes 'image'"):
        configured({"s": PLAIN}, 0, {"x": "NHWC"})


def test_a_largest_batch_below_nothing_is_refused() -> None:
    with pytest.raises(FailedPrecondition, match="max_batch_size -1 is below 0"):
        configured({"s": PLAIN}, -1, {})


def test_a_request_has_as_many_rows_as_are_taken_and_no_more() -> None:
    said = structs.replace(PLAIN, max_batch_size=4)
    check_rows(said, 4, "m")
    check_rows(PLAIN, 5, "m")
    with pytest.raises(InvalidArgument, match=r"inference request batch-size must be <= 4 for 'm', not 5"):
        check_rows(said, 5, "m")
