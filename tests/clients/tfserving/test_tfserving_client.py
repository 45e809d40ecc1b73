"""The unmodified tensorflow-serving-api against a platform, in an environment and a process of its own.

Heavy, since that package wants the whole of TensorFlow: what can be told without it is in `make test`
(tests/unit/protocols/test_tfserving_grpc*.py, tests/integration/wire/test_grpc_tfserving.py).
"""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import tritonclient.grpc as triton

from bms.protocols.protobuf import tensorflow, tfserving
from bms.sdk.deployments import Target
from tests.clients.table import keep
from tests.framework_env import framework_python, told_by
from tests.unit.protocols.test_protobuf_schema import dumped, ours
from tests.worlds.platforms import RealPlatform, real_platform
from tests.worlds.whole_platform import DATA, DIGITS, deploy, push

REQUIREMENTS = ("tensorflow-serving-api==2.21.0", "grpcio", "numpy")
HERE = Path(__file__).parent
PAGE = HERE.parents[2] / "docs" / "protocols.md"
ROWS = 7
pytestmark = [pytest.mark.heavy, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealPlatform]:
    with real_platform(tmp_path_factory.mktemp("tfserving") / "home", "--gateways", "1") as platform:
        with platform.client() as client:
            push(client, "digits")
            client.models.move_alias("digits", "production", 1)
            deploy(client, "digits", "digits", Target(version=1))
        yield platform


def target(platform: RealPlatform) -> str:
    return platform.url.removeprefix("http://")


def test_the_real_client_gets_the_numbers_of_the_model_and_of_every_other_wire(
    served: RealPlatform, tmp_path: Path
) -> None:
    with np.load(DATA / "digits.npz") as data:
        rows, truth = np.asarray(data["x"][:ROWS], np.float32), data["y"][:ROWS]
    np.savez(tmp_path / "rows.npz", x=rows)
    lines = told_by(REQUIREMENTS, HERE / "asks.py", target(served), served.key, str(tmp_path / "rows.npz"))
    keep("tfserving", REQUIREMENTS[0].replace("==", " "), lines)
    got = {line["what"]: line["got"] if "got" in line else (line["refused"], line["words"]) for line in lines}

    session = onnxruntime.InferenceSession(DIGITS, providers=["CPUExecutionProvider"])

    def direct(given: Any) -> dict[str, Any]:
        answer = session.run(["label", "probabilities"], {"x": np.asarray(given, np.float32)})
        return dict(zip(("label", "probabilities"), (each.tolist() for each in answer), strict=True))

    same = direct(rows)
    assert by_oip(served, rows) == same
    assert got["complex numbers"][1].startswith("input 'x' is DT_COMPLEX64, which is not served")
    assert got["reload of others"][1].endswith("'halves' would be loaded")
    assert (np.array(same["label"]) == truth).mean() > 0.8
    assert got == {
        **dict.fromkeys(("digits", "float_val", "doubles"), same),
        "halves": direct(rows.astype(np.float16)),
        "whole numbers": direct(rows.astype(np.int32)),
        "one value for all": {"label": direct(np.full((2, 64), 3))["label"]},
        "of a version": ["label"],
        "of a label": 1,
        "read as many do": same["label"][:1],
        "no such model": ("NOT_FOUND", "Servable not found for request: Latest(dummy_model)"),
        "no such version": ("NOT_FOUND", "Servable not found for request: Specific(digits, 9)"),
        "no such label": ("INVALID_ARGUMENT", "Unrecognized servable version label: nope"),
        "no such signature": ("FAILED_PRECONDITION", 'Serving signature key "nope" not found.'),
        "wrong shape": ("INVALID_ARGUMENT", "input 'x' has shape [7, 3], expected [-1, 64]"),
        "complex numbers": ("INVALID_ARGUMENT", got["complex numbers"][1]),
        "metadata": {
            "inputs": {"x": ["float32", [-1, 64]]},
            "outputs": {"label": ["int64", [-1]], "probabilities": ["float32", [-1, 10]]},
            "method": "tensorflow/serving/classify",
        },
        "status": [[1, 30, 0, ""]],
        "no such status": ("NOT_FOUND", "Could not find any versions of model dummy_model"),
        "classify": [
            [[str(at), pytest.approx(score)] for at, score in enumerate(row)] for row in same["probabilities"][:2]
        ],
        "multi": {"serving_default": "classification_result"},
        "reload": 0,
        "reload of others": ("UNIMPLEMENTED", got["reload of others"][1]),
        "no key": ("UNAUTHENTICATED", got["no key"][1]),
    }


def by_oip(served: RealPlatform, rows: Any) -> dict[str, Any]:
    given = triton.InferInput("x", list(rows.shape), "FP32")
    given.set_data_from_numpy(rows)
    client = triton.InferenceServerClient(target(served))
    answer = client.infer("digits", [given], headers={"authorization": f"Bearer {served.key}"})
    return {name: answer.as_numpy(name).tolist() for name in ("label", "probabilities")}


def test_what_the_page_shows_works_as_it_stands(served: RealPlatform, tmp_path: Path) -> None:
    section = PAGE.read_text().split("## TensorFlow Serving over gRPC")[1]
    (shown,) = re.findall(r"```python\n(.*?)```", section.split("\n## ")[0], re.DOTALL)
    around = f"""
import grpc, numpy as np, tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc
key, rows = {served.key!r}, np.zeros((2, 64), np.float32)
{shown.replace("localhost:8000", target(served))}
print(labels.shape)
"""
    path = tmp_path / "shown.py"
    path.write_text(around)
    command = [str(framework_python(REQUIREMENTS)), str(path)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert (ran.returncode, ran.stdout) == (0, "(2,)\n"), ran.stderr[-2000:]


MODULES = (
    *(f"tensorflow.core.framework.{name}_pb2" for name in ("types", "tensor_shape", "tensor")),
    *(f"tensorflow.core.example.{name}_pb2" for name in ("feature", "example")),
    *(f"tensorflow.core.protobuf.{name}_pb2" for name in ("meta_graph", "named_tensor")),
    "tensorflow.compiler.xla.tsl.protobuf.error_codes_pb2",
    *(
        f"tensorflow_serving.apis.{name}_pb2"
        for name in (
            "model",
            "predict",
            "input",
            "classification",
            "regression",
            "inference",
            "get_model_metadata",
            "get_model_status",
            "model_management",
            "status",
            "session_service",
            "prediction_service",
            "model_service",
        )
    ),
    "tensorflow_serving.config.model_server_config_pb2",
    "tensorflow_serving.config.file_system_storage_path_source_pb2",
)


def test_our_schema_is_a_part_of_theirs() -> None:
    """Every message, field, value and method that we declare is theirs, number for number."""
    theirs: dict[str, dict[str, Any]] = {"messages": {}, "enums": {}, "services": {}}
    for each in dumped(str(framework_python(REQUIREMENTS)), *MODULES):
        for part, found in each.items():
            theirs[part].update(found)
    for name in (tensorflow.NAME, tensorflow.ERROR_NAME, tfserving.NAME):
        for part, found in ours(name).items():
            for title, fields in found.items():
                assert fields.items() <= theirs[part][title].items(), title
