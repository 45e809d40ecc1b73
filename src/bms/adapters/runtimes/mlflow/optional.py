"""Runs rows that lack optional columns in groups that lack the same ones, and merges the answers."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bms.core.errors import Internal
from bms.core.tensors.columns import mask_name, with_masks
from bms.core.tensors.tensor import Array

Inputs = Mapping[str, Array]


class Lacking(NamedTuple):
    """A group of rows, by their numbers, that have no value in the columns `names`; None: all rows."""

    names: tuple[str, ...]
    rows: NDArray[np.intp] | None = None

    def of(self, inputs: Inputs) -> Inputs:
        return inputs if self.rows is None else {name: array[self.rows] for name, array in inputs.items()}


def gaps_of(inputs: Inputs) -> dict[str, NDArray[np.bool_]]:
    """Where each input of a table has no value; those that have one everywhere may be left out."""
    gaps: dict[str, NDArray[np.bool_]] = {}
    for name, array in inputs.items():
        mask: Any = inputs.get(mask_name(name))
        if mask is not None:
            gaps[name] = mask
        elif array.dtype.kind == "f":
            gaps[name] = np.isnan(array)
    return gaps


def by_lacking(inputs: Inputs, may_lack: Sequence[str]) -> list[Lacking]:
    """Groups the rows, so that a row's answer does not depend on the rows beside it."""
    gaps = {name: gap for name, gap in gaps_of(inputs).items() if name in may_lack and gap.any()}
    if not gaps:
        return [Lacking(())]
    patterns, which = np.unique(np.stack([*gaps.values()], axis=1), axis=0, return_inverse=True)
    groups = []
    for number, pattern in enumerate(patterns):
        names = tuple(name for name, lacks in zip(gaps, pattern.tolist(), strict=True) if lacks)
        rows = np.flatnonzero(which.ravel() == number) if len(patterns) > 1 else None
        groups.append(Lacking(names, rows))
    return groups


def put_together(answers: Sequence[tuple[Lacking, dict[str, Array]]]) -> dict[str, Array]:
    """Merges the groups' answers, each row's in its place. Raises Internal where a group's answers are not one a row,
    or not alike."""
    if len(answers) == 1:
        return answers[0][1]
    places = np.argsort(np.concatenate([group.rows for group, _ in answers if group.rows is not None]))
    made: dict[str, Array] = {}
    completed = with_masks([given for _, given in answers])
    for name in completed[0]:
        parts = [given.get(name) for given in completed]
        for (group, _), part in zip(answers, parts, strict=True):
            if part is None or group.rows is None or part.shape[:1] != group.rows.shape:
                raise Internal(
                    f"output {name!r} is not one answer a row for rows without {', '.join(map(repr, group.names))}"
                )
        try:
            made[name] = np.concatenate([part for part in parts if part is not None])[places]
        except ValueError as error:
            raise Internal(f"output {name!r} changes its shape where columns are missing") from error
    return made
