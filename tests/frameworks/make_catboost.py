"""Trains CatBoost models, one folder each: `model/` and, by the signature's names, what its estimator answers.

Those that ONNX can hold lie below `onnx`, exported by CatBoost itself; its other exports below `exports`.
"""

import os
import sys
from pathlib import Path

os.environ.update(MLFLOW_DISABLE_TELEMETRY="true", DO_NOT_TRACK="true")

import catboost
import mlflow.catboost
import numpy as np
import pandas as pd
from mlflow.models import infer_signature

DATA = Path(__file__).parent.parent / "data" / "digits.npz"
with np.load(DATA) as digits:
    X, CLASS = digits["x"].astype(np.float32), digits["y"].astype(int)
SMALL = {"iterations": 6, "depth": 3, "verbose": 0, "allow_writing_files": False, "thread_count": 1, "random_seed": 3}
SUM, ROWS = X.sum(axis=1), 9


def classifier(**settings):
    return catboost.CatBoostClassifier(**SMALL, **settings)


def regressor(**settings):
    return catboost.CatBoostRegressor(**SMALL, **settings)


def main(root):
    matrices(root)
    tables(root)
    exports(root)


def matrices(root):
    """Trained on arrays, whose features have no names; of classes that are numbers, texts and booleans."""
    several = np.stack([CLASS % 2, CLASS % 3 == 0], axis=1)
    odd = classifier().fit(X, CLASS % 2 == 1)
    words = classifier().fit(X, np.where(CLASS % 2, "ungerade", "gerade"))
    words.set_probability_threshold(0.7)  # so that the label is not the likelier class
    trained = {
        "digits": (classifier().fit(X, CLASS), "model.cbm"),
        "json": (classifier().fit(X, CLASS % 3), "model.json"),
        "odd": (odd, "model.cbm"),
        "words": (words, "model.cb"),
        "apart": (classifier(loss_function="MultiClassOneVsAll").fit(X, CLASS % 3), "model.cbm"),
        "several": (classifier(loss_function="MultiLogloss").fit(X, several.astype(int)), "model.cbm"),
        "shares": (classifier(loss_function="CrossEntropy").fit(X, CLASS / 9), "model.cbm"),
        "sum": (regressor().fit(X, SUM), "model.cbm"),
        "counts": (regressor(loss_function="Poisson").fit(X, CLASS), "model.cbm"),
        "spread": (regressor(loss_function="RMSEWithUncertainty").fit(X, SUM), "model.cbm"),
        "targets": (regressor(loss_function="MultiRMSE").fit(X, np.stack([SUM, CLASS], axis=1)), "model.cbm"),
        "quantiles": (regressor(loss_function="MultiQuantile:alpha=0.1,0.5,0.9").fit(X, SUM), "model.cbm"),
        "ranks": (
            catboost.CatBoostRanker(**SMALL).fit(X, CLASS, group_id=np.arange(len(X)) // 10),
            "model.cbm",
        ),
    }
    for name, (model, file) in trained.items():
        saved(root / name, model, file)
        np.savez(root / name / "expected.npz", x=X[:ROWS], **answers(model, X[:ROWS]))


def tables(root):
    """Trained on frames: of numbers alone; with categories of texts, whole numbers and booleans, and a text."""
    chance = np.random.default_rng(5)
    size = 400
    numbers = pd.DataFrame({"income": chance.random(size), "age": chance.integers(18, 90, size)})
    told(root / "numbers", regressor().fit(numbers, numbers["income"] * 100 + numbers["age"]), numbers, "cbm")
    mixed = pd.DataFrame(
        {
            "z": chance.normal(size=size),
            "city": chance.choice(["Köln", "Bonn", "", "a, b"], size),
            "size": chance.integers(10, 14, size),
            "member": chance.random(size) > 0.5,
            "said": chance.choice(["a good day", "so bad a night", "morning sun"], size),
        }
    )
    target = np.where(
        (mixed["city"] == "Köln") * 2 + mixed["size"] % 3 + mixed["z"] + mixed["member"] > 1.5, "ja", "nein"
    )
    kinds = {"cat_features": ["city", "size", "member"], "text_features": ["said"]}
    told(root / "mixed", classifier(**kinds).fit(mixed, target), mixed, "cbm")
    hashed = mixed[["z", "city", "size"]]
    told(root / "hashed", classifier(cat_features=["city", "size"]).fit(hashed, target), hashed, "json")
    tracked(root / "tracked", classifier(cat_features=["city", "size"]).fit(hashed, target), hashed)
    bare(root / "bare", classifier(loss_function="MultiClass").fit(X, CLASS % 2))
    vectors = pd.DataFrame({"z": mixed["z"], "v": list(chance.normal(size=(size, 3)))})
    saved(root / "refused" / "vectors", classifier(embedding_features=["v"]).fit(vectors, target), "model.cbm")


def tracked(folder, model, frame):
    """By MLflow, which keeps that the sizes are whole numbers."""
    rows = frame[:ROWS]
    packages = ["mlflow-skinny==3.17.2", "catboost"]
    mlflow.catboost.save_model(
        model, folder / "model", signature=infer_signature(frame, model.predict(frame)), pip_requirements=packages
    )
    columns = {"z": rows["z"], "city": rows["city"].to_numpy(str), "size": rows["size"].to_numpy(np.int64)}
    np.savez(folder / "expected.npz", **columns, **answers(model, rows))


def bare(folder, model):
    """By MLflow, without a signature; of two classes, trained as if there might be more."""
    mlflow.catboost.save_model(model, folder / "model", pip_requirements=["mlflow-skinny==3.17.2", "catboost"])
    assert model.predict(X[:ROWS]).shape == (ROWS, 1)
    np.savez(folder / "expected.npz", x=X[:ROWS], **answers(model, X[:ROWS]))


def exports(root):
    both = np.stack([CLASS % 2, CLASS % 3 == 0], axis=1).astype(int)
    trained = {
        "odd": classifier().fit(X, CLASS % 2),
        "digits": classifier().fit(X, CLASS),
        "words": classifier().fit(X, np.where(CLASS % 3, "drei", "keine")),
        "sum": regressor().fit(X, SUM),
        "apart": classifier(loss_function="MultiClassOneVsAll").fit(X, CLASS % 3),
        "several": classifier(loss_function="MultiLogloss").fit(X, both),
    }
    for name, model in trained.items():
        (root / "onnx" / name / "model").mkdir(parents=True)
        model.save_model(str(root / "onnx" / name / "model" / "model.onnx"), format="onnx")
        given = answers(model, X[:ROWS])
        if "prediction" in given:  # [N] the graph says, [N, 1] it gives
            given = {"predictions": given["prediction"].astype(np.float32).reshape(-1, 1)}
        else:
            given["probabilities"] = given["probabilities"].astype(np.float32)
        np.savez(root / "onnx" / name / "expected.npz", features=X[:ROWS], **given)
    for format, ending in (("pmml", "pmml"), ("coreml", "mlmodel"), ("cpp", "cpp"), ("python", "py")):
        (root / "exports" / format).mkdir(parents=True)
        trained["sum"].save_model(str(root / "exports" / format / f"model.{ending}"), format=format)


def told(folder, model, frame, ending):
    """The categories that were whole numbers or booleans are what CatBoost hashes of them: the text of their digits."""
    saved(folder, model, f"model.{ending}")
    rows = frame[:ROWS]
    categories = {model.feature_names_[place] for place in model.get_cat_feature_indices()}
    columns = {}
    for name in rows:
        values = rows[name].to_numpy()
        if name in categories and values.dtype.kind in "ib":
            values = values.astype(int)
        columns[name] = values.astype(str) if name in categories or values.dtype.kind not in "fi" else values
        if columns[name].dtype.kind in "fi":
            columns[name] = columns[name].astype(np.float32)
    np.savez(folder / "expected.npz", **columns, **answers(model, rows))


def answers(model, rows):
    given = np.asarray(model.predict(rows))
    if not isinstance(model, catboost.CatBoostClassifier):
        return {"prediction": given}
    probabilities = model.predict_proba(rows)
    label = given if "MultiLogloss" in str(model.get_params().get("loss_function")) else given.ravel()
    return {"probabilities": probabilities, "label": label.astype(str) if label.dtype.kind == "O" else label}


def saved(folder, model, file):
    (folder / "model").mkdir(parents=True)
    model.save_model(str(folder / "model" / file), format="json" if file.endswith("json") else "cbm")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
