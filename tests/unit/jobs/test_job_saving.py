"""A job saves what it made with what is needed to serve it."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bms.core.errors import FailedPrecondition, InvalidArgument
from bms.jobs import saving
from bms.jobs.saving import save


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    made = tmp_path / "output" / "model"
    made.mkdir(parents=True)
    return made


def card(directory: Path) -> dict[str, Any]:
    return json.loads((directory.parent / "version.json").read_bytes())  # type: ignore[no-any-return]


def of_package(name: str, **members: Any) -> Any:
    """A model whose class comes from the package `name`."""
    return type("Model", (), {"__module__": f"{name}.sub", **members})()


def test_files_and_folders_are_copied_with_a_card_and_an_example(directory: Path, tmp_path: Path) -> None:
    (tmp_path / "made" / "assets").mkdir(parents=True)
    (tmp_path / "made" / "assets" / "words.txt").write_text("one")
    options = {"labels": ["a", 1], "example": np.arange(60).reshape(30, 2), "metadata": {"note": "x"}}
    assert save(tmp_path / "made", directory, requirements=["six"], **options) == directory
    assert (directory / "assets" / "words.txt").read_text() == "one"
    assert json.loads((directory / "example.json").read_bytes()) == {"instances": np.arange(40).reshape(20, 2).tolist()}
    assert card(directory) == {
        "labels": ["a", "1"],
        "environment": {"requirements": ["six"]},
        "metadata": {"note": "x"},
    }
    with pytest.raises(InvalidArgument, match="there is no file or folder 'nothing'"):
        save("nothing", directory, metadata={})


def test_a_version_gets_the_releases_it_was_made_with(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    releases = {"scikit-learn": "1.9.1", "skops": "0.13.0+cpu"}

    def version(package: str) -> str:
        if package not in releases:
            raise saving.installed.PackageNotFoundError(package)
        return releases[package]

    monkeypatch.setattr(saving.installed, "version", version)
    monkeypatch.setitem(sys.modules, "skops", SimpleNamespace(io=None))
    dumped = SimpleNamespace(dump=lambda model, path: Path(path).write_bytes(b"skops"))
    monkeypatch.setitem(sys.modules, "skops.io", dumped)
    monkeypatch.setattr(sys.modules["skops"], "io", dumped)
    save(of_package("sklearn"), directory, metadata={})
    assert (directory / "model.skops").read_bytes() == b"skops"
    assert card(directory) == {"environment": {"requirements": ["scikit-learn==1.9.1", "skops==0.13.0"]}}
    save(of_package("sklearn"), directory, requirements=["Scikit_Learn>=1", "skops-like"], metadata={})
    assert card(directory)["environment"]["requirements"] == ["Scikit_Learn>=1", "skops-like", "skops==0.13.0"]


def test_each_framework_writes_its_own_format(directory: Path) -> None:
    def write(_: Any, path: str) -> None:
        Path(path).write_text("saved")

    sklearn = type("BaseEstimator", (), {"__module__": "sklearn.base"})
    booster = of_package("lightgbm", save_model=write)
    models = {
        "model.ubj": type("XGBModel", (sklearn,), {"__module__": "xgboost.sklearn", "save_model": write})(),
        "model.txt": type("LGBMModel", (sklearn,), {"__module__": "lightgbm.sklearn", "booster_": booster})(),
        "model.cbm": type("CatBoost", (sklearn,), {"__module__": "catboost.core", "save_model": write})(),
        "model.keras": of_package("keras", save=write),
        "model.onnx": of_package("onnx", SerializeToString=lambda _: b"saved"),
    }
    for name, model in models.items():
        save(model, directory, metadata={})
        assert (directory / name).read_text() == "saved", name


def test_what_cannot_be_saved_is_told_what_to_do(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidArgument, match=r"a test_job_saving\.sub\.Model can't be saved by save_model: it takes"):
        save(of_package("test_job_saving"), directory, metadata={})
    monkeypatch.setitem(sys.modules, "skops", None)
    with pytest.raises(FailedPrecondition, match="add `--requirement skops`"):
        save(of_package("sklearn"), directory, metadata={})
    torch = SimpleNamespace(
        export=SimpleNamespace(ExportedProgram=type("E", (), {})), jit=SimpleNamespace(ScriptModule=type("S", (), {}))
    )
    monkeypatch.setitem(sys.modules, "torch", torch)
    with pytest.raises(InvalidArgument, match=r"torch\.export\.export"):
        save(of_package("torch"), directory, metadata={})


def files(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())


def test_the_last_save_wins_and_one_that_fails_changes_nothing(directory: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    save(tmp_path / "a", directory, example=[[1]], labels=["x"], metadata={})
    save(tmp_path / "b", directory, metadata={})
    assert (files(directory), "labels" in card(directory)) == (["b"], False)

    def fail(_: Any, path: str) -> None:
        Path(path).write_text("half")
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="disk is full"):
        save(of_package("keras", save=fail), directory, labels=["y"], metadata={})
    with pytest.raises(InvalidArgument, match=r"can't be described in JSON: .* not JSON serializable"):
        save(tmp_path / "a", directory, preprocess={"mean": {1}}, metadata={})
    assert (files(directory), "labels" in card(directory)) == (["b"], False)
    assert files(directory.parent) == ["model/b", "version.json"]


def test_files_that_are_in_the_models_directory_already_can_be_saved(directory: Path) -> None:
    (directory / "inner").mkdir()
    for name in ("model.onnx", "inner/weights"):
        (directory / name).write_text(name)
    save(directory, directory, example=[[1]], labels=["x"], metadata={})
    assert files(directory) == ["example.json", "inner/weights", "model.onnx"]
    assert card(directory)["labels"] == ["x"]
    save(directory / "inner", directory, metadata={})
    assert files(directory) == ["weights"]


def test_what_can_not_be_meant_is_refused(directory: Path, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    for name in ("labels", "requirements"):
        with pytest.raises(InvalidArgument, match=rf"{name} are texts in a list, like {name}=.*; this is 'abc'"):
            save(tmp_path / "a", directory, metadata={}, **{name: "abc"})
    with pytest.raises(InvalidArgument, match="holds the job's own output, which can't be a part of its model"):
        save(directory.parent, directory, metadata={})
    with pytest.raises(InvalidArgument, match=r"model' is empty: write the model's files into it"):
        save(directory, directory, metadata={})
