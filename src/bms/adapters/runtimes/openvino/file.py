"""Checks an OpenVINO IR file (.xml) before OpenVINO reads it: a plain graph of standard operations."""

import re
from typing import NamedTuple
from xml.parsers import expat  # used as a tokenizer only; documents with a DTD, and with it entities, are refused

from bms.core.errors import FailedPrecondition

_STANDARD = re.compile(r"opset\d{1,3}")
_HEAD = re.compile(rb"\s*(<\?xml[^>]{0,200}\?>\s*)?(<!--.{0,500}?-->\s*)?<net\s[^>]*version\s*=", re.DOTALL)
_DEPTH = 64  # of nested bodies (If, Loop) at 8 levels of XML each: more than any model has


class IrFile(NamedTuple):
    """The content of an IR file, as far as it is looked at. `weights`: the end of the last constant in the .bin file,
    in bytes."""

    layers: int
    weights: int


def format_of(path: str) -> str | None:
    """ "openvino" for XML whose root is a `net` with a version; None for anything else."""
    try:
        with open(path, "rb") as file:
            return "openvino" if _HEAD.match(file.read(2048)) else None
    except OSError:
        return None


def check_ir(content: bytes, name: str) -> IrFile:
    """Checks the file. Raises FailedPrecondition for what is no such file, has a DTD, or uses operations of
    extensions."""
    layers, weights, foreign, depth = 0, 0, set[str](), 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal layers, weights, depth
        depth += 1
        if depth > _DEPTH * 8:
            raise _refused(name, "it is nested too deep")
        if tag == "layer":
            layers += 1
            if not _STANDARD.fullmatch(attributes.get("version", "")):
                foreign.add(f"{attributes.get('version', '')[:40]}.{attributes.get('type', '')[:40]}")
        elif tag == "data" and "offset" in attributes and "size" in attributes:
            try:
                offset, size = int(attributes["offset"]), int(attributes["size"])
            except ValueError:
                raise _refused(name, "a constant's place is no number") from None
            if offset < 0 or size < 0:
                raise _refused(name, "a constant's place is negative")
            weights = max(weights, offset + size)

    def end(_: str) -> None:
        nonlocal depth
        depth -= 1

    def doctype(*_: object) -> None:
        raise _refused(name, "it has a document type, which OpenVINO's own files have not")

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise _refused(name, f"its XML is broken ({error})") from error
    if foreign:
        raise _refused(name, f"it uses operations that are not OpenVINO's own: {', '.join(sorted(foreign)[:10])}")
    if not layers:
        raise _refused(name, "it has no layers")
    return IrFile(layers, weights)


def _refused(name: str, why: str) -> FailedPrecondition:
    return FailedPrecondition(f"{name!r} can't be served: {why}; save the model with openvino.save_model")
