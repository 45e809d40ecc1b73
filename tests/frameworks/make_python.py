"""Writes models in plain Python, one folder each: `model/` and, by the signature's names, `expected.npz`.

"digits" has fitted weights, a module beside it and a configuration; "bare" returns one array, of texts; "streams"
predicts and streams; "words" streams only. Run with NumPy alone.
"""

import json
import sys
from pathlib import Path

import numpy as np

DATA = Path(__file__).parent.parent / "data" / "digits.npz"
DIGITS = '''
import os

import numpy as np
from scores import softmax


class Model:
    """A softmax regression."""

    signature = {
        "inputs": ["x FP32 [-1, 64]"],
        "outputs": ["probabilities FP32 [-1, 10]", "label BYTES [-1]"],
        "method": "classify",
        "scores": "probabilities",
    }

    def load(self, directory, config):
        self.weights = np.load(os.path.join(directory, "weights.npy"))
        self.names = np.array(config["names"])
        print("loaded", self.weights.shape)

    def predict(self, inputs):
        probabilities = softmax(inputs["x"] @ self.weights)
        return {"probabilities": probabilities, "label": self.names[probabilities.argmax(axis=1)]}
'''
SCORES = """
import numpy as np


def softmax(scores):
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
"""
BARE = """
import numpy as np


class Model:
    signature = {"inputs": ["text BYTES [-1]", "times INT64 [-1]"], "outputs": ["repeated BYTES [-1]"]}

    def predict(self, inputs):
        return [text.decode() * max(0, min(9, int(times))) for text, times in zip(inputs["text"], inputs["times"])]
"""
STREAMS = """
import numpy as np


class Model:
    signatures = {"serving_default": {"inputs": ["upto INT64 [1]"], "outputs": ["sum INT64 [1]"], "batched": False}}

    def predict(self, inputs):
        return {"sum": np.arange(inputs["upto"][0] + 1).sum(keepdims=True)}

    def stream(self, inputs):
        total = 0
        for number in range(int(inputs["upto"][0]) + 1):
            total += number
            if number == 13:
                raise ValueError("nobody adds beyond 13")
            yield {"sum": np.array([total])}
"""
WORDS = """
class Model:
    signature = {"inputs": ["prompt BYTES [1]"], "outputs": ["word BYTES [1]"], "batched": False}

    def stream(self, inputs):
        for word in inputs["prompt"][0].split() or [b""]:
            yield [word]
"""


def main(root):
    with np.load(DATA) as data:
        x, classes = data["x"].astype(np.float32), data["y"].astype(int)
    weights, wanted = np.zeros((64, 10), np.float32), np.eye(10, dtype=np.float32)[classes]
    for _ in range(200):
        weights -= x.T @ (softmax(x @ weights) - wanted) / len(x)
    names = np.array(["nought", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])
    probabilities = softmax(x[:9] @ weights)
    labels = names[probabilities.argmax(axis=1)]
    folder = save(root / "digits", DIGITS, {"x": x[:9], "probabilities": probabilities, "label": labels})
    np.save(folder / "weights.npy", weights)
    (folder / "scores.py").write_text(SCORES)
    (folder / "config.json").write_text(json.dumps({"names": names.tolist()}))
    texts = np.array([b"ab", "é".encode(), b""])
    save(root / "bare", BARE, {"text": texts, "times": np.array([2, 1, 3]), "repeated": np.array(["abab", "é", ""])})
    save(root / "streams", STREAMS, {"upto": np.array([4]), "sum": np.array([10])})
    save(root / "words", WORDS, {"prompt": np.array([b"to be or"]), "word": np.array([b"or"])})


def softmax(scores):
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def save(folder, code, expected):
    (folder / "model").mkdir(parents=True)
    (folder / "model" / "model.py").write_text(code)
    np.savez(folder / "expected.npz", **expected)
    return folder / "model"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
