"""Keras's own: its signatures, and files that are refused. Run by `test_runtime_environments.py`."""

import importlib
import importlib.util
import io
import os
import pkgutil
import re
from pathlib import Path

import numpy as np
import pytest

if importlib.util.find_spec("keras") is None:
    pytest.skip("Keras is in an environment of its own", allow_module_level=True)
os.environ["KERAS_BACKEND"] = "torch"  # read when the package is imported; not where others would inherit it

import h5py
import keras
import msgspec
from keras.src.api_export import get_name_from_symbol
from keras.src.saving.keras_saveable import KerasSaveable
from msgspec import structs
from PIL import Image

from bms.adapters.images.plan import image_plan
from bms.adapters.runtimes.available import open_servable
from bms.adapters.runtimes.keras.config import REFUSED as REFUSED_CLASSES
from bms.adapters.runtimes.keras.config import TABLES, check_config
from bms.adapters.runtimes.recognition import recognise
from bms.core.errors import FailedPrecondition, InvalidArgument
from bms.core.tensors.preprocessing import ImagePreprocess
from bms.core.tensors.signature import Signature, TensorSpec
from bms.core.workloads.programs import ServableConfig
from tests.contract.runtimes.cases.keras import FRAMEWORK
from tests.contract.runtimes.torn_files import torn

MADE = FRAMEWORK.artifacts()


def config(path: str) -> ServableConfig:
    return ServableConfig(runtime="keras", directory=str(MADE / path), model="m", version=1)


@pytest.mark.parametrize(("name", "format"), [("sequential", "keras"), ("legacy", "keras-h5")])
def test_a_softmax_at_the_end_makes_a_classifier(name: str, format: str) -> None:
    servable = open_servable(config(f"{name}/model"))
    signature = servable.signatures["serving_default"]
    assert servable.format == format
    assert [(spec.name, spec.dtype, spec.shape) for spec in signature.inputs] == [("pixels", "FP32", (None, 64))]
    assert [(spec.name, spec.dtype, spec.shape) for spec in signature.outputs] == [("digit", "FP32", (None, 10))]
    assert (signature.method, signature.scores) == ("classify", "digit")


def test_several_inputs_and_outputs_have_the_models_names() -> None:
    signature = open_servable(config("functional/model")).signatures["serving_default"]
    assert [(spec.name, spec.shape) for spec in signature.inputs] == [("image", (None, 8, 8, 1)), ("more", (None, 2))]
    assert [(spec.name, spec.shape) for spec in signature.outputs] == [("logits", (None, 10)), ("size", (None, 1))]
    assert signature.method == "predict"


def test_models_within_models_have_the_names_that_their_inputs_and_outputs_are_given() -> None:
    nested = open_servable(config("nested/model")).signatures["serving_default"]
    assert {spec.name for spec in nested.inputs} == {"a", "b", "more"}
    assert [spec.name for spec in nested.outputs] == ["both", "parts_0", "parts_1"]
    assert (nested.method, nested.scores) == ("classify", "both")
    shared = open_servable(config("shared/model")).signatures["serving_default"]
    assert [spec.name for spec in shared.outputs] == ["output_0", "output_1"]


def test_an_archive_that_was_not_zipped_is_the_same_model() -> None:
    folder = MADE / "folder" / "model"
    assert recognise(str(folder)).format == "keras-folder"
    loose, packed = open_servable(config("folder/model")), open_servable(config("steps/model"))
    assert loose.signatures == packed.signatures
    rows = np.load(MADE / "steps" / "expected.npz")["steps"]
    told = [one.infer("serving_default", {"steps": rows})["said"] for one in (loose, packed)]
    assert np.array_equal(*told)


APPLICATIONS = {
    name: settings
    for names, settings in re.findall(
        r"^\| (`\w+`(?:, `\w+`)*) \| `(mode=\S+)` \|$",
        (Path(__file__).parents[3] / "docs" / "preprocessing.md").read_text(),
        re.MULTILINE,
    )
    for name in re.findall(r"\w+", names)
}


def application_options(name: str, height: int, width: int) -> ImagePreprocess:
    """Those that the documents say."""
    said: dict[str, object] = dict(pair.split("=") for pair in APPLICATIONS[name].split(","))
    said |= {key: str(said[key]).split("/") for key in ("mean", "std") if key in said}
    given = {**said, "type": "image", "height": height, "width": width}
    return msgspec.convert(given, ImagePreprocess, strict=False)


