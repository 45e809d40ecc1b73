"""Proves that a child, loaded as a server loads it, answers all rows as its parent did, alone and among other rows."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from bms.app.tasks.proof.differences import REFUSED, differences
from bms.app.tasks.proof.questions import Answered, joined, rows_at
from bms.core.errors import BmsError, FailedPrecondition
from bms.core.tensors.signature import Signature
from bms.core.tensors.tensor import Array
from bms.serving.lifecycle.loader import check_outputs
from bms.serving.lifecycle.servable import ApartServable, Servable

_AT_ONCE = 256
_COMPANY = (1, 2, 1, 7, 3, 32, 1, 16)  # rows of one run, in turns
_FORM = ("inputs", "outputs", "labels")  # of a signature: without these, answers can't be compared
_ASKED_AGAIN = 3_000  # rows of each signature that are asked once more, in mixed company


class Proved(NamedTuple):
    """What was compared: rows by kind, the number of those that the parent refuses, and by output the largest
    difference (absolute, of large numbers by their size)."""

    rows: dict[str, int]
    refused: dict[str, int]
    differences: dict[str, float]
    again: int

    @property
    def largest(self) -> float:
        return max(self.differences.values(), default=0.0)


def prove(asked: Sequence[Answered], signatures: Mapping[str, Signature], child: Servable, tolerance: float) -> Proved:
    """Proves that the child answers as its parent. `signatures` are the parent's as it is served.

    Raises FailedPrecondition naming the first thing in which the child is not as its parent.
    """
    check_alike(signatures, child.signatures, _FORM)
    found: dict[str, float] = {}
    by_signature: dict[str, list[Answered]] = defaultdict(list)
    for answered in asked:
        question = answered.question
        if not question.rows:
            continue
        by_signature[question.signature].append(answered)
        step = _AT_ONCE if child.signatures[question.signature].batched else 1
        parts = [np.arange(at, min(at + step, question.rows)) for at in range(0, question.rows, step)]
        given = _answers(child, question.signature, question.inputs, parts, f"rows of {question.of}")
        _widen(found, differences(answered.outputs, given, tolerance, question.of, question.places))
    again = 0
    for name, group in by_signature.items():
        if child.signatures[name].batched:
            again += _in_company(child, name, group, tolerance, found)
    apart = child.apart if isinstance(child, ApartServable) else {}
    check_alike(signatures, child.signatures, apart=apart)  # what its answers led to: a wrong one is told before
    rows = {one.question.of: one.question.rows for one in asked if one.question.rows}
    return Proved(rows, {one.question.of: one.refused for one in asked if one.refused}, found, again)


def check_alike(
    parent: Mapping[str, Signature],
    child: Mapping[str, Signature],
    fields: Sequence[str] = Signature.__struct_fields__,
    apart: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Checks that the child is called as its parent is. Raises FailedPrecondition naming the first point in which it is
    called, or answers, otherwise. `apart` says by signature why its rows don't share runs."""
    if list(parent) != list(child):
        raise FailedPrecondition(
            f"the converted model has the signatures {', '.join(map(repr, child))}, its parent "
            f"{', '.join(map(repr, parent))}: {REFUSED}"
        )
    for name, of in parent.items():
        own = child[name]
        for field in fields:
            ours, theirs = getattr(of, field), getattr(own, field)
            if ours != theirs:
                raise FailedPrecondition(
                    f"{field} of signature {name!r}: the parent says {_said(ours)}, the converted model "
                    f"{_said(theirs)}{_since(apart.get(name, ''))}: {REFUSED}"
                )


def _since(why: str) -> str:
    return f", since {why}" if why else ""


def _in_company(
    child: Servable, name: str, group: Sequence[Answered], tolerance: float, found: dict[str, float]
) -> int:
    """Asks rows of all kinds mixed, one to many at a time: each must get the answer that the parent gave it."""
    inputs = joined([one.question.inputs for one in group])
    wanted = joined([one.outputs for one in group])
    kinds = np.concatenate([np.full(one.question.rows, number) for number, one in enumerate(group)])
    places = np.concatenate([one.question.places for one in group])
    order = np.random.default_rng(20260101).permutation(len(places))[:_ASKED_AGAIN]
    parts: list[Array] = []
    at = turn = 0
    while at < len(order):
        size = _COMPANY[turn % len(_COMPANY)]
        parts.append(order[at : at + size])
        at, turn = at + size, turn + 1
    given = _answers(child, name, inputs, parts, "rows in mixed company")
    for number, one in enumerate(group):  # told apart again, for people
        here = kinds[order] == number
        of = f"{one.question.of}, asked in other company"
        answers = {output: array[here] for output, array in given.items()}
        _widen(found, differences(rows_at(wanted, order[here]), answers, tolerance, of, places[order[here]]))
    return len(order)


def _answers(
    child: Servable, name: str, inputs: Mapping[str, Array], parts: Sequence[Array], where: str
) -> dict[str, Array]:
    """The child's answers. Raises FailedPrecondition where it refuses, fails, or gives what its signature does not
    say."""
    signature = child.signatures[name]
    answers = []
    for rows in parts:
        try:
            outputs = child.infer(name, rows_at(inputs, rows))
            check_outputs(signature, outputs, len(rows))
        except BmsError as error:
            raise FailedPrecondition(
                f"the converted model, asked {len(rows)} {where} that its parent answers: {error.message}; {REFUSED}"
            ) from error
        answers.append(outputs)
    return joined(answers)


def _widen(found: dict[str, float], more: Mapping[str, float]) -> None:
    for name, value in more.items():
        found[name] = max(found.get(name, 0.0), value)


def _said(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(_said, value))[:300] or "none"
    name, dtype, shape = (getattr(value, part, None) for part in ("name", "dtype", "shape"))
    return (
        repr(value) if dtype is None else f"{name!r} {dtype} {[-1 if size is None else size for size in shape or ()]}"
    )
