"""How a version preprocesses an encoded image or a text before its model gets it."""

from typing import Annotated

import msgspec

Interpolation = Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["bicubic", "bilinear", "nearest"]})]
Layout = Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["CHW", "HW", "HWC", "flat"]})]
Mode = Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["BGR", "L", "RGB"]})]
Resize = Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["crop", "none", "stretch"]})]


class ImagePreprocess(msgspec.Struct, frozen=True, kw_only=True, tag="image"):
    """How an encoded image (JPEG, PNG or WebP) becomes the model's `input`; an empty name: the model's only one.

    It is decoded to `mode` ("L" grey, "RGB", or "BGR": the same with blue first) and brought to (height, width):
    "stretch" resizes both sides; "crop" resizes its shorter side to `shorter` pixels (0: as few as fill height and
    width), the longer one in proportion, and cuts the middle out; "none" only cuts. Then each channel is
    (value * scale - mean) / std, laid out as `layout`.
    """

    input: str = ""
    mode: Mode
    height: int
    width: int
    resize: Resize = "stretch"
    shorter: int = 0
    interpolation: Interpolation = "bilinear"
    scale: float = 1 / 255
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    layout: Layout = "flat"


class TextPreprocess(msgspec.Struct, frozen=True, kw_only=True, tag="text"):
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
