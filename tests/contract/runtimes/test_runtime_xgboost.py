"""XGBoost's own: what is refused, and how its outputs are named. Run by `test_runtime_environments.py`."""

import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("xgboost", reason="XGBoost is in an environment of its own")

from bms.adapters.runtimes.available import open_servable
from bms.core.errors import FailedPrecondition, InvalidArgument
from bms.core.programs import ServableConfig
from tests.contract.runtimes.cases_xgboost import FRAMEWORK
from tests.contract.runtimes.torn_files import torn

DIGITS = FRAMEWORK.artifacts() / "digits" / "model" / "model.ubj"
ODD = FRAMEWORK.artifacts() / "odd" / "model" / "model.json"


def config(folder: Path) -> ServableConfig:
    return ServableConfig(runtime="xgboost", directory=str(folder), model="m", version=1)


@pytest.mark.parametrize(
    ("name", "outputs", "method"),
    [
        ("digits", {"probabilities": (None, 10), "label": (None,)}, "classify"),
        ("softmax", {"probabilities": (None, 3), "label": (None,)}, "classify"),
        ("odd", {"probabilities": (None, 2), "label": (None,)}, "classify"),
        ("sum", {"prediction": (None,)}, "regress"),
        ("targets", {"prediction": (None, 2)}, "predict"),
    ],
)
def test_outputs_are_named_as_those_of_scikit_learn(name: str, outputs: dict[str, object], method: str) -> None:
    signature = open_servable(config(FRAMEWORK.artifacts() / name / "model")).signatures["serving_default"]
    assert [(spec.name, spec.dtype, spec.shape) for spec in signature.inputs] == [("x", "FP32", (None, 64))]
    assert {spec.name: spec.shape for spec in signature.outputs} == outputs
    assert signature.method == method


def test_missing_values_are_nan_and_infinite_ones_the_callers_fault() -> None:
    servable = open_servable(config(DIGITS.parent))
    assert servable.infer("serving_default", {"x": np.full((1, 64), np.nan, np.float32)})["label"].shape == (1,)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("model.model", b"binf" + b"\0" * 400, "no longer read"),
        ("model.json", DIGITS.read_bytes(), "its name does not say"),
        ("model.ubj", ODD.read_bytes(), "its name does not say"),
        ("model.json", b"{}", "its content is none"),
        ("model.ubj", b"", "its content is none"),
        ("model.json", ODD.read_bytes()[:5000], "XGBoost can't load 'model.json': Expecting"),
        ("model.ubj", DIGITS.read_bytes()[:5000], "XGBoost can't load 'model.ubj'"),
    ],
)
def test_what_is_no_whole_model_is_refused(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FailedPrecondition, match=says):
        open_servable(config(tmp_path))


def test_other_json_beside_the_model_does_not_count(tmp_path: Path) -> None:
    shutil.copy(ODD, tmp_path / "booster.json")
    (tmp_path / "config.json").write_text('{"learner": 1}')
    assert open_servable(config(tmp_path)).format == "xgboost-json"


@pytest.mark.parametrize("model", [DIGITS, ODD], ids=lambda path: path.suffix)
def test_torn_files_are_refused_and_none_hangs(tmp_path: Path, model: Path) -> None:
    torn("xgboost", model, tmp_path)


def test_inputs_that_xgboost_refuses_are_the_callers_fault() -> None:
    servable = open_servable(config(FRAMEWORK.artifacts() / "linear" / "model"))
    with pytest.raises(InvalidArgument, match="inf"):
        servable.infer("serving_default", {"x": np.full((1, 64), np.inf, np.float32)})
