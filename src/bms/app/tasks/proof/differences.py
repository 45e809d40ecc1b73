"""Compares two models' answers to the same rows: every output, by name, to the last row."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bms.core.errors import FailedPrecondition
from bms.core.tensors.tensor import Array, dtype_of

REFUSED = "it is not registered, and the parent is served as it is"
_LARGE = 1e7  # from here on a double's difference is judged by its size; a single's from 1 on
_SHOWN = 100  # characters of a value in an error


def differences(
    parent: Mapping[str, Array], child: Mapping[str, Array], tolerance: float, where: str, rows: Array
) -> dict[str, float]:
    """The largest difference of each output, 0 where it holds labels or whole numbers. `rows` are the places of the
    rows in `where`, for messages.

    Floating-point numbers may differ by `tolerance`: absolutely, and of numbers so large that the type's own rounding
    would count (from 1 on in single precision, from 10 million on in double) by so much of their size. NaN equals NaN,
    an infinity the same infinity. Everything else must be equal, types and shapes included.

    Raises FailedPrecondition naming the output, the row, and what parent and child answer there.
    """
    lacking = [name for name in parent if name not in child]
    extra = [name for name in child if name not in parent]
    if lacking or extra:
        raise FailedPrecondition(
            f"the converted model gives {_names(child)}, its parent {_names(parent)}: expected the same; {REFUSED}"
        )
    return {name: _difference(name, parent[name], child[name], tolerance, where, rows) for name in parent}


def _difference(name: str, old: Array, new: Array, tolerance: float, where: str, rows: Array) -> float:
    if old.shape != new.shape or dtype_of(old) != dtype_of(new):
        raise FailedPrecondition(
            f"output {name!r} of the converted model is {dtype_of(new)} {list(new.shape)}, its parent's "
            f"{dtype_of(old)} {list(old.shape)}, on {len(old)} rows of {where}: {REFUSED}"
        )
    if old.dtype.kind != "f":
        apart = np.asarray(old != new, dtype=np.float64)
        bound = 0.0
    else:
        apart = _apart(old, new)
        bound = tolerance
    largest = float(np.max(apart, initial=0.0))
    if largest <= bound:
        return largest
    wrong = np.any((~(apart <= bound)).reshape(len(old), -1), axis=1)
    place = np.unravel_index(int(np.argmax(apart)), apart.shape) if old.dtype.kind == "f" else _first(apart)
    within = f"[{', '.join(map(str, place[1:]))}]" if len(place) > 1 else ""
    by = f", {largest:.3g} apart where {tolerance:.3g} is allowed (--tolerance)" if old.dtype.kind == "f" else ""
    raise FailedPrecondition(
        f"output {name!r}{within}, row {rows[place[0]]} of {where}: the parent answers {_shown(old[place])}, the "
        f"converted model {_shown(new[place])}{by}; so on {int(wrong.sum())} of {len(old)} rows: {REFUSED}"
    )


def _apart(old: Array, new: Array) -> NDArray[np.float64]:
    """The difference of two numbers; infinite where only one of the two is a number."""
    one, other = old.astype(np.float64), new.astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        apart = np.abs(one - other)
        size = np.nan_to_num(np.abs(one) / (_LARGE if old.dtype.itemsize >= 8 else 1.0), nan=1.0, posinf=1.0)
        apart = apart / np.maximum(1.0, size)
    apart[(one == other) | (np.isnan(one) & np.isnan(other))] = 0.0
    return np.nan_to_num(apart, nan=np.inf, posinf=np.inf)


def _first(apart: NDArray[np.float64]) -> tuple[int, ...]:
    return tuple(int(at) for at in np.argwhere(apart)[0])


def _shown(value: Any) -> str:
    plain = value.decode(errors="replace") if isinstance(value, bytes) else getattr(value, "item", lambda: value)()
    return repr(plain)[:_SHOWN]


def _names(outputs: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in outputs)
