"""Options of preparing inputs: how an encoded image or a text becomes a model's input, and the signature that this
adds.

The kind of preprocessing is also the name of that signature and of its one input: BYTES [-1], a row each.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec
from msgspec import structs

from bms.core.tensors.signature import DEFAULT, Signature, TensorSpec

IMAGE = "image"
TEXT = "text"


class ImagePreprocess(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag=IMAGE):
    """How an encoded image (JPEG, PNG or WebP) becomes the model's `input`; empty: its only one.

    It is decoded to `mode` ("L" grey, "RGB", or "BGR": the same with blue first) and brought to (height, width):
    "stretch" resizes both sides; "crop" resizes its shorter side to `shorter` pixels (0: as few as fill height and
    width), the longer one in proportion, and cuts the middle out; "none" only cuts. Then each channel is
    (value * scale - mean) / std, laid out as `layout`.
    """

    input: str = ""
    mode: Literal["L", "RGB", "BGR"]
    height: int
    width: int
    resize: Literal["stretch", "crop", "none"] = "stretch"
    shorter: int = 0
    interpolation: Literal["nearest", "bilinear", "bicubic"] = "bilinear"
    scale: float = 1 / 255
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    layout: Literal["flat", "HWC", "CHW", "HW"] = "flat"


class TextPreprocess(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag=TEXT):
    """How a text (UTF-8) becomes token ids, by the file `tokenizer` of the artifact (that of the library tokenizers).

    What is longer than `max_length` tokens is cut; None: as long as the tokenizer's files and the model say. The
    model's inputs named here are integers [-1, tokens]: `ids`, the `mask` (1 for a token, 0 for padding) and the
    `types` (of the segment); an empty name: the model has none such.
    """

    tokenizer: str = "tokenizer.json"
    max_length: int | None = None
    ids: str = "input_ids"
    mask: str = "attention_mask"
    types: str = ""


Preprocess = ImagePreprocess | TextPreprocess


def kind_of(options: Preprocess) -> str:
    """Returns "image" or "text"."""
    return IMAGE if isinstance(options, ImagePreprocess) else TEXT


def feeds(options: Preprocess) -> tuple[str, ...]:
    """Returns the model's inputs that the preparation makes."""
    if isinstance(options, ImagePreprocess):
        return (options.input,)
    return tuple(name for name in (options.ids, options.mask, options.types) if name)


def target_of(options: Preprocess, signatures: Mapping[str, Signature]) -> str | None:
    """Returns the signature whose inputs are just those that the preparation makes, the default one first."""
    wanted = set(feeds(options))
    for name in (DEFAULT, *signatures):
        if name not in signatures:
            continue
        taken = {spec.name for spec in signatures[name].inputs}
        if taken == wanted or (wanted == {""} and len(taken) == 1):
            return name
    return None


def fed(options: Preprocess, target: Signature) -> Signature:
    """Returns the signature that the preparation adds: the outputs of `target`, for an encoded image or a text."""
    taken = TensorSpec(name=kind_of(options), dtype="BYTES", shape=(None,))
    return structs.replace(target, inputs=(taken,))
