import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bms.adapters.images import decoding
from bms.adapters.images.pillow import blank, decode
from bms.adapters.images.plan import image_plan
from bms.core.errors import InvalidArgument
from bms.core.tensors.preprocessing import ImagePreprocess
from bms.core.tensors.signature import Signature, TensorSpec

GREY = ImagePreprocess(input="x", mode="L", height=4, width=6)
RGB = ImagePreprocess(input="x", mode="RGB", height=4, width=6)


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def picture(mode: str = "RGB") -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)).convert(mode)


def test_png_is_decoded_to_the_last_bit() -> None:
    assert np.array_equal(decode(encoded(picture()), RGB), np.asarray(picture()))
    assert np.array_equal(decode(encoded(picture("L")), GREY)[:, :, 0], np.asarray(picture("L")))


def test_blue_comes_first_where_the_model_was_trained_so() -> None:
    bgr = ImagePreprocess(mode="BGR", height=4, width=6)
    assert np.array_equal(decode(encoded(picture()), bgr), np.asarray(picture())[:, :, ::-1])
    assert decode(blank(bgr), bgr).shape == (4, 6, 3)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_every_usual_kind_of_pixel_is_taken(mode: str) -> None:
    data = encoded(picture(mode))
    assert decode(data, RGB).shape == (4, 6, 3)
    assert decode(data, GREY).shape == (4, 6, 1)


def test_jpeg_in_grey_colour_and_print_colours() -> None:
    for mode in ("L", "RGB", "CMYK"):
        made = decode(encoded(picture(mode), "JPEG"), RGB)
        assert (made.shape, made.dtype) == ((4, 6, 3), np.uint8)


def test_other_sizes_are_resized() -> None:
    large = picture().resize((60, 40))
    expected = np.asarray(large.resize((6, 4), Image.Resampling.BILINEAR))
    assert np.array_equal(decode(encoded(large), RGB), expected)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that declares many pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "neither a PNG, a JPEG nor a WebP"),
        (b"GIF89a" + bytes(50), "neither a PNG, a JPEG nor a WebP"),
        (encoded(picture(), "GIF"), "neither a PNG, a JPEG nor a WebP"),
        (encoded(picture(), "BMP"), "neither a PNG, a JPEG nor a WebP"),
        (encoded(picture())[:60], "broken"),
        (encoded(picture(), "JPEG")[:300], "broken"),
        (bomb(10_000, 10_000), r"10000 × 10000 pixels are more"),
        (bomb(60_000, 60_000), "more pixels than|pixels are more"),
        (bomb(100, 100), "broken"),
    ],
    ids=range(9),
)
def test_what_is_no_image_or_too_large_says_so(data: bytes, says: str) -> None:
    with pytest.raises(InvalidArgument, match=says):
        decode(data, RGB)


def test_more_bytes_than_an_image_may_have_are_not_even_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "MAX_BYTES", 10)
    with pytest.raises(InvalidArgument, match="more than an image may have"):
        decode(encoded(picture()), RGB)


def test_damaged_images_are_errors_and_nothing_else() -> None:
    random = np.random.default_rng(3)
    for kind in ("PNG", "JPEG"):
        whole = encoded(picture().resize((30, 20)), kind)
        for _ in range(200):
            damaged = bytearray(whole)
            for place in random.integers(0, len(damaged), 3):
                damaged[place] = int(random.integers(256))
            try:
                assert decode(bytes(damaged), RGB).shape == (4, 6, 3)
            except InvalidArgument as error:
                assert error.message  # noqa: PT017  # either is fine; any other error is not


def test_a_plan_is_made_only_where_it_is_asked_for() -> None:
    signature = Signature(
        inputs=(TensorSpec(name="x", dtype="FP32", shape=(None, 24)),),
        outputs=(TensorSpec(name="y", dtype="FP32", shape=(None, 1)),),
    )
    plan = image_plan(GREY, {"serving_default": signature})
    assert plan is not None
    assert np.array_equal(plan.decoded(blank(GREY)), np.zeros(24, np.float32))
