"""Trains LightGBM boosters on the digits, one folder each: `model/` and, by the signature's names, `expected.npz`."""

import sys
from pathlib import Path

import lightgbm
import numpy as np
import pandas as pd

DATA = Path(__file__).parent.parent / "data" / "digits.npz"
with np.load(DATA) as digits:
    X, CLASS = digits["x"].astype(np.float32), digits["y"].astype(int)
ODD, SUM = CLASS % 2, X.sum(axis=1)
ALWAYS = {"verbosity": -1, "num_threads": 1, "deterministic": True, "min_data_in_leaf": 5, "num_leaves": 7}


def main(root):
    code = np.arange(len(X), dtype=np.float32) % 40  # a category with more values than 32 bits hold
    trained = {
        "digits": ({"objective": "multiclass", "num_class": 10}, X, CLASS, {}),
        "odd": ({"objective": "binary"}, X, ODD, {}),
        "sum": ({"objective": "regression"}, X, SUM, {}),
        "linear": ({"objective": "regression", "linear_tree": True}, X, SUM, {}),
        "ranking": ({"objective": "lambdarank"}, X, CLASS, {"group": [200, len(X) - 200]}),
        "category": ({"objective": "binary"}, np.column_stack([X, code]), code % 3 == 0, {"categorical_feature": [64]}),
    }
    for name, (options, rows, target, more) in trained.items():
        booster = lightgbm.train({**ALWAYS, **options}, lightgbm.Dataset(rows, target, **more), 6)
        folder = root / name
        (folder / "model").mkdir(parents=True)
        booster.save_model(folder / "model" / "model.txt")
        told = booster.predict(rows[:9])
        if name == "digits":
            answers = {"probabilities": told, "label": told.argmax(axis=1)}
        elif options["objective"] == "binary":
            answers = {"probabilities": np.stack([1 - told, told], axis=1), "label": (told > 0.5).astype(np.int64)}
        else:
            answers = {"prediction": told}
        np.savez(folder / "expected.npz", x=rows[:9], **answers)
    objectives(root)
    tables(root)


def objectives(root):
    """The numbers that those objectives give that are neither classes nor plain values."""

    def squared(scores, data):
        return scores - np.eye(3)[CLASS % 3], np.ones_like(scores)

    trained = {
        "each": ({"objective": "multiclassova", "num_class": 3}, CLASS % 3),
        "entropy": ({"objective": "cross_entropy"}, ODD),
        "counts": ({"objective": "poisson"}, CLASS),
        "own": ({"objective": squared, "num_class": 3}, CLASS % 3),
        "forest": ({"objective": "binary", "boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5}, ODD),
    }
    for name, (options, target) in trained.items():
        booster = lightgbm.train({**ALWAYS, **options}, lightgbm.Dataset(X, target), 4)
        told = saved(root / name, booster).predict(X[:9])
        if name == "each":
            answers = {"probabilities": told, "label": told.argmax(axis=1)}
        elif name == "forest":
            answers = {"probabilities": np.stack([1 - told, told], axis=1), "label": (told > 0.5).astype(np.int64)}
        else:
            answers = {"prediction": told}
        np.savez(root / name / "expected.npz", x=X[:9], **answers)


def tables(root):
    """Frames: of numbers, one of which is a time that 32 bits would blur, and with categories of texts and numbers."""
    random = np.random.default_rng(5)
    size = 600
    numbers = pd.DataFrame(
        {
            "seen_at": 1_764_000_000 + random.integers(0, 200, size),
            "income": random.random(size),
            "member": random.integers(0, 2, size).astype(bool),
        }
    )
    target = numbers["seen_at"] // 30 % 2 * 10 + numbers["income"] + numbers["member"]
    options = {**ALWAYS, "num_leaves": 31}
    booster = lightgbm.train(options, lightgbm.Dataset(numbers, target), 60)
    columns = {"seen_at": float, "income": float, "member": float}
    asked(root / "numbers", booster, numbers[:9], columns)

    city = random.choice(["Köln", "Bonn", "a, b"], size)
    size_ = random.choice([10, 20, 30, 40], size)
    mixed = pd.DataFrame(
        {
            "z": random.normal(size=size),
            "city": pd.Categorical(city),
            "grade": pd.Categorical(random.choice(["low", "mid", "high"], size), ["low", "mid", "high"], ordered=True),
            "size": pd.Categorical(size_),
        }
    )
    target = (city == "Köln") * 5 + mixed["grade"].cat.codes * 20 + (size_ % 40) + mixed["z"] / 9
    booster = lightgbm.train(options, lightgbm.Dataset(mixed, target), 40)
    asked(root / "mixed", booster, mixed[:9], {"z": float, "city": str, "grade": str, "size": np.int64})


def asked(folder, booster, rows, columns):
    told = saved(folder, booster).predict(rows)
    np.savez(
        folder / "expected.npz", prediction=told, **{name: rows[name].to_numpy(kind) for name, kind in columns.items()}
    )


def saved(folder, booster):
    (folder / "model").mkdir(parents=True)
    booster.save_model(folder / "model" / "model.txt")
    return booster


if __name__ == "__main__":
    main(Path(sys.argv[1]))
