"""Resizes a picture and crops its middle to a model's size.

Sizes and corners are rounded as torchvision's Resize and CenterCrop round them, for whose models most of this is done.
"""

from PIL import Image

from bms.core.errors import InvalidArgument
from bms.core.tensors.preprocessing import ImagePreprocess

_FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
}
_MOST = 1 << 26  # pixels; a strip of a picture would be stretched beyond all bounds otherwise


def sized(picture: Image.Image, options: ImagePreprocess) -> Image.Image:
    """Resizes and crops `picture` to options.height × options.width. Raises InvalidArgument for one that can't be
    brought there."""
    wanted = (options.width, options.height)
    if options.resize == "stretch":
        return _resized(picture, wanted, options)
    if options.resize == "crop":
        picture = _resized(picture, _scaled(picture.size, options), options)
    width, height = picture.size
    if width < wanted[0] or height < wanted[1]:
        raise InvalidArgument(f"the image has {height} × {width} pixels, expected at least {wanted[1]} × {wanted[0]}")
    left, top = round((width - wanted[0]) / 2.0), round((height - wanted[1]) / 2.0)
    return picture.crop((left, top, left + wanted[0], top + wanted[1]))


def _resized(picture: Image.Image, size: tuple[int, int], options: ImagePreprocess) -> Image.Image:
    return picture if picture.size == size else picture.resize(size, _FILTERS[options.interpolation])


def _scaled(size: tuple[int, int], options: ImagePreprocess) -> tuple[int, int]:
    """(width, height) once the shorter side has the pixels that it is to have."""
    width, height = size
    short, long = min(size), max(size)
    shorter = options.shorter or _filling(size, options)
    longer = int(shorter * long / short)
    if shorter * longer > _MOST:
        raise InvalidArgument(f"an image of {height} × {width} pixels is too narrow to be cut from its middle")
    return (shorter, longer) if width <= height else (longer, shorter)


def _filling(size: tuple[int, int], options: ImagePreprocess) -> int:
    """The least shorter side with which both sides are filled."""
    width, height = size
    short = min(size)
    return max(-(-options.width * short // width), -(-options.height * short // height))
