"""Encoded images: what they are by their bytes, decoding to arrays, encoding from arrays."""

import struct
from collections.abc import Sequence
from io import BytesIO
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bms.core.errors import InvalidArgument, PayloadTooLarge

LARGEST = 64 << 20  # pixels of one image
_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_CHANNELS = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}  # colour type -> channels; a palette shows as RGB
_SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


class Look(NamedTuple):
    """What an image's header says; `channels` 1 is grey, 3 RGB, with one more for transparency."""

    format: Literal["png", "jpeg"]
    height: int
    width: int
    channels: int


def look(data: bytes) -> Look:
    """Reads the header only. Raises InvalidArgument for anything but PNG and JPEG, PayloadTooLarge for huge ones."""
    found = _look_png(data) if data.startswith(_PNG) else _look_jpeg(data) if data.startswith(b"\xff\xd8") else None
    if found is None or 0 in found:
        raise InvalidArgument("not a PNG or JPEG image, or its header is damaged; convert it to PNG or JPEG")
    if found.height * found.width > LARGEST:
        raise PayloadTooLarge(f"an image of {found.width} × {found.height} pixels; {LARGEST} are allowed in all")
    return found


def _look_png(data: bytes) -> Look | None:
    if len(data) < 29 or data[12:16] != b"IHDR":
        return None
    width, height, _, colour = struct.unpack_from(">IIBB", data, 16)
    return Look("png", height, width, _PNG_CHANNELS.get(colour, 0))


def _look_jpeg(data: bytes) -> Look | None:
    position = 2
    while position + 9 < len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker in _SOF:
            height, width, channels = struct.unpack_from(">HHB", data, position + 5)
            return Look("jpeg", height, width, channels)
        position += 1 if marker == 0xFF else 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    return None


def decode_images(
    images: Sequence[bytes], mode: Literal["L", "RGB"] = "L", size: tuple[int, int] | None = None
) -> NDArray[np.uint8]:
    """Pixels 0 to 255: [n, height, width] for "L" (grey), [n, height, width, 3] for "RGB".

    `size` is (height, width), to which images are resized (bilinear); without it all must have one size.
    Raises InvalidArgument, naming the image by its index, if one cannot be decoded.
    """
    pixels: list[NDArray[np.uint8]] = []
    for index, data in enumerate(images):
        try:
            pixels.append(_decode(data, mode, size))
        except (InvalidArgument, PayloadTooLarge) as error:
            raise InvalidArgument(f"image {index}: {error.message}") from error
        if pixels[-1].shape != pixels[0].shape:
            raise InvalidArgument(
                f"image {index} has shape {pixels[-1].shape}, image 0 {pixels[0].shape}: give `size` to resize them"
            )
    if not pixels:
        height, width = size or (0, 0)
        return np.zeros((0, height, width, 3) if mode == "RGB" else (0, height, width), np.uint8)
    return np.stack(pixels)


def _decode(data: bytes, mode: Literal["L", "RGB"], size: tuple[int, int] | None) -> NDArray[np.uint8]:
    from PIL import Image  # Pillow is needed for images alone

    look(data)
    try:
        with Image.open(BytesIO(data), formats=("PNG", "JPEG")) as image:
            converted = image.convert(mode)
    except (OSError, ValueError, SyntaxError, struct.error, Image.DecompressionBombError) as error:
        raise InvalidArgument(f"it cannot be decoded: {error}") from error
    if size is not None and (converted.height, converted.width) != size:
        converted = converted.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    return np.asarray(converted, np.uint8)


def encode_png(pixels: NDArray[np.uint8]) -> bytes:
    """A PNG of `pixels` uint8 [height, width] (grey) or [height, width, 3] (RGB)."""
    from PIL import Image  # Pillow is needed for images alone

    written = BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(written, "PNG")
    return written.getvalue()


def shape_of_all(images: Sequence[bytes]) -> tuple[int, ...]:
    """(height, width, channels) if all the images have it, else ()."""
    shapes = {tuple(look(data)[1:]) for data in images}
    return shapes.pop() if len(shapes) == 1 else ()
