"""kill -9 of each process: what clients feel of it, how soon it is healed, and that nothing acknowledged is lost."""

import os
import signal
import threading
import time
from collections.abc import Iterator

import httpx
import msgspec
import numpy as np
import pytest

from bms.core.errors import BmsError
from bms.sdk import Client
from bms.sdk.deployments import Target
from bms.sdk.retries import RetryPolicy
from bms.sdk.tenants import NewKey
from tests.peers.load import Load
from tests.sizes import enough
from tests.worlds.whole_platform import DATA, WholePlatform, deploy, new_key, push, until, whole_platform

NAME = "digits"
HEALED_S = 15.0
PLATFORM = ("control", "gateway-0", "gateway-1")


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholePlatform]:
    with whole_platform(tmp_path_factory.mktemp("kills"), "--gateways", "2") as running:
        with running.client() as client:
            push(client, NAME)
        yield running


@pytest.fixture
def client(platform: WholePlatform) -> Iterator[Client]:
    until(lambda: answers(platform), "the platform answers")
    with platform.client() as opened:
        yield opened


@pytest.fixture
def served(client: Client) -> str:
    """A deployment of one replica."""
    deploy(client, NAME, NAME, Target(version=1), replicas=1)
    return NAME


@pytest.fixture
def key(platform: WholePlatform, client: Client) -> NewKey:
    return new_key(platform, "load")


def body() -> bytes:
    with np.load(DATA / "digits.npz") as data:
        tensor = {"name": "x", "datatype": "FP32", "shape": [1, 64], "data": data["x"][0].tolist()}
    return msgspec.json.encode({"inputs": [tensor]})


def load(platform: WholePlatform, key: NewKey, name: str = NAME) -> Load:
    return Load(platform.url, key.text, f"/v2/models/{name}/infer", body(), connections=8, per_second=80)


def ask(platform: WholePlatform, key: NewKey) -> int:
    """The status of one prediction by a connection of its own; 0 where there was no answer."""
    headers = {"authorization": f"Bearer {key.text}", "content-type": "application/json"}
    path = f"{platform.url}/v2/models/{NAME}/infer"
    try:
        return httpx.post(path, content=body(), headers=headers, timeout=10, trust_env=False).status_code
    except httpx.TransportError:
        return 0


def answers(platform: WholePlatform) -> bool:
    """Whether control answers through a gateway."""
    try:
        with Client(platform.url, platform.key, retries=RetryPolicy(attempts=1)) as client:
            return bool(client.tenants.whoami().tenant)
    except BmsError:
        return False


def billed(client: Client, key: NewKey) -> int:
    return sum(row.requests for row in client.usage.summary(key=key.key.id))


def healed(platform: WholePlatform, service: str, before: int) -> int:
    """The pid of the service that came in the place of `before`."""
    return until(
        lambda: pid if (pid := platform.pid(service)) not in (0, before) else 0, f"{service} is back", HEALED_S
    )


def replicas(client: Client, name: str = NAME) -> set[str]:
    return {one.id for one in client.deployments.status(name).replicas if one.state == "ready"}


def test_nobody_feels_the_end_of_control(platform: WholePlatform, client: Client, served: str, key: NewKey) -> None:
    before, gateways = platform.pid("control"), [platform.pid(name) for name in PLATFORM[1:]]
    model_servers = {id: platform.workload_pid(id) for id in replicas(client)}
    with load(platform, key) as felt:
        felt.wait_more(50)
        platform.kill(before)
        felt.wait_more(100)
        healed(platform, "control", before)
        until(lambda: answers(platform), "control answers", HEALED_S)
        felt.wait_more(100)
    assert felt.failures == []
    assert felt.reconnections == 0
    assert [platform.pid(name) for name in PLATFORM[1:]] == gateways
    assert {id: platform.workload_pid(id) for id in replicas(client)} == model_servers
    until(lambda: billed(client, key) >= len(felt.answers), "all is billed", HEALED_S)
    assert billed(client, key) == len(felt.answers)


def held(client: Client) -> tuple[dict[str, int], float, float]:
    """What is used of each meter, and between which times of the clock that was told."""
    before = time.time()
    (row,) = client.usage.summary()
    return row.quantities, before, time.time()


