"""The file `bms.json` of an artifact: what the uploader declares about a model, kept with the version."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import msgspec

from bms.core.errors import InvalidArgument
from bms.sdk.files.local import LocalFile, in_memory, with_file

DESCRIPTION = "bms.json"


NO_FORMATS: Mapping[str, str] = MappingProxyType({})
FORMATS = ("NCHW", "NHWC")


def description(
    batched: bool | None, max_batch_size: int | None = None, formats: Mapping[str, str] = NO_FORMATS
) -> dict[str, object]:
    """Makes the content of `bms.json` from what was declared. Raises InvalidArgument for what it can't hold."""
    if max_batch_size is not None and max_batch_size < 1:
        raise InvalidArgument(f"max_batch_size is {max_batch_size}, expected the most rows of a request: 1 or more")
    for name, format in formats.items():
        if format not in FORMATS:
            raise InvalidArgument(f"the format of input {name[:80]!r} is {format[:80]!r}, expected NCHW or NHWC")
    said = {"batched": batched, "max_batch_size": max_batch_size, "formats": dict(formats) or None}
    return {name: value for name, value in said.items() if value is not None}


def with_description(files: list[LocalFile], told: Mapping[str, object]) -> list[LocalFile]:
    """Adds to `files` a description with what is `told`, and all that it held before. Raises InvalidArgument for a
    description that is no JSON object."""
    said = next((file.source for file in files if file.entry.path == DESCRIPTION), b"{}")
    try:
        given = msgspec.json.decode(said.read_bytes() if isinstance(said, Path) else said, type=dict[str, object])
    except RecursionError:
        raise InvalidArgument(f"{DESCRIPTION!r} has more levels of lists and objects than can be read") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidArgument(f"{DESCRIPTION!r} does not describe a model: {error}") from error
    return with_file(files, in_memory(DESCRIPTION, msgspec.json.encode({**given, **told})))
