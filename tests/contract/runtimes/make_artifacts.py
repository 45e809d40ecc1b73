"""Makes real models, good and bad, one folder each; run with an environment that has the frameworks.

Good ones lie below `onnx/`, `sklearn/` and `large/`, bad ones below `refused/`. Beside a scikit-learn model,
`expected.npz` holds `x` and what the estimator itself answers.
"""

import os
import pickle
import shutil
import sys
import warnings
import zipfile
from pathlib import Path

import joblib
import numpy as np
import onnx
import skops.io
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import convert_sklearn, to_onnx
from skl2onnx.common.data_types import Int64TensorType, StringTensorType
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_diabetes, load_digits
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

warnings.simplefilter("ignore")
FLOAT, INT64, STRING = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING
RANDOM = np.random.default_rng(7)


class Unknown:
    """A type that no skops reader should trust."""

    def __init__(self):
        self.value = 1


class Bites:
    """A pickle that acts when it is opened."""

    def __reduce__(self):
        return (os.mkdir, ("bitten",))


def floats(*shape):
    return (RANDOM.standard_normal(shape) * 0.2).astype(np.float32)


def graph(nodes, inputs, outputs, weights=(), *, domains=()):
    made = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(*spec) for spec in inputs],
        [spec if isinstance(spec, onnx.ValueInfoProto) else helper.make_tensor_value_info(*spec) for spec in outputs],
        [numpy_helper.from_array(array, name) for name, array in weights],
    )
    opsets = [helper.make_opsetid("", 17), *[helper.make_opsetid(domain, 1) for domain in domains]]
    model = helper.make_model(made, opset_imports=opsets)
    model.ir_version = 9
    return model


def mlp():
    node = helper.make_node
    return graph(
        [
            node("Gemm", ["x", "w1", "b1"], ["a"]),
            node("Relu", ["a"], ["r"]),
            node("Gemm", ["r", "w2", "b2"], ["l"]),
            node("Softmax", ["l"], ["probabilities"]),
        ],
        [("x", FLOAT, ["batch", 64])],
        [("probabilities", FLOAT, ["batch", 10])],
        [("w1", floats(64, 64)), ("b1", floats(64)), ("w2", floats(64, 10)), ("b2", floats(10))],
    )


def slow():
    """INT64 [n] → the same; it counts to the largest of them first, so the caller chooses how long it takes."""
    node = helper.make_node
    boolean = TensorProto.BOOL
    body = helper.make_graph(
        [node("Identity", ["go"], ["on"]), node("Add", ["count", "one"], ["more"])],
        "body",
        [
            helper.make_tensor_value_info("turn", INT64, []),
            helper.make_tensor_value_info("go", boolean, []),
            helper.make_tensor_value_info("count", INT64, []),
        ],
        [helper.make_tensor_value_info("on", boolean, []), helper.make_tensor_value_info("more", INT64, [])],
    )
    return graph(
        [
            node("ReduceMax", ["x"], ["turns"], keepdims=0),
            node("Loop", ["turns", "yes", "nought"], ["counted"], body=body),
            node("Mul", ["counted", "nought"], ["nothing"]),
            node("Add", ["x", "nothing"], ["y"]),
        ],
        [("x", INT64, ["n"])],
        [("y", INT64, ["n"])],
        [("yes", np.array(True)), ("nought", np.array(0)), ("one", np.array(1))],
    )