def test_time_that_is_held_is_counted_on_over_the_end_of_control(
    platform: WholePlatform, client: Client, served: str
) -> None:
    """A real replica, a real job and real bytes: what is counted lies between what it was at least and at most."""
    (replica,) = replicas(client)
    version = client.models.version(NAME, 1)
    ended = [job for job in client.jobs.list() if job.started_at and job.ended_at]
    assert ended, "verification was a job"
    used, first_before, first_after = held(client)
    assert used["replica_cpu_ms"] == used["replica_ms"] > 0
    least = sum((job.ended_at - job.started_at).total_seconds() for job in ended if job.ended_at and job.started_at)
    most = sum((job.ended_at - job.created_at).total_seconds() for job in ended if job.ended_at)
    assert least * 1000 - 2 * len(ended) <= used["job_ms"] <= most * 1000 + 2 * len(ended)

    before = platform.pid("control")
    platform.kill(before)
    healed(platform, "control", before)
    until(lambda: answers(platform), "control answers", HEALED_S)
    now, second_before, second_after = held(client)
    assert replicas(client) == {replica}
    shortest, longest = second_before - first_after - 0.002, second_after - first_before + 0.002
    assert shortest * 1000 <= now["replica_ms"] - used["replica_ms"] <= longest * 1000
    assert shortest * 2048 - 1 <= now["replica_memory_mib_s"] - used["replica_memory_mib_s"] <= longest * 2048 + 1
    stored = now["storage_byte_s"] - used["storage_byte_s"]
    assert version.size * shortest - 1 <= stored <= version.size * longest + 1
    assert now["job_ms"] == used["job_ms"]

    client.deployments.delete(NAME)
    until(lambda: not platform.workload_pid(replica), "the replica has ended", HEALED_S)
    over, _, _ = held(client)
    later, _, _ = held(client)
    assert later["replica_ms"] == over["replica_ms"] >= now["replica_ms"]
    rows = client.usage.summary(group_by=("meter", "version"), meters=("replica_ms", "storage_byte_s"))
    assert [(row.meter, row.version) for row in rows] == [("replica_ms", 1), ("storage_byte_s", 1)]


def test_predictions_go_on_while_control_is_held_down(
    platform: WholePlatform, client: Client, served: str, key: NewKey
) -> None:
    before = platform.pid("control")
    with load(platform, key) as felt:
        for _ in range(enough(2, 3)):  # as often as the supervisor brings it back
            platform.kill(platform.pid("control") or before)
            felt.wait_more(30)
            before = healed(platform, "control", before)
    assert felt.failures == []
    until(lambda: answers(platform), "control answers", HEALED_S)


def test_a_killed_gateway_takes_only_what_it_had_in_hand(
    platform: WholePlatform, client: Client, served: str, key: NewKey
) -> None:
    before = platform.pid("gateway-0")
    with load(platform, key) as felt:
        felt.wait_more(50)
        platform.kill(before)
        felt.wait_more(100)
        healed(platform, "gateway-0", before)
        felt.wait_more(100)
    assert {answer.status for answer in felt.failures} <= {0}, felt.failures[:3]
    # A client loses at most the one request that it had there.
    assert len({answer.connection for answer in felt.failures}) == len(felt.failures)
    acknowledged = len(felt.answers) - len(felt.failures)
    until(lambda: billed(client, key) >= acknowledged, "all is billed", HEALED_S)
    assert acknowledged <= billed(client, key) <= len(felt.answers)


def test_what_is_billed_is_what_was_acknowledged_whoever_is_killed_between_requests(
    platform: WholePlatform, client: Client, served: str, key: NewKey
) -> None:
    acknowledged = 0
    killed = ("gateway-0", "control", "gateway-1", "control", "gateway-0")[: enough(3, 5)]
    for name in killed:
        acknowledged += [ask(platform, key) for _ in range(20)].count(200)
        before = platform.pid(name)
        platform.kill(before)
        acknowledged += [ask(platform, key) for _ in range(20)].count(200)
        healed(platform, name, before)
    assert acknowledged == 40 * len(killed)  # the gateway that lives takes what the dead one can't
    until(lambda: answers(platform), "control answers", HEALED_S)
    until(lambda: billed(client, key) >= acknowledged, "all is billed", HEALED_S)
    events = list(client.usage.events(key=key.key.id))
    assert len(events) == billed(client, key) == acknowledged
    assert len({(event.source, event.seq) for event in events}) == acknowledged
    assert len({event.request_id for event in events}) == acknowledged


