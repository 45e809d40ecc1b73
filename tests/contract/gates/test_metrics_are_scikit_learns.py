"""Every metric of a gate is what scikit-learn calls so, to nine digits, on answers of real estimators."""

import json
from pathlib import Path

import numpy as np
import pytest

from bms.app.tasks.evaluation.measuring import measured
from bms.app.tasks.evaluation.target import TrueClasses
from bms.core.metrics import METRICS
from bms.core.tensors.signature import Signature
from tests.framework_env import SKLEARN, made_by

SCRIPT = Path(__file__).parent / "sklearn_metrics.py"
NAMES = {"classification": ("wine", "saturated", "digits", "threshold", "ties"), "regression": ("line", "tree")}


@pytest.mark.parametrize("name", NAMES["classification"])
def test_of_classes(name: str) -> None:
    with np.load(made_by(SCRIPT, SKLEARN) / f"{name}.npz") as arrays:
        true, label, chances = arrays["true"], arrays["label"], arrays["chances"]
    names = tuple(str(one) for one in range(chances.shape[1]))
    signature = Signature(inputs=(), method="classify", scores="probabilities", labels=names)
    found = measured(
        signature, {"probabilities": chances, "label": label}, TrueClasses("y", names, true.astype(np.int64), True)
    )
    assert found.kind == "classification"
    _check(name, found.kind, found.metrics)


@pytest.mark.parametrize("name", NAMES["regression"])
def test_of_quantities(name: str) -> None:
    with np.load(made_by(SCRIPT, SKLEARN) / f"{name}.npz") as arrays:
        true, predicted = arrays["true"], arrays["predicted"]
    values, codes = np.unique(true, return_inverse=True)
    target = TrueClasses("y", tuple(str(one) for one in values.tolist()), codes.astype(np.int64), False)
    found = measured(Signature(inputs=(), method="regress"), {"prediction": predicted}, target)
    assert found.kind == "regression"
    _check(name, found.kind, found.metrics)


def _check(name: str, kind: str, metrics: dict[str, float]) -> None:
    told = json.loads((made_by(SCRIPT, SKLEARN) / f"{name}.json").read_text())
    assert set(told) == {metric.name for metric in METRICS.values() if metric.kind == kind}
    assert metrics == pytest.approx(told, rel=1e-9, abs=1e-9)
