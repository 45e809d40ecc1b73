"""Trains scikit-learn models, one folder each: the artifact in `model`, what it answers itself in `expected.npz`."""

import sys
from pathlib import Path

import joblib
import numpy as np
import skops.io
from sklearn.datasets import load_digits, load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def main(root):
    x, y = load_wine(return_X_y=True)
    named = np.array(["barolo", "grignolino", "barbera"])[y]
    save(
        root / "wine",
        make_pipeline(StandardScaler(), LogisticRegression()).fit(x, named),
        x[::20],
        skops.io.dump,
        "skops",
    )
    x, y = load_digits(return_X_y=True)
    save(root / "digits", LogisticRegression(max_iter=200).fit(x, y), x[:9], joblib.dump, "joblib")


def save(folder, model, rows, dump, ending):
    (folder / "model").mkdir(parents=True)
    dump(model, folder / "model" / f"model.{ending}")
    rows = rows.astype(np.float32)
    np.savez(folder / "expected.npz", x=rows, probabilities=model.predict_proba(rows), label=model.predict(rows))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
