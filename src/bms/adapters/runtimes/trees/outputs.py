"""The outputs of boosted trees, by what they were trained for: names, types and shapes, as scikit-learn's."""

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

import numpy as np

from bms.adapters.runtimes.servables.called import CalledServable, served
from bms.adapters.runtimes.trees.inputs import BoosterFeatures, declared_forms, usual_forms, with_found_columns
from bms.core.tensors.signature import Signature, TensorSpec
from bms.core.tensors.tensor import Array, DType
from bms.core.workloads.programs import ServableConfig

Kind = Literal["classes", "binary", "several", "values"]


class BoosterOutputs(NamedTuple):
    """The kind of a booster's outputs, in numbers of `dtype`.

    "classes": the probabilities of `width` classes. "binary": that of the second of two. "several": those of `width`
    things, each of which may be so or not. "values": `width` of anything else.
    """

    kind: Kind
    width: int
    dtype: DType


def served_trees(
    config: ServableConfig,
    format: str,
    predict: Callable[[Array], Array],
    features: BoosterFeatures,
    gives: BoosterOutputs,
    invalid: tuple[type[Exception], ...] = (),
) -> CalledServable:
    """Makes a booster's servable; `predict`, [rows, features] → [rows] or [rows, width], is the library's own.

    Raises FailedPrecondition as `served_rows` does.
    """

    def answer(rows: Array, _: tuple[str, ...]) -> dict[str, Array]:
        return trees_outputs(gives.kind, predict(rows))

    return served_rows(config, format, answer, features, lambda inputs: trees_signature(gives, inputs), invalid)


def served_rows(
    config: ServableConfig,
    format: str,
    answer: Callable[[Array, tuple[str, ...]], dict[str, Array]],
    features: BoosterFeatures,
    signature_of: Callable[[tuple[TensorSpec, ...]], Signature],
    invalid: tuple[type[Exception], ...] = (),
) -> CalledServable:
    """Makes the servable of a booster whose `answer`, ([rows, features], wanted outputs; none: all), gives what
    `signature_of` its inputs says.

    Raises FailedPrecondition as `usual_forms`, `declared_forms` and `served` do.
    """
    forms = declared_forms(config.signatures, features) if config.signatures else usual_forms(features)
    found = {name: signature_of(form.inputs) for name, form in forms.items()}

    def call(signature: str, inputs: Mapping[str, Array], wanted: tuple[str, ...]) -> dict[str, Array]:
        return answer(forms[signature].rows(inputs), wanted)

    return served(with_found_columns(config, forms), format, call, found, invalid=invalid, independent=True)


def trees_signature(gives: BoosterOutputs, inputs: tuple[TensorSpec, ...]) -> Signature:
    """The signature of a booster. Classes give `probabilities` and `label`, INT64, the number of the class; all else
    gives `prediction`, with a column for each of several targets."""
    kind, width, dtype = gives
    if kind == "values":
        shape = (None,) if width == 1 else (None, width)
        outputs: tuple[TensorSpec, ...] = (TensorSpec(name="prediction", dtype=dtype, shape=shape),)
        return Signature(inputs=inputs, outputs=outputs, method="regress" if width == 1 else "predict")
    outputs = (
        TensorSpec(name="probabilities", dtype=dtype, shape=(None, width)),
        TensorSpec(name="label", dtype="INT64", shape=(None, width) if kind == "several" else (None,)),
    )
    if kind == "several":
        return Signature(inputs=inputs, outputs=outputs)
    # The file names no classes: they have numbers alone.
    return Signature(inputs=inputs, outputs=outputs, method="classify", scores="probabilities")


def trees_outputs(kind: Kind, scores: Array) -> dict[str, Array]:
    """Computes the outputs from what a booster predicts: [rows, width], [rows] of the positive class, or values."""
    if kind == "values":
        return {"prediction": scores}
    if kind == "several":
        return {"probabilities": scores, "label": np.greater(scores, 0.5).astype(np.int64)}
    if kind == "binary":
        scores = np.stack([1 - scores, scores], axis=1)
    return {"probabilities": scores, "label": np.argmax(scores, axis=1).astype(np.int64)}
