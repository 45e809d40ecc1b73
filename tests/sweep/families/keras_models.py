"""Makes small Keras models with the real library, and writes what it answers to each of sixteen calls by itself.

For each a folder `NAME/` with `model/model.keras` and `calls.npz`: arrays "NUMBER/in/TENSOR" and "NUMBER/out/TENSOR".
Runs in the library's own environment: no import of ours. Argument: the folder.
"""

import os
import sys
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
from keras import layers as L
from keras import ops

CALLS = 16
STEPS, FEATURES, WORDS = 6, 4, 30


def floats(*shape):
    """Sixteen calls of one row or two, of several magnitudes."""
    chance = np.random.default_rng(5)
    sizes = [(2 if number % 5 == 4 else 1, *shape) for number in range(CALLS)]
    return [(chance.standard_normal(size) * 10.0 ** (number % 4 - 1)).astype("f4") for number, size in enumerate(sizes)]


def texts(free=False):
    """Numbers of words; what is behind a text's end is 0, or not there where the length is free."""
    chance = np.random.default_rng(6)
    made = []
    for number in range(CALLS):
        length = 1 + number % STEPS
        row = chance.integers(1, WORDS, (1, length))
        made.append(row.astype("i4") if free else np.pad(row, ((0, 0), (0, STEPS - length))).astype("i4"))
    return made


def lengths():
    return [np.full(len(rows), 1 + number % STEPS, "i4") for number, rows in enumerate(floats(1))]


def table():
    return keras.Input((FEATURES,), name="x"), {"x": floats(FEATURES)}


def series():
    return keras.Input((STEPS, FEATURES), name="x"), {"x": floats(STEPS, FEATURES)}


def words(free=False):
    shape = (None,) if free else (STEPS,)
    return keras.Input(shape, dtype="int32", name="words"), {"words": texts(free)}


def strong(layer):
    """A layer whose answers differ: as they are first made, many are about zero."""
    layer.kernel_initializer = keras.initializers.RandomNormal(stddev=1.0, seed=3)
    return layer


def of_table(compute):
    x, calls = table()
    return x, compute(x), calls


def of_series(compute):
    x, calls = series()
    return x, compute(x), calls


def of_words(compute, free=False):
    given, calls = words(free)
    return given, compute(given), calls


def counted(x):
    """The rows' lengths, and which steps are within them, as a second input says."""
    n = keras.Input((), dtype="int32", name="lengths")
    return n, ops.arange(STEPS)[None, :] < n[:, None]


def with_lengths(compute):
    x, calls = series()
    n, within = counted(x)
    return [x, n], compute(x, n, within), {**calls, "lengths": lengths()}


def embedded(given, **settings):
    spread = keras.initializers.RandomNormal(stddev=1.0, seed=4)
    return L.Embedding(WORDS, 8, embeddings_initializer=spread, **settings)(given)


def attended(given):
    hidden = embedded(given, mask_zero=True)
    return ops.mean(L.MultiHeadAttention(2, 4)(hidden, hidden), axis=1)


def image():
    x = keras.Input((8, 8, 3), name="image")
    hidden = L.BatchNormalization()(L.Conv2D(4, 3, activation="relu", padding="same")(L.Rescaling(0.1)(x)))
    hidden = L.GlobalAveragePooling2D()(L.MaxPooling2D()(L.RandomRotation(0.2)(hidden)))
    return x, strong(L.Dense(3, activation="softmax"))(hidden), {"image": floats(8, 8, 3)}


def free_size():
    """Takes images of any size that its kernel fits into; calls bring several."""
    x = keras.Input((None, None, 3), name="image")
    hidden = L.GlobalAveragePooling2D()(L.Conv2D(4, 5)(x))
    calls = [rows[:, : 5 + number % 4] for number, rows in enumerate(floats(8, 9, 3))]
    return x, strong(L.Dense(3))(hidden), {"image": calls}


