"""The port to what is done with a model's inputs before it runs: one more signature, and how its inputs are made."""

from typing import Protocol

from bms.core.tensors.signature import Signature
from bms.core.tensors.tensor import Array


class Plan(Protocol):
    """Contract: `prepare` takes inputs of `signature` and gives those of signature `target`, row for row. It may be
    called from several threads at once, and raises InvalidArgument naming the first row that is at fault."""

    @property
    def name(self) -> str:
        """The name of `signature`."""
        ...

    @property
    def signature(self) -> Signature: ...

    @property
    def target(self) -> str: ...

    def prepare(self, inputs: dict[str, Array]) -> dict[str, Array]: ...
