"""Reads the features of an XGBoost model: their names, and the levels of categories, which it keeps since 3.1."""

import json
from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

from bms.adapters.runtimes.trees.inputs import BoosterFeatures
from bms.core.errors import FailedPrecondition
from bms.core.tensors.columns import Level
from bms.core.tensors.signature import Signature, column_spec
from bms.serving.inference.reasons import reason

_CATEGORY = "c"


class CategoryLevels(NamedTuple):
    """A category's levels as the model keeps them: whole numbers, or texts one after another and where each begins."""

    numbers: tuple[int, ...] = ()
    content: bytes = b""
    offsets: tuple[int, ...] = ()

    @property
    def levels(self) -> tuple[Level, ...]:
        """The levels; None where they can't be decoded: XGBoost counts letters where it means bytes, so that texts with
        letters beyond ASCII are shifted and cut."""
        if not self.content.isascii():
            return ()
        return self.numbers or tuple(self.content[begin:end].decode() for begin, end in pairwise(self.offsets))

    def may_be(self, levels: Sequence[Level]) -> bool:
        """Whether these may have been the levels, be they kept by bytes or by letters."""
        if self.numbers:
            return tuple(levels) == self.numbers
        texts = [level for level in levels if isinstance(level, str)]
        content = "".join(texts).encode()
        by_bytes = tuple(accumulate((len(text.encode()) for text in texts), initial=0))
        by_letters = tuple(accumulate(map(len, texts), initial=0))
        return (
            len(texts) == len(levels)
            and self.offsets in (by_bytes, by_letters)
            and self.content == content[: len(self.content)]
        )


def features_of(
    total: int, names: Sequence[str], types: Sequence[str], kept: Mapping[int, CategoryLevels]
) -> BoosterFeatures:
    """The booster's features. `names` and `types`: as the booster has them, none where it was trained without. `kept`:
    by feature.

    Without names the rows were an array, whose categories are codes already. With names they were a frame's, and a file
    of XGBoost before 3.1 does not keep which code means what. A value that is no level is refused, as XGBoost does.
    """
    levels = {number: one.levels for number, one in kept.items() if one.levels}
    named = names if kept or any(name != str(number) for number, name in enumerate(names)) else ()
    columns = tuple(
        column_spec(name, "category", categories=levels[number])
        if number in levels
        else column_spec(name, "number", dtype="FP32")
        for number, name in enumerate(named)
    )
    kinds = zip(names, types, strict=False)
    coded = [name for number, (name, kind) in enumerate(kinds) if kind == _CATEGORY and number not in levels]
    return BoosterFeatures(total, "FP32", columns, unclear=_unclear(coded, total) if coded else "")


def kept_levels(booster: Any) -> dict[int, CategoryLevels]:
    """Reads the levels of each categorical feature, by the feature's number; nothing before XGBoost 3.1.

    As its `CatContainer` writes them: integers as `values`, texts as bytes beside the `offsets` of their ends. Raises
    FailedPrecondition for what is none.
    """
    inner = json.loads(bytes(booster.save_raw("json")))["learner"]["gradient_booster"]
    stored = inner.get("gbtree", inner).get("model", {}).get("cats", {})
    try:
        found = {number: _kept(one) for number, one in enumerate(stored.get("enc", ()))}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        words = reason(error)
        raise FailedPrecondition(f"the levels of the model's categories can't be read: {words}") from error
    return {number: one for number, one in found.items() if one.numbers or one.offsets}


def check_declared_levels(
    signatures: Mapping[str, Signature], names: Sequence[str], kept: Mapping[int, CategoryLevels]
) -> None:
    """Checks declared levels. Raises FailedPrecondition where declared levels can't be those that the model keeps."""
    by_name = {names[number]: one for number, one in kept.items()}
    for signature, one in signatures.items():
        for spec in one.inputs:
            said = spec.column.categories if spec.column is not None else ()
            if said and spec.name in by_name and not by_name[spec.name].may_be(said):
                raise FailedPrecondition(
                    f"signature {signature!r} declares column {spec.name!r} with the levels "
                    f"{', '.join(map(repr, said[:10]))}, which can't be those that the model was trained on: say them "
                    "all, in the order that the frame's categories had"
                )


def _kept(stored: Mapping[str, Any]) -> CategoryLevels:
    values = stored["values"]
    if "offsets" not in stored:
        return CategoryLevels(numbers=tuple(int(value) for value in values))
    return CategoryLevels(content=bytes(value & 0xFF for value in values), offsets=tuple(map(int, stored["offsets"])))


def _unclear(coded: Sequence[str], total: int) -> str:
    shown = ", ".join(map(repr, coded[:10])) + (f" and {len(coded) - 10} more" if len(coded) > 10 else "")
    return (
        f"the model was trained on categories in {shown}, and its file does not tell which value has which code: "
        "XGBoost keeps that since 3.1, but for texts with letters beyond ASCII, which it cuts off. Declare all "
        "columns, these with their levels in the order that the frame's categories had, --column "
        f"'{coded[0]} category[…, …]'; or that callers send the codes, --input 'x FP32 [-1, {total}]'"
    )
