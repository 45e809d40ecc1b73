"""MLflow's own: which runtime takes what, what is asked for, what is refused. Run by `test_runtime_environments.py`."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mlflow", reason="MLflow is in an environment of its own")

from bms.adapters.runtimes.available import open_servable
from bms.adapters.runtimes.recognition import recognise
from bms.core.errors import FailedPrecondition
from bms.core.programs import ServableConfig
from tests.contract.runtimes.cases_mlflow import FRAMEWORK

MADE = FRAMEWORK.artifacts()


def config(folder: Path, *, allow_pickle: bool = False) -> ServableConfig:
    return ServableConfig(runtime="mlflow", directory=str(folder), model="m", version=1, allow_pickle=allow_pickle)


def names(requirements: tuple[str, ...]) -> list[str]:
    return sorted(requirement.partition("==")[0] for requirement in requirements)


@pytest.mark.parametrize(
    ("name", "format", "asked"),
    [
        ("xgboost", "mlflow-xgboost-ubj", ["xgboost-cpu"]),
        ("xgboost_classifier", "mlflow-xgboost-ubj", ["xgboost-cpu"]),
        ("lightgbm", "mlflow-lightgbm", ["lightgbm"]),
        ("sklearn", "mlflow-skops", ["pandas", "scikit-learn", "skops"]),
        ("cloudpickled", "mlflow-pickle", ["cloudpickle", "scikit-learn", "skops"]),
        ("pyfunc", "mlflow-pyfunc", ["cloudpickle", "mlflow-skinny", "pandas"]),
    ],
)
def test_only_what_runs_the_model_is_asked_for(name: str, format: str, asked: list[str]) -> None:
    found = recognise(str(MADE / name / "model"))
    assert (found.runtime, found.format) == ("mlflow", format)
    assert [name for name in names(found.requirements) if name != "pytest"] == asked  # which MLflow found beside it


def test_versions_are_those_that_the_model_was_saved_by() -> None:
    assert recognise(str(MADE / "lightgbm" / "model")).requirements == ("lightgbm==4.7.0",)
    assert recognise(str(MADE / "xgboost_classifier" / "model")).requirements == ("xgboost-cpu==3.2.0",)
    assert "mlflow-skinny==3.17.2" in recognise(str(MADE / "pyfunc" / "model")).requirements


def test_columns_are_inputs_and_tensors_are_tensors() -> None:
    columns = open_servable(config(MADE / "sklearn" / "model")).signatures["serving_default"]
    assert len(columns.inputs) == 13
    assert {(spec.dtype, spec.shape) for spec in columns.inputs} == {("FP64", (None,))}
    assert columns.inputs[0].name == "alcohol"
    assert (columns.method, columns.labels) == ("classify", ("0", "1", "2"))
    tensor = open_servable(config(MADE / "xgboost_classifier" / "model")).signatures["serving_default"]
    assert [(spec.name, spec.dtype, spec.shape) for spec in tensor.inputs] == [("x", "FP64", (None, 13))]


@pytest.mark.parametrize("name", ["pyfunc", "pyfunc_texts", "cloudpickled"])
def test_code_and_pickles_are_not_run_unless_allowed(name: str) -> None:
    with pytest.raises(FailedPrecondition, match="allow pickles for this version"):
        open_servable(config(MADE / name / "model"))


def test_a_flavor_that_is_not_trusted_is_not_run_by_another_way(tmp_path: Path) -> None:
    """The same directory has python_function, which would read the pickle."""
    folder = tmp_path / "model"
    shutil.copytree(MADE / "cloudpickled" / "model", folder)
    (folder / "model.pkl").write_bytes(b"\x80\x05torn")
    with pytest.raises(FailedPrecondition, match=r"'model\.pkl' can't be read"):
        open_servable(config(folder, allow_pickle=True))


@pytest.mark.parametrize(
    ("found", "instead", "says"),
    [
        ("double", "datetime", "column 'alcohol' is of MLflow's type 'datetime'"),
        ('"type": "double", "name": "alcohol"', '"type": "double", "nick": "alcohol"', "can't be read: KeyError"),
        ("inputs: '[{", "inputs: '[{}, {", "can't be read: KeyError"),
        ("inputs: '[{", "inputs: '[[{", "can't be read: JSONDecodeError"),
        (
            '{"type": "double", "name": "alcohol", "required": true}, ',
            "",
            "names 12 columns, which can't",
        ),
    ],
)
def test_a_signature_that_does_not_fit_is_refused(tmp_path: Path, found: str, instead: str, says: str) -> None:
    folder = tmp_path / "model"
    shutil.copytree(MADE / "sklearn" / "model", folder)
    text = (folder / "MLmodel").read_text()
    assert found in text
    (folder / "MLmodel").write_text(text.replace(found, instead, 1))
    with pytest.raises(FailedPrecondition, match=says):
        open_servable(config(folder))


@pytest.mark.parametrize("place", ["../model.skops", "/etc/model.skops", "gone.skops"])
def test_a_flavor_that_leads_out_is_not_followed(tmp_path: Path, place: str) -> None:
    folder = tmp_path / "model"
    shutil.copytree(MADE / "sklearn" / "model", folder)
    shutil.copy(folder / "model.skops", tmp_path / "model.skops")
    text = (folder / "MLmodel").read_text()
    (folder / "MLmodel").write_text(text.replace("pickled_model: model.skops", f"pickled_model: {place}"))
    assert recognise(str(folder)).format == "mlflow-pyfunc"
    with pytest.raises(FailedPrecondition, match="allow pickles"):
        open_servable(config(folder))


def test_telemetry_is_off_and_nothing_is_left_in_the_working_directory(tmp_path: Path) -> None:
    code = (
        "import os, sys\n"
        "from bms.adapters.runtimes.available import open_servable\n"
        "from bms.core.programs import ServableConfig\n"
        "own = ServableConfig(runtime='mlflow', directory=sys.argv[1], model='m', version=1, allow_pickle=True)\n"
        "open_servable(own)\n"
        "from mlflow.telemetry.utils import is_telemetry_disabled\n"
        "assert is_telemetry_disabled()\n"
    )
    off = ("MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK", "CI", "PYTEST_CURRENT_TEST")
    environment = {key: value for key, value in os.environ.items() if key not in off}
    done = subprocess.run(
        [sys.executable, "-c", code, str(MADE / "pyfunc" / "model")],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert list(tmp_path.iterdir()) == []
