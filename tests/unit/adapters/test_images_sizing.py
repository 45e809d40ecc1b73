"""Pictures of any size as a model takes them; expected sizes and corners are torchvision's."""

from typing import Any

import numpy as np
import pytest
from PIL import Image

from bms.adapters.images.sizing import sized
from bms.core.errors import InvalidArgument
from bms.core.tensors.preprocessing import ImagePreprocess

BILINEAR, BICUBIC, NEAREST = Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.NEAREST


def picture(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))


def options(**given: Any) -> ImagePreprocess:
    return ImagePreprocess(**{"input": "x", "mode": "RGB", "height": 24, "width": 24, **given})


def same(one: Image.Image, other: Image.Image) -> bool:
    return np.array_equal(np.asarray(one), np.asarray(other))


def cut(one: Image.Image, left: int, top: int, width: int = 24, height: int = 24) -> Image.Image:
    return one.crop((left, top, left + width, top + height))


def test_stretching_takes_no_heed_of_proportions() -> None:
    given = picture(60, 31)
    assert same(sized(given, options()), given.resize((24, 24), BILINEAR))
    assert same(sized(given, options(interpolation="bicubic")), given.resize((24, 24), BICUBIC))
    assert same(sized(given, options(interpolation="nearest")), given.resize((24, 24), NEAREST))


@pytest.mark.parametrize(
    ("size", "scaled", "corner"),
    [
        ((60, 41), (46, 32), (11, 4)),
        ((41, 60), (32, 46), (4, 11)),
        ((32, 32), (32, 32), (4, 4)),
        ((10, 10), (32, 32), (4, 4)),
    ],
)
def test_the_middle_is_cut_once_the_shorter_side_is_right(size: Any, scaled: Any, corner: Any) -> None:
    given = picture(*size)
    made = sized(given, options(resize="crop", shorter=32))
    assert same(made, cut(given.resize(scaled, BILINEAR) if size != scaled else given, *corner))


@pytest.mark.parametrize(("size", "scaled"), [((100, 50), (48, 24)), ((50, 100), (24, 48)), ((7, 6), (28, 24))])
def test_without_a_shorter_side_as_little_as_possible_is_cut(size: Any, scaled: Any) -> None:
    given = picture(*size)
    left, top = (scaled[0] - 24) // 2, (scaled[1] - 24) // 2
    assert same(sized(given, options(resize="crop")), cut(given.resize(scaled, BILINEAR), left, top))


@pytest.mark.parametrize("size", [(101, 57), (57, 101), (33, 300), (300, 33), (1, 1), (24, 30)])
def test_every_size_is_filled_whatever_the_proportions(size: Any) -> None:
    assert sized(picture(*size), options(resize="crop", width=30)).size == (30, 24)


def test_a_picture_that_is_only_cut_must_be_large_enough() -> None:
    given = picture(31, 24)
    assert same(sized(given, options(resize="none")), cut(given, 4, 0))
    with pytest.raises(InvalidArgument, match="has 23 × 31 pixels, expected at least 24 × 24"):
        sized(picture(31, 23), options(resize="none"))


def test_a_strip_is_not_stretched_beyond_all_bounds() -> None:
    with pytest.raises(InvalidArgument, match="too narrow"):
        sized(picture(40_000, 1), options(resize="crop", shorter=224))
