"""Conversion and evaluation as jobs in a real scikit-learn environment, on real digits."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from bms.adapters.environments.slim import place
from bms.adapters.runtimes.onnx.runtime import OnnxRuntime
from bms.app.tasks import import_dataset
from bms.core.workloads.programs import INPUTS, JobConfig, JobResult, Places, ServableConfig
from tests.framework_env import SKLEARN, SOURCE, framework_python, made_by

DATA = Path(__file__).parent.parent.parent / "data"
MODELS = DATA.parent / "contract" / "runtimes" / "make_artifacts.py"
SPECS = {
    "x": {"name": "x", "dtype": "FP32", "shape": [None, 64]},
    "probabilities": {"name": "probabilities", "dtype": "FP32", "shape": [None, 10]},
    "label": {"name": "label", "dtype": "INT64", "shape": [None]},
}
SIGNATURE = {
    "inputs": [SPECS["x"]],
    "outputs": [SPECS["probabilities"], SPECS["label"]],
    "method": "classify",
    "scores": "probabilities",
}


class ImportJob:
    """What the import task needs of a job."""

    def __init__(self, source: Path, output: Path) -> None:
        self.parameters = {"format": "npz", "label": "y", "split": {"train": 0.4, "validation": 0.6}}
        self.inputs = {"source": source}
        self.output = output

    def progress(self, fraction: float, message: str = "") -> None:
        """Nobody looks."""

    def metric(self, name: str, value: float, step: int | None = None) -> None:
        """Nobody looks."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The digits as a data set of numbers with a label."""
    folder = tmp_path_factory.mktemp("data")
    import_dataset.main(ImportJob(DATA / "digits.npz", folder))
    return folder


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("artifact")
    shutil.copy(DATA / "digits.skops", folder / "model.skops")
    return folder


def _run(folder: Path, task: str, data: Path, artifact: Path, **parameters: Any) -> tuple[JobResult, Path]:
    """The task in the scikit-learn environment with the slim part alone, as control would run it."""
    folder.mkdir()
    servable = {"runtime": "sklearn", "directory": "", "model": "digits", "version": 1}
    given = {**servable, **parameters.pop("servable", {})}
    config = JobConfig(
        job="job_1",
        attempt=1,
        entry=f"task:{task}",
        parameters={"servable": given, **parameters},
    )
    trees = {f"{INPUTS}artifact": str(artifact), f"{INPUTS}data": str(data)}
    places = Places(directory=str(folder), socket="", trees=trees)
    (folder / "config.json").write_bytes(msgspec.json.encode({"config": config, "places": places}))
    python = framework_python(SKLEARN)
    slim = place(SOURCE / "bms", folder.parent / "slim")
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(slim)}
    command = [str(python), "-m", "bms.app.job", str(folder / "config.json")]
    subprocess.run(command, env=environment, cwd=folder, timeout=100, check=False)
    result = msgspec.json.decode((folder / "result.json").read_bytes(), type=JobResult)
    return result, folder / "output"


def test_a_conversion_is_proved_equal_and_its_child_is_as_good(tmp_path: Path, data: Path, artifact: Path) -> None:
    signatures = {"serving_default": SIGNATURE}
    converted, output = _run(
        tmp_path / "convert",
        "convert",
        data,
        artifact,
        target="onnx",
        tolerance=1e-5,
        servable={"signatures": signatures},
    )
    assert converted.state == "succeeded", converted.error
    assert {split: converted.report["rows"][split] for split in ("train", "validation")} == {
        "train": 159,
        "validation": 238,
    }
    assert list(converted.report["differences"]) == ["probabilities", "label"]
    assert 0 <= converted.metrics["largest_difference"] <= 1e-5
    card = msgspec.json.decode((output / "version.json").read_bytes())
    assert card["runtime"] == "onnx"
    parent, _ = _run(tmp_path / "parent", "evaluate", data, artifact, split="validation")
    child, _ = _run(
        tmp_path / "child", "evaluate", data, output / "model", split="validation", servable={"runtime": "onnx"}
    )
    with np.load(DATA / "digits.npz") as arrays:
        rows = len(arrays["y"])
    assert parent.report["rows"] == round(rows * 0.6)
    assert 0.85 < parent.metrics["accuracy"] == child.metrics["accuracy"]
    assert parent.metrics["log_loss"] == pytest.approx(child.metrics["log_loss"], abs=1e-4)


def test_a_line_on_unix_times_is_converted_with_all_its_digits(tmp_path: Path) -> None:
    times = 1_764_000_000 + 10.0 * np.arange(100)[:, None]
    np.savez(tmp_path / "times.npz", x=times, y=times.ravel() - 1_764_000_000)
    (tmp_path / "data").mkdir()
    import_dataset.main(ImportJob(tmp_path / "times.npz", tmp_path / "data"))
    specs = {
        "inputs": [{"name": "x", "dtype": "FP64", "shape": [None, 1]}],
        "outputs": [{"name": "prediction", "dtype": "FP64", "shape": [None]}],
        "method": "regress",
    }
    converted, output = _run(
        tmp_path / "convert",
        "convert",
        tmp_path / "data",
        made_by(MODELS, SKLEARN) / "sklearn" / "times",
        target="onnx",
        tolerance=1e-5,
        servable={"signatures": {"serving_default": specs}},
    )
    assert converted.state == "succeeded", converted.error
    assert converted.report["rows"]["unusual numbers"] > 10
    card = msgspec.json.decode((output / "version.json").read_bytes())
    assert card["signatures"]["serving_default"]["method"] == "regress"
    child = OnnxRuntime().load(ServableConfig(runtime="onnx", directory=str(output / "model"), model="line", version=2))
    asked = np.array([[1_764_000_010.0], [1_764_000_500.0]])
    assert child.infer("serving_default", {"x": asked})["prediction"] == pytest.approx([10, 500])


def test_a_conversion_beyond_its_tolerance_is_refused(tmp_path: Path, data: Path, artifact: Path) -> None:
    signatures = {"serving_default": SIGNATURE}
    refused, _ = _run(
        tmp_path / "convert",
        "convert",
        data,
        artifact,
        target="onnx",
        tolerance=1e-12,
        servable={"signatures": signatures},
    )
    assert refused.state == "failed"
    assert "output 'probabilities'[" in refused.error
    assert "apart where 1e-12 is allowed" in refused.error
    assert "it is not registered, and the parent is served as it is" in refused.error


def test_an_evaluation_without_the_split_says_which_there_are(tmp_path: Path, data: Path, artifact: Path) -> None:
    failed, _ = _run(tmp_path / "evaluate", "evaluate", data, artifact, split="test")
    assert failed.state == "failed"
    assert "train, validation" in failed.error
