"""Trains XGBoost boosters on the digits, one folder each: `model/` and, by the signature's names, `expected.npz`."""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import xgboost

DATA = Path(__file__).parent.parent / "data" / "digits.npz"
with np.load(DATA) as digits:
    X, CLASS = digits["x"].astype(np.float32), digits["y"].astype(int)
ODD, SUM, THIRD = CLASS % 2, X.sum(axis=1), CLASS % 3
THREADS = {"nthread": 1, "max_depth": 3}


def main(root):
    trained = {
        "digits": ({"objective": "multi:softprob", "num_class": 10}, CLASS, "ubj"),
        "softmax": ({"objective": "multi:softmax", "num_class": 3}, THIRD, "json"),
        "odd": ({"objective": "binary:logistic"}, ODD, "json"),
        "dart": ({"objective": "binary:logistic", "booster": "dart", "rate_drop": 0.3}, ODD, "ubj"),
        "sum": ({"objective": "reg:squarederror"}, SUM, "ubj"),
        "linear": ({"objective": "reg:squarederror", "booster": "gblinear"}, SUM, "ubj"),
        "targets": ({}, np.stack([SUM, CLASS], axis=1), "ubj"),
    }
    for name, (options, target, ending) in trained.items():
        booster = xgboost.train({**THREADS, **options}, xgboost.DMatrix(X, target), 6)
        save(root / name, booster, ending)
    best = xgboost.train({**THREADS, "objective": "binary:logistic"}, xgboost.DMatrix(X, ODD), 8)
    best.set_attr(scikit_learn="{}", best_iteration="2")  # as XGBClassifier's save_model writes after an early stop
    save(root / "best", best, "json", trees=(0, 3))
    objectives(root)
    tables(root)
    outputs_by_name(root)


def objectives(root):
    """Those that give neither classes nor one plain value, several targets of one tree and several quantiles."""
    both = np.stack([ODD, THIRD == 0], axis=1)
    trained = {
        "several": ({"objective": "binary:logistic"}, both),
        "hinge": ({"objective": "binary:hinge"}, ODD),
        "margin": ({"objective": "binary:logitraw"}, ODD),
        "quantiles": ({"objective": "reg:quantileerror", "quantile_alpha": [0.1, 0.5, 0.9]}, SUM),
        "one_tree": ({"multi_strategy": "multi_output_tree"}, np.stack([SUM, CLASS], axis=1)),
        "counts": ({"objective": "count:poisson"}, CLASS),
    }
    for name, (options, target) in trained.items():
        booster = xgboost.train({**THREADS, **options}, xgboost.DMatrix(X, target), 4)
        save(root / name, booster, "ubj")
        if name == "several":
            told = booster.predict(xgboost.DMatrix(X[:9]))
            np.savez(root / name / "expected.npz", x=X[:9], probabilities=told, label=(told > 0.5).astype(np.int64))


def tables(root):
    """Frames: of numbers, and with categories of texts and numbers; one of these as older versions saved it."""
    random = np.random.default_rng(5)
    size = 600
    numbers = pd.DataFrame(
        {"income": random.random(size), "age": random.integers(18, 90, size), "member": random.random(size) > 0.5}
    )
    target = numbers["income"] * 100 + numbers["age"]
    booster = xgboost.train(THREADS, xgboost.DMatrix(numbers, target), 10)
    asked(root / "numbers", booster, numbers[:9], dict.fromkeys(numbers, np.float32))

    mixed = pd.DataFrame(
        {
            "z": random.normal(size=size),
            "city": pd.Categorical(random.choice(["Cologne", "Bonn", "", "a, b"], size)),
            "size": pd.Categorical(random.choice([10, 20, 30, 40], size)),
        }
    )
    target = (mixed["city"] == "Cologne") * 50 + mixed["size"].astype(int) % 40 + mixed["z"]
    booster = xgboost.train(THREADS, xgboost.DMatrix(mixed, target, enable_categorical=True), 20)
    asked(root / "mixed", booster, mixed[:9], {"z": np.float32, "city": str, "size": np.int64})
    letters = mixed.assign(city=mixed["city"].cat.rename_categories({"Cologne": "Köln"}))
    booster = xgboost.train(THREADS, xgboost.DMatrix(letters, target, enable_categorical=True), 20)
    (root / "letters" / "model").mkdir(parents=True)
    booster.save_model(root / "letters" / "model" / "model.ubj")
    content = json.loads(bytes(booster.save_raw("json")))
    del content["learner"]["gradient_booster"]["model"]["cats"]
    (root / "codes" / "model").mkdir(parents=True)
    (root / "codes" / "model" / "model.json").write_text(json.dumps({**content, "version": [2, 1, 4]}))


def outputs_by_name(root):
    """Several outputs of named features, by a tree for each and by trees of all; what ranks, and what says how long."""
    frame = pd.DataFrame(X[:, 18:22], columns=["left", "upper half", "right", "x"])
    both, values = np.stack([ODD, THIRD == 0], axis=1), np.stack([SUM, CLASS], axis=1)
    few = {"n_estimators": 4, "max_depth": 3, "n_jobs": 1}
    trained = {  # by scikit-learn's interface
        "named_targets": (xgboost.XGBRegressor(**few).fit(frame, values), "json"),
        "named_tree": (xgboost.XGBRegressor(multi_strategy="multi_output_tree", **few).fit(frame, values), "ubj"),
        "named_labels": (xgboost.XGBClassifier(multi_strategy="multi_output_tree", **few).fit(frame, both), "json"),
    }
    rows = frame[:9]
    for name, (model, ending) in trained.items():
        (root / name / "model").mkdir(parents=True)
        model.save_model(root / name / "model" / f"model.{ending}")
        answers = {"prediction": model.predict(rows)}
        if name == "named_labels":
            answers = {"probabilities": model.predict_proba(rows), "label": model.predict(rows).astype(np.int64)}
        np.savez(root / name / "expected.npz", **answers, **{one: rows[one].to_numpy() for one in rows})
    groups = xgboost.DMatrix(X, CLASS, qid=np.arange(len(X)) // 10)
    save(root / "ranks", xgboost.train({**THREADS, "objective": "rank:ndcg"}, groups, 4), "ubj")
    times = xgboost.DMatrix(X, label_lower_bound=CLASS + 1.0, label_upper_bound=CLASS + 2.0)
    save(root / "survival", xgboost.train({**THREADS, "objective": "survival:aft"}, times, 4), "json")


def asked(folder, booster, rows, columns):
    (folder / "model").mkdir(parents=True)
    booster.save_model(folder / "model" / "model.ubj")
    told = booster.inplace_predict(rows)
    np.savez(
        folder / "expected.npz", prediction=told, **{name: rows[name].to_numpy(kind) for name, kind in columns.items()}
    )


def save(folder, booster, ending, trees=(0, 0)):
    (folder / "model").mkdir(parents=True)
    booster.save_model(folder / "model" / f"model.{ending}")
    told = booster.predict(xgboost.DMatrix(X[:9]), iteration_range=trees)
    objective = booster.save_config()
    if "multi:softmax" in objective:
        answers = {"label": told.astype(np.int64)}
    elif "multi:softprob" in objective:
        answers = {"probabilities": told, "label": told.argmax(axis=1)}
    elif "binary:logistic" in objective:
        answers = {"probabilities": np.stack([1 - told, told], axis=1), "label": (told > 0.5).astype(np.int64)}
    else:
        answers = {"prediction": told}
    np.savez(folder / "expected.npz", x=X[:9], **answers)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
