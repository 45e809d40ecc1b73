"""scikit-learn's own: answers equal to the estimator's, and what is refused. Run by `test_runtime_environments.py`."""

import pickle
import shutil
import zipfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec import structs

pytest.importorskip("sklearn", reason="scikit-learn is in an environment of its own")

import scipy.spatial
import scipy.stats
import sklearn
import skops
import skops.io
from sklearn import preprocessing
from sklearn.cluster import DBSCAN
from sklearn.decomposition import SparsePCA
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import IsolationForest
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import IterativeImputer
from sklearn.linear_model import LogisticRegression
from sklearn.manifold import TSNE
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.mixture import GaussianMixture
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.naive_bayes import MultinomialNB
from sklearn.neighbors import KernelDensity, KNeighborsClassifier, LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    LabelEncoder,
    OneHotEncoder,
    OrdinalEncoder,
    PowerTransformer,
    StandardScaler,
)
from sklearn.svm import LinearSVC

from bms.adapters.runtimes.available import open_servable
from bms.adapters.runtimes.sklearn.loading import called_by, fitted_from
from bms.core.clock import SystemClock
from bms.core.errors import FailedPrecondition, InvalidArgument
from bms.core.tensors.signature import Signature, TensorSpec
from bms.core.tensors.tensor import NUMPY, DType
from bms.core.workloads.programs import ServableConfig
from bms.serving.lifecycle.loader import load
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
    from bms.adapters.runtimes.sklearn.file import read_estimator

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


@pytest.mark.parametrize(
    "model",
    [
        MultinomialNB().fit(np.arange(12).reshape(6, 2), [0, 1] * 3),
        PowerTransformer(method="box-cox").fit(np.arange(1, 13).reshape(6, 2)),
        OrdinalEncoder().fit(np.array([[10, 7], [20, 8], [30, 9]])),
    ],
)
def test_models_that_take_few_values_are_warmed_up_with_rows_that_they_take(model: Any, tmp_path: Path) -> None:
    loaded = load(lambda: opened(model, tmp_path), warmup_runs=2, sizes=(1, 4), clock=SystemClock())
    assert {run.rows for run in loaded.runs} == {1, 4}


def opened(model: Any, folder: Path, **options: Any) -> Any:
    folder.mkdir(exist_ok=True)
    skops.io.dump(model, folder / "model.skops")
    return open_servable(ServableConfig(runtime="sklearn", directory=str(folder), model="m", version=1, **options))


TWO = np.array([["a", "x"], ["b", "y"], ["c", "x"]] * 8)
ROWS = np.random.default_rng(2).standard_normal((24, 3))


def test_several_targets_are_stacked_where_they_have_as_many_classes_and_told_apart_where_not(tmp_path: Path) -> None:
    even = MultiOutputClassifier(LogisticRegression()).fit(ROWS, np.stack([TWO[:, 1], TWO[::-1, 1]], axis=1))
    servable = opened(even, tmp_path)
    signature = servable.signatures["serving_default"]
    assert [(spec.name, spec.shape) for spec in signature.outputs] == [
        ("probabilities", (None, 2, 2)),
        ("label", (None, 2)),
    ]
    given = servable.infer("serving_default", {"x": ROWS})
    assert np.array_equal(given["probabilities"][:, 1], even.predict_proba(ROWS)[1])
    assert (signature.method, signature.scores) == ("predict", None)
    uneven = MultiOutputClassifier(LogisticRegression()).fit(ROWS, TWO)
    servable = opened(uneven, tmp_path)
    names = [spec.name for spec in servable.signatures["serving_default"].outputs]
    assert names == ["probabilities_0", "probabilities_1", "label"]
    given = servable.infer("serving_default", {"x": ROWS}, ("probabilities_0",))
    assert np.array_equal(given["probabilities_0"], uneven.predict_proba(ROWS)[0])


def test_several_labels_are_probabilities_of_each_and_no_classification(tmp_path: Path) -> None:
    model = OneVsRestClassifier(LogisticRegression()).fit(ROWS, (ROWS > 0).astype(int))
    signature = opened(model, tmp_path).signatures["serving_default"]
    assert [(spec.name, spec.shape) for spec in signature.outputs] == [
        ("probabilities", (None, 3)),
        ("label", (None, 3)),
    ]
    assert (signature.method, signature.labels) == ("predict", ())


