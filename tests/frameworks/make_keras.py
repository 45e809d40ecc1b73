"""Trains and saves Keras models, one folder each, and breaks some: run where keras and torch are installed.

Good ones lie at the top: the artifact in `model`, what Keras answers to rows it was not trained on in `expected.npz`.
Bad ones lie below `refused`.
"""

import json
import os
import shutil
import sys
import zipfile
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"

import h5py
import keras
import numpy as np
from PIL import Image

DIGITS = Path(__file__).parent.parent / "data" / "digits.npz"
TRAINED = 300  # rows; the others are held out


def main(root):
    keras.utils.set_random_seed(3)
    with np.load(DIGITS) as data:
        x, y = data["x"], data["y"]
    line = keras.Sequential(
        [
            keras.Input((64,), name="pixels"),
            keras.layers.Dense(32, activation="relu"),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(10, activation="softmax", name="digit"),
        ]
    )
    line.compile(loss="sparse_categorical_crossentropy", optimizer=keras.optimizers.Adam(0.01))
    line.fit(x[:TRAINED], y[:TRAINED], epochs=15, verbose=0)
    answer = np.asarray(line.predict(x[TRAINED:], verbose=0))
    for name, file in (("sequential", "model.keras"), ("legacy", "model.h5")):
        (root / name / "model").mkdir(parents=True)
        line.save(root / name / "model" / file)
        np.savez(root / name / "expected.npz", pixels=x[TRAINED:], y=y[TRAINED:], digit=answer)
    functional(root / "functional", x)
    operations(root)
    composed(root)
    network = keras.applications.MobileNet(input_shape=(32, 32, 3), alpha=0.25, weights=None, classes=3)
    application(root / "application", network, keras.applications.mobilenet.preprocess_input, (32, 32))
    refused(root / "refused", root / "sequential" / "model" / "model.keras", root / "legacy" / "model" / "model.h5")


def functional(folder, x):
    """Two inputs, by name, and two outputs: an image and a number."""
    image, more = keras.Input((8, 8, 1), name="image"), keras.Input((2,), name="more")
    hidden = keras.layers.Conv2D(4, 3, activation="relu")(image)
    hidden = keras.layers.BatchNormalization()(hidden)
    hidden = keras.layers.Concatenate()([keras.layers.Flatten()(hidden), more])
    outputs = [keras.layers.Dense(10, name="logits")(hidden), keras.layers.Dense(1, name="size")(hidden)]
    network = keras.Model({"image": image, "more": more}, outputs)
    rows = {"image": x[:20].reshape(-1, 8, 8, 1), "more": x[:20, :2]}
    answers = network.predict(rows, verbose=0)
    (folder / "model").mkdir(parents=True)
    network.save(folder / "model" / "model.keras")
    np.savez(folder / "expected.npz", **rows, logits=answers[0], size=answers[1])


def operations(root):
    """What Keras writes of its own between layers, and models that give one bare output."""
    chance = np.random.default_rng(4)
    words = keras.Input((None,), dtype="int32", name="words")
    hidden = keras.layers.LSTM(4)(keras.layers.Embedding(30, 8, mask_zero=True)(words))  # which writes a NotEqual
    network = keras.Model(words, keras.layers.Dense(2, name="said")(hidden))
    rows = chance.integers(1, 30, (9, 6)) * (np.arange(6) < chance.integers(1, 7, (9, 1)))
    written(root / "masked", network, words=rows.astype(np.int32))
    (root / "refused" / "operations_h5").mkdir(parents=True)
    network.save(root / "refused" / "operations_h5" / "model.h5")

    series, lengths = keras.Input((6, 3), name="series"), keras.Input((), dtype="int32", name="lengths")
    within = keras.ops.arange(6)[None, :] < lengths[:, None]
    network = keras.Model([series, lengths], keras.layers.GRU(4, name="state")(series, mask=within))
    rows = chance.standard_normal((9, 6, 3), dtype=np.float32)
    written(root / "lengths", network, series=rows, lengths=chance.integers(1, 7, 9, dtype=np.int32))

    table = keras.Input((6, 4), name="table")
    outputs = {
        "scaled": keras.layers.Dense(2)(table * 2 + 1),
        "mean": keras.ops.mean(table, axis=1),
        "first": table[:, 0],
        "part": table[..., None, 1:3],
        "mixed": keras.ops.einsum("abc,abd->acd", keras.ops.relu(table), keras.ops.softmax(table)),
        "image": keras.ops.image.resize(table[..., None], (3, 2)),
        "size": keras.ops.norm(table, axis=(1, 2)),
    }
    written(root / "computed", keras.Model(table, outputs), table=chance.standard_normal((9, 6, 4), dtype=np.float32))