def onnx_models(root):
    node = helper.make_node
    models = {
        "mlp": mlp(),
        "two_inputs": graph(
            [node("Gather", ["table", "index"], ["row"]), node("Add", ["row", "shift"], ["sum"])],
            [("index", INT64, ["n"]), ("shift", FLOAT, ["n", 4])],
            [("sum", FLOAT, ["n", 4]), ("row", FLOAT, ["n", 4])],
            [("table", floats(3, 4))],
        ),
        "text": graph([node("Identity", ["t"], ["same"])], [("t", STRING, ["n"])], [("same", STRING, ["n"])]),
        "one_row": graph(
            [node("Reshape", ["x", "shape"], ["y"])],
            [("x", FLOAT, ["n", 4])],
            [("y", FLOAT, None)],
            [("shape", np.array([1, 2, 2]))],
        ),
        "whole_batch": graph(
            [node("Softmax", ["x"], ["y"], axis=0)], [("x", FLOAT, ["n", 4])], [("y", FLOAT, ["n", 4])]
        ),
        "slow": slow(),
        "image": graph(
            [node("Conv", ["x", "kernel"], ["y"])],
            [("x", FLOAT, ["n", 1, "height", "width"])],
            [("y", FLOAT, ["n", 1, "h", "w"])],
            [("kernel", floats(1, 1, 5, 5))],
        ),
        "no_rank": graph([node("Relu", ["x"], ["y"])], [("x", FLOAT, None)], [("y", FLOAT, None)]),
        "tokens": graph(
            [node("Mul", ["ids", "mask"], ["y"])],
            [("ids", INT64, ["b", "s"]), ("mask", INT64, ["b", "s"])],
            [("y", INT64, ["b", "s"])],
        ),
        "odd_width": graph(  # which nobody would guess
            [node("Reshape", ["x", "shape"], ["y"])],
            [("x", FLOAT, ["n", "width"])],
            [("y", FLOAT, ["n", 7, 11])],
            [("shape", np.array([0, 7, 11]))],
        ),
        "parts": graph(
            [node("SplitToSequence", ["x"], ["y"])],
            [("x", FLOAT, ["n", 2])],
            [helper.make_tensor_sequence_value_info("y", FLOAT, None)],
        ),
        "fixed": graph([node("Relu", ["x"], ["y"])], [("x", FLOAT, [2, 4])], [("y", FLOAT, [2, 4])]),
        "flat_image": graph([node("Identity", ["x"], ["y"])], [("x", FLOAT, ["n", 64])], [("y", FLOAT, ["n", 64])]),
    }
    for name, model in models.items():
        save_onnx(root / name, model)
    folder = root / "external"
    folder.mkdir()
    onnx.save(mlp(), folder / "model.onnx", save_as_external_data=True, location="weights.bin", size_threshold=0)
    x, y = load_digits(return_X_y=True)
    fitted = LogisticRegression(max_iter=300).fit(x / 16, y)
    for name, zipmap in (("digits", False), ("zipmap", True)):
        model = to_onnx(fitted, x[:1].astype(np.float32), options={"zipmap": zipmap}, target_opset=17)
        save_onnx(root / name, model)


def onnx_of_several(root):
    """Classifiers of several targets, whose probabilities are a sequence, and a pipeline on columns of two kinds, each
    an input [rows, 1]; with what scikit-learn answers."""
    random = np.random.default_rng(2)
    x = random.normal(size=(200, 4)).astype(np.float32)
    first, second = (x[:, 0] > 0).astype(int), np.digitize(x[:, 1], [-0.5, 0.5])
    rows = x[:7]
    for name, targets in {
        "targets": np.stack([first, (x[:, 2] > 0).astype(int)], axis=1),
        "targets_apart": np.stack([np.array(["no", "yes"])[first], np.array(["a", "b", "c"])[second]], axis=1),
    }.items():
        fitted = MultiOutputClassifier(LogisticRegression()).fit(x, targets)
        told = fitted.predict_proba(rows)
        answers = {f"probabilities_{place}": one for place, one in enumerate(told)}
        if name == "targets":
            answers = {"probabilities": np.stack(told, axis=1)}
        save_onnx(root / name / "model", to_onnx(fitted, x[:1], target_opset=17))
        np.savez(root / name / "expected.npz", X=rows, label=fitted.predict(rows).astype(targets.dtype), **answers)
    age, city = random.integers(18, 90, (200, 1)), random.choice(["Köln", "Bonn"], (200, 1)).astype(object)
    frame = np.concatenate([age.astype(object), city], axis=1)
    kinds = ColumnTransformer([("n", StandardScaler(), [0]), ("c", OneHotEncoder(handle_unknown="ignore"), [1])])
    fitted = make_pipeline(kinds, LogisticRegression()).fit(frame, first)
    inputs = [("age", Int64TensorType([None, 1])), ("city", StringTensorType([None, 1]))]
    save_onnx(root / "frame" / "model", convert_sklearn(fitted, initial_types=inputs, target_opset=17))
    answers = {"output_probability": fitted.predict_proba(frame[:7]), "output_label": fitted.predict(frame[:7])}
    np.savez(root / "frame" / "expected.npz", age=age[:7], city=city[:7].astype(str), **answers)


