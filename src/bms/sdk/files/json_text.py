"""Reads JSON files as they occur in practice: also with the bare NaN and Infinity that Python writes."""

import json
from typing import Any

import msgspec

from bms.core.errors import InvalidArgument


def read_json(content: bytes | str, where: str) -> Any:
    """Parses the text, and returns its value. Raises InvalidArgument, naming `where`, for what is no JSON."""
    try:
        return msgspec.json.decode(content)
    except RecursionError:
        raise InvalidArgument(f"{where} has more levels of lists and objects in one another than can be read") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        try:
            return json.loads(content)
        except (ValueError, RecursionError):
            raise InvalidArgument(f"{where} is not JSON: {error}") from None