@pytest.mark.parametrize("name", APPLICATIONS)
def test_pictures_are_prepared_as_an_applications_own_preprocessing_does(name: str) -> None:
    options = application_options(name, 6, 5)
    out = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (6, 5, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(out, "PNG")
    signature = Signature(inputs=(TensorSpec(name="keras_tensor_7", dtype="FP32", shape=(None, 6, 5, 3)),))
    plan = image_plan(options, {"serving_default": signature})
    made = plan.prepare({"image": np.array([out.getvalue()], dtype=object)})["keras_tensor_7"]
    wanted = getattr(keras.applications, name).preprocess_input(pixels[None].astype(np.float32))
    np.testing.assert_allclose(made, np.asarray(wanted), rtol=1e-5, atol=1e-5)


def test_an_application_is_proved_on_pictures_and_answers_jpegs_as_keras_does() -> None:
    options = application_options("mobilenet", 32, 32)
    servable = open_servable(structs.replace(config("application/model"), preprocess=options))
    signature = servable.signatures["serving_default"]
    assert (signature.batched, signature.method, signature.scores) == (True, "classify", "predictions")
    with np.load(MADE / "application" / "expected.npz") as expected:
        jpegs, wanted = expected["image"].astype(object), expected["predictions"]
    plan = image_plan(options, servable.signatures)
    told = servable.infer(plan.target, plan.prepare({"image": jpegs}))["predictions"]
    np.testing.assert_allclose(told, wanted, rtol=1e-3, atol=1e-4)
    assert len(set(wanted.argmax(1).tolist())) > 1


def test_every_application_that_keras_has_is_told_of() -> None:
    assert set(APPLICATIONS) == {
        name for name in dir(keras.applications) if hasattr(getattr(keras.applications, name), "preprocess_input")
    } - {"imagenet_utils", "mobilenet_v3", "resnet50"} | {"mobilenet_v3"}


@pytest.mark.parametrize("name", ["sequential", "legacy", "functional", "masked", "lengths", "computed"])
def test_answers_are_those_of_keras(name: str) -> None:
    servable = open_servable(config(f"{name}/model"))
    expected = np.load(MADE / name / "expected.npz")
    signature = servable.signatures["serving_default"]
    answers = servable.infer("serving_default", {spec.name: expected[spec.name] for spec in signature.inputs})
    for output, array in answers.items():
        np.testing.assert_allclose(array, expected[output], rtol=1e-5, atol=1e-6)


def test_a_bare_output_is_named_after_what_computes_it() -> None:
    signature = open_servable(config("masked/model")).signatures["serving_default"]
    assert [(spec.name, spec.dtype, spec.shape) for spec in signature.inputs] == [("words", "INT32", (None, None))]
    assert [spec.name for spec in signature.outputs] == ["said"]
    assert signature.batched


# Of training, or of tables that only TensorFlow computes: no part of a model that is served.
NOT_OF_MODELS = {"keras.distillation", "keras.src.trainers.compile_utils", "keras.utils"}


def test_every_class_that_keras_writes_into_models_is_known_by_its_module() -> None:
    for module in pkgutil.walk_packages(keras.src.__path__, "keras.src."):
        if module.name.split(".")[2] in ("ops", "layers", "applications") and not module.name.endswith("_test"):
            importlib.import_module(module.name)
    seen = {KerasSaveable}
    waiting = [KerasSaveable]
    while waiting:
        more = set(waiting.pop().__subclasses__()) - seen
        seen |= more
        waiting += more
    unknown = set()
    for one in seen - {KerasSaveable}:
        exported = get_name_from_symbol(one)
        module = exported.rpartition(".")[0] if exported else one.__module__
        part = {"class_name": one.__name__, "module": module, "config": {}, "registered_name": None}
        if not module.startswith("keras.") or ".backend." in module or one.__name__ in {*REFUSED_CLASSES, *TABLES}:
            continue
        try:
            check_config("model.keras", {"layers": [part]})
        except FailedPrecondition:
            unknown.add(module)
    assert len(seen) > 500
    assert unknown == NOT_OF_MODELS


REFUSED = [
    ("lambda", r"holds a Lambda \('lambda.*export a SavedModel"),
    ("lambda_h5", r"holds a Lambda \('lambda.*export a SavedModel"),
    ("wraps_pickle", "TorchModuleWrapper: a pickled PyTorch module"),
    ("subclassed", r"needs None\.Mine|needs .*Mine.*, code that the file does not hold: export a SavedModel"),
    ("own_layer_folder", r"'config.json' needs mine>Own \('loose'\), code that the file does not hold"),
    ("own_layer", r"needs mine>Own \('own'\), code that the file does not hold"),
    ("imports", "needs os.function"),
    ("fetches", "needs keras.utils.function"),
    ("loads", "needs keras.models.function"),
    ("own_operation", r"needs Twice \('twice'\), code that the file does not hold"),
    ("own_function", "can't load 'model.keras': TypeError: Could not locate function 'halved'"),
    ("operations_h5", r"Unknown layer: 'NotEqual'.*; save it with model\.save\('model\.keras'\)"),
    ("own_lambda", "holds a __lambda__: Python code"),
    ("keeps_state", r"LSTM \('lstm.*stateful=True.*save the model with stateful=False"),
    ("reads_words", "StringLookup, which only TensorFlow computes"),
    ("external_link", "kernel' as a link to a file outside the artifact"),
    ("external_link_within", "'model.weights.h5' keeps .* as a link to a file outside the artifact"),
    ("external_data", "kernel' in other files"),
    ("virtual_data", "kernel' in other files"),
    ("bomb", "would unpack to 68719"),
    ("swollen", "would unpack from"),
    ("outside", "leads out of it"),
    ("more", "holds 'run.py'"),
    ("torn", "content is neither"),
    ("torn_h5", "can't be read: OSError"),
    ("garbled", "content is neither"),
    ("weights_only", "content is neither"),
    ("h5_as_keras", "named as a .keras archive, but its content is a model in HDF5"),
    ("keras_as_h5", "named as a model in HDF5, but its content is a .keras archive"),
]


@pytest.mark.parametrize(("name", "says"), REFUSED)
def test_files_that_hold_more_than_a_model_are_refused(
    name: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FailedPrecondition, match=says):
        open_servable(config(f"refused/{name}/model" if name.endswith("_folder") else f"refused/{name}"))
    assert list(tmp_path.iterdir()) == []


def test_the_reason_is_told_whole_without_the_descriptions_around_it() -> None:
    with pytest.raises(FailedPrecondition) as caught:
        open_servable(config("refused/own_function"))
    assert "Make sure custom classes and functions are decorated" in caught.value.message
    assert caught.value.message.endswith("export a SavedModel with model.export('folder')")
    assert "'build_config'" not in caught.value.message


def test_inputs_that_do_not_fit_are_told_in_kerass_own_words() -> None:
    servable = open_servable(config("masked/model"))
    with pytest.raises(InvalidArgument, match=r"IndexError: index out of range in self \(in Embedding\.call\)$"):
        servable.infer("serving_default", {"words": np.full((1, 3), 5000, np.int32)})


def test_every_broken_artifact_is_tried() -> None:
    assert {name for name, _ in REFUSED} == {path.name for path in (MADE / "refused").iterdir() if path.is_dir()}


def test_the_payloads_reach_outside_where_nobody_looks() -> None:
    with h5py.File(MADE / "refused" / "external_link" / "model.h5") as file:
        found: list[str] = []
        file.visititems_links(lambda name, link: found.append(name) if isinstance(link, h5py.ExternalLink) else None)
        assert np.array_equal(file[found[0]], np.ones((64, 32)))
    anonymous = MADE / "refused" / "lambda" / "model.keras"
    model = keras.saving.load_model(anonymous, compile=False, safe_mode=False)
    assert np.asarray(model(np.ones((1, 4), np.float32)).detach()).tolist() == [[2.0] * 4]


@pytest.mark.parametrize("file", ["sequential/model/model.keras", "legacy/model/model.h5"])
def test_cut_and_garbled_copies_are_refused_or_run(file: str, tmp_path: Path) -> None:
    torn("keras", MADE / file, tmp_path)
