"""Makes small ONNX graphs, and writes what ONNX Runtime answers to each of sixteen calls by itself.

For each a folder `NAME/` with `model/` and `calls.npz`: arrays "NUMBER/in/TENSOR" and, unless it answers something else
each time, "NUMBER/out/TENSOR". Runs where the libraries are: no import of ours. Argument: the folder.
"""

import os
import sys
from pathlib import Path

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import quantize_dynamic

CALLS = 16
STEPS, FEATURES, WORDS = 6, 4, 50
CHANCE = np.random.default_rng(5)
FLOAT, INT64, STRING = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING
X = ("x", FLOAT, ["rows", FEATURES])
SERIES = ("x", FLOAT, ["rows", STEPS, FEATURES])
LENGTHS = ("lengths", INT64, ["rows"])


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


def texts():
    words = [b"yes", b"no", b"perhaps", "Köln".encode()]
    return [np.array([words[(number + row) % 4] for row in range(rows(number))]) for number in range(CALLS)]


def node(kind, inputs, outputs=("y",), **attributes):
    return helper.make_node(kind, list(inputs), list(outputs), **attributes)


def graph(nodes, inputs, constants=None, outputs=(("y", FLOAT, None),), domains=()):
    given = [helper.make_tensor_value_info(*one) for one in inputs]
    made = [helper.make_tensor_value_info(*one) for one in outputs]
    held = [numpy_helper.from_array(np.asarray(array), name) for name, array in (constants or {}).items()]
    sets = [helper.make_opsetid("", 17), *(helper.make_opsetid(name, 3) for name in domains)]
    return helper.make_model(helper.make_graph(nodes, "made", given, made, held), opset_imports=sets, ir_version=8)


def by_table(*nodes, constants=None):
    return graph(nodes, [X], constants), {"x": floats(FEATURES)}


def weights(*shape):
    return CHANCE.standard_normal(shape).astype("f4")


def independent():
    """Each row's answer is its own: these share runs."""
    layers = [node("MatMul", ["x", "w"], ["h"]), node("Softmax", ["h"], axis=1)]
    yield "dense", by_table(*layers, constants={"w": weights(FEATURES, 3) / 10})
    yield "sorted-in-a-row", by_table(node("TopK", ["x", "k"], ["y", "places"]), constants={"k": np.array([FEATURES])})
    yield "norm-of-a-row", by_table(node("LpNormalization", ["x"], axis=1))
    picture = graph([node("Conv", ["x", "w"], ["h"]), node("GlobalAveragePool", ["h"])],
                    [("x", FLOAT, ["rows", 3, "height", "width"])], {"w": weights(4, 3, 5, 5)})  # fmt: skip
    yield "picture-of-any-size", (picture, {"x": floats(3, 7, 9)})
    words = graph([node("Gather", ["table", "ids"], ["h"]), node("ReduceMean", ["h"], axes=[1], keepdims=0)],
                  [("ids", INT64, ["rows", "tokens"])], {"table": weights(WORDS, 8)})  # fmt: skip
    yield "words", (words, {"ids": ids()})
    yield "cut-in-a-row", (graph([node("Slice", ["x", "a", "b", "axis"])], [SERIES],
                                 {"a": np.array([0]), "b": np.array([3]), "axis": np.array([1])}),
                           {"x": floats(STEPS, FEATURES)})  # fmt: skip
    known = {"keys_strings": ["yes", "no", "perhaps"], "values_floats": [1.0, 2.0, 3.0], "default_float": -1.0}
    yield "texts", (graph([node("LabelEncoder", ["t"], domain="ai.onnx.ml", **known)], [("t", STRING, ["rows"])],
                          domains=["ai.onnx.ml"]), {"t": texts()})  # fmt: skip
    yield "last-step", (graph([node("Sub", ["lengths", "one"], ["at"]), node("Unsqueeze", ["at", "axis"], ["place"]),
                               node("GatherND", ["x", "place"], batch_dims=1)], [SERIES, LENGTHS],
                              {"one": np.array(1), "axis": np.array([1])}),
                        {"x": floats(STEPS, FEATURES), "lengths": lengths()})  # fmt: skip


def up_to(kind):
    """The mean of the steps before the largest, or smallest, length of all rows."""
    nodes = [
        node(kind, ["lengths"], ["most"], keepdims=1),
        node("Less", ["steps", "most"], ["inside"]),
        node("Cast", ["inside"], ["kept"], to=FLOAT),
        node("Mul", ["x", "kept"], ["h"]),
        node("ReduceMean", ["h"], axes=[1], keepdims=0),
    ]
    made = graph(nodes, [SERIES, LENGTHS], {"steps": np.arange(STEPS).reshape(1, STEPS, 1)})
    return made, {"x": floats(STEPS, FEATURES), "lengths": lengths()}


