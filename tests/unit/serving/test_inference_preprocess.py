from typing import Any

import numpy as np
import pytest

from bms.core.clock import ManualClock
from bms.core.errors import FailedPrecondition, InvalidArgument
from bms.core.tensors.preprocessing import ImagePreprocess
from bms.core.tensors.signature import DEFAULT, Signature, TensorSpec
from bms.core.tensors.tensor import Array
from bms.serving.inference.preparation.images import ImagePlan, Pixels, synthetic_images
from bms.serving.inference.probe import observed
from tests.servables import FunctionServable

PIXELS = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3) * 14


def decode(data: bytes, options: ImagePreprocess) -> Pixels:
    """The picture that the tests mean, whatever the bytes."""
    if data == b"bad":
        raise InvalidArgument("not a picture")
    return PIXELS if options.mode == "RGB" else PIXELS[:, :, :1]


def takes(shape: tuple[int | None, ...], dtype: Any = "FP32", **more: Any) -> dict[str, Signature]:
    spec = TensorSpec(name="x", dtype=dtype, shape=(None, *shape))
    outputs = (TensorSpec(name="y", dtype="FP32", shape=(None, 10)),)
    return {DEFAULT: Signature(inputs=(spec,), outputs=outputs, **more)}


def options(**given: Any) -> ImagePreprocess:
    return ImagePreprocess(**{"input": "x", "mode": "RGB", "height": 2, "width": 3, **given})


def encoded(*data: bytes) -> dict[str, Any]:
    return {"image": np.array(data, dtype=object)}


@pytest.mark.parametrize(
    ("given", "shape", "expected"),
    [
        ({"layout": "HWC"}, (2, 3, 3), PIXELS),
        ({"layout": "CHW"}, (3, 2, 3), PIXELS.transpose(2, 0, 1)),
        ({"layout": "flat"}, (18,), PIXELS.reshape(18)),
        ({"layout": "HW", "mode": "L"}, (2, 3), PIXELS[:, :, 0]),
        ({"layout": "HWC", "mode": "L"}, (2, 3, 1), PIXELS[:, :, :1]),
        ({"layout": "HWC"}, (None, None, 3), PIXELS),
    ],
)
def test_pixels_are_laid_out_as_the_model_takes_them(given: Any, shape: Any, expected: Any) -> None:
    plan = ImagePlan(options(scale=1.0, **given), takes(shape), decode)
    made = plan.prepare(encoded(b"1", b"2"))["x"]
    assert made.dtype == np.float32
    assert np.array_equal(made, np.stack([expected, expected]))


def test_values_are_scaled_centred_and_divided_by_channel() -> None:
    given = options(layout="HWC", mean=(0.1, 0.2, 0.3), std=(0.5, 0.25, 2.0))
    made = ImagePlan(given, takes((2, 3, 3)), decode).prepare(encoded(b"1"))["x"][0]
    expected = (PIXELS / 255 - np.array([0.1, 0.2, 0.3])) / np.array([0.5, 0.25, 2.0])
    np.testing.assert_allclose(made, expected, rtol=1e-6)


def test_scaled_pixels_are_those_of_a_division_to_the_last_bit() -> None:
    made = ImagePlan(options(layout="HWC"), takes((2, 3, 3)), decode).prepare(encoded(b"1"))["x"][0]
    assert np.array_equal(made, (PIXELS / 255).astype(np.float32))


def test_one_mean_serves_all_channels_and_bytes_stay_bytes() -> None:
    one = ImagePlan(options(layout="HWC", mean=(0.5,)), takes((2, 3, 3), "FP64"), decode).prepare(encoded(b"1"))["x"]
    np.testing.assert_allclose(one[0], PIXELS / 255 - 0.5)
    raw = ImagePlan(options(layout="HWC", scale=1), takes((2, 3, 3), "UINT8"), decode).prepare(encoded(b"1"))["x"]
    assert raw.dtype == np.uint8
    assert np.array_equal(raw[0], PIXELS)