@pytest.mark.parametrize(
    ("model", "outputs"),
    [
        (IsolationForest(n_estimators=3).fit(ROWS), ["label", "decision"]),
        (LinearSVC().fit(ROWS, TWO[:, 0]), ["label", "decision"]),
        (GaussianMixture(2).fit(ROWS), ["probabilities", "label"]),
        (KernelDensity().fit(ROWS), ["score"]),
        (SparsePCA(2, max_iter=3).fit(ROWS), ["output"]),
    ],
)
def test_what_is_no_classifier_gives_what_it_can(model: Any, outputs: list[str], tmp_path: Path) -> None:
    servable = opened(model, tmp_path)
    assert [spec.name for spec in servable.signatures["serving_default"].outputs] == outputs
    one = servable.infer("serving_default", {"x": ROWS[:1]})
    assert {array.shape[0] for array in one.values()} == {1}


@pytest.mark.parametrize(
    ("model", "says"),
    [
        (DBSCAN().fit(ROWS), "holds a DBSCAN, which groups the rows it is fitted on .*KMeans"),
        (TSNE(perplexity=3).fit(ROWS), "holds a TSNE, which places the rows .*PCA"),
        (LocalOutlierFactor().fit(ROWS), "novelty=True"),
        (make_pipeline(StandardScaler(), DBSCAN()).fit(ROWS), "holds a DBSCAN"),
        (DummyClassifier(strategy="uniform").fit(ROWS, TWO[:, 0]), "draws at random"),
        (LabelEncoder().fit(TWO[:, 0]), "n_features_in_"),
        (TfidfVectorizer(input="filename"), "reads files by name"),
        (FunctionTransformer(preprocessing.scale).fit(ROWS), ""),
    ],
)
def test_what_can_not_be_served_is_refused_in_words(model: Any, says: str, tmp_path: Path) -> None:
    if says:
        with pytest.raises(FailedPrecondition, match=says):
            opened(model, tmp_path)
    else:  # its rows depend on one another: it is served as it is, one request by itself
        assert not opened(model, tmp_path).signatures["serving_default"].batched
        (tmp_path / "bms.json").write_text('{"batched": true}')
        with pytest.raises(FailedPrecondition, match="declared batched, but it answers a row differently in a batch"):
            opened(model, tmp_path)


def test_a_matrix_of_texts_is_taken_as_texts(tmp_path: Path) -> None:
    model = make_pipeline(OneHotEncoder(handle_unknown="ignore"), LogisticRegression()).fit(TWO, TWO[:, 1])
    servable = opened(model, tmp_path)
    spec = servable.signatures["serving_default"].inputs[0]
    assert (spec.name, spec.dtype, spec.shape) == ("x", "BYTES", (None, 2))
    asked = np.array([[b"a", b"x"], [b"nothing", "ÿ".encode()]], dtype=object)
    given = servable.infer("serving_default", {"x": asked})
    assert np.array_equal(given["probabilities"], model.predict_proba(np.array([["a", "x"], ["nothing", "ÿ"]], object)))


def held(value: Any) -> Any:
    """A model that holds something beside."""
    model = LogisticRegression().fit(ROWS, TWO[:, 1])
    model.more_ = value
    return model


def lower(texts: Any) -> Any:
    """A function of one's own."""
    return texts


@pytest.mark.parametrize(
    ("model", "says"),
    [
        (FunctionTransformer(lower).fit(ROWS), r"\.lower; .* is custom code: .*NumPy.*model\.py"),
        (FunctionTransformer(np.apply_along_axis).fit(ROWS), r"numpy\.apply_along_axis; of scikit-learn's"),
        (held(scipy.stats.norm(0, 1)), r"scipy\.stats.*best_estimator_"),
        (
            KNeighborsClassifier(algorithm="ball_tree", metric=scipy.spatial.distance.euclidean).fit(ROWS, TWO[:, 1]),
            "untrusted|trusted",
        ),
    ],
)
def test_what_could_run_code_of_the_files_choosing_is_refused_with_what_to_do(
    model: Any, says: str, tmp_path: Path
) -> None:
    with pytest.raises(FailedPrecondition, match=says):
        opened(model, tmp_path, allow_pickle=True)


def test_a_skops_that_opens_files_less_safely_than_it_says_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(skops, "__version__", "0.11.2")
    with pytest.raises(FailedPrecondition, match=r"skops 0\.11\.2 opens files unsafely.*skops>=0\.13"):
        open_servable(config("sklearn/digits"))


