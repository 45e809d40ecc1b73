"""Short forms that several commands read: images, texts, pairs."""

from collections.abc import Iterable
from typing import TypeVar

import msgspec

from bms.core.errors import InvalidArgument
from bms.sdk.signatures import ImagePreprocess, TextPreprocess

T = TypeVar("T", ImagePreprocess, TextPreprocess)


def parse_image(text: str) -> ImagePreprocess:
    """`input=x,mode=L,height=8,width=8,…` as an ImagePreprocess. Raises InvalidArgument."""
    given: dict[str, object] = dict(parse_pairs(text.split(",")))
    for several in ("mean", "std"):
        if several in given:
            given[several] = str(given[several]).split("/")
    return _converted("image", given, ImagePreprocess, "input=x,mode=L,height=8,width=8")


def parse_text(text: str) -> TextPreprocess:
    """`max_length=128,types=token_type_ids,…`, or nothing, as a TextPreprocess. Raises InvalidArgument."""
    given: dict[str, object] = dict(parse_pairs(text.split(",") if text.strip() else []))
    return _converted("text", given, TextPreprocess, "max_length=128,types=token_type_ids")


def _converted(option: str, given: dict[str, object], kind: type[T], example: str) -> T:
    unknown = [name for name in given if name not in kind.__struct_fields__]
    if unknown:
        raise InvalidArgument(f"--{option}: no {unknown[0]!r}: it has {', '.join(kind.__struct_fields__)}")
    try:
        return msgspec.convert({**given, "type": option}, kind, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidArgument(f"--{option}: {error}; write for example {example}") from None


def parse_pairs(texts: Iterable[str]) -> list[tuple[str, str]]:
    """`NAME=VALUE` texts, split. Raises InvalidArgument."""
    pairs = []
    for text in texts:
        name, sign, value = text.partition("=")
        if not (name.strip() and sign):
            raise InvalidArgument(f"{text!r} is not of the form NAME=VALUE")
        pairs.append((name.strip(), value.strip()))
    return pairs
