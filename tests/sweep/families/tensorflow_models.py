"""Makes small SavedModels with the real library, and writes what it answers to each of sixteen calls by itself.

For each a folder `NAME/` with `model/` and `calls.npz`: arrays "NUMBER/in/TENSOR" and, unless it answers something else
each time, "NUMBER/out/TENSOR". Runs in the library's own environment: no import of ours. Argument: the folder.
"""

import os
import sys
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
import tensorflow as tf

CALLS = 16
STEPS, FEATURES, WORDS = 6, 4, 30
SENTENCES = (
    "tea",
    "the cat likes warm bread and cold tea",
    "seven stones lie under the old bridge",
    "",
    "Der Café-Tisch STEHT schräg",
    "老师 喜欢 这本书",
    "stones stones stones",
)
TABLE = tf.TensorSpec([None, FEATURES], tf.float32, name="x")
SERIES = tf.TensorSpec([None, STEPS, FEATURES], tf.float32, name="x")
LENGTHS = tf.TensorSpec([None], tf.int32, name="lengths")
IDS = tf.TensorSpec([None, None], tf.int32, name="ids")
TEXT = tf.TensorSpec([None], tf.string, name="text")
IMAGES = tf.TensorSpec([None, None, None, 3], tf.float32, name="image")
FILES = tf.TensorSpec([None], tf.string, name="file")


def calls_of(spec):
    """Sixteen calls of one row or two, of several magnitudes and lengths."""
    chance = np.random.default_rng(5)
    made = []
    for number in range(CALLS):
        rows = 2 if number % 5 == 4 else 1
        if spec is TEXT:
            made.append(np.array([SENTENCES[(number + row) % len(SENTENCES)].encode() for row in range(rows)]))
        elif spec is FILES:
            made.append(np.array([jpeg(number + row, chance) for row in range(rows)]))
        elif spec is IMAGES:
            made.append(chance.standard_normal((rows, 5 + number % 4, 9, 3)).astype(np.float32))
        elif spec is LENGTHS:
            made.append(np.full(rows, 1 + number % STEPS, np.int32))
        elif spec is IDS:
            made.append(chance.integers(0, WORDS, (rows, 1 + number % STEPS), dtype=np.int32))
        else:
            noise = chance.standard_normal((rows, *spec.shape[1:])) * 10.0 ** (number % 4 - 1)
            made.append(noise.astype(np.float32))
    return made


def jpeg(number, chance):
    return tf.io.encode_jpeg(chance.integers(0, 256, (6 + number % 3, 8, 3), dtype=np.uint8)).numpy()


def decoded(file):
    image = tf.io.decode_jpeg(file, channels=3)
    return tf.reduce_mean(tf.cast(image, tf.float32), axis=[0, 1]) / 255


def within(n):
    return tf.cast(tf.sequence_mask(n, STEPS), tf.float32)[:, :, None]


def splits(text):
    return tf.strings.split(tf.strings.lower(text, encoding="utf-8"))


def spread(*shape, seed=7):
    return tf.constant(np.random.default_rng(seed).standard_normal(shape).astype(np.float32))


def hashed(words):
    """A number for each word, between 0 and 1."""
    return tf.cast(tf.strings.to_hash_bucket_fast(words, 997), tf.float32) / 997


def ragged_rows(ids):
    """Each row's ids up to the first that is a multiple of seven, as ragged rows."""
    ended = tf.cumsum(tf.cast(ids % 7 == 0, tf.int32), axis=1) > 0
    return tf.ragged.boolean_mask(ids, ~ended)


