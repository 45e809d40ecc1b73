"""Verification finds out how an artifact is called, or says why it is refused."""

import json
import shutil
import textwrap
from base64 import b64encode
from pathlib import Path

import msgspec
import pytest

from bms.app.tasks.verify import main
from bms.core.errors import FailedPrecondition, InvalidArgument
from bms.core.workloads.programs import Findings, StdinSecrets, VerifyReport
from bms.serving.lifecycle.encoded_images import PNGS
from tests.worlds.model_servers import model


class Job:
    """What the harness hands a task."""

    def __init__(self, artifact: str | Path | None, **servable: object) -> None:
        self.inputs = {} if artifact is None else {"artifact": artifact}
        given = {"runtime": "onnx", "directory": "", "model": "m", "version": 1, **servable}
        self.parameters: dict[str, object] = {"servable": given}
        self.sealed = StdinSecrets()
        self.progressed: list[float] = []
        self.metrics: dict[str, float] = {}

    def progress(self, fraction: float, message: str, /) -> None:
        assert message
        self.progressed.append(fraction)

    def metric(self, name: str, value: float, /) -> None:
        self.metrics[name] = value


def findings(job: Job) -> Findings:
    return msgspec.convert(main(job), Findings)


def verified(job: Job) -> VerifyReport:
    found = findings(job)
    assert found.verified is not None
    return found.verified


def test_it_recognises_what_the_platforms_environment_runs_and_runs_it_at_once() -> None:
    job = Job(Path(model("onnx/mlp")), runtime="")
    job.parameters["recognise"] = {"requirements": [], "python": None}
    found = findings(job)
    assert found.recognised is not None
    assert (found.recognised.runtime, found.recognised.format, found.recognised.requirements) == ("onnx", "onnx", ())
    assert found.verified is not None


def test_what_needs_another_environment_is_recognised_and_not_run() -> None:
    job = Job(Path(model("sklearn/digits")), runtime="")
    job.parameters["recognise"] = {"requirements": ["scikit_learn==1.5"], "python": "3.11"}
    found = findings(job)
    assert found.verified is None
    assert found.recognised is not None
    assert (found.recognised.runtime, found.recognised.format) == ("sklearn", "skops")
    assert (found.recognised.requirements, found.recognised.python) == (("scikit_learn==1.5", "skops"), "3.11")


def test_it_reports_signatures_memory_and_latency() -> None:
    job = Job(Path(model("onnx/mlp")))
    report = verified(job)
    assert report.format == "onnx"
    assert report.signatures["serving_default"].inputs[0].shape == (None, 64)
    assert report.load_ns > 0
    assert report.infer_ns > 0
    assert job.metrics["infer_seconds"] == report.infer_ns / 1e9
    assert job.progressed == sorted(job.progressed)
    assert job.progressed[-1] == 1.0


def test_it_adds_the_image_signature_where_images_are_decoded() -> None:
    preprocess = {"type": "image", "input": "x", "mode": "L", "height": 8, "width": 8}
    report = verified(Job(model("onnx/mlp"), preprocess=preprocess))
    assert report.signatures["image"].inputs[0].dtype == "BYTES"
    assert report.signatures["image"].outputs == report.signatures["serving_default"].outputs
    again = msgspec.to_builtins(report.signatures)
    assert verified(Job(model("onnx/mlp"), preprocess=preprocess, signatures=again)).signatures == report.signatures


def with_example(folder: Path, example: object, name: str = "onnx/mlp") -> str:
    shutil.copytree(model(name), folder, dirs_exist_ok=True)
    (folder / "example.json").write_text(json.dumps(example))
    return str(folder)


def test_an_example_of_images_is_prepared_and_run_where_images_are_decoded(tmp_path: Path) -> None:
    preprocess = {"type": "image", "input": "x", "mode": "L", "height": 8, "width": 8}
    image = {"b64": b64encode(PNGS[1]).decode()}
    report = verified(Job(with_example(tmp_path, {"instances": [image]}), preprocess=preprocess))
    assert report.signatures["serving_default"].batched
    with pytest.raises(FailedPrecondition, match=r"does not take the example: .*image 1 of 1"):
        main(Job(with_example(tmp_path, {"instances": [{"b64": "AAAA"}]}), preprocess=preprocess))
    with pytest.raises(FailedPrecondition, match=r"the example has 'pixels', the model takes image BYTES"):
        main(Job(with_example(tmp_path, {"inputs": {"pixels": [1]}}), preprocess=preprocess))
    assert verified(Job(with_example(tmp_path, {"instances": [[0.5] * 64]}), preprocess=preprocess))


