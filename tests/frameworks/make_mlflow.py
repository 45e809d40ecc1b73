"""Trains small models and saves them by MLflow, one folder each: `model/` and, by signature, `expected.npz`.

Signatures are of columns (sklearn, xgboost, pyfunc …), of tensors (lightgbm, onnx, xgboost_classifier), or missing.
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
import mlflow.xgboost  # noqa: E402
import numpy as np  # noqa: E402
import onnx  # noqa: E402
import pandas as pd  # noqa: E402
import xgboost  # noqa: E402
from mlflow.models import infer_signature  # noqa: E402
from sklearn.datasets import load_wine  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402

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
    unnamed = {"x": ROWS.to_numpy().astype(np.float32)}
    again = {"probabilities": estimator.predict_proba(unnamed["x"]), "label": estimator.predict(unnamed["x"])}
    mlflow.sklearn.save_model(estimator, folder(root, "unsigned", {**unnamed, **again}), **packages)
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
    pyfuncs(root, columns)


def onnx_model(root):
    import onnxruntime

    with np.load(DIGITS / "digits.npz") as data:
        x = data["x"][:9].astype(np.float32)
    session = onnxruntime.InferenceSession(DIGITS / "digits.onnx")
    told = dict(zip([one.name for one in session.get_outputs()], session.run(None, {"x": x}), strict=True))
    signature = infer_signature({"x": x}, told)
    more = {"signature": signature, "pip_requirements": [*FEW, "onnx", "onnxruntime"]}
    mlflow.onnx.save_model(onnx.load(DIGITS / "digits.onnx"), folder(root, "onnx", {"x": x, **told}), **more)


class Sums(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        import beside

        return pd.DataFrame({"sum": model_input.sum(axis=1), "twice": beside.twice(model_input["alcohol"])})


class Shouts(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return (model_input["word"].str.upper() + "!" * 1).to_numpy() if len(model_input) else np.array([], str)


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
