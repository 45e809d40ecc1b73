"""The file `bms.json` of an artifact: what a maker says of a model at its upload, kept with the version."""

from pathlib import Path

import msgspec

from bms.core.errors import InvalidArgument
from bms.sdk.files import LocalFile, in_memory, with_file

DESCRIPTION = "bms.json"


def with_batched(files: list[LocalFile], batched: bool) -> list[LocalFile]:
    """`files`, among them a description that says whether rows may share runs, and all that it said before. Raises
    InvalidArgument for a description that is no JSON object."""
    said = next((file.source for file in files if file.entry.path == DESCRIPTION), b"{}")
    try:
        given = msgspec.json.decode(said.read_bytes() if isinstance(said, Path) else said, type=dict[str, object])
    except RecursionError:
        raise InvalidArgument(f"{DESCRIPTION!r} has more levels of lists and objects than can be read") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidArgument(f"{DESCRIPTION!r} does not describe a model: {error}") from error
    return with_file(files, in_memory(DESCRIPTION, msgspec.json.encode({**given, "batched": batched})))