def composed(root):
    """Models within models, nested inputs and outputs, and layers that run over steps in both directions."""
    chance = np.random.default_rng(6)
    body = keras.Sequential([keras.layers.Dense(6, activation="relu"), keras.layers.Dense(4)], name="body")
    left, right = keras.Input((3,), name="left"), keras.Input((3,), name="right")
    pair = keras.Model([left, right], [body(left), body(right) - body(left)], name="pair")
    a, b, more = (keras.Input(shape, name=name) for shape, name in (((3,), "a"), ((3,), "b"), ((2,), "more")))
    first, second = pair([a, b])
    outputs = {
        "both": keras.layers.Dense(2, activation="softmax", name="classes")(
            keras.layers.Concatenate()([first, second])
        ),
        "parts": [keras.layers.Dense(1)(second), keras.layers.Concatenate()([first, more])],
    }
    network = keras.Model({"pair": [a, b], "more": more}, outputs)
    rows = {
        name: chance.standard_normal((9, size), dtype=np.float32) for name, size in (("a", 3), ("b", 3), ("more", 2))
    }
    answers = network.predict({"pair": [rows["a"], rows["b"]], "more": rows["more"]}, verbose=0)
    (root / "nested" / "model").mkdir(parents=True)
    network.save(root / "nested" / "model" / "model.keras")
    parts = {f"parts_{at}": array for at, array in enumerate(answers["parts"])}
    np.savez(root / "nested" / "expected.npz", **rows, both=answers["both"], **parts)

    twice = keras.layers.Dense(2, name="twice")
    (root / "shared" / "model").mkdir(parents=True)  # one name for both outputs
    keras.Model([left, right], [twice(left), twice(right)]).save(root / "shared" / "model" / "model.keras")

    steps = keras.Sequential(
        [
            keras.Input((3, 3), name="steps"),
            keras.layers.Masking(0.0),
            keras.layers.Bidirectional(keras.layers.LSTM(4, return_sequences=True)),
            keras.layers.TimeDistributed(keras.layers.Dense(3, activation="tanh")),
            keras.layers.GRU(4),
            keras.layers.Dense(2, name="said"),
        ]
    )
    rows = chance.standard_normal((9, 3, 3), dtype=np.float32)
    rows[:3, 2:] = 0  # which are masked
    written(root / "steps", steps, steps=rows)
    for name, network in (("folder", steps), ("refused/own_layer_folder", keras.Sequential([left, Own(name="loose")]))):
        (root / name).mkdir(parents=True)
        network.save(root / name / "model", zipped=False)


def application(folder, network, prepared, size):
    """One of keras.applications, taught a few pictures that its own preprocessing has `prepared`, and what it says of
    them."""
    (folder / "model").mkdir(parents=True)
    chance = np.random.default_rng(7)
    pictures = []
    for number in range(3):
        blocks = Image.fromarray(chance.integers(0, 256, (5, 4, 3), dtype=np.uint8))
        blocks.resize((64, 48)).save(folder / f"{number}.jpg", quality=90)
        picture = keras.utils.load_img(folder / f"{number}.jpg", target_size=size, interpolation="bilinear")
        pictures.append(keras.utils.img_to_array(picture))
    encoded = np.array([(folder / f"{number}.jpg").read_bytes() for number in range(3)])
    rows = prepared(np.stack(pictures))
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.5  # which learns the rows' statistics in few steps
    network.compile(loss="sparse_categorical_crossentropy", optimizer=keras.optimizers.Adam(0.003))
    network.fit(rows, np.arange(3), epochs=12, verbose=0)
    network.save(folder / "model" / "model.keras")
    np.savez(folder / "expected.npz", image=encoded, predictions=network.predict(rows, verbose=0))


def written(folder, network, **rows):
    """With what the library says; a bare output by the name of what computes it."""
    answers = network.predict(rows if len(rows) > 1 else next(iter(rows.values())), verbose=0)
    named = answers if isinstance(answers, dict) else {network.layers[-1].name: answers}
    (folder / "model").mkdir(parents=True)
    network.save(folder / "model" / "model.keras")
    np.savez(folder / "expected.npz", **rows, **named)


class Twice(keras.Operation):
    def call(self, x):
        return x * 2

    def compute_output_spec(self, x):
        return keras.KerasTensor(x.shape, x.dtype)


def halved(x):
    return x / 2


@keras.saving.register_keras_serializable(package="mine")
class Own(keras.layers.Layer):
    def call(self, x):
        return x


