"""One decoder for import, training and serving: what is obeyed, what is refused, and that all three see the same."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bms.adapters.datasets.images.pictures import changes_of, decode_images
from bms.adapters.images.decoding import decode, look
from bms.adapters.images.pillow import decode as served
from bms.core.errors import InvalidArgument
from bms.core.tensors.preprocessing import ImagePreprocess

ORIENTATION = 0x0112
COLOURS = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)
GREYS = np.arange(24, dtype=np.uint8).reshape(4, 6) * 10


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def oriented(kind: str, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    exact = {"lossless": True} if kind == "WEBP" else {}
    return encoded(Image.fromarray(COLOURS), kind, exif=exif, **exact)


@pytest.mark.parametrize(
    ("orientation", "upright"),
    [
        (1, COLOURS), (2, COLOURS[:, ::-1]), (3, COLOURS[::-1, ::-1]), (4, COLOURS[::-1]),
        (5, COLOURS.transpose(1, 0, 2)), (6, np.rot90(COLOURS, -1)), (7, np.rot90(COLOURS, 2).transpose(1, 0, 2)),
        (8, np.rot90(COLOURS)), (9, COLOURS),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_pictures_are_turned_as_their_exif_says(kind: str, orientation: int, upright: np.ndarray) -> None:
    data = oriented(kind, orientation)
    assert np.array_equal(np.asarray(decode(data, "RGB")), upright)
    seen = look(data)
    assert (seen.height, seen.width, seen.channels) == upright.shape
    assert ("turned" in seen.changes) == (orientation in range(2, 9))


def test_a_jpeg_is_turned_too() -> None:
    assert look(oriented("JPEG", 6))[:4] == ("jpeg", 6, 4, 3)
    assert decode(oriented("JPEG", 6), "L").size == (4, 6)


def test_sixteen_bits_of_grey_are_its_upper_eight() -> None:
    deep = encoded(Image.fromarray(GREYS.astype(np.uint16) * 256 + 77))
    assert np.array_equal(np.asarray(decode(deep, "L")), GREYS)
    assert np.array_equal(np.asarray(decode(deep, "RGB")), np.stack([GREYS] * 3, -1))
    assert look(deep) == ("png", 4, 6, 1, len(deep), {"deep"})


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA"])
def test_what_pillow_shows_is_seen(mode: str) -> None:
    image = Image.fromarray(COLOURS).convert("RGB" if mode == "RGB" else "L" if mode in ("1", "L") else mode)
    image = image.convert(mode)
    data = encoded(image if mode != "PA" else image.convert("P"))
    with Image.open(io.BytesIO(data)) as again:
        assert np.array_equal(np.asarray(decode(data, "RGB")), np.asarray(again.convert("RGBA").convert("RGB")))
    assert look(data).changes == ({"transparent"} if mode in ("LA", "RGBA") else frozenset())


def test_cmyk_becomes_colour() -> None:
    data = encoded(Image.new("CMYK", (6, 4), (0, 255, 255, 0)), "JPEG")
    red = np.asarray(decode(data, "RGB"))
    assert (red[..., 0] > 240).all()
    assert (red[..., 1:] < 15).all()
    assert (look(data).channels, look(data).changes) == (3, {"cmyk"})


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_animations_are_refused(kind: str) -> None:
    frames = [Image.fromarray(COLOURS), Image.fromarray(COLOURS[::-1].copy())]
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    for deed in (look, lambda data: decode(data, "RGB")):
        with pytest.raises(InvalidArgument, match="an animation of 2 pictures: save the one you need"):
            deed(data)


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF"])
def test_other_formats_are_refused_with_what_to_do(kind: str) -> None:
    with pytest.raises(InvalidArgument, match="neither a PNG, a JPEG nor a WebP image: convert it"):
        look(encoded(Image.fromarray(COLOURS), kind))


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize(
    "data",
    [
        oriented("PNG", 6), oriented("JPEG", 8), oriented("WEBP", 3),
        encoded(Image.fromarray(GREYS.astype(np.uint16) * 99)),
        encoded(Image.fromarray(COLOURS).convert("P")), encoded(Image.fromarray(COLOURS).convert("CMYK"), "JPEG"),
        encoded(Image.fromarray(COLOURS).convert("RGBA")),
    ],
    ids=["turned png", "turned jpeg", "turned webp", "deep", "palette", "cmyk", "transparent"],
)  # fmt: skip
def test_training_sees_what_serving_sees(data: bytes, mode: str) -> None:
    options = ImagePreprocess(input="x", mode=mode, height=3, width=5)  # type: ignore[arg-type]
    trained = decode_images([data], mode, (3, 5))  # type: ignore[arg-type]
    assert np.array_equal(trained.reshape(3, 5, -1), served(data, options))


def test_what_an_image_loses_is_a_finding() -> None:
    looks = [
        look(oriented("PNG", 6)),
        look(encoded(Image.fromarray(GREYS.astype(np.uint16)))),
        look(oriented("PNG", 1)),
    ]
    assert [(one.kind, one.feature, one.message) for one in changes_of("image", looks)] == [
        (
            "changed",
            "image",
            "1 of 3 images are stored rotated; they are turned upright by their EXIF orientation",
        ),
        ("changed", "image", "1 of 3 images have 16 bits a channel, of which the upper 8 are used"),
    ]
