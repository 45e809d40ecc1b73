"""Converts a data set's images to arrays, and checks their shapes; `bms.adapters.images.decoding` decodes them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from io import BytesIO
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bms.adapters.datasets.findings import DatasetFinding
from bms.adapters.images.decoding import Change, Look, decode, look
from bms.core.errors import InvalidArgument

_BILINEAR = 2  # PIL.Image.Resampling.BILINEAR, which only images need
_CHANGES: dict[Change, str] = {
    "turned": "are stored rotated; they are turned upright by their EXIF orientation",
    "deep": "have 16 bits a channel, of which the upper 8 are used",
    "cmyk": "are CMYK; they become RGB without a colour profile",
    "transparent": "have transparent parts, where the colours beneath are used",
}


def decode_images(
    images: Sequence[bytes], mode: Literal["L", "RGB"] = "L", size: tuple[int, int] | None = None
) -> NDArray[np.uint8]:
    """Decodes images to pixels 0 to 255: [n, height, width] for "L" (grey), [n, height, width, 3] for "RGB".

    `size` is (height, width), to which images are resized (bilinear); without it all must have one size.
    Raises InvalidArgument, naming the image by its place, counted from 1, if one cannot be decoded.
    """
    pixels: list[NDArray[np.uint8]] = []
    for number, data in enumerate(images, 1):
        try:
            pixels.append(_decoded(data, mode, size))
        except InvalidArgument as error:
            raise InvalidArgument(f"image {number}: {error.message}") from error
        if pixels[-1].shape != pixels[0].shape:
            raise InvalidArgument(
                f"image {number} has shape {pixels[-1].shape}, image 1 {pixels[0].shape}: give `size` to resize them"
            )
    if not pixels:
        height, width = size or (0, 0)
        return np.zeros((0, height, width, 3) if mode == "RGB" else (0, height, width), np.uint8)
    return np.stack(pixels)


def _decoded(data: bytes, mode: Literal["L", "RGB"], size: tuple[int, int] | None) -> NDArray[np.uint8]:
    image = decode(data, mode)
    if size is not None and (image.height, image.width) != size:
        image = image.resize((size[1], size[0]), resample=_BILINEAR)
    return np.asarray(image, np.uint8)


def encode_png(pixels: NDArray[np.uint8]) -> bytes:
    """Encodes `pixels` uint8 [height, width] (grey) or [height, width, 3] (RGB) as PNG."""
    from PIL import Image  # Pillow is needed for images alone

    written = BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(written, "PNG")
    return written.getvalue()


def checked(image: bytes, where: str) -> Look:
    """Decodes an image once, and returns its header's properties. Raises InvalidArgument, beginning with `where`."""
    try:
        found = look(image)
        decode(image, "RGB")
    except InvalidArgument as error:
        raise InvalidArgument(f"{where}: {error.message}") from error
    return found


def shape_of(looks: Iterable[Look]) -> tuple[int, ...]:
    """The shape (height, width, channels) if all images have it, else ()."""
    shapes = {(one.height, one.width, one.channels) for one in looks}
    return shapes.pop() if len(shapes) == 1 else ()


def changes_of(feature: str, looks: Sequence[Look]) -> tuple[DatasetFinding, ...]:
    """Findings about properties of images that decoding loses."""
    counts = Counter(change for one in looks for change in one.changes)
    return tuple(
        DatasetFinding(
            kind="changed",
            feature=feature,
            count=counts[change],
            message=f"{counts[change]} of {len(looks)} images {words}",
        )
        for change, words in _CHANGES.items()
        if counts[change]
    )
