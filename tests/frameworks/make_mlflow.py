"""Trains small models and saves them by MLflow, one folder each: `model/` and, by signature, `expected.npz`.

Signatures are of columns (sklearn, xgboost, pyfunc …), of tensors (lightgbm, onnx, xgboost_classifier), of what type
hints say (hinted, maps, messages), or missing.
"""

import os
import sys
import tempfile
import warnings
from pathlib import Path

os.environ.update(MLFLOW_DISABLE_TELEMETRY="true", DO_NOT_TRACK="true")
warnings.simplefilter("ignore")

import lightgbm  # noqa: E402
import mlflow.lightgbm  # noqa: E402
import mlflow.onnx  # noqa: E402
import mlflow.pyfunc  # noqa: E402
import mlflow.sklearn  # noqa: E402
import mlflow.statsmodels  # noqa: E402
import mlflow.xgboost  # noqa: E402
import numpy as np  # noqa: E402
import onnx  # noqa: E402
import pandas as pd  # noqa: E402
import pydantic  # noqa: E402
import statsmodels.api  # noqa: E402
import xgboost  # noqa: E402
from mlflow.models import ModelSignature, infer_signature  # noqa: E402
from mlflow.types import ColSpec, Schema  # noqa: E402
from onnx import TensorProto, helper  # noqa: E402
from sklearn.compose import ColumnTransformer  # noqa: E402
from sklearn.datasets import load_wine  # noqa: E402
from sklearn.impute import SimpleImputer  # noqa: E402
from sklearn.linear_model import LinearRegression, LogisticRegression  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import OneHotEncoder, StandardScaler  # noqa: E402

TABLE, CLASS = load_wine(return_X_y=True, as_frame=True)
ROWS = TABLE.iloc[::20]
X = TABLE.to_numpy()
DIGITS = Path(__file__).parent.parent / "data"
FEW = ["mlflow==3.17.2"]  # said, where it need not be found out, which takes MLflow seconds


def main(root):
    estimator = make_pipeline(StandardScaler(), LogisticRegression()).fit(TABLE, CLASS)
    told = {"probabilities": estimator.predict_proba(ROWS), "label": estimator.predict(ROWS)}
    signed = {"signature": infer_signature(TABLE, CLASS.to_numpy())}
    columns = {name: ROWS[name].to_numpy() for name in ROWS}
    mlflow.sklearn.save_model(estimator, folder(root, "sklearn", {**columns, **told}), **signed)
    packages = {"pip_requirements": [*FEW, "scikit-learn", "skops", "cloudpickle"]}
    mlflow.sklearn.save_model(estimator, folder(root, "unsigned", {**columns, **told}), **packages)
    place = folder(root, "cloudpickled", {**columns, **told})
    mlflow.sklearn.save_model(estimator, place, serialization_format="cloudpickle", **signed, **packages)

    booster = xgboost.train(
        {"objective": "multi:softprob", "num_class": 3, "nthread": 1}, xgboost.DMatrix(TABLE, CLASS), 5
    )
    scores = booster.predict(xgboost.DMatrix(ROWS))
    place = folder(root, "xgboost", {**columns, "probabilities": scores, "label": scores.argmax(axis=1)})
    mlflow.xgboost.save_model(booster, place, **signed)
    classifier = xgboost.XGBClassifier(n_estimators=5, n_jobs=1).fit(X, CLASS)
    tensors = {"x": X[::20], "probabilities": classifier.predict_proba(X[::20]), "label": classifier.predict(X[::20])}
    place = folder(root, "xgboost_classifier", tensors)
    packages = {"pip_requirements": [*FEW, "xgboost-cpu==3.2.0", "xgboost==3.2.0", "torch==2.13.0+cpu"]}
    mlflow.xgboost.save_model(classifier, place, signature=infer_signature(X, CLASS.to_numpy()), **packages)

    singles = X.astype(np.float32)
    data = lightgbm.Dataset(singles, CLASS > 0)
    booster = lightgbm.train({"objective": "binary", "verbosity": -1, "num_threads": 1}, data, 5)
    told = booster.predict(singles[::20])
    answers = {"probabilities": np.stack([1 - told, told], axis=1), "label": (told > 0.5).astype(np.int64)}
    signature = infer_signature(singles, told)
    place = folder(root, "lightgbm", {"x": singles[::20], **answers})
    mlflow.lightgbm.save_model(booster, place, signature=signature, pip_requirements=[*FEW, "lightgbm==4.7.0"])

    onnx_model(root)
    onnx_by_column(root)
    other_orders(root)
    mixed(root)
    pyfuncs(root, columns)
    typed_pyfuncs(root)
    nested_pyfuncs(root)
    more_flavors(root)