def large_onnx(root):
    """Weights of 48 MiB, within the model's file and beside it; the first has an odd place in the file."""
    random = np.random.default_rng(11)
    weights = [(f"w{at}", random.standard_normal((2048, 2048), np.float32) / np.float32(45)) for at in range(3)]
    steps = [helper.make_node("Gemm", [f"h{at}", f"w{at}"], [f"h{at + 1}"]) for at in range(3)]
    made = graph(steps, [("h0", FLOAT, ["n", 2048])], [("h3", FLOAT, ["n", 2048])], weights)
    while made.SerializeToString().index(weights[0][1].tobytes()[:64]) % 2 == 0:
        made.producer_name += "x"
    save_onnx(root / "inline", made)
    (root / "external").mkdir()
    where = {"location": "weights.bin", "size_threshold": 1024}
    onnx.save(made, root / "external" / "model.onnx", save_as_external_data=True, **where)


def save_onnx(folder, model):
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(model.SerializeToString())


def outside(location):
    model = mlp()
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", "0"), ("length", str(64 * 64 * 4))):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
    return model


def refused_onnx(root):
    secret = root / "secret.bin"
    secret.write_bytes(floats(64, 64).tobytes())
    save_onnx(root / "external_parent", outside("../secret.bin"))
    save_onnx(root / "external_absolute", outside(str(secret)))
    save_onnx(root / "external_link", outside("link.bin"))
    (root / "external_link" / "link.bin").symlink_to(secret)
    save_onnx(root / "external_memory", outside("*/_ORT_MEM_ADDR_/*"))
    save_onnx(root / "external_short", outside("short.bin"))
    (root / "external_short" / "short.bin").write_bytes(b"\0" * 16)
    node = helper.make_node
    inner = helper.make_graph(
        [node("Constant", [], ["c"], value=outside("../secret.bin").graph.initializer[0])],
        "inner",
        [],
        [helper.make_tensor_value_info("c", FLOAT, [64, 64])],
    )
    save_onnx(
        root / "external_in_subgraph",
        graph(
            [node("If", ["x"], ["y"], then_branch=inner, else_branch=inner)],
            [("x", TensorProto.BOOL, [])],
            [("y", FLOAT, [64, 64])],
        ),
    )
    save_onnx(
        root / "custom_operator",
        graph(
            [node("Shell", ["x"], ["y"], domain="com.example")],
            [("x", FLOAT, ["n", 2])],
            [("y", FLOAT, ["n", 2])],
            domains=["com.example"],
        ),
    )
    sequence = helper.make_tensor_sequence_value_info("y", FLOAT, None)
    halves = [node("SplitToSequence", ["x", "size"], ["y"])]
    save_onnx(root / "sequence_output", graph(halves, [("x", FLOAT, ["n", 2])], [sequence], [("size", np.array(2))]))
    optional = helper.make_value_info("y", helper.make_optional_type_proto(helper.make_tensor_type_proto(FLOAT, None)))
    save_onnx(root / "optional_output", graph([node("Optional", ["x"], ["y"])], [("x", FLOAT, ["n", 2])], [optional]))
    whole = mlp().SerializeToString()
    for name, content in {
        "truncated": whole[: len(whole) // 2],
        "not_onnx": b"this is a text\n" * 100,
        "empty": b"",
        "pickle_inside": pickle.dumps(Bites()),
    }.items():
        (root / name).mkdir()
        (root / name / "model.onnx").write_bytes(content)
    (root / "nothing").mkdir()
    (root / "several").mkdir()
    for name in ("a.onnx", "b.onnx"):
        (root / "several" / name).write_bytes(whole)


def sklearn_models(root):
    x, y = load_digits(return_X_y=True)
    words = np.array([b"good fine", b"bad awful", b"fine good good", "\u574f bad".encode()], dtype=object)
    texts = [word.decode() for word in words]
    logistic = LogisticRegression(max_iter=300).fit(x, y)
    named = np.array([f"digit {value}" for value in y])
    x32 = x.astype(np.float32)
    times = 1_764_000_000 + 10.0 * np.arange(100)[:, None]
    models = {
        "digits": (logistic, x, ".skops"),
        "forest": (RandomForestClassifier(5, random_state=0, n_jobs=-1).fit(x, named), x, ".skops"),
        "ridge": (Ridge().fit(*load_diabetes(return_X_y=True)), load_diabetes().data, ".skops"),
        "kmeans": (KMeans(3, n_init=1, random_state=0).fit(x), x, ".skops"),
        "pca": (PCA(3, random_state=0).fit(x), x, ".skops"),
        "texts": (make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, [1, 0, 1, 0]), texts, ".skops"),
        "layers32": (MLPClassifier((8,), max_iter=20, random_state=0).fit(x32, named), x, ".skops"),
        "scaled32": (make_pipeline(StandardScaler(), LogisticRegression()).fit(x32, y), x, ".skops"),
        "clusters32": (KMeans(3, n_init=1, random_state=0).fit(x32), x, ".skops"),
        "times": (
            make_pipeline(StandardScaler(), LinearRegression()).fit(times, times.ravel() - 1.764e9),
            times,
            ".skops",
        ),
        "pickled": (logistic, x, ".pkl"),
        "joblib": (logistic, x, ".joblib"),
    }
    for name, (model, rows, ending) in models.items():
        folder = root / name
        folder.mkdir(parents=True)
        file = folder / f"model{ending}"
        if ending == ".skops":
            skops.io.dump(model, file)
        elif ending == ".joblib":
            joblib.dump(model, file, compress=3)
        else:
            file.write_bytes(pickle.dumps(model))
        if name == "texts":
            sample, sent = texts, words
        else:
            sample = np.asarray(rows[:7], dtype=np.float32 if name.endswith("32") else np.float64)
            sent = sample
        answers = {
            method: getattr(model, method)(sample)
            for method in ("predict_proba", "predict", "transform")
            if hasattr(model, method)
        }
        np.savez(folder / "expected.npz", x=sent, **answers, allow_pickle=True)


