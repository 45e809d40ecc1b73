"""Makes small MXNet models with the real library, and writes what it answers to each of sixteen calls by itself.

For each a folder `NAME/` with `model/` and `calls.npz`: arrays "NUMBER/in/TENSOR" and, unless it answers something else
each time, "NUMBER/out/TENSOR". Runs in the library's own environment: no import of ours. Argument: the folder.
"""

import sys
from pathlib import Path

import mxnet as mx
import numpy as np

CALLS = 16
STEPS, FEATURES, WORDS = 6, 4, 30
CHANCE = np.random.default_rng(5)


def floats(*shape):
    """Sixteen calls of one row or two, of several magnitudes."""
    sizes = [(2 if number % 5 == 4 else 1, *shape) for number in range(CALLS)]
    return [(CHANCE.standard_normal(size) * 10.0 ** (number % 4 - 1)).astype("f4") for number, size in enumerate(sizes)]


def lengths():
    return [np.full(2 if number % 5 == 4 else 1, 1 + number % STEPS, "f4") for number in range(CALLS)]


def ids():
    return [CHANCE.integers(0, WORDS, (2 if number % 5 == 4 else 1, STEPS)).astype("f4") for number in range(CALLS)]


def table():
    """What is taken, times a parameter."""
    return mx.sym.broadcast_mul(mx.sym.Variable("x", shape=(0, FEATURES)), parameter("scale", 1, FEATURES))


def series():
    return mx.sym.broadcast_mul(mx.sym.Variable("x", shape=(0, STEPS, FEATURES)), parameter("scale", 1, 1, FEATURES))


def parameter(name, *shape):
    return mx.sym.Variable(name, shape=shape)


def by_table(compute):
    return compute(table()), {"x": floats(FEATURES)}


def by_series(compute):
    return compute(series()), {"x": floats(STEPS, FEATURES)}


def with_lengths(compute):
    taken = {"x": floats(STEPS, FEATURES), "lengths": lengths()}
    return compute(series(), mx.sym.Variable("lengths", shape=(0,))), taken


def dense(x, outputs=3):
    return mx.sym.FullyConnected(x, num_hidden=outputs, name="dense")


def image():
    x = mx.sym.Variable("image", shape=(0, 3, 8, 8))
    hidden = mx.sym.Activation(mx.sym.Convolution(x, kernel=(3, 3), num_filter=4, name="conv"), act_type="relu")
    hidden = mx.sym.Pooling(mx.sym.BatchNorm(hidden, fix_gamma=False, name="norm"), pool_type="avg", kernel=(2, 2))
    return mx.sym.softmax(dense(mx.sym.Flatten(hidden))), {"image": floats(3, 8, 8)}


def words():
    given = mx.sym.Variable("words", shape=(0, STEPS))
    hidden = mx.sym.Embedding(given, input_dim=WORDS, output_dim=8, name="embedding")
    return mx.sym.mean(hidden, axis=1), {"words": ids()}


def independent():
    """Each row's answer is its own: these share runs."""
    yield "dense", by_table(lambda x: mx.sym.softmax(dense(mx.sym.Dropout(x, p=0.5)) / 10))
    yield "image", image()
    yield "words", words()
    yield "norm-as-trained", by_table(lambda x: mx.sym.BatchNorm(x, fix_gamma=False, name="norm"))
    yield "norm-of-a-row", by_table(lambda x: mx.sym.L2Normalization(x + 0.1))
    yield "sorted-in-a-row", by_table(lambda x: mx.sym.sort(x, axis=1))
    yield "cut-in-a-row", by_series(lambda x: mx.sym.slice_axis(x, axis=1, begin=0, end=3))
    yield (
        "lengths",
        with_lengths(lambda x, n: mx.sym.mean(mx.sym.SequenceMask(x, n, use_sequence_length=True, axis=1), axis=1)),
    )


