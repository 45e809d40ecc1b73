"""Trains and saves TensorFlow models, one folder each, and breaks some: run where tensorflow-cpu is installed.

Good ones lie at the top: the artifact in `model`, what TensorFlow answers to rows it was not trained on in
`expected.npz`. Bad ones lie below `refused`. `keras` is a .keras file for whoever serves those.
"""

import json
import os
import shutil
import sys
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

DIGITS = Path(__file__).parent.parent / "data" / "digits.npz"
TRAINED = 300  # rows; the others are held out
CLASSES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


def main(root):
    keras.utils.set_random_seed(3)
    with np.load(DIGITS) as data:
        x, y = data["x"], data["y"]
    network = trained(x[:TRAINED], y[:TRAINED])
    exported(root / "exported", network, x, y)
    module(root / "module", network, x, y)
    subclassed(root / "subclassed")
    in_keras(root / "keras", network, x, y)
    (root / "awkward").mkdir()
    awkward = Awkward()
    signatures = {"picked": awkward.picked, "doubled": awkward.doubled}
    save(awkward, root / "awkward" / "model", signatures)
    save(awkward, root / "unranked" / "model", {"serving_default": awkward.doubled})
    in_versions(root)
    examples(root / "examples" / "model")
    dropping(root / "dropping" / "model")
    save(parsing := Parsing(), root / "parsing" / "model", {"serving_default": parsing.called})
    refused(root / "refused", root / "exported" / "model", root / "module" / "model")


def trained(x, y):
    given = keras.Input((64,), name="pixels")
    image = keras.layers.Reshape((8, 8, 1))(given)
    hidden = keras.layers.Conv2D(16, 3, activation="relu")(image)
    hidden = keras.layers.BatchNormalization()(hidden)
    hidden = keras.layers.Flatten()(hidden)
    scores = keras.layers.Dense(10, activation="softmax", name="probabilities")(hidden)
    network = keras.Model(given, {"probabilities": scores})
    network.compile(loss={"probabilities": "sparse_categorical_crossentropy"}, optimizer=keras.optimizers.Adam(0.01))
    network.fit(x, {"probabilities": y}, epochs=15, verbose=0)
    return network


def expected(folder, x, y, **arrays):
    np.savez(folder / "expected.npz", y=y[TRAINED:], **{key: np.asarray(value) for key, value in arrays.items()}, **x)


def exported(folder, network, x, y):
    folder.mkdir()
    network.export(str(folder / "model"), verbose=False)
    answer = network(x[TRAINED:], training=False)["probabilities"].numpy()
    expected(folder, {"pixels": x[TRAINED:]}, y, probabilities=answer)


class Subclassed(keras.Model):
    """Code of its maker's, which no .keras file holds: steps in both directions, and two answers."""

    def __init__(self):
        super().__init__()
        self.both = keras.layers.Bidirectional(keras.layers.LSTM(4))
        self.told = {name: keras.layers.Dense(size, name=name) for name, size in (("kind", 3), ("size", 1))}

    def call(self, steps):
        hidden = self.both(steps) * 2 + 1
        return {"kind": tf.nn.softmax(self.told["kind"](hidden)), "size": self.told["size"](hidden)}


def subclassed(folder):
    network = Subclassed()
    rows = np.random.default_rng(8).standard_normal((9, 6, 3)).astype(np.float32)
    answers = network(rows)
    folder.mkdir()
    signature = [keras.InputSpec(shape=(None, 6, 3), dtype="float32", name="steps")]
    network.export(str(folder / "model"), verbose=False, input_signature=signature)
    np.savez(folder / "expected.npz", steps=rows, **{name: array.numpy() for name, array in answers.items()})


class Module(tf.Module):
    """Digits, and a table of their names, which lies in a file of the artifact."""

    def __init__(self, network, names):
        super().__init__()
        self.network = network
        lines = tf.lookup.TextFileIndex
        self.table = tf.lookup.StaticHashTable(
            tf.lookup.TextFileInitializer(names, tf.string, lines.WHOLE_LINE, tf.int64, lines.LINE_NUMBER), -1
        )

    @tf.function(input_signature=[tf.TensorSpec([None, 64], tf.float32, name="x")])
    def digits(self, x):
        scores = self.network(x, training=False)["probabilities"]
        return {"scores": scores, "label": tf.argmax(scores, 1), "name": tf.gather(CLASSES, tf.argmax(scores, 1))}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="name")])
    def number(self, name):
        return {"number": self.table.lookup(name)}


