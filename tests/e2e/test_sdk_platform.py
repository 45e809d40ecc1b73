"""The SDK against a real platform: uploads, jobs and their logs, deployments, predictions, on both clients."""

import asyncio
import re
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from bms.core.errors import FailedPrecondition, InvalidArgument, NotFound
from bms.sdk import RoundedWarning
from bms.sdk.deployments import DeploymentSpec, Target
from bms.sdk.models import NewVersion
from tests.pages import block_of, ran
from tests.peers.callers import KINDS, Caller
from tests.worlds.platforms import RealPlatform
from tests.worlds.whole_platform import deploy, push

DATA = Path(__file__).parents[1] / "data"
SCRIPT = """
def main(job):
    for step in range(1, 4):
        print("step", step, flush=True)
        job.metric("loss", 1 / step, step=step)
        job.progress(step / 3, f"step {step}")
    if job.parameters.get("fail"):
        raise ValueError("failed on purpose")
    (job.output / "made.txt").write_text("made " * 1000)
"""


@pytest.fixture(scope="module")
def platform(tenant: RealPlatform) -> RealPlatform:
    return tenant


@pytest.fixture(scope="module")
def busy(platform: RealPlatform) -> str:
    """A deployment that answers."""
    with platform.client() as client:
        push(client, "busy", new=NewVersion())
        deploy(client, "busy", "busy", Target(version=1))
    return "busy"


@pytest.fixture(params=KINDS)
async def caller(request: pytest.FixtureRequest, platform: RealPlatform) -> AsyncIterator[Caller]:
    made = Caller(request.param, platform.url, platform.key)
    yield made
    await made.close()


@pytest.fixture
def code(tmp_path: Path) -> Path:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "train.py").write_text(SCRIPT)
    return tmp_path / "code"


