"""Refuses tensors in shared memory that a client names, whatever the protocol: other servers were broken into by it."""

from collections.abc import Mapping
from typing import Any

from bms.core.errors import InvalidArgument

REGION = "shared_memory_region"
NO_SHARED_MEMORY = "shared memory named by clients is not served: send and take the bytes themselves"


def refuse_shared_memory(parameters: Mapping[str, Any] | None, what: str) -> None:
    """Raises InvalidArgument for a tensor that lies, or is to be put, in memory that a client names."""
    if parameters and REGION in parameters:
        raise InvalidArgument(f"{what} names shared memory: {NO_SHARED_MEMORY}")