def test_the_signature_takes_images_and_gives_what_its_target_gives() -> None:
    signatures = takes((18,), method="classify", scores="y", labels=("a",))
    plan = ImagePlan(options(), signatures, decode)
    assert plan.target == DEFAULT
    assert plan.signature.inputs == (TensorSpec(name="image", dtype="BYTES", shape=(None,)),)
    assert plan.signature.outputs == signatures[DEFAULT].outputs
    assert (plan.signature.method, plan.signature.scores, plan.signature.labels) == ("classify", "y", ("a",))


def test_a_bad_image_is_named_by_its_place() -> None:
    plan = ImagePlan(options(), takes((18,)), decode)
    with pytest.raises(InvalidArgument, match="image 2 of 3: not a picture"):
        plan.prepare(encoded(b"1", b"bad", b"3"))


@pytest.mark.parametrize(
    ("given", "signatures", "says"),
    [
        ({"input": "z"}, takes((18,)), "input is 'z', but no signature"),
        ({}, takes((17,)), r"rows of shape \[18\], but input 'x' takes \[-1, 17\]"),
        ({"layout": "CHW"}, takes((2, 3, 3)), r"rows of shape \[3, 2, 3\]"),
        ({}, takes((18,), batched=False), "rows of input 'x' were not proved to be independent"),
        ({"input": ""}, {}, "input is not set, and no signature has exactly one input"),
        ({"layout": "HW"}, takes((2, 3)), "holds one channel"),
        ({"mean": (0.1, 0.2)}, takes((18,)), "mean has 2 numbers: give none, 1 or 3"),
        ({"std": (1.0, 0.0, 1.0)}, takes((18,)), "std holds a zero"),
        ({}, takes((18,), "UINT8"), "makes fractions, but input 'x' is UINT8"),
        ({"height": 0}, takes((0,)), "pixels, expected 1 to"),
    ],
)
def test_what_does_not_fit_the_model_is_refused(given: Any, signatures: Any, says: str) -> None:
    with pytest.raises(FailedPrecondition, match=says):
        ImagePlan(options(**given), signatures, decode)


def test_the_one_input_need_not_be_named() -> None:
    plan = ImagePlan(options(input=""), takes((18,)), decode)
    assert list(plan.prepare(encoded(b"1"))) == ["x"]


def test_made_up_images_are_pictures_as_callers_are_prepared_each_another() -> None:
    given = options(layout="HWC", scale=1, mean=(10, 20, 30), height=40, width=30)
    made = synthetic_images(given, takes((40, 30, 3))[DEFAULT])["x"]
    assert (made.shape, made.dtype) == ((8, 40, 30, 3), np.float32)
    pixels = made + np.float32([10, 20, 30])
    assert (pixels.min() >= 0, pixels.max() <= 255, np.ptp(pixels) > 200) == (True, True, True)
    assert len({picture.tobytes() for picture in made}) == 8
    assert min(picture.max() for picture in pixels) < 10 < 200 < max(picture.min() for picture in pixels) + 10
    large = takes((1500, 1000, 3))[DEFAULT]
    assert len(synthetic_images(options(layout="HWC", height=1500, width=1000), large)["x"]) == 3
    with pytest.raises(FailedPrecondition, match="rows of shape"):
        synthetic_images(given, takes((40, 31, 3))[DEFAULT])


def test_a_model_that_scales_by_the_brightest_of_its_batch_is_found_on_pictures() -> None:
    def scaled(inputs: dict[str, Array]) -> dict[str, Array]:
        return {"y": (inputs["x"] / inputs["x"].max()).reshape(len(inputs["x"]), -1)[:, :10]}

    given = options(layout="HWC", scale=1, height=40, width=30)
    signature = takes((40, 30, 3))[DEFAULT]
    rows = synthetic_images(given, signature)
    servable = FunctionServable(scaled, {DEFAULT: signature})
    found = observed(servable, DEFAULT, signature, rows, monotonic=ManualClock().monotonic, bounded=True)
    assert not found.signature.batched
    assert "in a batch" in found.apart