def independent():
    """Each row's answer is its own: these share runs."""
    yield "dense", of_table(lambda x: strong(L.Dense(3, activation="softmax"))(L.Dropout(0.5)(x)))
    yield "image", image()
    yield "free-size", free_size()
    yield "computed", of_table(lambda x: {"twice": x * 2 + 1, "first": x[:, 0], "sorted": ops.sort(x, axis=-1)})
    yield "softmax-of-a-row", of_table(lambda x: ops.softmax(x, axis=-1))
    yield "norm-of-a-row", of_table(lambda x: L.UnitNormalization()(L.LayerNormalization()(x)))
    yield "norm-as-trained", of_table(lambda x: L.BatchNormalization()(x))
    yield "sums-over-steps", of_series(lambda x: ops.cumsum(x, axis=1))
    yield "cut-in-a-row", of_series(lambda x: x[:, :3])
    yield "padded-in-a-row", of_series(lambda x: L.ZeroPadding1D(2)(x))
    yield "masked", of_words(lambda given: L.LSTM(4)(embedded(given, mask_zero=True)))
    yield "both-ways", of_words(lambda given: L.Bidirectional(L.GRU(3))(embedded(given, mask_zero=True)))
    yield "masked-mean", of_words(lambda given: L.GlobalAveragePooling1D()(embedded(given, mask_zero=True)))
    yield "attention", of_words(attended)
    yield "free-length", of_words(lambda given: L.GRU(4)(embedded(given)), free=True)
    yield "lengths", with_lengths(lambda x, n, within: L.GRU(4)(x, mask=within))
    yield (
        "lengths-mean",
        with_lengths(lambda x, n, within: ops.sum(x * within[:, :, None], axis=1) / ops.cast(n, "float32")[:, None]),
    )
    # `predict` says training=False to the whole model, which counts more than what a layer was called with.
    yield "dropout-called-in-training", of_table(lambda x: L.Dropout(0.5)(x, training=True))
    yield "norm-called-in-training", of_table(lambda x: L.BatchNormalization()(x, training=True))


def longest(x, n, within):
    """Padding counts as far as the longest of the batch goes."""
    shown = ops.cast(ops.arange(STEPS) < ops.max(n), "float32")
    return ops.sum(x * shown[None, :, None], axis=1)


def shortest(x, n, within):
    shown = ops.cast(ops.arange(STEPS) < ops.min(n), "float32")
    return ops.sum(x * shown[None, :, None], axis=1)


def normalised(x):
    """A batch normalisation in training mode: by the mean and variance of the rows at hand."""
    mean, variance = ops.moments(x, axes=[0])
    return ops.batch_normalization(x, mean, variance, axis=-1, epsilon=0.1)


def dependent():
    """A row's answer depends on those beside it: these are served one call at a time, or refused."""
    yield "norm-over-rows", of_table(normalised)
    yield "softmax-over-rows", of_table(lambda x: L.Softmax(axis=0)(x))
    yield "unit-over-rows", of_table(lambda x: L.UnitNormalization(axis=0)(x))
    yield "centred", of_table(lambda x: x - ops.mean(x, axis=0, keepdims=True))
    yield "scaled-by-largest", of_table(lambda x: x / (1 + ops.max(ops.abs(x))))
    yield "running-sum", of_table(lambda x: ops.cumsum(x, axis=0))
    yield "neighbours-row", of_table(lambda x: ops.roll(x, 1, axis=0))
    yield "last-row-first", of_table(lambda x: ops.flip(x, axis=0))
    yield "sorted-rows", of_table(lambda x: ops.sort(x, axis=0))
    yield "similar-rows", of_table(lambda x: ops.matmul(ops.softmax(ops.matmul(x, ops.transpose(x)) / 10), x))
    yield "first-row-only", of_table(lambda x: ops.take(x, np.array([0]), axis=0))
    yield "halves-as-rows", of_table(lambda x: ops.reshape(x, (-1, FEATURES // 2)))
    yield "rows-twice", of_table(lambda x: ops.repeat(x, 2, axis=0))
    yield "sum-of-rows", of_table(lambda x: ops.sum(x, axis=0, keepdims=True))
    yield "padded-to-the-longest", with_lengths(longest)
    yield "cut-to-the-shortest", with_lengths(shortest)


def stateful():
    x = keras.Input(batch_shape=(1, STEPS, FEATURES), name="x")
    return x, L.LSTM(3, stateful=True)(x), {"x": [rows[:1] for rows in floats(STEPS, FEATURES)]}


def written(folder, inputs, outputs, calls):
    """A bare output is called after what computes it."""
    network = keras.Model(inputs, outputs)
    (folder / "model").mkdir(parents=True)
    network.save(folder / "model" / "model.keras")
    arrays = {}
    for number in range(CALLS):
        given = {name: rows[number] for name, rows in calls.items()}
        arrays |= {f"{number}/in/{name}": rows for name, rows in given.items()}
        answer = network.predict(given if len(given) > 1 else next(iter(given.values())), batch_size=99, verbose=0)
        named = answer if isinstance(answer, dict) else {network.output_names[0]: answer}
        arrays |= {f"{number}/out/{name}": rows for name, rows in named.items()}
    np.savez(folder / "calls.npz", **arrays)


def main(root):
    keras.utils.set_random_seed(3)
    for name, (inputs, outputs, calls) in (*independent(), *dependent(), ("keeps-state", stateful())):
        written(root / name, inputs, outputs, calls)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
