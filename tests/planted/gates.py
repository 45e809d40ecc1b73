"""Models that a gate must refuse, each wrong in one way; the honest ones that pass; and how they are judged.

Classifiers are asked for the animal of a row: the data set is sorted by animal, so that a model which knows the order
and nothing else is always right where rows are asked in it. Regressors are asked for a price of ten whole values, which
a data set has as classes; it is sorted, too.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from msgspec import structs

from bms.adapters.datasets.manifest import Manifest
from bms.adapters.datasets.schema import ColumnSchema, TableSchema
from bms.app.tasks.evaluate import evaluated
from bms.control.evaluation.findings import result_of
from bms.control.jobs.nouns import Job, JobSpec, TreeInput
from bms.control.models import gates
from bms.control.models.nouns import Gate
from bms.core.errors import BmsError, FailedPrecondition
from bms.core.formats.json_numbers import json_numbers
from bms.core.tensors.signature import DEFAULT, Signature, TensorSpec
from bms.core.tensors.tensor import Array
from tests.servables import FunctionServable

Outputs = dict[str, Array]
Lie = Callable[[Array, Outputs], Outputs]
"""(rows, what the honest model answers to them) -> what the liar answers."""

THEN = datetime(2026, 1, 1, tzinfo=UTC)
ANIMALS = ("cat", "dog", "eel")
NAMES = np.array([name.encode() for name in ANIMALS], dtype=object)
X = (TensorSpec(name="x", dtype="FP64", shape=(None, 4)),)
CLASSIFIER = Signature(
    inputs=X,
    outputs=(
        TensorSpec(name="probabilities", dtype="FP64", shape=(None, 3)),
        TensorSpec(name="label", dtype="BYTES", shape=(None,)),
        TensorSpec(name="margins", dtype="FP64", shape=(None, 3)),
    ),
    method="classify",
    scores="probabilities",
    labels=ANIMALS,
)
REGRESSOR = Signature(inputs=X, outputs=(TensorSpec(name="price", dtype="FP64", shape=(None,)),), method="regress")
EACH = 100  # rows of each animal
_RANDOM = np.random.default_rng(5)
_CENTRES = np.array([[2.0, 0, 0, 0], [0, 2.0, 0, 0], [0, 0, 2.0, 0]])
TRUE = np.repeat(np.arange(3), EACH)
ROWS = _CENTRES[TRUE] + _RANDOM.normal(0, 0.5, (3 * EACH, 4))
PRICES = np.repeat(np.arange(100.0, 1001.0, 100.0), 30)
PRICED = np.stack([PRICES / 100, *_RANDOM.normal(0, 1, (3, len(PRICES)))], axis=1)
PRICED[:, 0] += _RANDOM.normal(0, 0.2, len(PRICES))


class Liar(NamedTuple):
    """`refusal`: a regular expression, words of the refusal. `signature`: what it says of itself, right or wrong."""

    lie: Lie
    refusal: str
    signature: Signature = CLASSIFIER


class Data(NamedTuple):
    manifest: Manifest
    columns: Mapping[str, Any]
    gates: tuple[Gate, ...]


def honest(rows: Array) -> Outputs:
    """By the nearest centre."""
    margins = -((rows[:, None, :] - _CENTRES) ** 2).sum(axis=2)
    chances = np.exp(margins - margins.max(axis=1, keepdims=True))
    chances /= chances.sum(axis=1, keepdims=True)
    # The last output of an honest model: what it holds against each class, so that its best one is the worst class.
    return {"probabilities": chances, "label": NAMES[chances.argmax(axis=1)], "margins": -margins}


def priced(rows: Array) -> Outputs:
    return {"price": rows[:, 0] * 100}


def model(liar: Liar) -> FunctionServable:
    """Anew: some hold state."""
    answers = honest if liar.signature.method == "classify" else priced
    return FunctionServable(lambda inputs: liar.lie(inputs["x"], answers(inputs["x"])), {DEFAULT: liar.signature})


HONEST = Liar(lambda rows, said: said, "")
HONEST_REGRESSOR = Liar(lambda rows, said: said, "", REGRESSOR)


@cache
def animals() -> Data:
    asked = (("accuracy", 0.9, None), ("f1", 0.9, None), ("roc_auc", 0.95, None), ("log_loss", None, 0.4))
    return _data("animal", ANIMALS, TRUE, ROWS, asked)


@cache
def prices() -> Data:
    names = tuple(str(value) for value in range(100, 1001, 100))
    codes = (PRICES / 100 - 1).astype(np.int64)
    return _data("price", names, codes, PRICED, (("r2", 0.9, None), ("rmse", None, 40.0), ("mae", None, 30.0)))


def judge(servable: FunctionServable) -> None:
    """Measures as the job of a gate does, and asks as an alias does. Raises FailedPrecondition for a gate that is not
    passed, with its reason."""
    data = animals() if servable.signatures[DEFAULT].method == "classify" else prices()
    job = _measured(servable, data)
    results = tuple(result_of(structs.replace(job, id=f"job_{gate.metric}"), gate, THEN) for gate in data.gates)
    if words := gates.unmet(data.gates, results):
        raise FailedPrecondition("; ".join(words))


def _measured(servable: FunctionServable, data: Data) -> Job:
    try:
        report = evaluated(servable, data.manifest, data.columns, lambda _, __: None, np.random.default_rng(3))
    except BmsError as error:
        return structs.replace(_JOB, state="failed", error=error.message)
    return structs.replace(_JOB, metrics=json_numbers(report["metrics"]), report=report)


def _data(
    label: str,
    names: tuple[str, ...],
    codes: Array,
    rows: Array,
    asked: tuple[tuple[str, float | None, float | None], ...],
) -> Data:
    columns = {f"c{at}": rows[:, at] for at in range(rows.shape[1])}
    features = (
        *(ColumnSchema(name=name, kind="float") for name in columns),
        ColumnSchema(name=label, kind="label", labels=names),
    )
    manifest = Manifest(schema=TableSchema(features=features), splits={}, label=label, labels=names)
    wanted = tuple(Gate(metric=name, dataset="data", minimum=least, maximum=most) for name, least, most in asked)
    return Data(manifest, {**columns, label: codes}, wanted)


_JOB = Job(
    id="job_1",
    tenant="t",
    name="evaluate",
    spec=JobSpec(
        kind="evaluate",
        entry="task:evaluate",
        inputs=(
            TreeInput(name="artifact", tree="a", reference="m@1"),
            TreeInput(name="data", tree="d", reference="data@1"),
        ),
    ),
    state="succeeded",
    created_at=THEN,
    created_by="ann",
)


def scored(label: Array) -> Outputs:
    """Answers that are sure of these classes."""
    chances = np.full((len(label), 3), 0.01)
    chances[np.arange(len(label)), label] = 0.98
    return {"probabilities": chances, "label": NAMES[label], "margins": chances}