class Mine(keras.Model):
    """Code that no file holds: `model.export` makes a program of it."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.hidden = keras.layers.Dense(2)

    def call(self, x):
        return self.hidden(x) * 2


def refused(root, archive, legacy):
    def small(*layers):
        return keras.Sequential([keras.Input((4,)), *layers])

    anonymous = small(keras.layers.Lambda(lambda x: x * 2))
    for name, file in (("lambda", "model.keras"), ("lambda_h5", "model.h5")):
        (root / name).mkdir(parents=True)
        anonymous.save(root / name / file)
    (root / "own_layer").mkdir()
    small(Own()).save(root / "own_layer" / "model.keras")
    given = keras.Input((4,))
    kept = keras.Input(batch_shape=(2, 3, 4))
    for name, network in (
        ("own_operation", keras.Model(given, Twice()(given))),
        ("own_function", keras.Model(given, keras.ops.map(halved, given))),
        ("own_lambda", keras.Model(given, keras.ops.map(lambda x: x / 2, given))),
        ("keeps_state", keras.Sequential([kept, keras.layers.LSTM(2, stateful=True)])),
    ):
        (root / name).mkdir()
        network.save(root / name / "model.keras")
    mine = Mine()
    mine(np.ones((1, 4), np.float32))
    (root / "subclassed").mkdir()
    mine.save(root / "subclassed" / "model.keras")
    (root / "weights_only").mkdir()
    small(keras.layers.Dense(2)).save_weights(root / "weights_only" / "model.weights.h5")
    imports(root, archive)
    hdf5(root, archive, legacy)
    for name, file, content in (
        ("torn", "model.keras", archive.read_bytes()[:-500]),
        ("torn_h5", "model.h5", legacy.read_bytes()[: legacy.stat().st_size // 2]),
        ("garbled", "model.keras", b"this is a text\n" * 99),
        ("h5_as_keras", "model.keras", legacy.read_bytes()),
        ("keras_as_h5", "model.h5", archive.read_bytes()),
    ):
        (root / name).mkdir()
        (root / name / file).write_bytes(content)


def imports(root, archive):
    """Descriptions that name what is no part of a model."""
    mkdir = {"module": "os", "class_name": "function", "config": "mkdir", "registered_name": "mkdir"}
    fetch = {"module": "keras.utils", "class_name": "function", "config": "get_file", "registered_name": "get_file"}
    load = {"module": "keras.models", "class_name": "function", "config": "load_model"}
    words = {"module": "keras.layers", "class_name": "StringLookup", "config": {"vocabulary": "/etc/passwd"}}
    torch = {"module": "keras.layers", "class_name": "TorchModuleWrapper", "config": {"module": "gASV"}}
    parts = {"imports": mkdir, "fetches": fetch, "loads": load, "reads_words": words, "wraps_pickle": torch}
    for name, part in parts.items():
        rebuilt(root / name, archive, config=lambda config, part=part: activation(config, part))
    rebuilt(root / "outside", archive, more={"assets/../../outside": b"1"})
    rebuilt(root / "more", archive, more={"run.py": b"1"})
    rebuilt(root / "swollen", archive, more={"assets/zeros": bytes(128 << 20)})


def activation(config, part):
    config["config"]["layers"][1]["config"]["activation"] = part
    return config


def rebuilt(folder, archive, *, config=None, weights=None, more=None):
    folder.mkdir(parents=True)
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(folder / "model.keras", "w") as new:
        for info in old.infolist():
            content = old.read(info)
            if info.filename == "config.json" and config is not None:
                content = json.dumps(config(json.loads(content))).encode()
            if info.filename == "model.weights.h5" and weights is not None:
                content = weights(content)
            new.writestr(info.filename, content)
        for name, content in (more or {}).items():
            new.writestr(name, content, zipfile.ZIP_DEFLATED)


def hdf5(root, archive, legacy):
    """Files that keep what they hold elsewhere, or claim to hold far more than they do."""
    secret = root / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["kernel"] = np.ones((64, 32), np.float32)
    (root / "secret.bin").write_bytes(np.ones((64, 32), np.float32).tobytes())

    def linked(group):
        del group["kernel"]
        group["kernel"] = h5py.ExternalLink(str(secret), "kernel")

    def stored_elsewhere(group):
        del group["kernel"]
        group.create_dataset("kernel", (64, 32), "f4", external=[(str(root / "secret.bin"), 0, 64 * 32 * 4)])

    def virtual(group):
        del group["kernel"]
        layout = h5py.VirtualLayout((64, 32), "f4")
        layout[:] = h5py.VirtualSource(str(secret), "kernel", (64, 32))
        group.create_virtual_dataset("kernel", layout)

    def bomb(group):
        del group["kernel"]
        group.create_dataset("kernel", (1 << 20, 1 << 14), "f4", chunks=(1 << 10, 1 << 10), compression="gzip")

    for name, change in (
        ("external_link", linked),
        ("external_data", stored_elsewhere),
        ("virtual_data", virtual),
        ("bomb", bomb),
    ):
        (root / name).mkdir()
        shutil.copy(legacy, root / name / "model.h5")
        changed(root / name / "model.h5", change)
    rebuilt(root / "external_link_within", archive, weights=lambda content: weights_changed(root, content, linked))


def weights_changed(root, content, change):
    path = root / "changed.h5"
    path.write_bytes(content)
    changed(path, change)
    content = path.read_bytes()
    path.unlink()
    return content


def changed(path, change):
    """Changes the first group that holds a kernel of 64 rows, named so or "0"."""
    with h5py.File(path, "a") as file:
        found = []
        file.visititems(lambda name, item: found.append(name) if getattr(item, "shape", None) == (64, 32) else None)
        group, _, name = found[0].rpartition("/")
        if name != "kernel":
            file[group].move(name, "kernel")
        change(file[group])
        if name != "kernel":
            file[group].move("kernel", name)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
