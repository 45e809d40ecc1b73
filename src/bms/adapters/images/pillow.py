"""Prepares a caller's image for a model: decoded as at import and in training, and resized by Pillow.

Pillow's filters average when they shrink.
"""

from io import BytesIO
from typing import Literal

import numpy as np

from bms.adapters.images.decoding import decode as decoded
from bms.core.errors import FailedPrecondition
from bms.core.tensors.preprocessing import ImagePreprocess
from bms.serving.inference.preparation.images import Pixels

try:
    from PIL import Image

    from bms.adapters.images.sizing import sized
except ImportError as error:
    raise FailedPrecondition(
        "decoding images needs the package pillow, which the model's environment lacks: add it to the version's "
        "requirements"
    ) from error


def blank(options: ImagePreprocess) -> bytes:
    """Makes a black PNG of the size and mode that `options` ask for: an example."""
    out = BytesIO()
    Image.new(_decoded_to(options), (options.width, options.height)).save(out, "PNG")
    return out.getvalue()


def decode(data: bytes, options: ImagePreprocess) -> Pixels:
    """Decodes and resizes an image: uint8 [options.height, options.width, channels]. Raises InvalidArgument saying what
    is wrong with `data`."""
    array = np.asarray(sized(decoded(data, _decoded_to(options)), options), dtype=np.uint8)
    pixels = array.reshape(options.height, options.width, -1)
    return pixels[:, :, ::-1] if options.mode == "BGR" else pixels


def _decoded_to(options: ImagePreprocess) -> Literal["L", "RGB"]:
    return "L" if options.mode == "L" else "RGB"
