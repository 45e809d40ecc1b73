"""JPEG and PNG by Pillow, with limits on what a few bytes may unfold to.

The first picture is taken as it lies in the file: orientation tags are not obeyed, transparency is dropped. Pillow's
filters average when they shrink.
"""

import struct
import zlib
from io import BytesIO

import numpy as np

from bms.core.errors import FailedPrecondition, InvalidArgument
from bms.core.preprocessing import ImagePreprocess
from bms.serving.inference.images import Pixels

try:
    from PIL import Image, UnidentifiedImageError

    from bms.adapters.images.sizing import sized
except ImportError as error:
    raise FailedPrecondition(
        "decoding images needs the package pillow, which the model's environment lacks: add it to the version's "
        "requirements"
    ) from error

MAX_BYTES = 64 << 20
MAX_PIXELS = 50_000_000
_MODES = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr"})


def blank(options: ImagePreprocess) -> bytes:
    """A black PNG of the size and mode that `options` ask for: an example."""
    out = BytesIO()
    Image.new(options.mode, (options.width, options.height)).save(out, "PNG")
    return out.getvalue()


def decode(data: bytes, options: ImagePreprocess) -> Pixels:
    """uint8 [options.height, options.width, channels]. Raises InvalidArgument saying what is wrong with `data`."""
    if len(data) > MAX_BYTES:
        raise InvalidArgument(f"{len(data)} bytes are more than an image may have ({MAX_BYTES})")
    try:
        with Image.open(BytesIO(data), formats=("JPEG", "PNG")) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise InvalidArgument(f"{width} × {height} pixels are more than an image may have ({MAX_PIXELS})")
            if image.mode not in _MODES:
                raise InvalidArgument(f"pixels of kind {image.mode!r} are not supported: send 8 bits per channel")
            array = np.asarray(sized(image.convert(options.mode), options), dtype=np.uint8)
    except UnidentifiedImageError as error:
        raise InvalidArgument("this is neither a JPEG nor a PNG image") from error
    except Image.DecompressionBombError as error:
        raise InvalidArgument(f"more pixels than an image may have ({MAX_PIXELS})") from error
    except (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error) as error:
        raise InvalidArgument(f"the image is broken: {str(error)[:200]}") from error
    return array.reshape(options.height, options.width, -1)
