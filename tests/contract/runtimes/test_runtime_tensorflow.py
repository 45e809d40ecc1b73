"""TensorFlow's own: its signatures, and graphs that are refused. Run by `test_runtime_environments.py`."""

import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="TensorFlow is in an environment of its own")

import tensorflow as tf

from bms.adapters.runtimes.available import open_servable
from bms.adapters.runtimes.recognition import recognise
from bms.core.errors import FailedPrecondition, InvalidArgument
from bms.core.formats.example_codec import encode_example
from bms.core.tensors.features import Feature
from bms.core.tensors.signature import Signature, TensorSpec
from bms.core.workloads.programs import ServableConfig
from tests.contract.runtimes.cases.tensorflow import FRAMEWORK
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


def test_what_lies_in_a_numbered_folder_is_the_model() -> None:
    found = recognise(str(MADE / "numbered" / "model"))
    assert (found.runtime, found.format, found.requirements) == ("tensorflow", "saved_model", ("tensorflow-cpu",))


def test_of_several_versions_the_newest_is_named_and_none_is_served() -> None:
    found = recognise(str(MADE / "several"))
    assert (found.runtime, found.at_home) == ("tensorflow", True)  # refused before an environment is built
    told = r"holds 3 SavedModels.*'00000002', '00000009', '00000010'.*the newest is '00000010'"
    with pytest.raises(FailedPrecondition, match=told):
        open_servable(config("several"))


def test_a_model_at_the_top_is_served_whatever_lies_in_numbered_folders(tmp_path: Path) -> None:
    shutil.copytree(MADE / "exported" / "model", tmp_path / "model")
    shutil.copytree(MADE / "module" / "model", tmp_path / "model" / "1")
    said = ServableConfig(runtime="tensorflow", directory=str(tmp_path / "model"), model="m", version=1)
    assert "number" not in open_servable(said).signatures


@pytest.mark.parametrize("number", ["1x", "-1", "²", "v1"])
def test_a_folder_whose_name_is_no_number_is_no_version(number: str, tmp_path: Path) -> None:
    shutil.copytree(MADE / "exported" / "model", tmp_path / number)
    with pytest.raises(FailedPrecondition, match="no model was recognised"):
        recognise(str(tmp_path))
    with pytest.raises(FailedPrecondition, match="one folder with a number"):
        open_servable(ServableConfig(runtime="tensorflow", directory=str(tmp_path), model="m", version=1))


def test_a_number_of_dimensions_that_the_graph_does_not_tell_is_asked_for() -> None:
    with pytest.raises(FailedPrecondition, match=r"input 'x' of signature 'serving_default' has no known.*--input"):
        open_servable(config("unranked/model"))


@pytest.mark.parametrize("shape", [(None, 64), (None, 3, 2), (None,)])
def test_a_declared_number_of_dimensions_is_used_as_it_is(shape: tuple[int | None, ...]) -> None:
    said = {"serving_default": Signature(inputs=(TensorSpec(name="x", dtype="FP32", shape=shape),))}
    servable = open_servable(config("unranked/model", signatures=said))
    signature = servable.signatures["serving_default"]
    assert (signature.inputs[0].shape, len(signature.outputs[0].shape)) == (shape, len(shape))
    assert signature.batched
    rows = np.ones((2, *shape[1:]), np.float32)  # type: ignore[arg-type]
    assert np.array_equal(servable.infer("serving_default", {"x": rows})["y"], rows * 2)


def test_signatures_of_known_dimensions_are_served_beside_one_of_unknown() -> None:
    assert list(open_servable(config("awkward/model")).signatures) == ["picked"]


def test_the_features_of_examples_are_known_and_their_signatures_keep_their_methods() -> None:
    signatures = open_servable(config("examples/model")).signatures
    assert list(signatures) == ["serving_default", "value"]
    for signature in signatures.values():
        assert signature.inputs[0].features == (
            Feature(name="count", dtype="INT64", size=1),
            Feature(name="length", dtype="FP32", size=1),
            Feature(name="pair", dtype="FP32", size=2),
            Feature(name="tags", dtype="BYTES"),
        )
        assert signature.batched  # proved, by examples that were made up of these
    classes, value = signatures["serving_default"], signatures["value"]
    assert (classes.method, classes.scores, value.method) == ("classify", "scores", "regress")


def test_features_that_a_function_parses_are_known() -> None:
    (signature,) = open_servable(config("parsing/model")).signatures.values()
    assert signature.inputs[0].features == (
        Feature(name="a", dtype="FP32", size=3),
        Feature(name="b", dtype="BYTES", size=1),
        Feature(name="r", dtype="INT64"),
    )
    assert (signature.batched, signature.scores) == (True, "probabilities")


def test_a_declared_signature_has_the_features_that_were_found() -> None:
    said = {"value": Signature(inputs=(TensorSpec(name="inputs", dtype="BYTES", shape=(None,)),))}
    signature = open_servable(config("examples/model", signatures=said)).signatures["value"]
    assert [feature.name for feature in signature.inputs[0].features or ()] == ["count", "length", "pair", "tags"]
    assert signature.method == "regress"


def test_a_method_is_kept_where_rows_have_runs_of_their_own() -> None:
    servable = open_servable(config("dropping/model"))
    signature = servable.signatures["serving_default"]
    assert (signature.batched, signature.method) == (False, "regress")
    assert "does not give one answer per row" in servable.apart["serving_default"]  # type: ignore[attr-defined]


def test_why_an_example_is_not_parsed_is_told_without_the_trace_of_who_asked() -> None:
    servable = open_servable(config("examples/model"))
    rows = np.array([encode_example({"count": np.array([1])})], dtype=object)
    with pytest.raises(InvalidArgument) as caught:
        servable.infer("value", {"inputs": rows})
    assert "Feature: length (data type: float) is required" in caught.value.message
    rows[0] = b"no example"
    with pytest.raises(InvalidArgument) as caught:
        servable.infer("value", {"inputs": rows})
    assert "Could not parse example input" in caught.value.message
    assert "File " not in caught.value.message


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
    ("torn", "but is not one"),
    ("garbled", "but is not one"),
    ("empty", "but is not one"),
]


@pytest.mark.parametrize(("name", "says"), REFUSED)
def test_graphs_that_do_more_than_compute_are_refused(
    name: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FailedPrecondition, match=says):
        open_servable(config(f"refused/{name}"))
    assert list(tmp_path.iterdir()) == []


def test_the_reason_and_its_node_are_told_and_the_trace_is_not() -> None:
    servable = open_servable(config("awkward/model"))
    with pytest.raises(InvalidArgument) as caught:
        servable.infer("picked", {"ids": np.array([[1, 2, 40]], np.int32)})
    told = "InvalidArgumentError: indices[0,2] = 40 is not in [0, 30) (node Gather)"
    assert caught.value.message == f"the model could not run on these inputs: {told}"


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
