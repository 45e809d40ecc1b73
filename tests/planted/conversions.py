"""Children that a sabotaged converter would make of an honest parent, each wrong in one way; and how they are judged.

The parent is a linear classifier of three classes in NumPy, called as scikit-learn's are: it labels by its scores, and
its probabilities are sigmoids, which saturate. Its last feature is a unix time, the first row of validation a tie.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import NamedTuple

import numpy as np
from msgspec import structs

from bms.app.tasks.proof.edges import edges
from bms.app.tasks.proof.proving import Proved, prove
from bms.app.tasks.proof.questions import Answered, ask, made
from bms.core.tensors.signature import DEFAULT, Signature, TensorSpec
from bms.core.tensors.tensor import Array
from tests.servables import FunctionServable

Outputs = dict[str, Array]
Lie = Callable[[Array, Outputs], Outputs]
"""(rows, what the parent answers to them) -> what the child answers."""

NAMES = np.array([b"cat", b"dog", b"eel"], dtype=object)
SIGNATURE = Signature(
    inputs=(TensorSpec(name="x", dtype="FP64", shape=(None, 4)),),
    outputs=(
        TensorSpec(name="probabilities", dtype="FP64", shape=(None, 3)),
        TensorSpec(name="label", dtype="BYTES", shape=(None,)),
    ),
    method="classify",
    scores="probabilities",
    labels=("cat", "dog", "eel"),
)
_RANDOM = np.random.default_rng(11)
_WEIGHTS = _RANDOM.standard_normal((4, 3))
_CENTRE = np.array([0.0, 0.0, 0.0, 1_764_000_000.0])
SPLITS = {"train": _CENTRE + _RANDOM.normal(0, 3, (120, 4)), "validation": _CENTRE + _RANDOM.normal(0, 3, (40, 4))}
SPLITS["validation"][0] = _CENTRE
TOLERANCE = 1e-5


class Liar(NamedTuple):
    """`refusal`: a regular expression, words of the refusal. `signature`: what it says of itself, right or wrong."""

    lie: Lie
    refusal: str
    signature: Signature = SIGNATURE


def honest(inputs: Mapping[str, Array]) -> Outputs:
    return answers(scores_of(inputs["x"]))


def scores_of(rows: Array) -> Array:
    filled = np.where(np.isnan(rows), 0.0, rows) - _CENTRE
    with np.errstate(all="ignore"):  # row by row: a library of linear algebra sums large batches in another order
        return sum((filled[:, [at]] * _WEIGHTS[at] for at in range(1, 4)), filled[:, [0]] * _WEIGHTS[0])


def answers(scores: Array) -> Outputs:
    with np.errstate(all="ignore"):
        chances = 1 / (1 + np.exp(-scores.astype(np.float64)))
        sums = chances.sum(axis=1, keepdims=True)
        return {"probabilities": np.where(sums > 0, chances / sums, 1 / 3), "label": NAMES[scores.argmax(axis=1)]}


@cache
def asked() -> tuple[Answered, ...]:
    """What the parent answers to all that a child is asked."""
    parent = FunctionServable(honest, {DEFAULT: SIGNATURE})
    questions = [made(split, DEFAULT, {"x": rows}) for split, rows in SPLITS.items()]
    return tuple(ask(parent, question) for question in [*questions, *edges(parent, SPLITS["train"], [])])


def child_of(liar: Liar) -> FunctionServable:
    return FunctionServable(lambda inputs: liar.lie(inputs["x"], honest(inputs)), {DEFAULT: liar.signature})


def judge(child: FunctionServable) -> Proved:
    """Raises FailedPrecondition, as the conversion's job does."""
    return prove(asked(), {DEFAULT: SIGNATURE}, child, TOLERANCE)


def where(rows: Array, wrong: Array, said: Outputs) -> Outputs:
    """`said`, with another label for the rows that are wrong."""
    moved = {b"cat": b"dog", b"dog": b"eel", b"eel": b"cat"}
    label = np.array([moved[one] if bad else one for one, bad in zip(said["label"], wrong, strict=True)], dtype=object)
    return {**said, "label": label}


def among(rows: Array, split: str) -> Array:
    return np.array([(row == SPLITS[split]).all(axis=1).any() for row in rows], dtype=np.bool_)


def _rounded(rows: Array, said: Outputs) -> Outputs:
    return honest({"x": rows.astype(np.float32).astype(np.float64)})


def _last_of_ties(rows: Array, said: Outputs) -> Outputs:
    return {**said, "label": NAMES[2 - scores_of(rows)[:, ::-1].argmax(axis=1)]}


def _one_class_off(rows: Array, said: Outputs) -> Outputs:
    return {**said, "probabilities": said["probabilities"] * [1.0, 1.001, 1.0]}


def _of_the_batch(rows: Array, said: Outputs) -> Outputs:
    return {**said, "probabilities": said["probabilities"] - said["probabilities"].mean(axis=0) * (len(rows) > 1)}


def _next_ones(rows: Array, said: Outputs) -> Outputs:
    """Right for one row, and for the batches of a comparison; in some small ones each row gets its neighbour's."""
    return {name: np.roll(array, 1, axis=0) for name, array in said.items()} if len(rows) in (3, 7) else said


