"""Trains XGBoost boosters on the digits, one folder each: `model/` and, by the signature's names, `expected.npz`."""

import sys
from pathlib import Path

import numpy as np
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