def onnx_model(root):
    import onnxruntime

    with np.load(DIGITS / "digits.npz") as data:
        x = data["x"][:9].astype(np.float32)
    session = onnxruntime.InferenceSession(DIGITS / "digits.onnx")
    told = dict(zip([one.name for one in session.get_outputs()], session.run(None, {"x": x}), strict=True))
    signature = infer_signature({"x": x}, told)
    more = {"signature": signature, "pip_requirements": [*FEW, "onnx", "onnxruntime"]}
    mlflow.onnx.save_model(onnx.load(DIGITS / "digits.onnx"), folder(root, "onnx", {"x": x, **told}), **more)


def onnx_by_column(root):
    """A graph with an input [rows, 1] for each column, as skl2onnx makes it for a frame."""
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["age"], ["years"], to=TensorProto.FLOAT),
            helper.make_node("Add", ["years", "bonus"], ["sum"]),
            helper.make_node("Identity", ["city"], ["where"]),
        ],
        "columns",
        [
            helper.make_tensor_value_info("age", TensorProto.INT64, [None, 1]),
            helper.make_tensor_value_info("city", TensorProto.STRING, [None, 1]),
            helper.make_tensor_value_info("bonus", TensorProto.FLOAT, [None, 1]),
        ],
        [
            helper.make_tensor_value_info("sum", TensorProto.FLOAT, [None, 1]),
            helper.make_tensor_value_info("where", TensorProto.STRING, [None, 1]),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    frame = pd.DataFrame({"bonus": np.float32([0.5, 2]), "age": [41, 12], "city": ["Köln", ""]})
    place = folder(root, "onnx_by_column", {**columns_of(frame), "sum": np.float32([[41.5], [14]])})
    more = {"signature": infer_signature(frame), "pip_requirements": [*FEW, "onnx", "onnxruntime"]}
    mlflow.onnx.save_model(model, place, **more)


def other_orders(root):
    """Trained on (income, age); the signature lists (age, income)."""
    random = np.random.default_rng(3)
    frame = pd.DataFrame({"income": random.random(300), "age": random.integers(18, 90, 300).astype(float)})
    target = frame["income"] * 100 + frame["age"] / 1000
    rows, signed = frame[:7], {"signature": infer_signature(frame[["age", "income"]])}
    asked = columns_of(rows)
    booster = lightgbm.train({"verbosity": -1, "num_threads": 1}, lightgbm.Dataset(frame, target), 20)
    place = folder(root, "order_lightgbm", {**asked, "prediction": booster.predict(rows)})
    mlflow.lightgbm.save_model(booster, place, **signed, pip_requirements=[*FEW, "lightgbm==4.7.0"])
    booster = xgboost.train({"nthread": 1}, xgboost.DMatrix(frame, target), 20)
    place = folder(root, "order_xgboost", {**asked, "prediction": booster.predict(xgboost.DMatrix(rows))})
    mlflow.xgboost.save_model(booster, place, **signed, pip_requirements=[*FEW, "xgboost-cpu==3.2.0"])
    estimator = LinearRegression().fit(frame, target)
    place = folder(root, "order_sklearn", {**asked, "prediction": estimator.predict(rows)})
    mlflow.sklearn.save_model(estimator, place, **signed, pip_requirements=[*FEW, "scikit-learn", "skops", "pandas"])


def mixed(root):
    """Frames with texts: a pipeline of scikit-learn's, and LightGBM's categories, with a blank in a column's name."""
    random = np.random.default_rng(4)
    size = 300
    frame = pd.DataFrame({"the age": random.normal(40, 9, size), "city": random.choice(["Köln", "Bonn"], size)})
    frame.loc[::7, "the age"] = np.nan
    target = (frame["city"] == "Köln") * 5 + frame["the age"].fillna(0) / 100
    by_kind = ColumnTransformer([("n", SimpleImputer(), ["the age"]), ("c", OneHotEncoder(), ["city"])])
    estimator = make_pipeline(by_kind, LinearRegression()).fit(frame, target)
    rows, signed = frame[:9], {"signature": infer_signature(frame)}
    place = folder(root, "pipeline", {**columns_of(rows), "prediction": estimator.predict(rows)})
    packages = [*FEW, "scikit-learn", "skops", "pandas"]
    trusted = {"skops_trusted_types": ["numpy.dtype"]}
    mlflow.sklearn.save_model(estimator, place, **signed, **trusted, pip_requirements=packages)
    coded = frame.assign(city=pd.Categorical(frame["city"]))
    booster = lightgbm.train({"verbosity": -1, "num_threads": 1}, lightgbm.Dataset(coded, target), 20)
    place = folder(root, "categories", {**columns_of(rows), "prediction": booster.predict(coded[:9])})
    mlflow.lightgbm.save_model(booster, place, **signed, pip_requirements=[*FEW, "lightgbm==4.7.0"])


def columns_of(frame):
    return {
        str(name): np.array(
            frame[name].tolist(),
            str if frame[name].dtype == object or frame[name].dtype.name == "str" else frame[name].dtype,
        )
        for name in frame
    }


class Sums(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        import beside

        return pd.DataFrame({"sum": model_input.sum(axis=1), "twice": beside.twice(model_input["alcohol"])})


class Shouts(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return (model_input["word"].str.upper() + "!" * 1).to_numpy() if len(model_input) else np.array([], str)


class Defaults(mlflow.pyfunc.PythonModel):
    """Counts on columns that were not sent not to be there."""

    def predict(self, context, model_input, params=None):
        bonus = model_input.get("bonus", 100.0)
        return model_input["a"] + bonus


class Imputes(mlflow.pyfunc.PythonModel):
    """Needs every column, with or without values."""

    def predict(self, context, model_input, params=None):
        return model_input["a"].fillna(-1) + (model_input["city"].fillna("?") == "?")


class Hinted(mlflow.pyfunc.PythonModel):
    def predict(self, model_input: list[str]) -> list[int]:
        return [len(text) for text in model_input]


class Types(mlflow.pyfunc.PythonModel):
    """Tells the types that it gets."""

    def predict(self, context, model_input, params=None):
        if isinstance(model_input, pd.DataFrame):
            kinds = [f"{name!r} {kind}" for name, kind in model_input.dtypes.items()]
        else:
            kinds = [f"{name} {array.dtype.kind} {array.shape[1:]}" for name, array in model_input.items()]
        rows = len(model_input) if isinstance(model_input, pd.DataFrame) else len(next(iter(model_input.values())))
        return pd.Series([", ".join(kinds)] * rows)


class Turns(mlflow.pyfunc.PythonModel):
    """Bytes in, bytes out."""

    def predict(self, context, model_input, params=None):
        turned = [raw[::-1] for raw in model_input["raw"]]
        return pd.DataFrame({"turned": turned, "size": [len(raw) for raw in turned], "name": model_input["name"]})


class Dates(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        at = model_input["at"]
        return pd.DataFrame({"year": at.dt.year.fillna(0).astype(int), "next": at + pd.Timedelta(days=1)})


class Squares(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return (model_input.to_numpy() if isinstance(model_input, pd.DataFrame) else model_input) ** 2 * params["times"]


class Parses(mlflow.pyfunc.PythonModel):
    """Runs on no made-up text."""

    def predict(self, context, model_input, params=None):
        return model_input["pair"].str.split("=").map(lambda words: float(words[1]))


def typed_pyfuncs(root):
    packages = {"pip_requirements": [*FEW, "pandas", "cloudpickle"]}

    def save(name, model, signature, expected):
        mlflow.pyfunc.save_model(folder(root, name, expected), python_model=model, signature=signature, **packages)

    pairs = pd.DataFrame({"pair": ["a=1", "b=2.5"]})
    place = folder(root, "parses", {})
    mlflow.pyfunc.save_model(place, python_model=Parses(), input_example=pairs, **packages)
    optional = ModelSignature(Schema([ColSpec("double", "a"), ColSpec("double", "bonus", required=False)]))
    a = np.array([1.0, 2.0])
    save("optional", Defaults(), optional, {"a": a, "bonus": np.array([5.0, np.nan]), "output": np.array([6.0, 102.0])})
    gaps = infer_signature(pd.DataFrame({"a": [1.0, np.nan], "city": ["x", None]}))
    save("imputes", Imputes(), gaps, {"a": a, "city": np.array(["x", "y"]), "output": a})
    save("hinted", Hinted(), None, {"x": np.array(["wéll", ""]), "output": np.array([4, 0])})
    frame = pd.DataFrame(
        {
            "whole": np.int32([1, 2]),
            "long": [1, 2],
            "single": np.float32([1, 2]),
            "double": [0.5, 1],
            "yes": [True, False],
            "text": ["a", "b"],
        }
    )
    save("types", Types(), infer_signature(frame), columns_of(frame))
    save("numbered", Types(), infer_signature(pd.DataFrame([[1.0, 2]])), {"0": a, "1": a})
    save("beside_bytes", Types(), infer_signature(frame[["long", "text"]].assign(raw=[b"\xff", b""])), {})
    save("turns", Turns(), infer_signature(pd.DataFrame({"raw": [b"\xff\x00"], "name": ["a"]})), {})
    arrays = {"n": np.zeros((2, 1)), "t": np.array([["a"], ["b"]])}
    save("tensors", Types(), infer_signature(arrays), arrays)
    dates = infer_signature(pd.DataFrame({"at": pd.to_datetime(["2026-01-31T12:00:00"])}))
    at = np.array(["2026-12-31T12:00:00", "2024-02-28"])
    save("dates", Dates(), dates, {"at": at, "year": np.array([2026, 2024])})
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    save("parameters", Squares(), infer_signature(x, params={"times": 3}), {"x": x, "output": 3 * x**2})


class Halves(mlflow.pyfunc.PythonModel):
    def predict(self, model_input: list[dict[str, int]]) -> list[dict[str, float]]:
        return [{name: value / 2 for name, value in one.items()} for one in model_input]


class Message(pydantic.BaseModel):
    role: str
    parts: list[int]
    note: str | None = None


class Reads(mlflow.pyfunc.PythonModel):
    def predict(self, model_input: list[Message]) -> list[str]:
        return [f"{one.role}: {sum(one.parts)} {one.note or ''}" for one in model_input]


class Adds(mlflow.pyfunc.PythonModel):
    def predict(self, model_input: pd.DataFrame, params=None) -> pd.DataFrame:
        return pd.DataFrame({"sum": model_input["a"] + model_input["b"]})


class Counts(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return [{"of": list(values), "n": len(values)} for values in model_input["values"]]


class Tells(mlflow.pyfunc.PythonModel):
    """Tells its parameters, as a series with a name."""

    def predict(self, context, model_input, params=None):
        told = " ".join(f"{name}={value!r}" for name, value in sorted(params.items()))
        return pd.Series([f"{a}: {told}" for a in model_input["a"]], name="told")


def nested_pyfuncs(root):
    packages = {"pip_requirements": [*FEW, "pandas", "cloudpickle"]}

    def save(name, model, expected, **more):
        mlflow.pyfunc.save_model(folder(root, name, expected), python_model=model, **more, **packages)

    halves = {
        "x": np.array(['{"a": 1}', '{"b": 3, "c": 4}']),
        "output": np.array(['{"a": 0.5}', '{"b": 1.5, "c": 2.0}']),
    }
    save("maps", Halves(), halves)
    asked = np.array(['{"role": "user", "parts": [1, 2]}', '{"role": "you", "parts": [], "note": "!"}'])
    save("messages", Reads(), {"x": asked, "output": np.array(["user: 3 ", "you: 0 !"])})
    frame = pd.DataFrame({"a": [1, 2], "b": [3, 4]})
    save("framed", Adds(), {**columns_of(frame), "sum": np.array([4, 6])}, input_example=frame)
    told = np.array(['{"of": [1.0, 2.5], "n": 2}', '{"of": [3.0], "n": 1}'])
    nested = pd.DataFrame({"values": [[1.0, 2.5], [3.0]]})
    save("nested", Counts(), {"values": np.array(["[1.0, 2.5]", "[3.0]"]), "output": told}, input_example=nested)
    params = {
        "bold": True,
        "by": 0.5,
        "few": [1, 2],
        "how": {"deep": 1},
        "times": 3,
        "when": np.datetime64("2026-01-31T12:00:00"),
        "word": "so",
    }
    save("told", Tells(), {}, signature=infer_signature(pd.DataFrame({"a": [1, 2]}), params=params))


def more_flavors(root):
    """The wrappers that MLflow has for LightGBM's estimators and for statsmodels."""
    random = np.random.default_rng(5)
    frame = pd.DataFrame({"a": random.random(90), "b": random.random(90)})
    target = np.where(frame["a"] > 0.5, "yes", "no")
    model = lightgbm.LGBMClassifier(n_estimators=5, min_child_samples=5, n_jobs=1, verbosity=-1).fit(frame, target)
    rows = frame[:9]
    told = {"probabilities": model.predict_proba(rows), "label": model.predict(rows)}
    place = folder(root, "lightgbm_classifier", {**columns_of(rows), **told})
    packages = [*FEW, "lightgbm==4.7.0", "scikit-learn", "skops", "pandas"]
    signed = {"signature": infer_signature(frame, model.predict(frame))}
    mlflow.lightgbm.save_model(model, place, pip_requirements=packages, **signed)
    fitted = statsmodels.api.OLS(3 * frame["a"] - frame["b"] + 1, frame).fit()
    place = folder(root, "statsmodels", {**columns_of(rows), "output": fitted.predict(rows).to_numpy()})
    packages = [*FEW, "statsmodels", "pandas"]
    mlflow.statsmodels.save_model(fitted, place, signature=infer_signature(frame), pip_requirements=packages)


def pyfuncs(root, columns):
    packages = {"pip_requirements": [*FEW, "pandas", "cloudpickle"]}
    told = {"sum": ROWS.sum(axis=1).to_numpy(), "twice": 2 * ROWS["alcohol"].to_numpy()}
    signature = infer_signature(TABLE, pd.DataFrame(told))
    with tempfile.TemporaryDirectory() as code:
        beside = Path(code) / "beside.py"
        beside.write_text("def twice(value):\n    return 2 * value\n")
        more = {"python_model": Sums(), "signature": signature, "code_paths": [str(beside)], **packages}
        mlflow.pyfunc.save_model(folder(root, "pyfunc", {**columns, **told}), **more)
    words = np.array(["good", "wéll"])
    texts = pd.DataFrame({"word": words, "times": np.array([1, 2], np.int32)})
    expected = {"word": words, "times": np.array([1, 2], np.int32), "output": np.array(["GOOD!", "WÉLL!"])}
    signature = infer_signature(texts, np.array(["GOOD!"]))
    place = folder(root, "pyfunc_texts", expected)
    mlflow.pyfunc.save_model(place, python_model=Shouts(), signature=signature, **packages)


def folder(root, name, expected):
    (root / name).mkdir()
    np.savez(root / name / "expected.npz", **expected)
    return str(root / name / "model")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
