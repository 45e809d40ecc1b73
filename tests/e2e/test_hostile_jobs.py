"""A tenant's jobs that mean harm end with a clear verdict; another tenant's model answers without one failure."""

import socket
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest

from bms.adapters.clusters.isolation import capabilities as probing
from bms.core.workloads.isolation import reaches
from bms.sdk import Client
from bms.sdk.deployments import Target
from bms.sdk.jobs import Job
from tests.peers.load import Load
from tests.worlds.platforms import RealPlatform
from tests.worlds.whole_platform import DATA, WholePlatform, deploy, new_key, push, until

HARM = Path(__file__).parent / "hostile_job"
FOUND = probing.describe(probing.probe())
MB = 1_000_000


@pytest.fixture(scope="module")
def platform(tenant: RealPlatform) -> RealPlatform:
    with tenant.client() as client:
        push(client, "digits")
        deploy(client, "digits", "digits", Target(version=1))
    return tenant


@pytest.fixture(scope="module")
def acme(host: WholePlatform) -> Iterator[Client]:
    """Of another tenant."""
    with host.client() as operator:
        made = operator.tenants.create("harmful")
    with Client(host.url, made.key.text) as client:
        yield client
    with host.client() as operator:
        operator.tenants.delete("harmful", force=True)


@pytest.fixture
def steady(platform: RealPlatform) -> Iterator[Load]:
    """The other tenant's predictions, none of which may fail."""
    with np.load(DATA / "digits.npz") as data:
        tensor = {"name": "x", "datatype": "FP32", "shape": [1, 64], "data": data["x"][0].tolist()}
    body = msgspec.json.encode({"inputs": [tensor]})
    key = new_key(platform, name=f"app-{np.random.default_rng().integers(1 << 40)}")
    until(lambda: _answers(platform, key.text, body), "the model answers")
    with Load(platform.url, key.text, "/v2/models/digits/infer", body, connections=4, per_second=80) as load:
        load.wait_more(20)
        yield load
        load.wait_more(20)
    assert load.failures == []
    assert load.reconnections == 0


def _answers(platform: RealPlatform, key: str, body: bytes) -> bool:
    import httpx

    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    return httpx.post(f"{platform.url}/v2/models/digits/infer", content=body, headers=headers).status_code == 200


def ended(acme: Client, act: str, resources: dict[str, object], **parameters: object) -> Job:
    job = acme.jobs.train(
        code=HARM, entry="harm.py", parameters={"act": act, **parameters}, resources=resources,
        timeout_s=3.0 if act == "sleep" else 300.0,
    )  # fmt: skip
    return acme.jobs.wait(job.id, timeout_s=100, check=False)


@pytest.mark.parametrize(
    ("act", "resources", "verdict"),
    [
        ("segfault", {}, "signal 11"),
        ("allocate", {"memory": 400 * MB}, "of 400.0 MB"),
        ("fork", {"processes": 60}, "processes of 60"),
        ("fill", {"disk": 100 * MB}, "of 100.0 MB"),
        ("sleep", {}, "timed out after 3 s"),
    ],
)
def test_harm_is_contained_and_named(
    acme: Client, steady: Load, act: str, resources: dict[str, object], verdict: str
) -> None:
    job = ended(acme, act, resources)
    assert (job.state, verdict in job.error) == ("failed", True), job.error
    steady.wait_more(50)


@pytest.mark.skipif(not reaches(FOUND, "confined"), reason=f"this machine gives only {FOUND.level!r}")
def test_no_door_of_the_platform_opens_from_inside(host: WholePlatform, acme: Client, steady: Load) -> None:
    replica, *_ = host.place.sockets.glob("*/s")
    doors = {"port": host.port, "control": str(host.place.sockets / "control.sock"), "replica": str(replica)}
    for path in (doors["control"], doors["replica"]):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(path))
    job = ended(acme, "call", {}, **doors)
    assert job.state == "succeeded", job.error
    said = {name: str(word).startswith("denied") for name, word in job.report.items()}
    assert said["gateway"]
    if any(each.name == "view" and each.on for each in FOUND.protections):
        assert all(said.values()), job.report