def test_a_lone_model_server_is_replaced(platform: WholePlatform, client: Client, served: str, key: NewKey) -> None:
    (before,) = replicas(client)
    platform.kill(platform.workload_pid(before))
    until(lambda: ask(platform, key) == 200, "predictions are answered again", HEALED_S)
    until(lambda: client.deployments.status(NAME).state == "serving", "it is at strength", HEALED_S)
    assert before not in replicas(client)
    assert [ask(platform, key) for _ in range(20)] == [200] * 20


def test_nobody_feels_the_end_of_one_of_two_model_servers(platform: WholePlatform, client: Client, key: NewKey) -> None:
    deploy(client, "two", NAME, Target(version=1), replicas=2)
    with load(platform, key, "two") as felt:
        for _ in range(enough(1, 2)):
            felt.wait_more(50)
            both = replicas(client, "two")
            assert len(both) == 2
            victim = min(both)
            platform.kill(platform.workload_pid(victim))
            until(lambda: len(replicas(client, "two") - {victim}) == 2, "two are ready again", HEALED_S)  # noqa: B023
        felt.wait_more(50)
    assert felt.failures == []
    until(lambda: billed(client, key) >= len(felt.answers), "all is billed", HEALED_S)
    assert billed(client, key) == len(felt.answers)
    client.deployments.delete("two")


def test_writes_that_were_acknowledged_survive_the_end_of_control(
    platform: WholePlatform, client: Client, served: str
) -> None:
    acknowledged: list[NewKey] = []
    refused = 0
    stop = threading.Event()

    def write() -> None:
        nonlocal refused
        with Client(platform.url, platform.key, retries=RetryPolicy(attempts=1)) as writer:
            while not stop.is_set():
                try:
                    acknowledged.append(writer.keys.create(f"k{len(acknowledged)}"))
                except BmsError:
                    refused += 1
                    time.sleep(0.02)

    writing = threading.Thread(target=write)
    writing.start()
    try:
        for _ in range(enough(2, 3)):
            count = len(acknowledged)
            until(lambda: len(acknowledged) >= count + 20, "twenty more keys", HEALED_S)  # noqa: B023
            before = platform.pid("control")
            platform.kill(before)
            healed(platform, "control", before)
    finally:
        stop.set()
        writing.join()
    until(lambda: answers(platform), "control answers", HEALED_S)
    kept = {each.id for each in client.keys.list() if each.name.startswith("k")}
    assert {made.key.id for made in acknowledged} <= kept
    assert len(kept) - len(acknowledged) <= refused
    for made in (acknowledged[0], acknowledged[-1]):
        until(lambda: ask(platform, made) == 200, "the key opens the model", HEALED_S)  # noqa: B023


def test_a_killed_supervisor_is_replaced_and_nobody_feels_it(
    platform: WholePlatform, client: Client, served: str, key: NewKey
) -> None:
    before = {name: platform.pid(name) for name in ("supervisor", *PLATFORM)}
    model_server = platform.workload_pid(next(iter(replicas(client))))
    with load(platform, key) as felt:
        felt.wait_more(30)
        platform.kill(before["supervisor"])
        healed(platform, "supervisor", before["supervisor"])
        felt.wait_more(30)
    assert felt.failures == []
    assert {name: platform.pid(name) for name in PLATFORM} == {name: before[name] for name in PLATFORM}
    assert model_server in platform.processes()

    for name in ("gateway-0", "control"):
        platform.kill(before[name])
        healed(platform, name, before[name])
    until(lambda: ask(platform, key) == 200, "predictions are answered again", HEALED_S)
    until(lambda: answers(platform), "control answers", HEALED_S)
    assert platform.bms("up", "--port", "0", "--detach").status == 7


def test_after_everything_was_killed_at_once_the_next_start_serves_and_knows_everything(
    platform: WholePlatform, client: Client, served: str, key: NewKey
) -> None:
    acknowledged = [ask(platform, key) for _ in range(30)].count(200)
    frozen = [platform.pid("supervisor"), platform.pid("control")]
    for pid in frozen:  # neither may bring the other back
        os.kill(pid, signal.SIGSTOP)
    for pid in list(platform.processes()):
        os.kill(pid, signal.SIGKILL)
    until(lambda: not platform.processes(), "all have ended")

    assert platform.up().status == 0
    with platform.client() as knows:
        until(lambda: ask(platform, key) == 200, "predictions are answered again", HEALED_S)
        until(lambda: knows.deployments.status(NAME).state == "serving", "it is at strength", HEALED_S)
        until(lambda: billed(knows, key) >= acknowledged + 1, "all is billed", HEALED_S)
        assert sum(row.ok for row in knows.usage.summary(key=key.key.id)) == acknowledged + 1
