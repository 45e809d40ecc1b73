"""Trains a multi-layer perceptron on a data set of labelled images, and saves it with how images become its input."""

import numpy as np
from sklearn.neural_network import MLPClassifier

from bms.jobs import Dataset, Job


def main(job: Job) -> None:
    wanted, data = job.parameters, job.dataset()
    train, validation = (_pixels(job, data, split) for split in ("train", "validation"))
    classes = np.arange(len(data.classes))
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
    job.save_model(
        model,
        labels=data.classes,
        preprocess={  # the same decoding, sizes and scale as in training
            "type": "image",
            "input": "x",
            "mode": wanted["mode"],
            "height": wanted["height"],
            "width": wanted["width"],
            "scale": 1 / 255,
            "layout": "flat",
        },
        requirements=("scikit-learn>=1.6,<2", "skops>=0.11,<1", "pillow>=11"),  # the job's own environment will do
        metadata={"recipe": "image-mlp"},
    )


def _pixels(job: Job, data: Dataset, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Rows of grey or colour values from 0 to 1, float32 [N, height * width * channels], and int64 labels [N]."""
    if not data.classes:
        raise ValueError("this recipe needs a data set of images with labels")
    images, labels = data.images(split, job.parameters["mode"], (job.parameters["height"], job.parameters["width"]))
    return images.reshape(len(images), -1).astype(np.float32) / np.float32(255), labels
