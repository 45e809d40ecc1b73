"""Makes small OpenVINO models, and writes what OpenVINO answers to each of sixteen calls by itself.

For each a folder `NAME/` with `model/` and `calls.npz`: arrays "NUMBER/in/TENSOR" and, unless it answers something else
each time, "NUMBER/out/TENSOR". Runs in the library's own environment: no import of ours. Argument: the folder.
"""

import sys
from pathlib import Path

sys.modules["openvino_telemetry"] = None  # else the next line reports home

import numpy as np  # noqa: E402
import openvino as ov  # noqa: E402
from openvino import opset13 as ops  # noqa: E402

CALLS = 16
STEPS, FEATURES, WORDS = 6, 4, 50
CHANCE = np.random.default_rng(5)
TENTH, LITTLE = (ops.constant(np.array(value, "f4")) for value in (0.1, 0.01))


def rows(number):
    return 2 if number % 5 == 4 else 1


def floats(*shape):
    """Sixteen calls of one row or two, of several magnitudes."""
    scales = [10.0 ** (number % 4 - 1) for number in range(CALLS)]
    return [(CHANCE.standard_normal((rows(at), *shape)) * scale).astype("f4") for at, scale in enumerate(scales)]


def lengths():
    return [np.full(rows(number), 1 + number % STEPS) for number in range(CALLS)]


def ids():
    return [CHANCE.integers(0, WORDS if number % 2 else 20, (rows(number), STEPS)) for number in range(CALLS)]


def parameter(name, shape, kind=np.float32):
    made = ops.parameter([-1, *shape], kind, name=name)
    made.output(0).set_names({name})
    return made


def constant(value, kind=None):
    return ops.constant(np.asarray(value, dtype=kind))


def weights(*shape):
    return constant(CHANCE.standard_normal(shape).astype("f4"))


def by_table(compute):
    x = parameter("x", [FEATURES])
    return compute(x), [x], {"x": floats(FEATURES)}


def with_lengths(compute):
    x, n = parameter("x", [STEPS, FEATURES]), parameter("lengths", [], np.int64)
    return compute(x, n), [x, n], {"x": floats(STEPS, FEATURES), "lengths": lengths()}


def by_ids(compute):
    given = parameter("ids", [STEPS], np.int64)
    table = weights(WORDS, 8)
    vectors = ops.reduce_mean(ops.gather(table, given, constant(0)), constant([1]), False)
    return compute(given, vectors), [given], {"ids": ids()}


def up_to(x, most):
    """The mean of the steps before `most`."""
    steps = constant(np.arange(STEPS).reshape(1, STEPS, 1), np.int64)
    inside = ops.convert(ops.less(steps, most), "f32")
    return ops.reduce_mean(ops.multiply(x, inside), constant([1]), False)


def own_length(n):
    return ops.reshape(n, constant([-1, 1, 1]), False)


def independent():
    """Each row's answer is its own: these share runs."""
    yield "dense", by_table(lambda x: ops.softmax(ops.matmul(x, weights(FEATURES, 3), False, False) * TENTH, 1))
    yield "norm-of-a-row", by_table(lambda x: x / (ops.reduce_max(ops.absolute(x), constant([1]), True) + LITTLE))
    yield "words", by_ids(lambda given, vectors: vectors)
    yield "lengths", with_lengths(lambda x, n: up_to(x, own_length(n)))
    image = parameter("image", [3, -1, -1])
    layer = ops.convolution(image, weights(4, 3, 5, 5), [1, 1], [0, 0], [0, 0], [1, 1])
    yield "picture-of-any-size", (ops.reduce_mean(layer, constant([2, 3]), False), [image], {"image": floats(3, 7, 9)})


def dependent():
    """A row's answer depends on those beside it: these are served one call at a time."""
    yield "centred", by_table(lambda x: x - ops.reduce_mean(x, constant([0]), True))
    yield "norm-over-rows", by_table(lambda x: ops.mvn(x, constant([0]), True, 0.1, "inside_sqrt"))
    yield "softmax-over-rows", by_table(lambda x: ops.softmax(x, 0))
    yield "summed-up", by_table(lambda x: ops.cum_sum(x, constant(0)))
    yield (
        "scaled-by-largest",
        by_table(lambda x: x / (ops.reduce_max(ops.absolute(x), constant([0, 1]), True) + LITTLE)),
    )
    yield (
        "last-row-first",
        by_table(lambda x: ops.slice(x, constant([-1]), constant([-99]), constant([-1]), constant([0]))),
    )
    yield (
        "similar-rows",
        by_table(lambda x: ops.matmul(ops.softmax(ops.matmul(x, x, False, True) * TENTH, 1), x, False, False)),
    )
    yield (
        "padded-to-the-longest",
        with_lengths(lambda x, n: up_to(x, own_length(ops.reduce_max(n, constant([0]), True)))),
    )
    yield "cut-to-the-shortest", with_lengths(lambda x, n: up_to(x, own_length(ops.reduce_min(n, constant([0]), True))))
    yield (
        "where-ids-are-large",
        by_ids(
            lambda given, vectors: (
                vectors
                + ops.convert(ops.greater(ops.reduce_max(given, constant([0, 1]), True), constant(30, np.int64)), "f32")
            )
        ),
    )


def counting():
    """There is not one answer for each row."""
    yield "sum-of-rows", by_table(lambda x: ops.reduce_sum(x, constant([0]), True))
    yield "rows-twice", by_table(lambda x: ops.concat([x, x], 0))
    yield "places", by_table(lambda x: ops.convert(ops.non_zero(x), "f32"))


def inconstant():
    """What says something else each time."""

    def noisy(x):
        shape = ops.shape_of(x)
        return x + ops.random_uniform(shape, constant(np.float32(0)), constant(np.float32(1)), "f32")

    yield "adds-noise", by_table(noisy)


def saved(folder, result, parameters, taken, *, constant=True):
    (folder / "model").mkdir(parents=True)
    path = folder / "model" / "model.xml"
    result.output(0).set_names({"y"})
    ov.save_model(ov.Model([result], parameters, "made"), path, compress_to_fp16=False)
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    compiled = ov.compile_model(path, "CPU", settings)
    calls = {}
    for number in range(CALLS):
        given = {name: each[number] for name, each in taken.items()}
        calls |= {f"{number}/in/{name}": array for name, array in given.items()}
        if constant:
            calls[f"{number}/out/y"] = compiled(given)[0]
    np.savez(folder / "calls.npz", **calls)


def main(root):
    for name, model in (*independent(), *dependent(), *counting()):
        saved(root / name, *model)
    for name, model in inconstant():
        saved(root / name, *model, constant=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
