"""Parsers of short forms that several commands take: images, texts, pairs, values and numbers by name."""

import math
from collections.abc import Iterable
from typing import Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from bms.core.errors import InvalidArgument
from bms.core.tensors import preprocessing
from bms.sdk.nouns.signatures import ImagePreprocess, TextPreprocess

_CHOICES = {  # the words that an option of --image may be
    name: get_args(kind)
    for name, kind in get_type_hints(preprocessing.ImagePreprocess).items()
    if get_origin(kind) is Literal
}
T = TypeVar("T", ImagePreprocess, TextPreprocess)


def parse_image(text: str) -> ImagePreprocess:
    """Parses `input=x,mode=L,height=8,width=8,…` as an ImagePreprocess. Raises InvalidArgument."""
    given: dict[str, object] = dict(parse_pairs(text.split(",")))
    for several in ("mean", "std"):
        if several in given:
            given[several] = str(given[several]).split("/")
    for name, allowed in _CHOICES.items():
        if name in given and given[name] not in allowed:
            raise InvalidArgument(f"--image: {name} is {given[name]!r}, expected {' or '.join(allowed)}")
    return _converted("image", given, ImagePreprocess, "input=x,mode=L,height=8,width=8")


def parse_text(text: str) -> TextPreprocess:
    """Parses `max_length=128,types=token_type_ids,…`, or nothing, as a TextPreprocess. Raises InvalidArgument."""
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
    """Splits `NAME=VALUE` texts. Raises InvalidArgument."""
    pairs = []
    for text in texts:
        name, sign, value = text.partition("=")
        if not (name.strip() and sign):
            raise InvalidArgument(f"{text!r} is not of the form NAME=VALUE")
        pairs.append((name.strip(), value.strip()))
    return pairs


def parse_values(texts: Iterable[str]) -> dict[str, object]:
    """Parses `NAME=VALUE` texts by name: values are JSON, and what has none of its marks is a text. Raises
    InvalidArgument."""
    return {name: _value(name, text) for name, text in parse_pairs(texts)}


def parse_numbers(texts: Iterable[str]) -> dict[str, float]:
    """Parses `NAME=NUMBER` texts by name. Raises InvalidArgument, also for what is not finite."""
    return {name: _number(name, text) for name, text in parse_pairs(texts)}


def _value(name: str, text: str) -> object:
    try:
        return msgspec.json.decode(text)
    except RecursionError:
        raise InvalidArgument(f"{name!r} nests lists and objects more deeply than can be read") from None
    except UnicodeEncodeError:
        raise InvalidArgument(f"{name!r} is not text of UTF-8") from None
    except msgspec.DecodeError as error:
        if text[:1] in ("[", "{", '"'):
            raise InvalidArgument(f"{name!r} is not JSON: {error}; got {_short(text)}") from None
        quoted = "write it with quotes to mean a text"
        if text in ("NaN", "Infinity", "-Infinity"):
            raise InvalidArgument(f'{name!r}: {text} is no number of JSON; {quoted}: "{text}"') from None
        if isinstance(error, msgspec.ValidationError):  # a number by its form, that nothing can hold
            beyond = "with more digits than can be read" if text.lstrip("-").isdecimal() else "beyond those of 64 bits"
            raise InvalidArgument(f'{name!r}: {_short(text)} is a number {beyond}; {quoted}: "{text[:40]}"') from None
        return text


def _number(name: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise InvalidArgument(f"{name}={_short(text)} is no number, like {name}=0.9")
    return number


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:40]}…")
