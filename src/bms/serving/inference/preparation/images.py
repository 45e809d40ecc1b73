"""Image preparation: from decoded pixels to a model's input by `ImagePreprocess`, and the signature that this adds."""

from typing import Protocol

import numpy as np
import numpy.typing as npt

from bms.core.errors import FailedPrecondition, InvalidArgument
from bms.core.tensors.preprocessing import IMAGE, ImagePreprocess, fed, target_of
from bms.core.tensors.signature import Signature, TensorSpec, shape_text
from bms.core.tensors.tensor import NUMPY, Array
from bms.serving.lifecycle.synthetic_rows import QUESTIONS

_SEED = 20260101
# Of darkest and lightest pixels: what is scaled by the largest of its batch shows beside a row of another brightness.
_BRIGHTNESS = ((0, 256), (0, 32), (192, 256), (96, 160), (0, 256), (0, 128), (128, 256), (0, 8))
_FEWEST, _MOST = 3, 1 << 22  # synthetic images; elements of all of them
_MOST_PIXELS = 1 << 26  # of one prepared image
Pixels = npt.NDArray[np.uint8]


class ImageDecoder(Protocol):
    """The port to image decoders. Contract: uint8 [height, width, channels] of the size and mode that `options` ask
    for, from an encoded JPEG, PNG or WebP. Raises InvalidArgument, saying what is wrong, for anything else; never more
    than a bounded memory."""

    def __call__(self, data: bytes, options: ImagePreprocess) -> Pixels: ...


class ImagePlan:
    """A `Plan`: the signature "image" of one model: encoded images in, the outputs of signature `target` out."""

    name = IMAGE

    def __init__(self, options: ImagePreprocess, signatures: dict[str, Signature], decode: ImageDecoder) -> None:
        """Raises FailedPrecondition when no signature takes what `options` make."""
        self._options = options
        self._decode = decode
        self.target = _target(options, signatures)
        wrapped = signatures[self.target]
        spec = wrapped.inputs[0]
        self._input = spec.name
        _check_fit(options, spec, wrapped)
        self._table = _table(options, spec)
        self.signature = fed(options, wrapped)

    def prepare(self, inputs: dict[str, Array]) -> dict[str, Array]:
        """Returns the target's inputs, one row per image. Raises InvalidArgument naming the first bad image, from 1."""
        rows = []
        images = inputs[IMAGE]
        for number, data in enumerate(images.tolist(), start=1):
            try:
                rows.append(self.decoded(data))
            except InvalidArgument as error:
                raise InvalidArgument(f"image {number} of {len(images)}: {error.message}") from error
        return {self._input: np.stack(rows)}

    def decoded(self, data: bytes) -> Array:
        """Returns one row of the target's input from one encoded image. Raises InvalidArgument for a bad one."""
        return arranged(self._decode(data, self._options), self._table, self._options)


def arranged(pixels: Pixels, table: Array, options: ImagePreprocess) -> Array:
    """Normalises and lays out one image, uint8 [height, width, channels], as a row of the model's input; `table` is
    [channels, 256] of the input's type and holds what each pixel value becomes."""
    planes: list[Array] = [table[channel][pixels[:, :, channel]] for channel in range(pixels.shape[2])]
    if options.layout == "CHW":
        return np.stack(planes)
    if options.layout == "HW":
        return planes[0]
    row: Array = np.stack(planes, axis=-1)
    return row.reshape(row.size) if options.layout == "flat" else row


