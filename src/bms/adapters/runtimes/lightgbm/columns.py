"""Reads the features of a LightGBM text file: their names, and which of them are categories of a pandas frame.

The file lists the levels of each categorical column of the training frame, in the order of the columns, but not whose
they are. A feature that LightGBM split by category shows codes (`feature_infos=0:2:1`); but a column that is ordered,
or was left out of `categorical_feature`, was a number to it (`[0:2]`), and a column of plain whole numbers may have
been declared a category. So levels are given to features only where there is but one way to do it.
"""

import json
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bms.core.errors import FailedPrecondition
from bms.core.tensors.columns import Level

_DECLARED = re.compile(rb"^\[categorical_feature: ([\d,]*)\]\s*$", re.MULTILINE)
_LEVELS = b"pandas_categorical:"
_MOST = 100_000_000  # lists of levels times features; more are not tried
_UNNAMED = re.compile(r"Column_\d+|\d+")


class SeenFeature(NamedTuple):
    """The values of one feature in training. `codes` (at least 0) of a category; `bounds` of a number. Neither: always
    the same, so that no tree asks for it. `whole`: no tree splits it at anything but whole numbers and halves."""

    codes: tuple[int, ...] = ()
    bounds: tuple[float, float] | None = None
    whole: bool = True
    categorical: bool = False


def real_names(names: Sequence[str]) -> tuple[str, ...]:
    """Returns `names`, unless some are the same, or they are but the features' numbers: `Column_0` as LightGBM says
    where it was given none, or `0` as a frame without names has."""
    numbered = all(_UNNAMED.fullmatch(name) for name in names) and _numbered(names)
    return () if numbered or len(set(names)) != len(names) else tuple(names)


def seen_of(infos: Sequence[str], fractional: frozenset[int], content: bytes) -> tuple[SeenFeature, ...]:
    """Parses the words of `feature_infos`; `fractional` are the features that trees split between halves. Raises
    ValueError for what is none."""
    found = _DECLARED.search(content)
    declared = {int(number) for number in found[1].split(b",") if number} if found else set()
    return tuple(
        _parsed_feature(info, number not in fractional, number in declared) for number, info in enumerate(infos)
    )


def levels_of(content: bytes) -> tuple[tuple[Level, ...], ...]:
    """Reads the levels of each categorical column of the training frame, none where it was an array or had no such
    column. Raises ValueError for what can't be read."""
    last = content.rstrip().rpartition(b"\n")[2]
    if not last.startswith(_LEVELS):
        return ()
    try:
        given = json.loads(last[len(_LEVELS) :])
    except RecursionError as error:
        raise ValueError("pandas_categorical is nested too deep") from error
    if given is None:
        return ()
    if not isinstance(given, list) or not all(isinstance(levels, list) for levels in given):
        raise ValueError("pandas_categorical is no list of lists")
    return tuple(_levels(levels) for levels in given)


def owners(levels: Sequence[tuple[Level, ...]], seen: Sequence[SeenFeature]) -> tuple[int, ...] | None:
    """Matches lists of levels to features, by number, in the same order; None where there is none, or more than one way
    to tell."""
    if len(levels) * len(seen) > _MOST:
        return None
    ways = _ways(levels, seen)
    if ways[0, 0] != 1:
        return None
    # Where there is one way, levels belong to the last feature from which on all that follow can still be given.
    return tuple(int(np.flatnonzero(ways[index])[-1]) for index in range(len(levels)))


def unclear(
    names: Sequence[str], levels: Sequence[tuple[Level, ...]], seen: Sequence[SeenFeature]
) -> FailedPrecondition:
    """Makes the error for a model whose levels may belong to several columns, with what its maker may declare."""
    kinds = ["category" if one.categorical else "number" for one in seen]
    example = " ".join(f"--column '{name} {kind}'" for name, kind in list(zip(names, kinds, strict=True))[:8])
    shown = "; ".join(json.dumps(list(one[:5]), ensure_ascii=False) for one in levels[:5])
    return FailedPrecondition(
        f"the model was trained on a frame with {len(levels)} categorical columns (levels {shown}), and its file does "
        f"not tell which of {', '.join(map(repr, names[:20]))} they are: declare all columns in their order, those as "
        f"category, for example {example}{' …' if len(names) > 8 else ''}"
    )


def _ways(levels: Sequence[tuple[Level, ...]], seen: Sequence[SeenFeature]) -> NDArray[np.int8]:
    """[i, j]: in how many ways (0, 1, or 2 for more) the levels from i on can be given to features from j on."""
    fewest, exactly = np.array([_counts(one) for one in seen]).reshape(-1, 2).T
    ways = np.zeros((len(levels) + 1, len(seen) + 1), dtype=np.int8)
    ways[-1] = 1
    for index in range(len(levels) - 1, -1, -1):
        count = len(levels[index])
        fits = ((fewest >= 0) & (fewest <= count)) | (exactly == count)
        here = np.where(fits, ways[index + 1, 1:], 0)
        ways[index, :-1] = np.minimum(2, np.cumsum(here[::-1])[::-1])
    return ways


def _counts(seen: SeenFeature) -> tuple[int, int]:
    """How many levels, at least or exactly, a column must have had to become this feature; -1 for never."""
    if seen.categorical:
        return max(seen.codes, default=-1) + 1, -1
    low, high = seen.bounds or (0.0, 0.0)
    codes = seen.whole and low == 0 and 0 <= high < 1 << 31 and high.is_integer()
    return -1, int(high) + 1 if codes else -1


def _parsed_feature(info: str, whole: bool, categorical: bool) -> SeenFeature:
    if info == "none":
        return SeenFeature(categorical=categorical)
    if info.startswith("["):
        low, high = info[1:-1].split(":")
        return SeenFeature(bounds=(float(low), float(high)), whole=whole, categorical=categorical)
    codes = tuple(code for code in map(int, info.split(":")) if code >= 0)
    return SeenFeature(codes=codes, categorical=True)


def _levels(given: list[object]) -> tuple[Level, ...]:
    levels = tuple(level for level in given if isinstance(level, str | bool | int | float))
    kinds = {type(level) for level in levels}
    if len(levels) != len(given) or len(set(levels)) != len(levels) or not (len(kinds) < 2 or kinds == {int, float}):
        raise ValueError(f"these are no levels of a category: {str(given)[:100]}")
    if any(isinstance(level, int) and not -(1 << 63) <= level < 1 << 63 for level in levels):
        raise ValueError(f"a category has levels beyond 64 bits: {str(given)[:100]}")
    return levels


def _numbered(names: Sequence[str]) -> bool:
    return all(name.rpartition("_")[2] == str(number) for number, name in enumerate(names))
