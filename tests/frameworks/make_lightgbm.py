"""Trains LightGBM boosters on the digits, one folder each: `model/` and, by the signature's names, `expected.npz`."""

import sys
from pathlib import Path

import lightgbm
import numpy as np

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


if __name__ == "__main__":
    main(Path(sys.argv[1]))