def _argmax_of_saturated(rows: Array, said: Outputs) -> Outputs:
    return {**said, "label": NAMES[said["probabilities"].argmax(axis=1)]}


def _another_threshold(rows: Array, said: Outputs) -> Outputs:
    """Says "cat" a little sooner than its parent: less sooner than any row of the data set shows."""
    return {**said, "label": NAMES[(scores_of(rows) + np.array([2e-4, 0, 0])).argmax(axis=1)]}


def _without(name: str) -> Signature:
    return structs.replace(SIGNATURE, outputs=tuple(one for one in SIGNATURE.outputs if one.name != name))


_LARGE = 2.0**24
LIARS: dict[str, Liar] = {
    "another label at ties": Liar(
        _last_of_ties, r"output 'label', row 0 of validation: the parent answers 'cat', the converted model 'eel'"
    ),
    "label of saturated probabilities": Liar(_argmax_of_saturated, r"output 'label', row \d+ of (unusual|extremes)"),
    "another threshold": Liar(_another_threshold, r"output 'label', row \d+ of rows beside decisions"),
    "labels permuted": Liar(
        lambda rows, said: where(rows, np.full(len(rows), True), said), r"output 'label', row 0 of train"
    ),
    "classes' probabilities permuted": Liar(
        lambda rows, said: {**said, "probabilities": said["probabilities"][:, [1, 0, 2]]},
        r"output 'probabilities'\[[01]\], row \d+ of train: the parent answers \d\.\d+",
    ),
    "an output is missing": Liar(
        lambda rows, said: {"probabilities": said["probabilities"]}, r"output 'label' is missing"
    ),
    "an output is missing and not promised": Liar(
        lambda rows, said: {"probabilities": said["probabilities"]}, r"outputs of signature", _without("label")
    ),
    "an output is renamed": Liar(
        lambda rows, said: {"probabilities": said["probabilities"], "output_label": said["label"]},
        r"output 'label' is missing",
    ),
    "an output too many": Liar(
        lambda rows, said: {**said, "scores": said["probabilities"]}, r"gives 'probabilities', 'label', 'scores'"
    ),
    "doubles made singles": Liar(_rounded, r"output 'probabilities'\[\d\], row \d+ of train"),
    "answers made singles": Liar(
        lambda rows, said: {**said, "probabilities": said["probabilities"].astype(np.float32)},
        r"output 'probabilities' is FP32, the signature says FP64",
    ),
    "answers of shape [n, 1]": Liar(
        lambda rows, said: {**said, "label": said["label"][:, None]}, r"output 'label' has shape"
    ),
    "the last row is dropped": Liar(
        lambda rows, said: {name: array[: max(1, len(rows) - 1)] for name, array in said.items()},
        r"has shape \[\d+(, 3)?\] for \d+ rows",
    ),
    "rows depend on their batch": Liar(_of_the_batch, r"output 'probabilities'\[\d\], row \d+ of train"),
    "a neighbour's answer in company": Liar(_next_ones, r"asked in other company"),
    "constant": Liar(
        lambda rows, said: {
            name: np.repeat(array[:1], len(rows), axis=0) for name, array in honest({"x": rows * 0}).items()
        },
        r"row \d+ of train",
    ),
    "wrong on rows of training alone": Liar(
        lambda rows, said: where(rows, among(rows, "train"), said), r"output 'label', row 0 of train.* 120 of 120 rows"
    ),
    "wrong on rows of validation alone": Liar(
        lambda rows, said: where(rows, among(rows, "validation"), said), r"output 'label', row 0 of validation"
    ),
    "wrong on missing values alone": Liar(
        lambda rows, said: where(rows, np.isnan(rows).any(axis=1), said), r"output 'label', row \d+ of unusual numbers"
    ),
    "wrong on large whole numbers alone": Liar(
        lambda rows, said: where(rows, (np.abs(np.where(np.isnan(rows), 0, rows)) == _LARGE + 1).any(axis=1), said),
        r"output 'label', row \d+ of unusual numbers",
    ),
    "wrong on infinities alone": Liar(
        lambda rows, said: where(rows, np.isinf(rows).any(axis=1), said), r"output 'label', row \d+ of extremes"
    ),
    "NaN where there is a number": Liar(
        lambda rows, said: {
            **said,
            "probabilities": np.where(said["probabilities"] > 0.9, np.nan, said["probabilities"]),
        },
        r"the converted model nan",
    ),
    "one class off by a thousandth": Liar(
        _one_class_off,
        r"output 'probabilities'\[1\], row \d+ of train.* apart where 1e-05 is allowed \(--tolerance\)",
    ),
    "classes named in another order": Liar(
        lambda rows, said: said,
        r"labels of signature 'serving_default': the parent says 'cat', 'dog', 'eel'",
        structs.replace(SIGNATURE, labels=("dog", "cat", "eel")),
    ),
    "no classifier": Liar(
        lambda rows, said: said, r"method of signature", structs.replace(SIGNATURE, method="predict", scores=None)
    ),
    "one row a call": Liar(lambda rows, said: said, r"batched of signature", structs.replace(SIGNATURE, batched=False)),
}
