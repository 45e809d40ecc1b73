"""Trains a multi-layer perceptron on a data set of labelled images and leaves a version: output/model and a card."""

import json
from typing import Any

import numpy as np
import skops.io
from sklearn.neural_network import MLPClassifier

from bms.adapters.datasets.reader import decode_images, load_split, read_manifest


def main(job: Any) -> None:
    wanted = job.parameters
    labels = read_manifest(job.inputs["data"]).labels
    train, validation = (_pixels(job, split) for split in ("train", "validation"))
    classes = np.arange(len(labels))
    model = MLPClassifier(
        hidden_layer_sizes=tuple(wanted["hidden"]),
        solver="adam",
        learning_rate_init=wanted["learning_rate"],
        alpha=wanted["l2"],
        batch_size=wanted["batch_size"],
        random_state=wanted["seed"],
    )
    order = np.random.default_rng(wanted["seed"])
    for epoch in range(1, wanted["epochs"] + 1):
        rows = order.permutation(len(train[1]))
        model.partial_fit(train[0][rows], train[1][rows], classes=classes)
        accuracy = float(model.score(*validation))
        job.metric("loss", float(model.loss_), step=epoch)
        job.metric("validation_accuracy", accuracy, step=epoch)
        said = f"epoch {epoch}: loss {model.loss_:.4f}, accuracy {accuracy:.4f}"
        job.progress(epoch / wanted["epochs"], said)
        print(said, flush=True)  # into the job's log
    (job.output / "model").mkdir(parents=True)
    skops.io.dump(model, job.output / "model" / "model.skops")
    _write_card(job, labels)


def _pixels(job: Any, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Rows of grey or colour values from 0 to 1, float32 [N, height * width * channels], and int64 labels [N]."""
    manifest = read_manifest(job.inputs["data"])
    pictures = next((feature.name for feature in manifest.schema.features if feature.kind == "image"), None)
    if pictures is None or manifest.label is None:
        raise ValueError("this recipe needs a data set of images with labels")
    columns = load_split(job.inputs["data"], split)
    size = (job.parameters["height"], job.parameters["width"])
    images = decode_images(columns[pictures], job.parameters["mode"], size)
    return images.reshape(len(images), -1).astype(np.float32) / np.float32(255), np.asarray(columns[manifest.label])


def _write_card(job: Any, labels: tuple[str, ...]) -> None:
    """How to serve it: the same decoding, sizes and scale as in training."""
    wanted = job.parameters
    preprocess = {
        "type": "image",
        "input": "x",
        "mode": wanted["mode"],
        "height": wanted["height"],
        "width": wanted["width"],
        "scale": 1 / 255,
        "layout": "flat",
    }
    made = {
        "runtime": "sklearn",
        "labels": labels,
        "preprocess": preprocess,
        "environment": {"requirements": ["scikit-learn>=1.6,<2", "skops>=0.11,<1", "pillow>=11"]},
        "metadata": {"recipe": "image-mlp"},
    }
    (job.output / "version.json").write_text(json.dumps(made))