def run_directly(rows: np.ndarray) -> dict[str, np.ndarray]:
    """What ONNX Runtime itself answers."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(DATA / "digits.onnx", options)
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {"x": rows}), strict=True))


async def test_a_job_of_ones_own_code_is_followed_to_its_end(caller: Caller, code: Path) -> None:
    job = await caller.call(lambda c: c.jobs.train(code=code, entry="train.py", name="own"))
    log = await caller.items(lambda c: c.jobs.log(job.id, follow=True))
    assert b"".join(log).decode().splitlines()[-3:] == ["step 1", "step 2", "step 3"]
    ended = await caller.call(lambda c: c.jobs.wait(job.id))
    assert (ended.state, ended.progress, ended.message) == ("succeeded", 1.0, "step 3")
    assert ended.metrics["loss"] == pytest.approx(1 / 3)
    events = await caller.call(lambda c: c.jobs.events(job.id))
    assert [event.step for event in events if event.metrics] == [1, 2, 3]
    [file] = await caller.call(lambda c: c.jobs.output(job.id))
    content = b"".join(await caller.items(lambda c: c.jobs.download(job.id, file.path)))
    assert content == b"made " * 1000
    assert job.id in [each.id for each in await caller.items(lambda c: c.jobs.list(kind="train"))]


async def test_a_job_that_fails_says_why(caller: Caller, code: Path) -> None:
    job = await caller.call(lambda c: c.jobs.train(code=code, entry="train.py", parameters={"fail": True}))
    with pytest.raises(FailedPrecondition, match="failed on purpose"):
        await caller.call(lambda c: c.jobs.wait(job.id))
    assert (await caller.call(lambda c: c.jobs.wait(job.id, check=False))).state == "failed"
    again = await caller.call(lambda c: c.jobs.retry(job.id))
    assert again.id != job.id
    cancelled = await caller.call(lambda c: c.jobs.cancel(again.id))
    assert cancelled.cancel_requested or cancelled.ended


async def test_an_upload_tells_its_progress_and_sends_nothing_twice(caller: Caller, tmp_path: Path) -> None:
    name = f"progress-{type(caller.client).__name__.lower()}"
    path = tmp_path / "model"
    path.mkdir()
    (path / "digits.onnx").write_bytes((DATA / "digits.onnx").read_bytes())
    (path / "notes.txt").write_bytes(f"of {name}".encode() * 60_000)
    told: list[tuple[int, int]] = []
    new = NewVersion(metadata={"why": "a test"}, labels=tuple("0123456789"))
    first = await caller.call(
        lambda c: c.models.upload(name, path, new, on_progress=lambda done, total: told.append((done, total)))
    )
    assert told == sorted(told)
    assert told[-1][0] == told[-1][1] >= (path / "notes.txt").stat().st_size
    ready = await caller.call(lambda c: c.models.wait_version(name, first.number))
    assert (ready.state, ready.runtime, ready.metadata) == ("ready", "onnx", {"why": "a test"})
    told.clear()
    second = await caller.call(
        lambda c: c.models.upload(name, path, on_progress=lambda done, total: told.append((done, total)))
    )
    assert (second.number, second.artifact, told) == (2, first.artifact, [])
    files = await caller.call(lambda c: c.models.files(name, 1))
    assert [file.path for file in files] == ["digits.onnx", "notes.txt"]
    content = b"".join(await caller.items(lambda c: c.models.download(name, 1, "notes.txt")))
    assert content == (path / "notes.txt").read_bytes()
    await caller.call(lambda c: c.models.wait_version(name, 2))
    await caller.call(lambda c: c.models.delete(name))
    with pytest.raises(NotFound):
        await caller.call(lambda c: c.models.get(name))


async def test_a_model_is_deployed_asked_and_changed(caller: Caller) -> None:
    name = f"served-{type(caller.client).__name__.lower()}"
    version = await caller.call(lambda c: c.models.upload(name, DATA / "digits.onnx"))
    await caller.call(lambda c: c.models.wait_version(name, version.number))
    moved = await caller.call(lambda c: c.models.move_alias(name, "production", 1))
    assert (moved.version, moved.previous) == (1, None)
    spec = DeploymentSpec(model=name, targets=[Target(alias="production")])
    made = await caller.call(lambda c: c.deployments.create(name, spec))
    states: list[str] = []
    status = await caller.call(lambda c: c.deployments.wait_ready(name, lambda seen: states.append(seen.state)))
    assert (status.state, states[-1], [one.version for one in status.traffic]) == ("serving", "serving", [1])
    with np.load(DATA / "digits.npz") as arrays:
        rows = arrays["x"].astype(np.float32)
    answer = await caller.call(lambda c: c.predict(name, rows, alias="production"))
    assert answer.version == 1
    for output, direct in run_directly(rows).items():
        np.testing.assert_array_equal(answer.outputs[output], direct)
    with pytest.raises(InvalidArgument, match="take one from"):
        assert answer.array is not None
    with pytest.warns(RoundedWarning, match="rounded to FP32"):
        doubles = await caller.call(lambda c: c.predict(name, np.random.default_rng(0).random((3, 64))))
    assert doubles.outputs["label"].shape == (3,)
    with pytest.raises(InvalidArgument, match="is BYTES, expected FP32"):
        await caller.call(lambda c: c.predict(name, {"x": np.full((1, 64), "text")}))
    with pytest.raises(InvalidArgument, match="not both"):
        await caller.call(lambda c: c.predict(name, rows, version=1, alias="production"))
    with pytest.raises(NotFound):
        await caller.call(lambda c: c.predict("nothing", {"x": rows}))
    changed = await caller.call(lambda c: c.deployments.put(name, made.spec, revision=made.revision))
    assert changed.revision == made.revision
    await caller.call(lambda c: c.deployments.delete(name))


async def test_many_predictions_at_once_share_one_client(caller: Caller, busy: str) -> None:
    rows = np.random.default_rng(0).random((30, 1, 64), np.float32)
    answers = await asyncio.gather(*(caller.call(lambda c, row=row: c.predict(busy, {"x": row})) for row in rows))
    together = await caller.call(lambda c: c.predict(busy, {"x": rows[:, 0]}))
    each = np.concatenate([answer.outputs["probabilities"] for answer in answers])
    np.testing.assert_allclose(each, together.outputs["probabilities"], rtol=1e-5)
    assert caller.client.latency().count == 31


def test_the_page_of_the_sdk_runs_as_written_in_both_languages(platform: RealPlatform, tmp_path: Path) -> None:
    for name in ("digits.onnx", "digits.npz"):
        shutil.copy(DATA / name, tmp_path)
    said = ""
    for kind in ("python", "async"):
        code = block_of("sdk", kind).replace("http://127.0.0.1:8000", platform.url).replace("…the key…", platform.key)
        (tmp_path / "example.py").write_text(code)
        said += ran(f"{sys.executable} example.py", platform, tmp_path)
    assert re.search(r"^\[\d \d \d\] by version \d+$", said, re.MULTILINE)
    assert "told: input 'x' has shape [3, 5]" in said
    assert "NOT_FOUND 404" in said
    assert "digits serving" in said
    assert "50 answers" in said