class Awkward(tf.Module):
    """What refuses some inputs, and what takes any number of dimensions."""

    def __init__(self):
        super().__init__()
        self.values = tf.Variable(np.arange(120, dtype=np.float32).reshape(30, 4))

    @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.int32, name="ids")])
    def picked(self, ids):
        return {"sum": tf.reduce_sum(tf.gather(self.values, ids), 1)}

    @tf.function(input_signature=[tf.TensorSpec(None, tf.float32, name="x")])
    def doubled(self, x):
        return {"y": x * 2}


def module(folder, network, x, y):
    folder.mkdir()
    names = folder / "names.txt"
    # "yes" is a text that models are tried with: were all of them unknown to the table, nothing could be proved of it.
    names.write_text("\n".join([*CLASSES, "yes"]) + "\n")
    made = Module(network, str(names))
    save(made, folder / "model", {"serving_default": made.digits, "number": made.number})
    names.unlink()  # the artifact has its own
    # Made-up texts are none of its names and get one answer, which can't tell whether rows are independent.
    (folder / "model" / "example.json").write_text(json.dumps({"inputs": {"name": ["nine", "nobody", "zero"]}}))
    answer = made.digits(x[TRAINED:])
    arrays = {key: value.numpy() for key, value in answer.items()}
    expected(folder, {"x": x[TRAINED:]}, y, **{**arrays, "name": arrays["name"].astype("S")})


def in_versions(root):
    """As TensorFlow Serving keeps them: a folder for each version, named by its number."""
    shutil.copytree(root / "exported" / "model", root / "numbered" / "model" / "00000001")
    shutil.copy(root / "exported" / "expected.npz", root / "numbered")
    for number in ("00000002", "00000010", "00000009"):
        shutil.copytree(root / "exported" / "model", root / "several" / number)


def estimated(folder, build):
    """As estimators export: a graph without functions, of signatures with methods, which `build` makes."""
    v1 = tf.compat.v1
    with v1.Graph().as_default() as graph, v1.Session(graph=graph) as session:
        signatures = build(v1, v1.saved_model.signature_def_utils, v1.placeholder(tf.string, [None], name="given"))
        builder = v1.saved_model.builder.SavedModelBuilder(str(folder))
        builder.add_meta_graph_and_variables(session, ["serve"], signature_def_map=signatures)
        builder.save()


def examples(folder):
    """Parses examples itself, of which one feature is required, and classifies and regresses them."""

    def build(v1, methods, given):
        features = {
            "length": tf.io.FixedLenFeature([], tf.float32),
            "pair": tf.io.FixedLenFeature([2], tf.float32, [1.0, 2.0]),
            "count": tf.io.FixedLenFeature([], tf.int64, 7),
            "tags": tf.io.VarLenFeature(tf.string),
        }
        parsed = v1.parse_example(given, features)
        letters = tf.reduce_sum(tf.strings.length(tf.sparse.to_dense(parsed["tags"])), 1)
        numbers = tf.cast(parsed["count"], tf.float32) + tf.reduce_sum(parsed["pair"], 1) + tf.cast(letters, tf.float32)
        value = parsed["length"] * 100 + numbers
        scores = tf.nn.softmax(tf.stack([parsed["length"], -parsed["length"]], 1))
        classes = tf.tile([["long", "short"]], [tf.shape(value)[0], 1])
        return {
            "serving_default": methods.classification_signature_def(given, classes, scores),
            "value": methods.regression_signature_def(given, value),
        }

    estimated(folder, build)


def dropping(folder):
    """Answers only those examples of which the feature is above zero."""

    def build(v1, methods, given):
        x = v1.parse_example(given, {"x": tf.io.FixedLenFeature([], tf.float32)})["x"]
        return {"serving_default": methods.regression_signature_def(given, tf.boolean_mask(x, x > 0))}

    estimated(folder, build)


