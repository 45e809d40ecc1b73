"""The port to the preparation of inputs (decoding images, cutting texts into tokens): the signature it adds, and how
its inputs become the model's."""

from typing import Protocol

from bms.core.tensors.signature import Signature
from bms.core.tensors.tensor import Array


class Plan(Protocol):
    """Contract: `prepare` takes inputs of `signature` and gives those of signature `target`, row for row. It may be
    called from several threads at once, and raises InvalidArgument naming the first row that is at fault."""

    @property
    def name(self) -> str:
        """The name of the added signature."""
        ...

    @property
    def signature(self) -> Signature: ...

    @property
    def target(self) -> str: ...

    def prepare(self, inputs: dict[str, Array]) -> dict[str, Array]: ...