def test_an_example_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    for example, says in (
        ({"instances": [[0.5] * 63]}, r"'x' has shape \[1, 63\], the model takes \[-1, 64\]"),
        ({"instances": [["a"] * 64]}, r"'x' holds 'a' at \[0, 0\], expected FP32"),
        ({"inputs": {"y": [[0.5] * 64]}}, r"the example has 'y', the model takes x FP32 \[-1, 64\]"),
    ):
        with pytest.raises(FailedPrecondition, match=says):
            main(Job(with_example(tmp_path, example)))


@pytest.mark.parametrize("name", ["truncated", "external_parent", "custom_operator", "several"])
def test_broken_artifacts_are_refused_with_the_reason(name: str) -> None:
    with pytest.raises(FailedPrecondition) as raised:
        main(Job(model(f"refused/{name}")))
    assert len(raised.value.message) > 30


def test_a_declared_signature_is_proved_by_running_it() -> None:
    declared = {
        "serving_default": {
            "inputs": [{"name": "x", "dtype": "FP32", "shape": [None, 4]}],
            "outputs": [{"name": "y", "dtype": "FP32", "shape": [None, 2, 2]}],
        }
    }
    found = main(Job(model("onnx/one_row"), signatures=declared))["verified"]
    assert isinstance(found, dict)
    (signature,) = found["signatures"].values()
    assert not signature["batched"]
    assert list(signature["inputs"][0]["shape"]) == [1, 4]
    assert "does not run on 2 rows at once" in found["apart"]["serving_default"]


def test_signatures_that_answer_part_by_part_are_found(tmp_path: Path) -> None:
    code = """
        class Model:
            signature = {"inputs": ["x FP32 [1]"], "outputs": ["y FP32 [1]"], "batched": False}
            def predict(self, inputs):
                return {"y": inputs["x"]}
            def stream(self, inputs):
                yield {"y": inputs["x"]}
    """
    (tmp_path / "model.py").write_text(textwrap.dedent(code))
    assert verified(Job(tmp_path, runtime="python")).streaming == ("stream",)


def test_wrong_parameters_are_the_callers_fault() -> None:
    with pytest.raises(InvalidArgument, match="input 'artifact'"):
        main(Job(None))
    with pytest.raises(InvalidArgument, match="is not valid"):
        main(Job(model("onnx/mlp"), version="seven"))
    with pytest.raises(InvalidArgument, match="unknown runtime"):
        main(Job(model("onnx/mlp"), runtime="tarot"))
    job = Job(model("onnx/mlp"))
    job.parameters = {}
    with pytest.raises(InvalidArgument, match="parameter 'servable'"):
        main(job)


SUMS = """
class Model:
    signature = {
        "inputs": ["x FP32 [-1, 2]", "y FP32? [-1, 2]"], "outputs": ["sum FP32 [-1, 2]"], "max_batch_size": 8,
    }
    def predict(self, inputs):
        return {"sum": inputs["x"] + BIAS}
    def stream(self, inputs):
        yield {"sum": inputs["x"]}
"""


def test_what_is_said_for_those_who_read_a_configuration_is_found(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(SUMS.replace("BIAS", 'inputs.get("y", 0)'))
    found = verified(Job(tmp_path, runtime="python")).signatures
    assert [spec.optional for spec in found["serving_default"].inputs] == [False, True]
    assert [(name, one.max_batch_size, one.streams) for name, one in sorted(found.items())] == [
        ("serving_default", 8, False),
        ("stream", 0, True),
    ]


def test_an_input_that_is_called_optional_must_be(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(SUMS.replace("BIAS", 'inputs["y"]'))
    with pytest.raises(FailedPrecondition, match=r"says that 'y' may be left out, but the model does not run"):
        main(Job(tmp_path, runtime="python"))


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"max_batch_size": 4, "batched": False}, "max_batch_size 4, which promises that rows are independent"),
        ({"formats": {"x": "NCHW"}}, r"format NCHW, which is of channels, height and width, and its shape is \[-1, 64"),
        ({"formats": {"y": "NCHW"}}, "format NCHW is set for input 'y': the model takes 'x'"),
        ({"formats": {"x": "NCWH"}}, "'bms.json' does not describe a model"),
    ],
)
def test_a_configuration_that_is_not_the_models_is_refused(tmp_path: Path, said: object, words: str) -> None:
    folder = tmp_path / "model"
    shutil.copytree(model("onnx/mlp"), folder)
    (folder / "bms.json").write_text(json.dumps(said))
    with pytest.raises(FailedPrecondition, match=words):
        main(Job(str(folder)))


def test_a_largest_batch_of_an_artifact_is_its_signatures(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(model("onnx/mlp"), folder)
    (folder / "bms.json").write_text('{"max_batch_size": 4}')
    assert verified(Job(str(folder))).signatures["serving_default"].max_batch_size == 4