class Parsing(tf.Module):
    """Parses examples in a function, as TFX exports."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def called(self, examples):
        features = {
            "a": tf.io.FixedLenFeature([3], tf.float32),
            "b": tf.io.FixedLenFeature([], tf.string),
            "r": tf.io.RaggedFeature(tf.int64),
        }
        parsed = tf.io.parse_example(examples, features)
        counts = tf.reduce_sum(parsed["r"], 1) + tf.cast(tf.strings.length(parsed["b"]), tf.int64)
        return {"probabilities": tf.nn.softmax(parsed["a"]), "counts": counts}


def in_keras(folder, network, x, y):
    (folder / "model").mkdir(parents=True)
    network.save(folder / "model" / "model.keras")
    answer = network(x[TRAINED:], training=False)["probabilities"].numpy()
    expected(folder, {"pixels": x[TRAINED:]}, y, probabilities=answer)


def save(made, folder, signatures):
    tf.saved_model.save(made, str(folder), signatures=signatures)


def hostile(name):
    """A function of a text that does what no served graph may."""
    raw = tf.raw_ops

    def called(path):
        return np.array(len(path))

    return {
        "read_file": lambda path: tf.io.read_file(path),
        "write_file": lambda path: with_effect(tf.io.write_file(path, "bitten")),
        "matching_files": lambda path: tf.io.matching_files(path),
        "python": lambda path: tf.numpy_function(called, [path], tf.int64),
        "print_to_file": lambda path: with_effect(tf.print(path, output_stream="file://bitten")),
        "dataset": lambda path: raw.DatasetToSingleElement(
            dataset=tf.data.TextLineDataset(path).take(1)._variant_tensor, output_types=[tf.string], output_shapes=[[]]
        )[0],
        "restore": lambda path: raw.RestoreV2(
            prefix=path, tensor_names=["a"], shape_and_slices=[""], dtypes=[tf.float32]
        )[0],
        "save": lambda path: with_effect(
            raw.SaveV2(prefix=path, tensor_names=["a"], shape_and_slices=[""], tensors=[tf.constant(1.0)])
        ),
    }[name]


def with_effect(operation):
    with tf.control_dependencies([operation] if operation is not None else []):
        return tf.constant(1.0)


REFUSED = ("read_file", "write_file", "matching_files", "python", "print_to_file", "dataset", "restore", "save")


def refused(root, good, with_asset):
    root.mkdir()
    for name in REFUSED:
        served(root / name, hostile(name))
    branch(root / "in_a_branch")
    for name in ("torn", "garbled", "empty", "chunked", "untagged", "unknown_operation"):
        shutil.copytree(good, root / name)
    content = (good / "saved_model.pb").read_bytes()
    (root / "torn" / "saved_model.pb").write_bytes(content[: len(content) // 2])
    (root / "garbled" / "saved_model.pb").write_bytes(b"this is a text\n" * 100)
    (root / "empty" / "saved_model.pb").write_bytes(b"")
    (root / "chunked" / "saved_model.cpb").write_bytes(b"riegeli")
    edited(root / "untagged", lambda graph: graph.meta_info_def.tags.__setitem__(0, "train"))
    edited(root / "unknown_operation", unknown)
    (root / "secret.txt").write_text("zero\n")
    shutil.copytree(with_asset, root / "asset_outside")
    edited(root / "asset_outside", lambda graph: graph.asset_file_def[0].__setattr__("filename", "../../secret.txt"))
    shutil.copytree(with_asset, root / "asset_link")
    (root / "asset_link" / "assets" / "names.txt").unlink()
    (root / "asset_link" / "assets" / "names.txt").symlink_to(root / "secret.txt")
    shutil.copytree(with_asset, root / "table_elsewhere")
    edited(root / "table_elsewhere", table_elsewhere)
    shutil.copytree(good, root / "variables_link")
    (root / "variables_link" / "variables" / "variables.index").unlink()
    (root / "variables_link" / "variables" / "variables.index").symlink_to(good / "variables" / "variables.index")


def served(folder, does):
    made = tf.Module()
    spec = [tf.TensorSpec([], tf.string, name="path")]
    made.call = tf.function(lambda path: {"done": does(path)}, input_signature=spec)
    save(made, folder, {"serving_default": made.call})


def branch(folder):
    """Reads a file in a branch that is taken for one input only."""
    served(folder, lambda path: tf.cond(tf.equal(path, "now"), lambda: tf.io.read_file("/etc/hostname"), lambda: path))


def unknown(graph):
    graph.graph_def.library.function[0].node_def[0].op = "Shell"


def table_elsewhere(graph):
    """The table's file is a constant of the graph instead of the asset."""
    for function in graph.graph_def.library.function:
        for node in function.node_def:
            if node.op == "InitializeTableFromTextFileV2":
                constant = function.node_def.add(name="elsewhere", op="Const")
                constant.attr["dtype"].type = tf.string.as_datatype_enum
                constant.attr["value"].tensor.CopyFrom(tf.make_tensor_proto("/etc/passwd"))
                node.input[1] = "elsewhere:output:0"
                return
    raise AssertionError("no table to change")


def edited(folder, change):
    path = folder / "saved_model.pb"
    model = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    change(model.meta_graphs[0])
    path.write_bytes(model.SerializeToString())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
