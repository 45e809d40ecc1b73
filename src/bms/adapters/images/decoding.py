"""Decodes PNG, JPEG and WebP to pixels: the one decoder for import, training and serving.

Pictures are turned as their EXIF says; of 16 bits a channel the upper 8 are taken; palettes and CMYK become colours,
without a colour profile; transparency is left out, so that the colours beneath it show. Animations are refused: which
of their pictures is meant, nobody knows.
"""

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bms.core.errors import FailedPrecondition, InvalidArgument

if TYPE_CHECKING:
    from PIL import Image

MAX_BYTES = 64 << 20
MAX_PIXELS = 64 << 20
FORMATS = ("PNG", "JPEG", "WEBP")
Change = Literal["turned", "deep", "cmyk", "transparent"]
_CHANNELS = {
    "1": 1, "L": 1, "I;16": 1, "I;16B": 1, "I;16L": 1, "I;16N": 1, "I": 1, "LA": 2, "P": 3, "PA": 4, "RGB": 3,
    "RGBA": 4, "CMYK": 3, "YCbCr": 3,
}  # fmt: skip
_DEEP = frozenset({"I;16", "I;16B", "I;16L", "I;16N", "I"})  # what a grey PNG of 16 bits opens as
_PNG, _WEBP, _JPEG = b"\x89PNG\r\n\x1a\n", b"WEBP", b"\xff\xd8\xff"
_ORIENTATION = 0x0112  # the tag of EXIF
_TELLS = frozenset({"exif", "xmp"})  # in what Pillow read of a JPEG's or WebP's header
_CHUNKS = frozenset({b"eXIf", b"iTXt", b"tEXt", b"zTXt"})
_SIDEWAYS = range(5, 9)  # orientations in which height and width change places


class Look(NamedTuple):
    """The properties in an image's header, after rotation. `channels` 1 is grey, 3 colour, with one more for
    transparency; `size` is in bytes, encoded; `changes` are what is not as in the file once it is decoded."""

    format: str  # png, jpeg, webp
    height: int
    width: int
    channels: int
    size: int
    changes: frozenset[Change]


def is_image(data: bytes) -> bool:
    """Whether the bytes begin as a PNG, JPEG or WebP does."""
    return data.startswith((_PNG, _JPEG)) or (data[:4] == b"RIFF" and data[8:12] == _WEBP)


def look(data: bytes) -> Look:
    """Reads an image's header. Raises InvalidArgument for what is no image or has too many pixels, FailedPrecondition
    without Pillow."""
    with _opened(data) as image:
        turn = _orientation(image, data)
        height, width = (image.width, image.height) if turn in _SIDEWAYS else (image.height, image.width)
        changes: dict[Change, bool] = {
            "turned": turn != 1,
            "deep": image.mode in _DEEP or (data.startswith(_PNG) and data[24] == 16),
            "cmyk": image.mode == "CMYK",
            "transparent": image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info,
        }
        told: frozenset[Change] = frozenset(name for name, so in changes.items() if so)
        return Look(_format_of(data), height, width, _CHANNELS[image.mode], len(data), told)


def decode(data: bytes, mode: Literal["L", "RGB"]) -> "Image.Image":
    """Decodes the image, upright, with 8 bits a channel. Raises as `look` does, and InvalidArgument for one that is
    broken."""
    with _opened(data) as image:
        turn = _orientation(image, data)
        image.load()
        shown: Image.Image = _of_8_bits(image) if image.mode in _DEEP else image
        if shown.mode == "P" and "transparency" in shown.info:
            shown = shown.convert("RGBA")  # or Pillow warns
        return _turned(shown.convert(mode), turn)


@contextmanager
def _opened(data: bytes) -> Iterator["Image.Image"]:
    if not is_image(data):
        raise InvalidArgument("this is neither a PNG, a JPEG nor a WebP image: convert it to one of them")
    try:
        from PIL import Image, UnidentifiedImageError  # most models and data sets have no images
    except ImportError as error:
        raise FailedPrecondition(
            "decoding images needs the package pillow, which this environment lacks: add it to the requirements"
        ) from error
    if len(data) > MAX_BYTES:
        raise InvalidArgument(f"{len(data)} bytes are more than an image may have ({MAX_BYTES})")
    try:
        with Image.open(BytesIO(data), formats=FORMATS) as image:
            _check(image)
            yield image
    except UnidentifiedImageError as error:
        raise InvalidArgument("the image is broken: its header can't be read") from error
    except Image.DecompressionBombError as error:
        raise InvalidArgument(f"more pixels than an image may have ({MAX_PIXELS})") from error
    except (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error) as error:
        raise InvalidArgument(f"the image is broken: {str(error)[:200]}") from error


def _check(image: "Image.Image") -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise InvalidArgument(f"{width} × {height} pixels are more than an image may have ({MAX_PIXELS})")
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format in ("PNG", "WEBP"):  # of a JPEG's, the first is the picture
        raise InvalidArgument(f"it is an animation of {frames} pictures: save the one you need as a file of its own")
    if image.mode not in _CHANNELS:
        raise InvalidArgument(f"pixels of kind {image.mode!r} are not supported: save it as grey or RGB")


def _format_of(data: bytes) -> str:
    return "png" if data.startswith(_PNG) else "jpeg" if data.startswith(_JPEG) else "webp"


def _orientation(image: "Image.Image", data: bytes) -> int:
    """1 to 8, as in EXIF; 1 is upright."""
    said = _is_described(data) if data.startswith(_PNG) else not _TELLS.isdisjoint(image.info)
    if not said:
        return 1  # in search of it Pillow would decode the whole of a PNG
    found = image.getexif().get(_ORIENTATION, 1)
    return found if isinstance(found, int) and found in range(1, 9) else 1


def _is_described(png: bytes) -> bool:
    """Whether one of its chunks may hold an orientation."""
    position = 8
    while position + 8 <= len(png):
        if png[position + 4 : position + 8] in _CHUNKS:
            return True
        position += 12 + int.from_bytes(png[position : position + 4], "big")
    return False


def _turned(image: "Image.Image", orientation: int) -> "Image.Image":
    from PIL.Image import Transpose

    method = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }.get(orientation)
    return image if method is None else image.transpose(method)


def _of_8_bits(image: "Image.Image") -> "Image.Image":
    """The upper 8 bits, which is what Pillow takes of colours; it would make every grey above 255 white."""
    from PIL import Image

    values: NDArray[Any] = np.asarray(image).astype(np.int64)
    return Image.fromarray(np.clip(values >> 8, 0, 255).astype(np.uint8))
