"""scikit-learn's own: answers equal to the estimator's, and what is refused. Run by `test_runtime_environments.py`."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from msgspec import structs

pytest.importorskip("sklearn", reason="scikit-learn is in an environment of its own")

from bms.adapters.runtimes.available import open_servable
from bms.core.errors import FailedPrecondition, InvalidArgument
from bms.core.programs import ServableConfig
from bms.core.signature import Signature, TensorSpec
from bms.core.tensor import NUMPY, DType
from tests.framework_env import SKLEARN, made_by

MAKER = Path(__file__).parent / "make_artifacts.py"
METHODS = {"probabilities": "predict_proba", "label": "predict", "prediction": "predict", "output": "transform"}


def config(path: str, *, allow_pickle: bool = False) -> ServableConfig:
    directory = str(made_by(MAKER, SKLEARN) / path)
    return ServableConfig(runtime="sklearn", directory=directory, model="m", version=1, allow_pickle=allow_pickle)


@pytest.mark.parametrize(
    ("name", "dtype", "outputs", "method"),
    [
        ("digits", "FP64", ["probabilities", "label"], "classify"),
        ("forest", "FP64", ["probabilities", "label"], "classify"),
        ("ridge", "FP64", ["prediction"], "regress"),
        ("kmeans", "FP64", ["label"], "predict"),
        ("pca", "FP64", ["output"], "predict"),
        ("texts", "BYTES", ["probabilities", "label"], "classify"),
        ("pickled", "FP64", ["probabilities", "label"], "classify"),
        ("joblib", "FP64", ["probabilities", "label"], "classify"),
        ("times", "FP64", ["prediction"], "regress"),
        ("layers32", "FP32", ["probabilities", "label"], "classify"),
        ("scaled32", "FP32", ["probabilities", "label"], "classify"),
        ("clusters32", "FP32", ["label"], "predict"),
    ],
)
def test_answers_are_the_estimators_to_the_last_bit(name: str, dtype: str, outputs: list[str], method: str) -> None:
    servable = open_servable(config(f"sklearn/{name}", allow_pickle=True))
    signature = servable.signatures["serving_default"]
    assert [spec.name for spec in signature.outputs] == outputs
    assert (signature.inputs[0].name, signature.inputs[0].dtype, signature.method) == ("x", dtype, method)
    expected = np.load(made_by(MAKER, SKLEARN) / f"sklearn/{name}/expected.npz", allow_pickle=True)
    answers = servable.infer("serving_default", {"x": expected["x"]})
    for output in outputs:
        wanted = expected[METHODS[output]]
        if wanted.dtype.kind in "UO":
            assert answers[output].tolist() == [str(item).encode() for item in wanted]
        else:
            assert answers[output].dtype == wanted.dtype
            assert np.array_equal(answers[output], wanted)


def test_labels_are_the_classes_in_the_order_of_the_probabilities() -> None:
    forest = open_servable(config("sklearn/forest")).signatures["serving_default"]
    assert forest.labels == tuple(f"digit {number}" for number in range(10))
    assert forest.scores == "probabilities"
    assert {spec.name: spec.dtype for spec in forest.outputs} == {"probabilities": "FP64", "label": "BYTES"}


def test_formats_are_told_by_content() -> None:
    formats = {
        name: open_servable(config(f"sklearn/{name}", allow_pickle=True)).format
        for name in ("digits", "pickled", "joblib")
    }
    assert formats == {"digits": "skops", "pickled": "pickle", "joblib": "joblib"}


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("untrusted", r"types that are not trusted: __main__\.Unknown"),
        ("unfitted", "n_features_in_"),
        ("no_estimator", "holds a dict"),
        ("pickle_as_skops", "named as skops, but its content is pickle"),
        ("zip_as_skops", "named as skops, but its content is neither"),
        ("torn_skops", "can't be read"),
        ("skops_as_pickle", "named as pickle, but its content is skops"),
    ],
)
def test_what_is_not_what_it_says_is_refused_even_when_pickles_are_allowed(name: str, says: str) -> None:
    for allow_pickle in (False, True):
        with pytest.raises(FailedPrecondition, match=says):
            open_servable(config(f"refused/{name}", allow_pickle=allow_pickle))


def test_a_pickle_is_not_opened_unless_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("refused/bites", "sklearn/pickled", "sklearn/joblib"):
        with pytest.raises(FailedPrecondition, match="allow pickles for this version"):
            open_servable(config(name))
    assert not (tmp_path / "bitten").exists()
    pickle.loads((made_by(MAKER, SKLEARN) / "refused/bites/model.pkl").read_bytes())
    assert (tmp_path / "bitten").exists()  # the payload does bite those who open it


def test_inputs_that_the_estimator_refuses_are_the_callers_fault() -> None:
    servable = open_servable(config("sklearn/digits"))
    with pytest.raises(InvalidArgument, match="NaN"):
        servable.infer("serving_default", {"x": np.full((1, 64), np.nan, dtype=np.float32)})
    texts = open_servable(config("sklearn/texts"))
    with pytest.raises(InvalidArgument, match="not UTF-8"):
        texts.infer("serving_default", {"x": np.array([b"\xff"], dtype=object)})


def test_threads_are_those_configured() -> None:
    from bms.adapters.runtimes.sklearn_file import read_estimator

    path = str(made_by(MAKER, SKLEARN) / "sklearn/forest/model.skops")
    assert read_estimator(path, allow_pickle=False)[0].n_jobs == -1
    servable = open_servable(config("sklearn/forest"))
    bound = servable._called["serving_default"].calls["label"].__closure__  # type: ignore[attr-defined]
    assert [cell.cell_contents.__self__.n_jobs for cell in bound] == [1]


def test_unix_times_keep_their_digits() -> None:
    servable = open_servable(config("sklearn/times"))
    asked = np.array([[1_764_000_010.0], [1_764_000_100.0], [1_764_000_500.0]])
    answers = servable.infer("serving_default", {"x": asked})
    np.testing.assert_allclose(answers["prediction"], [10, 100, 500], rtol=1e-6)


@pytest.mark.parametrize("dtype", ["FP32", "FP64", "INT64", "INT32"])
def test_any_type_of_numbers_may_be_declared(dtype: DType) -> None:
    wanted = Signature(inputs=(TensorSpec(name="x", dtype=dtype, shape=(None, 1)),))
    servable = open_servable(structs.replace(config("sklearn/times"), signatures={"serving_default": wanted}))
    found = servable.signatures["serving_default"]
    assert (found.inputs, found.method) == (wanted.inputs, "regress")
    if dtype != "FP32":
        asked = np.array([[1_764_000_010]], dtype=NUMPY[dtype])
        assert servable.infer("serving_default", {"x": asked})["prediction"] == pytest.approx(10, rel=1e-6)


def test_a_declared_type_that_the_estimator_does_not_run_with_is_refused_with_the_one_it_does() -> None:
    wanted = Signature(inputs=(TensorSpec(name="x", dtype="FP64", shape=(None, 64)),))
    with pytest.raises(FailedPrecondition, match="says input 'x' is FP64, the model has FP32"):
        open_servable(structs.replace(config("sklearn/clusters32"), signatures={"mine": wanted}))
