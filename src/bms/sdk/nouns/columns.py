"""The short notation of columns: `age number`, `city text?`, `color category[red,green]`."""

import csv
import json
import re
from collections.abc import Sequence

from bms.core.errors import InvalidArgument
from bms.core.tensors import columns
from bms.core.tensors.columns import TYPES, dtype_of_column, fits_column
from bms.core.tensors.signature import shape_text
from bms.sdk.nouns.signatures import Column, Level, TensorSpec

_COLUMN = re.compile(
    r"\s*(?P<name>\S.*?)\s+(?P<type>[A-Za-z_]+)\s*(?:\[(?P<levels>.*)\])?(?P<optional>\?)?(?:\s+(?P<dtype>[A-Z]+\d*))?\s*"
)
_ADVICE = (
    f"write its name and type, like 'age number'; types are {', '.join(TYPES)}; 'city text?' may be left out of a "
    "request, 'color category[red,green]' has known levels"
)


def column(
    name: str, type: str, *, optional: bool = False, categories: Sequence[Level] = (), dtype: str | None = None
) -> TensorSpec:
    """A column of a table, to declare what a model takes; `dtype` where it is another than the usual one of its type.

    Raises InvalidArgument for a type that there is not, and a data type that can't carry it.
    """
    if type not in TYPES:
        raise InvalidArgument(f"column {name!r}: there is no type {type!r}: {_ADVICE}")
    known = columns.Column(type=type, categories=tuple(categories))
    carried = dtype or dtype_of_column(known)
    if not fits_column(known, carried):
        raise InvalidArgument(f"column {name!r} is {type}, which {carried} can't carry")
    declared = Column(type=type, optional=optional, categories=tuple(categories))
    return TensorSpec(name=name, dtype=carried, shape=(None,), column=declared)


def parse_column(text: str) -> TensorSpec:
    """Parses the short notation: `age number`, `n integer INT32`, `city text?`, `color category[red,green]`. Raises
    InvalidArgument."""
    found = _COLUMN.fullmatch(text)
    if found is None:
        raise InvalidArgument(f"{text!r} is no column: {_ADVICE}")
    return column(
        found["name"],
        found["type"],
        optional=found["optional"] is not None,
        categories=_levels(text, found["levels"] or ""),
        dtype=found["dtype"],
    )


def tensor_text(spec: TensorSpec, most: int | None = None) -> str:
    """Writes a column in its short notation, any other tensor as `x FP32 [-1, 64]`.

    `most`: for people, with so many of a category's levels at most, and none of what is no category, and with so many
    of the features of serialized examples.
    """
    if spec.column is None:
        optional = "?" if spec.optional else ""
        return f"{spec.name} {spec.dtype}{optional} {shape_text(spec.shape)}{_features_text(spec, most)}"
    levels = spec.column.categories
    usual = column(spec.name, spec.column.type, categories=levels).dtype
    shown = _levels_text(levels)
    if most is not None:
        few = _levels_text(levels[:most]) + (",…" if len(levels) > most else "")
        shown = few if spec.column.type == "category" else ""
    parts = [
        f"{spec.name} {spec.column.type}",
        f"[{shown}]" if shown else "",
        "?" if spec.column.optional else "",
        f" {spec.dtype}" if spec.dtype != usual else "",
    ]
    return "".join(parts)


def _features_text(spec: TensorSpec, most: int | None) -> str:
    """` of {length FP32 [1], tags BYTES [-1]}` for people; nothing of other tensors."""
    if most is None or not spec.features:
        return ""
    shown = [f"{one.name} {one.dtype} {shape_text((one.size,))}" for one in spec.features[:most]]
    return f" of {{{', '.join(shown)}{', …' if len(spec.features) > most else ''}}}"


def _levels(text: str, levels: str) -> tuple[Level, ...]:
    """As JSON where they are that, else texts."""
    if not levels.strip():
        return ()
    try:
        read: list[Level] = json.loads(f"[{levels}]")
    except RecursionError:
        raise InvalidArgument(f"{text[:40] + '…'!r}: levels are texts, numbers or booleans, and not lists") from None
    except ValueError:
        return tuple(level.strip() for level in next(csv.reader([levels])))
    if not all(isinstance(level, str | bool | int | float) for level in read):
        raise InvalidArgument(f"{text!r}: levels must be texts, numbers or booleans, with commas between them")
    return tuple(read)


def _levels_text(levels: Sequence[Level]) -> str:
    if not levels:
        return ""
    plain = all(isinstance(level, str) and re.fullmatch(r"[^\s,\"\[\]][^,\"\[\]]*", level) for level in levels)
    joined = ",".join(map(str, levels))
    if plain and _levels("", joined) == tuple(levels):
        return joined
    return json.dumps(list(levels), ensure_ascii=False, separators=(",", ":"))[1:-1]
