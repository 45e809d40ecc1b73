"""Statistics of numbers, computed exactly: integers of 64 bits to the last digit, doubles of any size.

Doubles can't tell integers beyond 2**53 apart, and squares of large ones overflow. So means, deviations and quantiles
are taken of offsets: of integers from their least, exact as far as 2**53 reaches; of doubles of extreme size, scaled.
"""

from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
_BINS = 20
_EXACT = 1 << 53
_SQUARES = 480  # a power of two whose square, summed over many rows, is far from both ends of float64

Number = int | float
"""Of a column of integers: an int where it is whole, or so large that a float would not say which."""


class Histogram(msgspec.Struct, frozen=True, kw_only=True):
    """A histogram: `counts` of the bins between consecutive `edges`; the last bin includes its upper edge."""

    edges: list[Number]
    counts: list[int]


class NumberStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """Statistics of a column of numbers, over all finite elements. `std` divides by n. `quantiles` are keyed "0.01" to
    "0.99"."""

    infinite: int
    min: Number
    max: Number
    mean: float
    std: float
    distinct: int
    quantiles: dict[str, Number]
    histogram: Histogram


@dataclass(frozen=True)
class Offsets:
    """Values as offsets: a value is `origin` + its offset times 2**`exponent`."""

    values: NDArray[np.float64]
    origin: int | None  # None: of doubles, which are offsets from 0
    exponent: int = 0

    def place(self, offset: float) -> Number:
        """The value at `offset`."""
        if self.origin is None:
            return float(np.ldexp(offset, self.exponent))
        whole = round(offset)
        if offset == whole or abs(self.origin + whole) > _EXACT:
            return self.origin + whole
        return self.origin + offset


def finite_of(values: NDArray[Any]) -> NDArray[Any]:
    return values[np.isfinite(values)] if values.dtype.kind == "f" else values


def offsets_of(finite: NDArray[Any]) -> Offsets:
    """Computes the offsets of int64, or finite float64, at least one of them."""
    if finite.dtype.kind == "f":
        exponent = int(np.frexp(np.abs(finite).max())[1])
        if abs(exponent) < _SQUARES:
            return Offsets(finite, None)
        return Offsets(np.ldexp(finite, -exponent), None, exponent)
    least = finite.min()
    return Offsets((finite.view(np.uint64) - least.view(np.uint64)).astype(np.float64), int(least))


def measure(values: NDArray[Any]) -> NumberStatistics | None:
    """Computes the statistics of int64 or float64 of any shape; None without a finite one."""
    flat = values.reshape(-1)
    finite = finite_of(flat)
    if not finite.size:
        return None
    offsets = offsets_of(finite)
    quantiles = np.quantile(offsets.values, QUANTILES).tolist()
    return NumberStatistics(
        infinite=len(flat) - len(finite),
        min=finite.min().item(),
        max=finite.max().item(),
        mean=float((offsets.origin or 0) + np.ldexp(offsets.values.mean(), offsets.exponent)),
        std=float(np.ldexp(offsets.values.std(), offsets.exponent)),
        distinct=len(np.unique(finite)),
        quantiles={str(share): offsets.place(at) for share, at in zip(QUANTILES, quantiles, strict=True)},
        histogram=_histogram(offsets),
    )


def _histogram(offsets: Offsets) -> Histogram:
    low, high = offsets.values.min(), offsets.values.max()
    edges = np.linspace(low, high, _BINS + 1)
    if offsets.origin is not None and max(abs(offsets.place(low)), abs(offsets.place(high))) > _EXACT:
        edges = np.unique(np.rint(edges))  # an edge between two such integers can't be said
    if len(edges) < 2 or not (np.diff(edges) > 0).all():  # all values alike, or nearer than float64 can divide
        return Histogram(edges=[offsets.place(low), offsets.place(high)], counts=[len(offsets.values)])
    counts = np.histogram(offsets.values, edges)[0].tolist()
    return Histogram(edges=[offsets.place(edge) for edge in edges.tolist()], counts=counts)
