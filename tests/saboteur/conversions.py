"""The proofs of a conversion: the child answers as its parent, on every kind of row, and is called as it is."""

from collections.abc import Callable

import numpy as np
from msgspec import structs

from bms.app.tasks.proof.differences import differences
from bms.app.tasks.proof.proving import check_alike, prove
from bms.core.tensors.signature import DEFAULT, MATRIX, Signature, TensorSpec
from bms.core.tensors.tensor import Array
from tests.planted.conversions import LIARS, SIGNATURE, TOLERANCE, Liar, Outputs, asked, child_of, judge, where
from tests.saboteur.frame import Proof, Saboteur
from tests.servables import FunctionServable

Called = dict[str, Signature]


def honest_child() -> FunctionServable:
    return child_of(Liar(lambda rows, said: said, ""))


def lying(liar: Liar) -> Saboteur:
    return Saboteur(lambda child: child_of(liar), liar.refusal)


def by_one_row(child: FunctionServable) -> object:
    """The proof on the first row of training."""
    first = asked()[0]
    alone = first._replace(
        question=first.question.only(np.arange(1)), outputs={name: array[:1] for name, array in first.outputs.items()}
    )
    return prove([alone], {DEFAULT: SIGNATURE}, child, TOLERANCE)


def wrong_on_one_row_of(kind: str) -> Saboteur:
    """Right everywhere but on one row of this kind."""
    rows = next(one.question.inputs["x"] for one in asked() if one.question.of == kind)
    others = np.concatenate([one.question.inputs["x"] for one in asked() if one.question.of != kind])
    found = next(row for row in rows[::-1] if not _has(others, row).any())

    def lie(given: Array, said: Outputs) -> Outputs:
        return where(given, _has(given, found), said)

    return Saboteur(lambda child: child_of(Liar(lie, "")), rf"output 'label', row \d+ of {kind}: the parent answers '")


def _has(rows: Array, wanted: Array) -> Array:
    return np.asarray(((rows == wanted) | (np.isnan(rows) & np.isnan(wanted))).all(axis=1))


def changed(**parts: object) -> Callable[[Called], Called]:
    return lambda called: {DEFAULT: structs.replace(called[DEFAULT], **parts)}  # type: ignore[arg-type]


def tensor(name: str = "x", dtype: str = "FP64", shape: tuple[int | None, ...] = (None, 4)) -> tuple[TensorSpec, ...]:
    return (TensorSpec(name=name, dtype=dtype, shape=shape),)  # type: ignore[arg-type]


def called_alike(child: Called) -> None:
    check_alike({DEFAULT: SIGNATURE}, child)


def the_same(child: Outputs) -> object:
    first = asked()[0]
    return differences(first.outputs, child, TOLERANCE, "train", first.question.places)


def in_row(name: str, row: int, value: object) -> Callable[[Outputs], Outputs]:
    """One value of one row is another."""

    def breaks(answers: Outputs) -> Outputs:
        array = answers[name].copy()
        array[row] = value
        return {**answers, name: array}

    return breaks


PROOFS = (
    Proof(
        "a converted child answers as its parent",
        honest_child,
        judge,
        {name: lying(liar) for name, liar in LIARS.items()},
        by_one_row,
    ),
    Proof(
        "no kind of row is asked for nothing",
        honest_child,
        judge,
        {one.question.of: wrong_on_one_row_of(one.question.of) for one in asked()},
        by_one_row,
    ),
    Proof(
        "a converted child is called as its parent",
        lambda: {DEFAULT: SIGNATURE},
        called_alike,
        {
            "input renamed": Saboteur(changed(inputs=tensor("y")), r"inputs of signature .*'x' FP64 .*'y' FP64"),
            "input in singles": Saboteur(changed(inputs=tensor(dtype="FP32")), r"inputs of signature"),
            "input wider": Saboteur(changed(inputs=tensor(shape=(None, 5))), r"inputs of .*\[-1, 4\].*\[-1, 5\]"),
            "output lost": Saboteur(changed(outputs=SIGNATURE.outputs[:1]), r"outputs of signature"),
            "outputs swapped": Saboteur(changed(outputs=SIGNATURE.outputs[::-1]), r"outputs of signature"),
            "one row a call": Saboteur(changed(batched=False), r"batched of signature"),
            "no classifier": Saboteur(changed(method="predict"), r"method of .* 'classify', the converted model 'pre"),
            "other scores": Saboteur(changed(scores=None), r"scores of signature"),
            "other labels": Saboteur(changed(labels=("a", "b", "c")), r"labels of .*'cat', 'dog', 'eel'.*'a', 'b'"),
            "another signature": Saboteur(lambda called: {**called, MATRIX: SIGNATURE}, r"has the signatures"),
            "other name": Saboteur(lambda called: {"predict": SIGNATURE}, r"its parent 'serving_default'"),
        },
    ),
    Proof(
        "answers are the same",
        lambda: asked()[0].outputs,
        the_same,
        {
            "a label in the last row": Saboteur(in_row("label", -1, b"cow"), r"'label', row 119 .* 'cow'; so on 1 of"),
            "a digit beyond the tolerance": Saboteur(
                lambda answers: {**answers, "probabilities": answers["probabilities"] + 1.1e-5}, r"1\.1e-05 apart"
            ),
            "no number": Saboteur(in_row("probabilities", 5, np.nan), r"row 5 of train: .* the converted model nan"),
            "an infinity": Saboteur(in_row("probabilities", 7, np.inf), r"row 7 of train: .* the converted model inf"),
            "a row too few": Saboteur(
                lambda answers: {name: array[:-1] for name, array in answers.items()}, r"\[119, 3\], its parent's"
            ),
            "an output by another name": Saboteur(
                lambda answers: {"p": answers["probabilities"], "label": answers["label"]}, r"gives 'p', 'label', its"
            ),
        },
    ),
)