def test_where_another_version_saved_a_model_that_does_not_run_it_is_named(tmp_path: Path) -> None:
    model = OrdinalEncoder().fit(np.array([[10], [20]]))
    del model.categories_
    skops.io.dump(model, tmp_path / "model.skops")
    place = tmp_path / "older"
    place.mkdir()
    with zipfile.ZipFile(tmp_path / "model.skops") as source, zipfile.ZipFile(place / "model.skops", "w") as target:
        for name in source.namelist():
            content = source.read(name)
            target.writestr(name, content.replace(sklearn.__version__.encode(), b"1.2.3"))
    with pytest.raises(
        FailedPrecondition, match=r"scikit-learn 1\.2\.3 saved it.*`--requirement scikit-learn==1\.2\.3`"
    ):
        open_servable(ServableConfig(runtime="sklearn", directory=str(place), model="m", version=1))


def test_a_file_can_not_hide_what_reads_files_or_calls_any_method(tmp_path: Path) -> None:
    reader = TfidfVectorizer(input="filename")
    hidden = FunctionTransformer(partial(np.multiply, reader)).fit(ROWS)
    with pytest.raises(FailedPrecondition, match="reads files by name"):
        opened(hidden, tmp_path / "partial")
    scorer = make_scorer(accuracy_score)
    scorer._response_method = "fit_predict"
    with pytest.raises(FailedPrecondition, match="a scorer that calls 'fit_predict'"):
        opened(FunctionTransformer(partial(np.multiply, scorer)).fit(ROWS), tmp_path / "scorer")


def test_a_pipelines_folder_of_pickles_is_not_looked_at(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    model = make_pipeline(StandardScaler(), LinearSVC(), memory=str(cache)).fit(ROWS, TWO[:, 0])
    shutil.rmtree(cache)
    servable = opened(model, tmp_path)
    servable.infer("serving_default", {"x": ROWS})
    assert not cache.exists()


class _LabelsByMedian(LogisticRegression):
    """Probabilities row by row, labels by the median of all rows."""

    def predict(self, X: Any) -> Any:
        first = self.predict_proba(X)[:, 0]
        return self.classes_[(first < np.median(first)).astype(int)]


def test_labels_that_depend_on_their_company_are_not_hidden_by_probabilities_that_do_not() -> None:
    rows = np.random.default_rng(0).standard_normal((60, 3))
    honest = LogisticRegression().fit(rows, rows[:, 0] > 0)
    liar = _LabelsByMedian().fit(rows, rows[:, 0] > 0)
    assert called_by(fitted_from(honest, None), {})["serving_default"].signature.batched
    assert not called_by(fitted_from(liar, None), {})["serving_default"].signature.batched


class _CrowdShy(LogisticRegression):
    """Answers for itself until there are more rows than a few."""

    def predict_proba(self, X: Any) -> Any:
        found = super().predict_proba(X)
        return found if len(X) < 10 else found[::-1]


class _FirstOfAll(LogisticRegression):
    """Every row like the first, unless that is the smallest."""

    def predict_proba(self, X: Any) -> Any:
        found = super().predict_proba(X)
        return found if X[0, 0] == X[:, 0].min() else found - found[:1] * 0.1


@pytest.mark.parametrize("kind", [_CrowdShy, _FirstOfAll])
def test_rows_are_tried_in_companies_of_other_sizes_and_orders(kind: type[LogisticRegression]) -> None:
    rows = np.random.default_rng(0).standard_normal((60, 3))
    liar = kind().fit(rows, rows[:, 0] > 0)
    assert not called_by(fitted_from(liar, None), {})["serving_default"].signature.batched


def test_rows_with_gaps_are_tried_in_company_too(tmp_path: Path) -> None:
    model = IterativeImputer(random_state=0).fit(np.where(np.random.default_rng(0).random((40, 3)) < 0.2, np.nan, 1.5))
    assert opened(model, tmp_path / "one").signatures["serving_default"].batched  # its columns are all the same
    draw = np.random.default_rng(1).normal(size=(60, 3))
    draw[::5, 1] = np.nan
    with pytest.raises(FailedPrecondition, match="draws at random"):
        opened(IterativeImputer(sample_posterior=True).fit(draw), tmp_path / "two")