def dependent():
    """A row's answer depends on those beside it: these are served one call at a time."""
    centred = [node("ReduceMean", ["x"], ["m"], axes=[0]), node("Sub", ["x", "m"])]
    yield "centred", by_table(*centred)
    normed = [node("ReduceMean", ["x"], ["m"], axes=[0]), node("Sub", ["x", "m"], ["d"]),
              node("Mul", ["d", "d"], ["q"]), node("ReduceMean", ["q"], ["v"], axes=[0]),
              node("Add", ["v", "little"], ["w"]), node("Sqrt", ["w"], ["s"]), node("Div", ["d", "s"])]  # fmt: skip
    yield "norm-over-rows", by_table(*normed, constants={"little": np.float32(0.1)})
    yield "softmax-over-rows", by_table(node("Softmax", ["x"], axis=0))
    yield "summed-up", by_table(node("CumSum", ["x", "axis"]), constants={"axis": np.array(0)})
    largest = [node("Abs", ["x"], ["a"]), node("ReduceMax", ["a"], ["m"]), node("Div", ["x", "m"])]
    yield "scaled-by-largest", by_table(*largest)
    turned = {"a": np.array([-1]), "b": np.array([-99]), "axis": np.array([0]), "step": np.array([-1])}
    yield "last-row-first", by_table(node("Slice", ["x", "a", "b", "axis", "step"]), constants=turned)
    similar = [node("Transpose", ["x"], ["t"]), node("MatMul", ["x", "t"], ["s"]),
               node("Softmax", ["s"], ["p"], axis=1), node("MatMul", ["p", "x"])]  # fmt: skip
    yield "similar-rows", by_table(*similar)
    yield "padded-to-the-longest", up_to("ReduceMax")
    yield "cut-to-the-shortest", up_to("ReduceMin")
    yield "quantized", by_table(node("MatMul", ["x", "w"]), constants={"w": weights(FEATURES, 3)})  # below
    nodes = [node("ReduceMax", ["ids"], ["m"], keepdims=0), node("Greater", ["m", "thirty"], ["b"]),
             node("Cast", ["b"], ["f"], to=FLOAT), node("Gather", ["table", "ids"], ["h"]),
             node("ReduceMean", ["h"], ["e"], axes=[1], keepdims=0), node("Add", ["e", "f"])]  # fmt: skip
    large = graph(nodes, [("ids", INT64, ["rows", "tokens"])], {"table": weights(WORDS, 8), "thirty": np.array(30)})
    yield "where-ids-are-large", (large, {"ids": ids()})


def counting():
    """There is not one answer for each row."""
    yield "sum-of-rows", by_table(node("ReduceSum", ["x", "axis"]), constants={"axis": np.array([0])})
    yield "rows-twice", by_table(node("Concat", ["x", "x"], axis=0))
    dropped = [node("ReduceSum", ["x", "axis"], ["s"], keepdims=0), node("Greater", ["s", "least"], ["kept"]),
               node("Compress", ["x", "kept"], axis=0)]  # fmt: skip
    yield "drops-rows", by_table(*dropped, constants={"axis": np.array([1]), "least": np.float32(-5)})
    yield "places", (graph([node("NonZero", ["x"])], [X], outputs=[("y", INT64, None)]), {"x": floats(FEATURES)})


def inconstant():
    """What says something else each time."""
    yield "adds-noise", by_table(node("RandomNormalLike", ["x"], ["n"]), node("Add", ["x", "n"]))
    yield "drops-out", by_table(node("Dropout", ["x", "half", "yes"]), constants={"half": np.float32(0.5), "yes": True})


def saved(folder, model, taken, *, constant=True):
    (folder / "model").mkdir(parents=True)
    path = folder / "model" / "model.onnx"
    onnx.save(model, path)
    if folder.name == "quantized":
        quantize_dynamic(path, path)
    options = ort.SessionOptions()
    options.log_severity_level = 4
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [one.name for one in session.get_outputs()]
    calls = {}
    for number in range(CALLS):
        given = {name: each[number] for name, each in taken.items()}
        calls |= {f"{number}/in/{name}": array for name, array in given.items()}
        if constant:
            feeds = {name: np.char.decode(array, "utf-8").astype(object) if array.dtype.kind == "S" else array
                     for name, array in given.items()}  # fmt: skip
            answers = zip(names, session.run(names, feeds), strict=True)
            calls |= {f"{number}/out/{name}": answer for name, answer in answers}
    np.savez(folder / "calls.npz", **calls)


def main(root):
    for name, (model, taken) in (*independent(), *dependent(), *counting()):
        saved(root / name, model, taken)
    for name, (model, taken) in inconstant():
        saved(root / name, model, taken, constant=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
