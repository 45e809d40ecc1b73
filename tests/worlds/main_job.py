"""The platform's main job through the SDK alone, on real digits: from data to a served, metered model."""

from pathlib import Path

import numpy as np
import pytest

from bms.adapters.datasets.reader import load_split, read_manifest
from bms.core.errors import FailedPrecondition
from bms.sdk import Client
from bms.sdk.datasets import DatasetVersion
from bms.sdk.deployments import Target
from bms.sdk.models import Gate, Version
from tests.worlds.platforms import RealPlatform
from tests.worlds.whole_platform import deploy, new_key, until

NAME, ALIAS = "digits", "production"
GATE = Gate(metric="accuracy", dataset=NAME, split="validation", minimum=0.9)
BUILD_S = 200.0  # environments with scikit-learn, once with what converts


def main_job(platform: RealPlatform, folder: Path) -> None:
    """All of it, each step checked; `folder` takes what a client downloads."""
    with platform.client() as client:
        data = imported(client)
        client.models.create(NAME, gates=[GATE])
        parent, child = trained(client, epochs=8)
        refused_without_its_gate(client, parent)
        client.models.move_alias(NAME, ALIAS, child.number)
        status = deploy(client, NAME, NAME, Target(alias=ALIAS))
        assert [part.version for part in status.traffic] == [child.number]

        images, labels = split_of(client, data, "test", folder)
        key = new_key(platform, scopes=frozenset({"inference:invoke"}))
        with Client(platform.url, key.text) as app:
            answers = [app.predict_image(NAME, image) for image in images]
            name, score = app.classify_image(NAME, images[0])[0]
        guesses = [int(answer.outputs["probabilities"][0].argmax()) for answer in answers]
        assert np.mean(np.asarray(guesses) == labels) > 0.9
        assert {answer.version for answer in answers} == {child.number}
        assert (name, np.float32(score)) == (str(guesses[0]), answers[0].outputs["probabilities"][0].max())

        until(lambda: billed(client, key.key.id) >= len(images) + 1, "all is billed")
        events = list(client.usage.events(key=key.key.id))
        assert len(events) == billed(client, key.key.id) == len(images) + 1
        assert {(event.model, event.version, event.status, event.rows) for event in events} == {
            (NAME, child.number, 200, 1)
        }


def imported(client: Client) -> DatasetVersion:
    """The digits as a data set of TFRecord files in three splits."""
    asked = client.datasets.import_sample(NAME, "digits")
    ready = client.datasets.wait(NAME, asked.number, timeout_s=BUILD_S)
    assert sum(split.rows for split in ready.splits.values()) == 1797
    assert set(ready.splits) == {"train", "validation", "test"}
    assert len(ready.labels) == 10
    assert all(path.endswith(".tfrecord") for split in ready.splits.values() for path in split.files)
    return ready


def trained(client: Client, epochs: int) -> tuple[Version, Version]:
    """The version that a training made, and its child in ONNX that passed the gate."""
    job = client.jobs.train(recipe="image-mlp", datasets={"data": NAME}, model=NAME, parameters={"epochs": epochs})
    done = client.jobs.wait(job.id, timeout_s=BUILD_S)
    assert done.progress == 1
    steps = [event for event in client.jobs.events(job.id) if "validation_accuracy" in event.metrics]
    assert [event.step for event in steps] == list(range(1, epochs + 1))
    assert b"".join(client.jobs.log(job.id))

    parent = until(
        lambda: next((v for v in client.models.versions(NAME) if v.lineage.job == job.id), None), "a version"
    )
    parent = client.models.wait_version(NAME, parent.number, timeout_s=BUILD_S)
    assert (parent.runtime, parent.lineage.datasets) == ("sklearn", (f"{NAME}@1",))
    child = until(lambda: child_of(client, parent), "its child in ONNX, measured at the gate", BUILD_S)
    assert (child.state, child.runtime, child.lineage.relation) == ("ready", "onnx", "converted")
    assert float(child.metadata["largest_difference"]) < 1e-4
    (result,) = child.gate_results
    assert result.passed
    assert result.value is not None
    assert result.value >= 0.9
    return parent, child


def child_of(client: Client, parent: Version) -> Version | None:
    """The converted version once its gate is measured. Fails with the reason of a job that failed."""
    for job in client.jobs.list():
        assert job.state not in ("failed", "lost"), f"{job.name}: {job.error}"
    for version in client.models.versions(NAME):
        if version.lineage.parent == parent.number and version.state == "ready" and measured(version):
            return version
    return None


def measured(version: Version) -> bool:
    return bool(version.gate_results) and not any(result.measuring for result in version.gate_results)


def refused_without_its_gate(client: Client, parent: Version) -> None:
    """An alias goes to no version that was not measured, or not well enough."""
    client.models.change(NAME, gates=[GATE, Gate(metric="accuracy", dataset=NAME, split="test", minimum=0.999)])
    with pytest.raises(FailedPrecondition) as refused:
        client.models.move_alias(NAME, ALIAS, parent.number)
    assert "accuracy" in refused.value.message
    client.models.change(NAME, gates=[GATE])


def split_of(client: Client, data: DatasetVersion, split: str, folder: Path) -> tuple[list[bytes], np.ndarray]:
    """The encoded images and labels of a split, downloaded as any client could."""
    for path in ("dataset.json", *data.splits[split].files):
        (folder / path).write_bytes(b"".join(client.datasets.download(NAME, data.number, path)))
    columns, manifest = load_split(folder, split), read_manifest(folder)
    assert manifest.label is not None
    images = [image for image in columns["image"] if isinstance(image, bytes)]
    assert len(images) == data.splits[split].rows
    return images, np.asarray(columns[manifest.label])


def billed(client: Client, key: str) -> int:
    return sum(row.requests for row in client.usage.summary(key=key))
