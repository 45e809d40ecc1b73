"""TensorFlow's own: its signatures, and graphs that are refused. Run by `test_runtime_environments.py`."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="TensorFlow is in an environment of its own")

import tensorflow as tf

from bms.adapters.runtimes.available import open_servable
from bms.adapters.runtimes.recognition import recognise
from bms.core.errors import FailedPrecondition
from bms.core.programs import ServableConfig
from bms.core.signature import Signature, TensorSpec
from tests.contract.runtimes.cases_tensorflow import FRAMEWORK
from tests.contract.runtimes.torn_files import torn

MADE = FRAMEWORK.artifacts()


def config(path: str, **more: object) -> ServableConfig:
    return ServableConfig(runtime="tensorflow", directory=str(MADE / path), model="m", version=1, **more)  # type: ignore[arg-type]


def test_signatures_are_the_models_own_by_their_names() -> None:
    signatures = open_servable(config("module/model")).signatures
    assert list(signatures) == ["serving_default", "number"]
    digits = signatures["serving_default"]
    assert [(spec.name, spec.dtype, spec.shape) for spec in digits.inputs] == [("x", "FP32", (None, 64))]
    assert [(spec.name, spec.dtype, spec.shape) for spec in digits.outputs] == [
        ("scores", "FP32", (None, 10)),
        ("label", "INT64", (None,)),
        ("name", "BYTES", (None,)),
    ]
    assert (digits.method, digits.scores) == ("classify", "scores")
    assert signatures["number"].method == "predict"


def test_a_table_comes_from_a_file_of_the_artifact() -> None:
    servable = open_servable(config("module/model"))
    names = np.array([b"three", b"nobody"], dtype=object)
    assert servable.infer("number", {"name": names})["number"].tolist() == [3, -1]


def test_an_input_without_dimensions_is_asked_for_and_then_taken() -> None:
    with pytest.raises(FailedPrecondition, match=r"nothing of the dimensions of input 'x' .* say what it takes"):
        open_servable(config("no_rank/model"))
    said = {"serving_default": Signature(inputs=(TensorSpec(name="x", dtype="FP32", shape=(None, 3)),))}
    signature = open_servable(config("no_rank/model", signatures=said)).signatures["serving_default"]
    assert signature.batched
    assert len(signature.outputs[0].shape) == 2


def test_answers_are_tensorflows_to_the_last_bit() -> None:
    expected = np.load(MADE / "exported" / "expected.npz")
    model = tf.saved_model.load(str(MADE / "exported" / "model"))
    own = model.signatures["serving_default"](pixels=tf.constant(expected["pixels"]))["probabilities"].numpy()
    servable = open_servable(config("exported/model"))
    assert np.array_equal(servable.infer("serving_default", {"pixels": expected["pixels"]})["probabilities"], own)


def test_a_declared_signature_may_leave_its_outputs_out() -> None:
    said = {"mine": Signature(inputs=(TensorSpec(name="pixels", dtype="FP32", shape=(None, 64)),))}
    signature = open_servable(config("exported/model", signatures=said)).signatures["mine"]
    assert (signature.scores, signature.outputs[0].shape) == ("probabilities", (None, 10))


REFUSED = [
    ("read_file", r"ReadFile \('ReadFile' in function .*reads or writes files"),
    ("write_file", "WriteFile .*reads or writes files"),
    ("matching_files", "MatchingFiles .*reads or writes files"),
    ("python", "PyFunc .*calls Python functions"),
    ("print_to_file", "PrintV2 .*reads or writes files"),
    ("dataset", "TextLineDataset .*reads or writes files"),
    ("restore", "RestoreV2 .*when the model is loaded or run"),
    ("save", "SaveV2 .*when the model is loaded or run"),
    ("in_a_branch", "ReadFile .*in function 'cond_true"),
    ("table_elsewhere", "InitializeTableFromTextFileV2 .*no asset of the artifact"),
    ("asset_outside", "leads out of its artifact"),
    ("asset_link", "leads out of its artifact"),
    ("variables_link", "'variables.index' in 'variables' is a link"),
    ("chunked", "keep only 'saved_model.pb'"),
    ("untagged", "no graph tagged 'serve': its graphs are tagged .*train"),
    ("unknown_operation", "Op type not registered 'Shell'"),
    ("torn", "content is none"),
    ("garbled", "content is none"),
    ("empty", "content is none"),
]


@pytest.mark.parametrize(("name", "says"), REFUSED)
def test_graphs_that_do_more_than_compute_are_refused(
    name: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FailedPrecondition, match=says):
        open_servable(config(f"refused/{name}"))
    assert list(tmp_path.iterdir()) == []


def test_every_broken_artifact_is_tried() -> None:
    assert {name for name, _ in REFUSED} == {path.name for path in (MADE / "refused").iterdir() if path.is_dir()}


def test_the_payloads_bite_whoever_loads_and_calls_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = tmp_path / "secret"
    secret.write_text("a secret")
    monkeypatch.chdir(tmp_path)
    reading = tf.saved_model.load(str(MADE / "refused" / "read_file")).signatures["serving_default"]
    assert reading(path=tf.constant(str(secret)))["done"].numpy() == b"a secret"
    writing = tf.saved_model.load(str(MADE / "refused" / "write_file")).signatures["serving_default"]
    writing(path=tf.constant(str(tmp_path / "written")))
    assert (tmp_path / "written").read_text() == "bitten"


def test_what_breaks_off_is_not_recognised() -> None:
    for name in ("torn", "garbled", "empty"):
        with pytest.raises(FailedPrecondition, match="no model was recognised"):
            recognise(str(MADE / "refused" / name))


def test_one_process_computes_with_one_number_of_threads() -> None:
    open_servable(config("exported/model"))
    assert tf.config.threading.get_intra_op_parallelism_threads() == 1
    with pytest.raises(FailedPrecondition, match="another number of threads"):
        open_servable(config("exported/model", threads=2))


@pytest.mark.parametrize("file", ["exported/model/saved_model.pb"])
def test_cut_and_garbled_copies_are_refused_or_run(file: str, tmp_path: Path) -> None:
    torn("tensorflow", MADE / file, tmp_path)
