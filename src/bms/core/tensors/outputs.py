"""Outputs of several calls that ran together: kept as one and cut up on demand, so that encoders can work on all of
them at once."""

from collections.abc import Iterator, Sequence
from typing import overload

from bms.core.tensors.tensor import Tensor


class Together:
    """Tensors whose first dimension counts the rows of several calls. `memo` is for an encoder to keep what it made of
    all rows."""

    __slots__ = ("memo", "tensors")

    def __init__(self, tensors: list[Tensor]) -> None:
        self.tensors = tensors
        self.memo: object = None


class OutputRows(Sequence[Tensor]):
    """One call's rows of such tensors, from `start` to before `end`: a sequence of tensors, cut when it is first looked
    at."""

    __slots__ = ("_cut", "end", "start", "whole")

    def __init__(self, whole: Together, start: int, end: int) -> None:
        self.whole = whole
        self.start = start
        self.end = end
        self._cut: list[Tensor] | None = None

    def __len__(self) -> int:
        return len(self.whole.tensors)

    @overload
    def __getitem__(self, index: int) -> Tensor: ...

    @overload
    def __getitem__(self, index: slice) -> list[Tensor]: ...

    def __getitem__(self, index: int | slice) -> Tensor | list[Tensor]:
        return self._tensors()[index]

    def __iter__(self) -> Iterator[Tensor]:
        return iter(self._tensors())

    def _tensors(self) -> list[Tensor]:
        cut = self._cut
        if cut is None:
            start, end = self.start, self.end
            self._cut = cut = [Tensor(name, array[start:end]) for name, array in self.whole.tensors]
        return cut
