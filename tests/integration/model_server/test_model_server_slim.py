"""The slim rule: a model server starts where nothing is installed but NumPy, msgspec and what its model needs."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

import bms
from bms.adapters.environments.slim import place
from bms.core.workloads.programs import ServableConfig
from tests.framework_env import SKLEARN, SLIM, framework_python
from tests.worlds.model_servers import mlp_config, model, rows, server_config, started

PACKAGE = Path(bms.__file__).parent
HEAVY = ("onnxruntime", "sklearn", "skops", "PIL", "uvloop", "httptools", "prometheus_client", "orjson", "sqlalchemy")


@pytest.fixture
def slim(tmp_path: Path) -> Path:
    """The slim part alone, as control places it beside a home."""
    return place(PACKAGE, tmp_path / "slim")


def test_it_serves_onnx_with_numpy_msgspec_and_onnxruntime_alone(tmp_path: Path, slim: Path) -> None:
    with started(mlp_config(tmp_path), python=framework_python(SLIM), path=slim) as server:
        outputs = server.ready().infer(rows(3))
        np.testing.assert_allclose(outputs["probabilities"].sum(axis=1), 1, rtol=1e-6)
        assert server.end() == 0


def test_it_serves_scikit_learn_from_an_environment_of_its_own(tmp_path: Path, slim: Path) -> None:
    servable = ServableConfig(runtime="sklearn", directory=model("sklearn/digits"), model="digits", version=1)
    expected = np.load(model("sklearn/digits") + "/expected.npz")
    with started(server_config(tmp_path, servable), python=framework_python(SKLEARN), path=slim) as server:
        outputs = server.ready().infer({"x": expected["x"]})
        assert np.array_equal(outputs["probabilities"], expected["predict_proba"])
        assert np.array_equal(outputs["label"], expected["predict"])
        assert server.end() == 0


def test_a_framework_that_is_not_there_is_named(tmp_path: Path, slim: Path) -> None:
    servable = ServableConfig(runtime="sklearn", directory=model("sklearn/digits"), model="digits", version=1)
    with started(server_config(tmp_path, servable), python=framework_python(SLIM), path=slim) as server:
        assert server.process.wait(30) == 1
        assert any("add it to the version's requirements" in str(line.get("reason")) for line in server.log)


def test_importing_the_model_server_imports_no_framework(slim: Path) -> None:
    said = subprocess.run(
        [framework_python(SLIM), "-c", "import sys, bms.app.model_server.main; print('\\n'.join(sys.modules))"],
        env={"PYTHONPATH": str(slim), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    ).stdout.split()
    assert "bms.serving.inference.service" in said
    assert [name for name in said if name.split(".")[0] in HEAVY] == []
    assert [name for name in said if name.startswith(("bms.control", "bms.adapters.sql", "bms.web"))] == []
