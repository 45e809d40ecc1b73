"""Writes small models in plain Python, and what their own code answers to each of sixteen calls by itself.

For each a folder `NAME/` with `model/` and `calls.npz`: arrays "NUMBER/in/TENSOR" and, unless it answers something else
each time, "NUMBER/out/TENSOR". Run with NumPy alone. Argument: the folder.
"""

import sys
from pathlib import Path

import numpy as np

CALLS = 16
FEATURES, WORDS = 4, 50
CHANCE = np.random.default_rng(5)
TABLES = {"x": "x FP32 [-1, 4]"}
IDS = {"ids": "ids INT64 [-1, 5]"}
TEXTS = {"text": "text BYTES [-1]"}
MODEL = """
import numpy as np

TABLE = np.random.default_rng(3).standard_normal(({words}, 3)).astype("f4")


class Model:
    signature = {{"inputs": {inputs}, "outputs": ["y {output}"]}}
    calls = 0
    seen = None

    def predict(self, inputs):
        {names} = inputs.values()
{body}
        return {{"y": y}}
"""


def rows(number):
    return 2 if number % 5 == 4 else 1


def called(name):
    texts = [b"yes", b"a longer text than others", "Köln".encode(), b"no", b"2 words"]
    for number in range(CALLS):
        count = rows(number)
        if name == "x":
            yield (CHANCE.standard_normal((count, FEATURES)) * 10.0 ** (number % 4 - 1)).astype("f4")
        elif name == "ids":
            yield CHANCE.integers(0, WORDS if number % 2 else 20, (count, 5))
        else:
            yield np.array([texts[(number + row) % 5] for row in range(count)])


def model(body, inputs=TABLES, output="FP32 [-1, 4]"):
    lines = "\n".join(f"        {line}" for line in body.strip().splitlines())
    names = ", ".join(inputs) + ","
    return MODEL.format(words=WORDS, inputs=list(inputs.values()), output=output, names=names, body=lines), inputs


NUMBER = "FP32 [-1]"
LENGTHS = "n = np.array([len(one) for one in text])\n"
INDEPENDENT = {
    "tanh": model("y = np.tanh(x)"),
    "norm-of-a-row": model("y = x / np.abs(x).max(axis=1, keepdims=True).clip(1e-3)"),
    "words": model("y = TABLE[ids].mean(axis=1)", IDS, "FP32 [-1, 3]"),
    "lengths": model(f"{LENGTHS}y = n.astype('f4')", TEXTS, NUMBER),
    "refuses-some-texts": model(
        "if b'' in text.tolist():\n    raise ValueError('an empty text')\ny = np.float32([one[0] for one in text])",
        TEXTS,
        NUMBER,
    ),
    "one-by-one": model("y = np.stack([np.sort(row) for row in x])"),
}
DEPENDENT = {
    "centred": model("y = x - x.mean(axis=0)"),
    "norm-over-rows": model("y = (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 0.1)"),
    "scaled-by-largest": model("y = x / np.abs(x).max().clip(1e-3)"),
    "quantized": model("step = np.abs(x).max().clip(1e-3) / 127\ny = np.round(x / step) * step"),
    "summed-up": model("y = np.cumsum(x, axis=0)"),
    "sorted-rows": model("y = np.sort(x, axis=0)"),
    "last-row-first": model("y = x[::-1].copy()"),
    "how-many": model("y = x / np.float32(len(x))"),
    "where-ids-are-large": model("y = TABLE[ids].mean(axis=1) + np.float32(ids.max() > 30)", IDS, "FP32 [-1, 3]"),
    "padded-to-the-longest": model(f"{LENGTHS}y = (n / n.max().clip(1)).astype('f4')", TEXTS, NUMBER),
    "cut-to-the-shortest": model(f"{LENGTHS}y = np.minimum(n, n.min()).astype('f4')", TEXTS, NUMBER),
    "last-of-each-text": model("last = {one[:1]: at for at, one in enumerate(text)}\n"
                               "y = np.float32([last[one[:1]] for one in text])", TEXTS, NUMBER),
}  # fmt: skip
COUNTS = {
    "sum-of-rows": model("y = x.sum(axis=0, keepdims=True)"),
    "rows-twice": model("y = np.concatenate([x, x])"),
    "drops-rows": model("y = x[x.sum(axis=1) > -5]"),
    "distinct-texts": model("y = np.float32([len(one) for one in sorted({*text} - {b'no'})])", TEXTS, NUMBER),
}
INCONSTANT = {
    "adds-noise": model("y = x + np.random.standard_normal(x.shape).astype('f4')"),
    "counts-calls": model("self.calls += 1\ny = x + np.float32(self.calls)"),
    "keeps-the-last": model("before, self.seen = self.seen, x[-1:].copy()\ny = x if before is None else x + before"),
}


def saved(folder, source, inputs, *, constant=True):
    (folder / "model").mkdir(parents=True)
    (folder / "model" / "model.py").write_text(source)
    calls = {}
    taken = {name: list(called(name)) for name in inputs}
    for number in range(CALLS):
        given = {name: each[number] for name, each in taken.items()}
        calls |= {f"{number}/in/{name}": array for name, array in given.items()}
        if constant:
            space = {}
            exec(source, space)
            objects = {
                name: array.astype(object) if array.dtype.kind == "S" else array for name, array in given.items()
            }
            calls[f"{number}/out/y"] = space["Model"]().predict(objects)["y"]
    np.savez(folder / "calls.npz", **calls)


def main(root):
    for name, (source, inputs) in {**INDEPENDENT, **DEPENDENT, **COUNTS}.items():
        saved(root / name, source, inputs)
    for name, (source, inputs) in INCONSTANT.items():
        saved(root / name, source, inputs, constant=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
