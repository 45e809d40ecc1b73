"""Collects the parts of a stream into one whole answer, for a client that wants no stream."""

from collections.abc import Sequence

from bms.core.errors import ResourceExhausted
from bms.core.tensors.tensor import Array, Tensor

MOST = 64 << 20  # bytes


class CollectedAnswer:
    """The collected parts of one request."""

    def __init__(self) -> None:
        self.parts: list[Sequence[Tensor]] = []
        self._size = 0

    def add(self, outputs: Sequence[Tensor]) -> None:
        """Copies a part, so that the memory it came in is let go. Raises ResourceExhausted for more than can be
        kept."""
        self._size += sum(_size(array) for _, array in outputs)
        if self._size > MOST:
            raise ResourceExhausted(f"the whole answer has over {MOST} bytes: ask for it in a stream")
        self.parts.append([Tensor(name, array.copy()) for name, array in outputs])


def _size(array: Array) -> int:
    return sum(len(item) for item in array.ravel().tolist()) if array.dtype == object else array.nbytes