def synthetic_images(options: ImagePreprocess, signature: Signature) -> dict[str, Array]:
    """Returns synthetic images as rows of the model's input: coarse and fine blocks, bright and dark, of high and low
    contrast, since callers send what is like them, not numbers about zero. Raises FailedPrecondition where `options`
    don't fit."""
    spec = signature.inputs[0]
    _check_fit(options, spec, signature)
    table, channels = _table(options, spec), _channels(options)
    count = max(_FEWEST, min(QUESTIONS, _MOST // (options.height * options.width * channels)))
    chance, rows = np.random.default_rng(_SEED), []
    for number in range(count):
        blocks = chance.integers(
            *_BRIGHTNESS[number % len(_BRIGHTNESS)], (3 + number, 2 + number, channels), dtype=np.uint8
        )
        down = np.arange(options.height) * len(blocks) // options.height
        across = np.arange(options.width) * blocks.shape[1] // options.width
        rows.append(arranged(blocks[down][:, across], table, options))
    return {spec.name: np.stack(rows)}


def _table(options: ImagePreprocess, spec: TensorSpec) -> Array:
    # Computed in float64 and rounded once, so that it equals what a training script gets by dividing pixels.
    channels = _channels(options)
    mean = _per_channel("mean", options.mean, channels, 0.0)
    std = _per_channel("std", options.std, channels, 1.0)
    if not np.all(std):
        raise FailedPrecondition("preprocess.std holds a zero: pixels can't be divided by it")
    values = (np.arange(256, dtype=np.float64) * options.scale - mean[:, None]) / std[:, None]
    if not spec.dtype.startswith("FP") and not np.array_equal(values, np.tile(np.arange(256.0), (channels, 1))):
        raise FailedPrecondition(
            f"preprocess makes fractions, but input {spec.name!r} is {spec.dtype}: set scale 1 without mean and std"
        )
    return values.astype(NUMPY[spec.dtype])


def _per_channel(what: str, given: tuple[float, ...], channels: int, absent: float) -> npt.NDArray[np.float64]:
    if len(given) not in (0, 1, channels):
        raise FailedPrecondition(f"preprocess.{what} has {len(given)} numbers: give none, 1 or {channels}")
    return np.resize(np.array(given or (absent,), dtype=np.float64), channels)


def _channels(options: ImagePreprocess) -> int:
    return 1 if options.mode == "L" else 3


def _target(options: ImagePreprocess, signatures: dict[str, Signature]) -> str:
    found = target_of(options, signatures)
    if found is None and not options.input:
        raise FailedPrecondition("preprocess.input is not set, and no signature has exactly one input: set it")
    if found is None:
        raise FailedPrecondition(f"preprocess.input is {options.input!r}, but no signature takes just that input")
    return found


def _check_fit(options: ImagePreprocess, spec: TensorSpec, signature: Signature) -> None:
    height, width, channels = options.height, options.width, _channels(options)
    if min(height, width) < 1 or height * width > _MOST_PIXELS:
        raise FailedPrecondition(f"preprocess makes images of {height} × {width} pixels, expected 1 to {_MOST_PIXELS}")
    if options.resize == "crop" and options.shorter and options.shorter < max(height, width):
        raise FailedPrecondition(
            f"preprocess.shorter is {options.shorter}, from which {height} × {width} pixels can't be cut: say at least "
            f"{max(height, width)}, or 0"
        )
    if options.shorter < 0 or options.shorter > 1 << 13 or (options.shorter and options.resize != "crop"):
        raise FailedPrecondition('preprocess.shorter is for resize "crop", and at most 8192')
    if options.layout == "HW" and channels != 1:
        raise FailedPrecondition('preprocess.layout "HW" holds one channel: set mode "L" or another layout')
    row = {
        "flat": (height * width * channels,),
        "HWC": (height, width, channels),
        "CHW": (channels, height, width),
        "HW": (height, width),
    }[options.layout]
    takes = spec.shape[1:]
    if not signature.batched and spec.shape[:1] == (None,):
        raise FailedPrecondition(
            f"preprocess makes a row of each image, but rows of input {spec.name!r} were not proved to be independent, "
            "so that each request has a run of its own: give an example of several rows whose answers differ "
            "(`--example FILE`); if one row's answer depends on the others, mend the model"
        )
    if (
        not signature.batched
        or len(takes) != len(row)
        or any(want not in (None, have) for want, have in zip(takes, row, strict=True))
    ):
        raise FailedPrecondition(
            f"preprocess makes rows of shape {list(row)}, but input {spec.name!r} takes {shape_text(spec.shape)}"
        )
