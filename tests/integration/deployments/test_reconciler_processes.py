"""The loop of deployments with everything real: database, cluster, environments, files, and model servers."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from bms.adapters.clusters.local.cluster import LocalCluster
from bms.adapters.clusters.local.workload_inputs import WorkloadInputs
from bms.adapters.environments.uv import UvEnvironments
from bms.adapters.jobs.tree_cache import LocalTreeCache
from bms.adapters.objects.local import LocalObjectStore
from bms.adapters.replicas.link import ReplicaLink
from bms.adapters.replicas.probe import LinkProbe
from bms.adapters.sql.database.engine import Database
from bms.control.deployments.nouns import DeploymentSpec, Target
from bms.control.deployments.reconciliation import replica_launcher as launching
from bms.control.deployments.reconciliation.loop import ReconcilerLoop
from bms.control.deployments.views.service import DeploymentViews
from bms.control.deployments.views.status import DeploymentStatus
from bms.control.platform.trees import FileEntry, put_tree, tree_of
from bms.core.clock import SystemClock
from bms.core.serving.snapshot import DeploymentEntry, ReplicaAddress
from bms.core.tensors.signature import Signature, TensorSpec
from bms.core.tensors.tensor import Array, Tensor
from bms.protocols.frames import AnswerMeta, ErrorMeta
from tests.worlds.deployments import TOKENS, Deployed, follow, principal
from tests.worlds.homes import place_slim_part
from tests.worlds.identities import pid_of

BY = principal()
DATA = Path(__file__).parent.parent.parent / "data"
SIGNATURE = Signature(
    inputs=(TensorSpec(name="x", dtype="FP32", shape=(None, 64)),),
    outputs=(
        TensorSpec(name="label", dtype="INT64", shape=(None,)),
        TensorSpec(name="probabilities", dtype="FP32", shape=(None, 10)),
    ),
)
ROWS = np.load(DATA / "digits.npz")["x"][:5].astype(np.float32)
WAIT_S = 60


class Call:
    """One request on its way; an `AnswerSink`."""

    def __init__(self) -> None:
        self.answer: asyncio.Future[dict[str, Array]] = asyncio.get_running_loop().create_future()

    def on_answer(self, _meta: AnswerMeta, tensors: list[Tensor]) -> None:
        self.answer.set_result({tensor.name: tensor.array for tensor in tensors})

    def on_error(self, meta: ErrorMeta) -> None:
        self.answer.set_exception(ConnectionError(f"{meta.code}: {meta.message} (retry {meta.retry})"))


class Caller:
    """A gateway in small: follows the snapshot, applies it, keeps one link per replica."""

    def __init__(self, deployed: Deployed) -> None:
        self._feed = deployed.publisher.connect()
        self._replicas: list[ReplicaAddress] = []
        self._links: dict[str, ReplicaLink] = {}
        self.version = 0
        self.answered: dict[int, int] = {}
        self.calls = 0

    async def follow(self) -> None:
        while True:
            update = await self._feed.next()
            for entry in update.puts:
                if isinstance(entry, DeploymentEntry):
                    self._take(entry)
            self._feed.applied(update.revision)

    async def call(self, *, tries: int = 1) -> dict[str, Array]:
        """Raises ConnectionError when none of the tries, each on another replica if there is one, was answered."""
        version, call = self.version, Call()
        chosen = self._replicas[self.calls % len(self._replicas)]
        self.calls += 1
        self._links[chosen.id].infer(call, "serving_default", [Tensor("x", ROWS)], 0, ())
        try:
            answer = await asyncio.wait_for(call.answer, WAIT_S)
        except ConnectionError:
            if tries == 1:
                raise
            return await self.call(tries=tries - 1)
        self.answered[version] = self.answered.get(version, 0) + 1
        return answer

    async def serving(self, version: int, replicas: int = 1) -> None:
        async with asyncio.timeout(WAIT_S):
            while self.version != version or len(self._replicas) != replicas:
                await asyncio.sleep(0.01)

    def _take(self, entry: DeploymentEntry) -> None:
        for version in entry.versions:
            if version.weight and version.replicas:
                self.version, self._replicas = version.number, list(version.replicas)
        for replica in self._replicas:
            if replica.id not in self._links:
                self._links[replica.id] = ReplicaLink(replica.address, token=replica.token)
        for id in set(self._links) - {replica.id for replica in self._replicas}:
            self._links.pop(id).retire()

    @property
    def replicas(self) -> set[str]:
        return {replica.id for replica in self._replicas}

    def close(self) -> None:
        for link in self._links.values():
            link.close()


class Platform:
    """Control's part of deployments on one home, running."""

    def __init__(self, database: Database, home: Path) -> None:
        clock = SystemClock()
        self.objects = LocalObjectStore.open(home / "objects", clock)
        environments = UvEnvironments(home, os.environ)
        place_slim_part(home)
        trees = LocalTreeCache.open(home / "trees", self.objects)
        supplies = WorkloadInputs(environments, trees, self.objects)
        self.cluster = LocalCluster(home, home / "r", supplies, clock, watch_s=0.05)
        self.deployed = Deployed(database, clock, self.cluster, probe=LinkProbe(TOKENS.of))
        self.loop = ReconcilerLoop(
            self.deployed.reconciler, self.cluster, self.deployed.events, self.deployed.publisher.wait_progress
        )
        self.views = DeploymentViews(self.deployed.store, self.deployed.catalog, clock, self.deployed.reports.of)
        self._tasks: list[asyncio.Task[None]] = []
        self.closed = False

    async def run(self) -> None:
        await self.cluster.open()
        await self.deployed.publisher.start()
        self.caller = Caller(self.deployed)
        for work in (self.loop.run(), self.deployed.publisher.run(), self.caller.follow()):
            self._tasks.append(asyncio.create_task(work))

    async def add_version(self, number: int, content: bytes) -> None:
        async def chunks() -> AsyncIterator[bytes]:
            yield content

        blob = await self.objects.put("default", chunks())
        tree = tree_of([FileEntry(path="model.onnx", digest=blob.digest, size=blob.size)])
        digest = await put_tree(self.objects, "default", tree)
        await self.deployed.registry.add_version(number, artifact=digest, signatures={"serving_default": SIGNATURE})

    async def status(self) -> DeploymentStatus:
        return await self.views.status("default", "digits")

    async def until_state(self, state: str) -> DeploymentStatus:
        async with asyncio.timeout(WAIT_S):
            while (status := await self.status()).state != state:
                await asyncio.sleep(0.05)
        return status

    async def close(self, *, stop: bool = False) -> None:
        """Control ends; workloads run on unless they are to stop, which must not look like a failure to the loop."""
        self.closed = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.caller.close()
        if stop:
            await self.cluster.stop_all(1.0)
        await self.cluster.close()