def normalised(x):
    """A batch normalisation in training mode: by the mean and variance of the rows at hand."""
    mean = mx.sym.mean(x, axis=0, keepdims=True)
    spread = mx.sym.mean(mx.sym.square(mx.sym.broadcast_sub(x, mean)), axis=0, keepdims=True)
    return mx.sym.broadcast_div(mx.sym.broadcast_sub(x, mean), mx.sym.sqrt(spread + 0.1))


def up_to(x, n):
    """The mean of the steps before `n`, which is the whole batch's."""
    steps = mx.sym.broadcast_lesser(mx.sym.reshape(mx.sym.arange(0, STEPS), shape=(1, STEPS, 1)), n)
    return mx.sym.mean(mx.sym.broadcast_mul(x, steps), axis=1)


def dependent():
    """A row's answer depends on those beside it: these are served one call at a time."""
    sym = mx.sym
    yield "norm-over-rows", by_table(normalised)
    yield "softmax-over-rows", by_table(lambda x: sym.softmax(x, axis=0))
    yield "centred", by_table(lambda x: sym.broadcast_sub(x, sym.mean(x, axis=0, keepdims=True)))
    yield (
        "scaled-by-largest",
        by_table(lambda x: sym.broadcast_div(x, sym.reshape(sym.max(sym.abs(x)) + 1, shape=(1, 1)))),
    )
    yield "sorted-rows", by_table(lambda x: sym.sort(x, axis=0))
    yield "last-row-first", by_table(lambda x: sym.reverse(x, axis=0))
    yield "similar-rows", by_table(lambda x: sym.dot(sym.softmax(sym.dot(x, x, transpose_b=True) / 10), x))
    yield "padded-to-the-longest", with_lengths(lambda x, n: up_to(x, sym.reshape(sym.max(n), shape=(1, 1, 1))))
    yield "cut-to-the-shortest", with_lengths(lambda x, n: up_to(x, sym.reshape(sym.min(n), shape=(1, 1, 1))))
    yield "first-row-only", by_table(lambda x: sym.slice_axis(x, axis=0, begin=0, end=1))
    yield "rows-twice", by_table(lambda x: sym.repeat(x, repeats=2, axis=0))
    yield "sum-of-rows", by_table(lambda x: sym.sum(x, axis=0, keepdims=True))


def inconstant():
    """What says something else each time."""
    yield "drops-out", by_table(lambda x: mx.sym.Dropout(x, p=0.5, mode="always"))
    yield "adds-noise", by_table(lambda x: x + mx.sym.random.normal_like(x))


def saved(folder, symbol, taken, *, constant=True):
    (folder / "model").mkdir(parents=True)
    shapes = {name: calls[0].shape for name, calls in taken.items()}
    arguments, _, extra = symbol.infer_shape(**shapes)
    named = dict(zip(symbol.list_arguments(), arguments, strict=True))
    arrays = {name: made(shape) for name, shape in named.items() if name not in taken}
    aside = {name: abs(made(shape)) for name, shape in zip(symbol.list_auxiliary_states(), extra, strict=True)}
    symbol.save(str(folder / "model" / "model-symbol.json"))
    held = {f"arg:{name}": array for name, array in arrays.items()}
    held |= {f"aux:{name}": array for name, array in aside.items()}
    mx.nd.save(str(folder / "model" / "model-0000.params"), held)
    calls = {}
    for number in range(CALLS):
        given = {name: mx.nd.array(rows[number]) for name, rows in taken.items()}
        calls |= {f"{number}/in/{name}": rows[number] for name, rows in taken.items()}
        if constant:
            answers = symbol.bind(mx.cpu(), {**arrays, **given}, aux_states=aside).forward(is_train=False)
            outputs = zip(symbol.list_outputs(), answers, strict=True)
            calls |= {f"{number}/out/{name}": answer.asnumpy() for name, answer in outputs}
    np.savez(folder / "calls.npz", **calls)


def made(shape):
    return mx.nd.array(CHANCE.standard_normal(shape).astype("f4"))


def main(root):
    for name, (symbol, taken) in (*independent(), *dependent()):
        saved(root / name, symbol, taken)
    for name, (symbol, taken) in inconstant():
        saved(root / name, symbol, taken, constant=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