# Name → (what it takes, what it computes).
INDEPENDENT = {
    "dense": ([TABLE], lambda x: {"probabilities": tf.nn.softmax(x @ spread(FEATURES, 3) / 10)}),
    "sorted-in-a-row": ([TABLE], lambda x: {"y": tf.sort(x, axis=-1)}),
    "norm-of-a-row": ([TABLE], lambda x: {"y": tf.linalg.l2_normalize(x, axis=-1)}),
    "cut-in-a-row": ([SERIES], lambda x: {"y": x[:, : STEPS // 2]}),
    "padded-in-a-row": ([SERIES], lambda x: {"y": tf.pad(x, [[0, 0], [2, 1], [0, 0]])}),
    "lengths": (
        [SERIES, LENGTHS],
        lambda x, n: {"y": tf.reduce_sum(x * within(n), 1) / tf.cast(n, tf.float32)[:, None]},
    ),
    "free-length": ([IDS], lambda ids: {"y": tf.reduce_mean(tf.gather(spread(WORDS, 8), ids), axis=1)}),
    "free-size": ([IMAGES], lambda x: {"y": tf.reduce_mean(tf.nn.conv2d(x, spread(5, 5, 3, 4), 1, "VALID"), [1, 2])}),
    "decodes-files": ([FILES], lambda file: {"y": tf.map_fn(decoded, file, fn_output_signature=tf.float32)}),
    "words-mean": ([TEXT], lambda text: {"y": tf.reduce_sum(hashed(splits(text)), axis=1)}),
    "words-cut": ([TEXT], lambda text: {"y": hashed(splits(text).to_tensor(shape=[None, 4], default_value="-"))}),
    "lowered": ([TEXT], lambda text: {"lowered": tf.strings.lower(text, encoding="utf-8")}),
    "one-by-one": (
        [TABLE],
        lambda x: {"y": tf.map_fn(lambda row: row / (1 + tf.reduce_max(tf.abs(row))), x)},
    ),
    "branching-by-row": ([TABLE], lambda x: {"y": tf.where(x[:, :1] > 0, x * 2, -x)}),
}


def normalised(x):
    """A batch normalisation in training mode: by the mean and variance of the rows at hand."""
    mean, variance = tf.nn.moments(x, [0])
    return {"y": tf.nn.batch_normalization(x, mean, variance, None, None, 0.1)}


def longest(x, n):
    """Padding counts as far as the longest of the batch goes."""
    shown = tf.cast(tf.range(STEPS) < tf.reduce_max(n), tf.float32)
    return {"y": tf.reduce_sum(x * shown[None, :, None], 1)}


def shortest(x, n):
    shown = tf.cast(tf.range(STEPS) < tf.reduce_min(n), tf.float32)
    return {"y": tf.reduce_sum(x * shown[None, :, None], 1)}


DEPENDENT = {
    "norm-over-rows": ([TABLE], normalised),
    "softmax-over-rows": ([TABLE], lambda x: {"y": tf.nn.softmax(x, axis=0)}),
    "centred": ([TABLE], lambda x: {"y": x - tf.reduce_mean(x, axis=0)}),
    "scaled-by-largest": ([TABLE], lambda x: {"y": x / (1 + tf.reduce_max(tf.abs(x)))}),
    "running-sum": ([TABLE], lambda x: {"y": tf.cumsum(x, axis=0)}),
    "neighbours-row": ([TABLE], lambda x: {"y": tf.roll(x, 1, axis=0)}),
    "last-row-first": ([TABLE], lambda x: {"y": tf.reverse(x, [0])}),
    "sorted-rows": ([TABLE], lambda x: {"y": tf.gather(x, tf.argsort(x[:, 0]))}),
    "similar-rows": ([TABLE], lambda x: {"y": tf.nn.softmax(x @ tf.transpose(x) / 10) @ x}),
    "padded-to-the-longest": ([SERIES, LENGTHS], longest),
    "cut-to-the-shortest": ([SERIES, LENGTHS], shortest),
    "branching-by-batch": (
        [TABLE],
        lambda x: {"y": tf.cond(tf.reduce_any(x > 5), lambda: x * 2, lambda: -x)},
    ),
    "words-padded": (  # the mean counts the padding
        [TEXT],
        lambda text: {"y": tf.reduce_mean(hashed(splits(text).to_tensor(default_value="-")), axis=1)},
    ),
    "ids-padded": (
        [IDS],
        lambda ids: {"y": tf.reduce_mean(tf.gather(spread(WORDS, 8), ragged_rows(ids).to_tensor()), axis=1)},
    ),
    "rows-dropped": ([TABLE], lambda x: {"y": tf.boolean_mask(x, x[:, 0] > 0)}),
    "every-second-row": ([TABLE], lambda x: {"y": x[::2]}),
    "rows-twice": ([TABLE], lambda x: {"y": tf.repeat(x, 2, axis=0)}),
    "same-rows-once": ([TEXT], lambda text: {"y": tf.unique(text).y}),
    "sum-of-rows": ([TABLE], lambda x: {"y": tf.reduce_sum(x, axis=0, keepdims=True)}),
}


class Training(tf.Module):
    """A batch normalisation that is called in training mode, whose moving averages nobody reads."""

    def __init__(self):
        super().__init__()
        self.norm = keras.layers.BatchNormalization(epsilon=0.1)
        self.norm.build((None, FEATURES))

    @tf.function(input_signature=[TABLE])
    def compute(self, x):
        return {"y": self.norm(x, training=True)}


class Counting(tf.Module):
    """Answers by how often it was called."""

    def __init__(self):
        super().__init__()
        self.calls = tf.Variable(0.0)

    @tf.function(input_signature=[TABLE])
    def compute(self, x):
        return {"y": x + self.calls.assign_add(1.0)}


class Remembering(tf.Module):
    """Answers by what was sent before."""

    def __init__(self):
        super().__init__()
        self.mean = tf.Variable(tf.zeros([FEATURES]))

    @tf.function(input_signature=[TABLE])
    def compute(self, x):
        self.mean.assign(0.9 * self.mean + 0.1 * tf.reduce_mean(x, 0))
        return {"y": x - self.mean}


def inconstant():
    """Name → (what it takes, a module whose `compute` says something else each time)."""
    yield "counts-calls", Counting()
    yield "remembers-rows", Remembering()
    yield "adds-noise", plain([TABLE], lambda x: {"y": x + tf.random.normal(tf.shape(x))})
    yield "drops-out", plain([TABLE], lambda x: {"y": tf.nn.dropout(x, 0.5)})
    yield "shuffles", plain([TABLE], lambda x: {"y": tf.random.shuffle(x)})


def plain(takes, compute):
    made = tf.Module()
    made.compute = tf.function(compute, input_signature=takes)
    return made


def saved(folder, made, takes, *, constant=True):
    tf.saved_model.save(made, str(folder / "model"), signatures=made.compute)
    arrays = {}
    columns = {spec.name: calls_of(spec) for spec in takes}
    for number in range(CALLS):
        given = {name: rows[number] for name, rows in columns.items()}
        arrays |= {f"{number}/in/{name}": rows for name, rows in given.items()}
        if constant:
            answers = made.compute(*(tf.constant(rows) for rows in given.values()))
            arrays |= {f"{number}/out/{name}": held(answer) for name, answer in answers.items()}
    np.savez(folder / "calls.npz", **arrays)


def held(answer):
    array = np.asarray(answer.numpy())
    return array.astype("S") if array.dtype == object else array


def of_keras(folder):
    """As Keras exports them, with the table that the layers of text bring."""
    words = keras.layers.TextVectorization(output_sequence_length=STEPS)
    words.adapt(list(SENTENCES))
    text = keras.Input((), dtype="string", name="text")
    hidden = keras.layers.Embedding(words.vocabulary_size(), 8, mask_zero=True)(words(text))
    network = keras.Model(text, keras.layers.Dense(2)(keras.layers.LSTM(4)(hidden)))
    network.export(str(folder / "model"), verbose=False)
    arrays = {}
    for number, rows in enumerate(calls_of(TEXT)):
        arrays[f"{number}/in/text"] = rows
        arrays[f"{number}/out/output_0"] = network.predict(tf.constant(rows), batch_size=99, verbose=0)
    np.savez(folder / "calls.npz", **arrays)


def main(root):
    keras.utils.set_random_seed(3)
    for name, (takes, compute) in {**INDEPENDENT, **DEPENDENT}.items():
        (root / name).mkdir()
        saved(root / name, plain(takes, compute), takes)
    (root / "norm-in-training").mkdir()
    saved(root / "norm-in-training", Training(), [TABLE])
    for name, made in inconstant():
        (root / name).mkdir()
        saved(root / name, made, [TABLE], constant=False)
    (root / "keras-text").mkdir()
    of_keras(root / "keras-text")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