def refused_sklearn(root):
    x, y = load_digits(return_X_y=True)
    fitted = LogisticRegression(max_iter=50).fit(x, y)
    holding = LogisticRegression(max_iter=50).fit(x, y)
    holding.more_ = Unknown()
    for name in ("untrusted", "unfitted", "no_estimator", "pickle_as_skops", "zip_as_skops", "torn_skops", "bites"):
        (root / name).mkdir()
    skops.io.dump(holding, root / "untrusted" / "model.skops")
    skops.io.dump(LogisticRegression(), root / "unfitted" / "model.skops")
    skops.io.dump({"a": 1}, root / "no_estimator" / "model.skops")
    (root / "pickle_as_skops" / "model.skops").write_bytes(pickle.dumps(fitted))
    with zipfile.ZipFile(root / "zip_as_skops" / "model.skops", "w") as archive:
        archive.writestr("readme.txt", "no schema here")
    with zipfile.ZipFile(root / "torn_skops" / "model.skops", "w") as archive:
        archive.writestr("schema.json", "{" * 10)
    (root / "bites" / "model.pkl").write_bytes(pickle.dumps(Bites()))
    (root / "skops_as_pickle").mkdir()
    shutil.copy(root / "untrusted" / "model.skops", root / "skops_as_pickle" / "model.pkl")


def main(root):
    (root / "refused").mkdir()
    (root / "onnx").mkdir()
    onnx_models(root / "onnx")
    onnx_of_several(root / "onnx")
    refused_onnx(root / "refused")
    sklearn_models(root / "sklearn")
    refused_sklearn(root / "refused")
    large_onnx(root / "large")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