@pytest.fixture
async def platform(sqlite: Database, tmp_path: Path) -> AsyncIterator[Platform]:
    platform = Platform(sqlite, tmp_path)
    await platform.deployed.tenants.bootstrap()
    await platform.deployed.registry.add_model()
    digits = (DATA / "digits.onnx").read_bytes()
    await platform.add_version(1, digits)
    await platform.add_version(2, digits)
    await platform.add_version(3, digits[: len(digits) // 2])
    await platform.deployed.registry.point("production", 1)
    await platform.run()
    yield platform
    if not platform.closed:
        await platform.close(stop=True)


def expected() -> Array:
    session = onnxruntime.InferenceSession(DATA / "digits.onnx")
    return np.asarray(session.run(["probabilities"], {"x": ROWS})[0])


async def test_a_deployment_answers_what_the_model_answers(platform: Platform) -> None:
    await platform.deployed.service.create(BY, "digits", follow(replicas=2))
    await platform.caller.serving(1, replicas=2)
    answer = await platform.caller.call()
    np.testing.assert_array_equal(answer["probabilities"], expected())
    status = await platform.until_state("serving")
    assert [replica.state for replica in status.replicas] == ["ready", "ready"]


async def test_switches_under_steady_requests_fail_nobody(platform: Platform) -> None:
    await platform.deployed.service.create(BY, "digits", follow(keep_previous_s=0.0))
    await platform.caller.serving(1)
    stop = asyncio.Event()

    async def steady() -> None:
        while not stop.is_set():
            await platform.caller.call()

    requests = [asyncio.create_task(steady()) for _ in range(4)]
    for version in (2, 1, 2):
        await platform.deployed.registry.point("production", version)
        await platform.caller.serving(version)
    (last,) = platform.caller.replicas
    async with asyncio.timeout(WAIT_S):
        while set(await platform.cluster.observe()) != {last}:
            await asyncio.sleep(0.05)
    stop.set()
    await asyncio.gather(*requests)
    assert platform.caller.answered.keys() == {1, 2}
    deployment = await platform.deployed.service.get("default", "digits")
    assert deployment.revision == 4


async def test_a_broken_version_leaves_the_old_one_serving_and_says_why(platform: Platform) -> None:
    await platform.deployed.service.create(BY, "digits", follow())
    await platform.caller.serving(1)
    await platform.deployed.registry.point("production", 3)
    status = await platform.until_state("degraded")
    assert "version 1 answers; version 3 failed:" in status.message
    assert "exit code" not in status.message, "the model server's own words are better"
    assert "model.onnx" in status.message or "ONNX" in status.message, status.message
    await platform.caller.call()
    assert platform.caller.version == 1
    back = await platform.deployed.service.rollback(BY, "digits")
    assert back.spec.targets == (Target(version=1),)
    await platform.until_state("serving")


async def test_a_version_that_sleeps_in_its_load_is_ended_and_the_old_one_answers(
    platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await platform.deployed.service.create(BY, "digits", follow(start_timeout_s=30.0))
    await platform.caller.serving(1)
    before = set(await platform.cluster.observe())
    (slim,) = (tmp_path / "slim").iterdir()
    (slim / "sleeper.py").write_text("import time; time.sleep(3600)")
    monkeypatch.setattr(launching, "PROGRAM", "sleeper")
    await platform.deployed.service.deploy(BY, "digits", follow(start_timeout_s=1.0))
    await platform.deployed.registry.point("production", 2)
    status = await platform.until_state("degraded")
    assert "version 1 answers; version 2 failed: it was not ready 1 s after its start" in status.message
    async with asyncio.timeout(WAIT_S):
        while set(await platform.cluster.observe()) != before:
            await asyncio.sleep(0.05)
    await platform.caller.call()


async def test_a_killed_model_server_is_replaced_and_retries_hide_it(platform: Platform) -> None:
    await platform.deployed.service.create(BY, "digits", follow(replicas=2))
    await platform.caller.serving(1, replicas=2)
    before = platform.caller.replicas
    victim = sorted(before)[0]
    os.kill(pid_of(platform.cluster, victim), signal.SIGKILL)
    async with asyncio.timeout(WAIT_S):
        while victim in platform.caller.replicas or len(platform.caller.replicas) < 2:
            await platform.caller.call(tries=2)
    assert len(platform.caller.replicas - before) == 1
    await platform.until_state("serving")


async def test_a_restarted_control_finds_its_model_servers_and_leaves_them_alone(
    platform: Platform, sqlite: Database, tmp_path: Path
) -> None:
    await platform.deployed.service.create(BY, "digits", DeploymentSpec(model="m", targets=(Target(version=1),)))
    await platform.caller.serving(1)
    (replica,) = platform.caller.replicas
    pid = pid_of(platform.cluster, replica)
    await platform.close()
    again = Platform(sqlite, tmp_path)
    await again.run()
    try:
        await again.caller.serving(1)
        assert again.caller.replicas == {replica}
        await again.until_state("serving")
        await again.caller.call()
        assert pid_of(again.cluster, replica) == pid
        await again.deployed.service.delete(BY, "digits")
        async with asyncio.timeout(WAIT_S):
            while await again.cluster.observe():
                await asyncio.sleep(0.05)
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    finally:
        await again.close(stop=True)
