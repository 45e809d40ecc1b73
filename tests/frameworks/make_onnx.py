"""Trains a classifier, exports it to ONNX: the artifact in `model`, what the classifier answers in `expected.npz`."""

import sys
from pathlib import Path

import numpy as np
from skl2onnx import to_onnx
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression


def main(root):
    x, y = load_digits(return_X_y=True)
    x = (x / 16).astype(np.float32)
    trained = LogisticRegression(max_iter=200).fit(x[:1500], y[:1500])
    exported = to_onnx(trained, x[:1], options={"zipmap": False}, target_opset=17)
    folder = root / "digits" / "model"
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(exported.SerializeToString())
    rows = x[1500:1520]
    answers = {"probabilities": trained.predict_proba(rows), "label": trained.predict(rows)}
    np.savez(root / "digits" / "expected.npz", X=rows, **answers)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
