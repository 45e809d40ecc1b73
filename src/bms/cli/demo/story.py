"""The seven chapters of the demo, each a few calls of the SDK."""

import asyncio
import base64
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import numpy as np

from bms.adapters.datasets.reader import load_split, read_manifest
from bms.cli.demo.stage import Stage
from bms.cli.demo.steady import Felt, SteadyStream
from bms.cli.demo.teller import Bar, Teller
from bms.cli.options.gates import bound_text
from bms.core.errors import AlreadyExists, FailedPrecondition, Internal
from bms.core.workloads.resources import size_text
from bms.sdk import Client
from bms.sdk.deployments import DeploymentSpec, DeploymentStatus, Target
from bms.sdk.jobs import Job
from bms.sdk.models import Gate, Version
from bms.sdk.tenants import NewKey

NAME, ALIAS, RECIPE = "digits", "production", "image-mlp"
GATE = Gate(metric="accuracy", dataset=NAME, split="validation", minimum=0.9)
SETTLE_S = 120.0
POLL_S = 0.2
PER_SECOND = 100.0


class Story:
    """One run of the demo. `client` is the admin's; predictions are made with a key of their own."""

    def __init__(self, stage: Stage, client: Client, teller: Teller) -> None:
        self._stage = stage
        self._client = client
        self._teller = teller
        self._requests = 0

    def tell(self) -> None:
        """Runs all chapters. Raises a BmsError as soon as one does not hold what it promises."""
        self._data()
        first = self._train("Train a model, register it, convert it to ONNX, pass the gate", {"epochs": 30})
        self._deploy(first)
        key = self._client.keys.create("demo-app", scopes=frozenset({"inference:invoke"}))
        with tempfile.TemporaryDirectory() as folder:
            images, labels = self._test_split(Path(folder))
        self._predict(key, images, labels)
        second = self._train("Train a second version", {"epochs": 60, "hidden": [128], "seed": 1})
        asyncio.run(self._switch(key, images[0], first, second))
        self._books(key)

    def _data(self) -> None:
        self._teller.chapter("Import a real data set: 1,797 handwritten digits")
        version = self._client.datasets.import_sample(NAME, "digits")
        with self._teller.progress("importing") as bar:
            ready = self._client.datasets.wait(NAME, version.number, lambda _: self._job_bar(version.job, bar))
        splits = {
            split: f"{part.rows} rows in {len(part.files)} TFRecord file(s)" for split, part in ready.splits.items()
        }
        self._teller.table(f"data set {NAME}@{ready.number}, {size_text(ready.size)}", splits)
        statistics = self._client.datasets.statistics(NAME, ready.number)
        self._teller.bars("class balance", _class_balance(statistics))

    def _train(self, title: str, parameters: dict[str, object]) -> Version:
        """The ONNX child that passed its gate."""
        self._teller.chapter(title)
        with suppress(AlreadyExists):
            self._client.models.create(NAME, description="handwritten digits", gates=[GATE])
        job = self._client.jobs.train(recipe=RECIPE, datasets={"data": NAME}, model=NAME, parameters=parameters)
        with self._teller.progress("training") as bar:
            self._client.jobs.wait(job.id, lambda seen: bar(seen.progress, _progress_text(seen)))
        with self._teller.progress("verifying, converting, measuring the gate") as bar:
            parent, child = self._family(job.id, bar)
        assert child.measurement is not None
        (standing,) = self._client.models.gates(NAME, child.number)
        result = standing.result
        if standing.state != "passed" or result is None:
            raise Internal(f"version {child.number} did not pass its gate: {standing.why}")
        self._teller.table(
            f"version {parent.number} ({parent.runtime}) and its child, version {child.number} ({child.runtime})",
            {
                "digest": child.artifact[:30] + "…",
                "made by": f"{job.name} from {', '.join(parent.lineage.datasets)}",
                "largest difference from parent": child.metadata.get("largest_difference", "?"),
                "gate": f"{result.metric} {result.value:.4f} on {result.dataset} {result.split}, {bound_text(result)}",
                "one row takes": f"{child.measurement.infer_ns / 1e6:.3f} ms, {size_text(child.measurement.memory)}",
            },
        )
        return child

    def _family(self, job: str, bar: Bar) -> tuple[Version, Version]:
        """The version a training made and its converted child, once the child's gate is measured.

        Jobs, and the environments that are built for them, have limits of their own, and take minutes on a machine that
        fetches everything for the first time. What is bounded here is how long none is under way.
        """
        deadline = time.monotonic() + SETTLE_S
        while time.monotonic() < deadline:
            versions = list(self._client.models.versions(NAME))
            parent = next((version for version in versions if version.lineage.job == job), None)
            number = parent.number if parent is not None else None
            child = next((version for version in versions if number and version.lineage.parent == number), None)
            if parent is not None and child is not None and _measured(child):
                return parent, child
            made = [version for version in (parent, child) if version is not None]
            if (under_way := self._under_way(made)) is not None:
                deadline = time.monotonic() + SETTLE_S
                bar((2 * len(made) - 1) / 4, f"{under_way.name}, {_progress_text(under_way)}")
            time.sleep(POLL_S)
        raise Internal(f"version and child of job {job} were not ready after {SETTLE_S:.0f} s without a job of theirs")

    def _under_way(self, versions: list[Version]) -> Job | None:
        """A job of one of them that has not ended. Raises FailedPrecondition in its own words when one failed."""
        jobs = [job for version in versions for job in self._client.jobs.list(subject=version.id)]
        for version in versions:
            if version.state == "rejected":
                raise FailedPrecondition(f"version {version.number} was rejected: {version.reason}")
        for job in jobs:
            if job.ended and job.state != "succeeded":
                raise FailedPrecondition(f"{job.name} {job.state}: {job.error}")
        return next((job for job in jobs if not job.ended), None)

    def _deploy(self, version: Version) -> None:
        self._teller.chapter("Deploy it behind a name")
        self._client.models.move_alias(NAME, ALIAS, version.number)
        spec = DeploymentSpec(model=NAME, targets=[Target(alias=ALIAS)])
        self._client.deployments.put(NAME, spec)
        with self._teller.progress("starting a model server") as bar:
            status = self._client.deployments.wait_ready(NAME, lambda seen: bar(0.5, seen.message))
        self._say_status(status)

    def _say_status(self, status: DeploymentStatus) -> None:
        served = ", ".join(f"version {part.version} ({part.weight} %)" for part in status.traffic if part.weight)
        self._teller.say(f"{self._stage.url}/v1/models/{NAME} serves {served}; alias {ALIAS!r} decides which")

    def _test_split(self, folder: Path) -> tuple[list[bytes], np.ndarray]:
        """The encoded images and labels of the test split, downloaded as any client could."""
        version = next(iter(self._client.datasets.versions(NAME)))
        for path in ("dataset.json", *version.splits["test"].files):
            (folder / path).write_bytes(b"".join(self._client.datasets.download(NAME, version.number, path)))
        columns = load_split(folder, "test")
        label = read_manifest(folder).label
        assert label is not None, "digits are labelled"
        return [image for image in columns["image"] if isinstance(image, bytes)], np.asarray(columns[label])

    def _predict(self, key: NewKey, images: list[bytes], labels: np.ndarray) -> None:
        self._teller.chapter(f"Predict the {len(images)} test images over HTTP, one request each, with a key of an app")
        app = Client(self._stage.url, key.text)
        right, taken = 0, []
        with self._teller.progress("predicting") as bar:
            for number, (image, label) in enumerate(zip(images, labels, strict=True), 1):
                began = time.perf_counter()
                answer = app.inference.predict_image(NAME, image)
                taken.append(time.perf_counter() - began)
                right += int(answer.outputs["probabilities"][0].argmax()) == int(label)
                if number % 10 == 0 or number == len(images):
                    bar(number / len(images), f"{number} of {len(images)}")
        self._requests += len(images)
        p50, p99 = np.percentile(taken, [50, 99]) * 1e3
        self._teller.table(
            "measured from the answers",
            {"accuracy": f"{right / len(images):.4f}", "latency": f"p50 {p50:.2f} ms, p99 {p99:.2f} ms"},
        )
        self._curl(key, images[0])

    def _curl(self, key: NewKey, image: bytes) -> None:
        picture = self._stage.home / "digit.png"
        picture.write_bytes(image)
        self._teller.say("the same by hand (afterwards, too, with --keep), an image in and class probabilities out:")
        self._teller.paste(
            f"curl -s -H 'Authorization: Bearer {key.text}' -H 'Content-Type: image/png' "
            f"--data-binary @{picture} {self._stage.url}/v1/models/{NAME}:classify"
        )
        body = f'{{"instances": [{{"b64": "{base64.b64encode(image).decode()}"}}], "signature_name": "image"}}'
        self._teller.paste(
            f"curl -s -H 'Authorization: Bearer {key.text}' -d '{body}' {self._stage.url}/v1/models/{NAME}:predict"
        )

    async def _switch(self, key: NewKey, image: bytes, first: Version, second: Version) -> None:
        self._teller.chapter("Shift the alias under load, then roll back")
        content = base64.b64encode(image).decode()
        body = f'{{"instances": [{{"b64": "{content}"}}], "signature_name": "image"}}'.encode()
        stream = SteadyStream(self._stage.url, key.text, f"/v1/models/{NAME}:predict", body, per_second=PER_SECOND)
        running = asyncio.create_task(stream.run())
        await asyncio.sleep(1)
        for words, version in (("shifted to", second), ("rolled back to", first)):
            await asyncio.to_thread(self._client.models.move_alias, NAME, ALIAS, version.number)
            status = await asyncio.to_thread(self._serving, version.number)
            self._teller.say(f"{words} version {version.number}: {status.message}")
            await asyncio.sleep(1.5)
        stream.stop()
        await running
        self._requests += stream.felt.answered
        self._check(stream.felt)

    def _check(self, felt: Felt) -> None:
        self._teller.table(
            f"what clients felt at {PER_SECOND:.0f} requests a second",
            {
                "answered": felt.answered,
                "failed": felt.failed,
                "latency": f"p50 {felt.percentile(0.5) * 1e3:.2f} ms, p99 {felt.percentile(0.99) * 1e3:.2f} ms",
            },
        )
        if felt.failed:
            raise Internal(f"{felt.failed} requests failed while the alias moved: {felt.failures[0]}")

    def _serving(self, number: int) -> DeploymentStatus:
        """The deployment's status once all unnamed requests go to version `number`."""
        deadline = time.monotonic() + SETTLE_S
        while time.monotonic() < deadline:
            status = self._client.deployments.status(NAME)
            if [part.version for part in status.traffic if part.weight] == [number]:
                return status
            time.sleep(0.05)
        raise Internal(f"version {number} was not serving after {SETTLE_S:.0f} s: {status.message}")

    def _books(self, key: NewKey) -> None:
        self._teller.chapter("What it cost: the books of that key")
        deadline = time.monotonic() + 10
        billed = -1
        while billed != self._requests and time.monotonic() < deadline:
            rows = list(self._client.usage.summary(key=key.key.id, group_by=("deployment", "version")))
            billed = sum(row.requests for row in rows)
            time.sleep(0.1)
        for row in rows:
            self._teller.say(
                f"{NAME} version {row.version}: {row.requests} requests, {row.rows} rows, "
                f"{row.compute_ns / 1e9:.3f} s of compute"
            )
        self._teller.say(f"made {self._requests} requests, billed {billed}")
        if billed != self._requests:
            raise Internal(f"the books show {billed} requests, {self._requests} were made")

    def _job_bar(self, job: str | None, bar: Bar) -> None:
        if job is not None:
            seen = self._client.jobs.get(job)
            bar(seen.progress, _progress_text(seen))


def _measured(version: Version) -> bool:
    return bool(version.gate_results) and not any(result.measuring for result in version.gate_results)


def _progress_text(job: Job) -> str:
    return job.message or job.state


def _class_balance(statistics: dict[str, object]) -> dict[str, int]:
    features = statistics.get("features")
    assert isinstance(features, list)
    for feature in features:
        if feature.get("classes"):
            return {str(name): int(count) for name, count in feature["classes"].items()}
    return {}
