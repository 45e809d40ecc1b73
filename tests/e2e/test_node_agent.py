"""The whole platform with its models and jobs at a node agent: another process, another home, no file in common."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bms.adapters.replicas.probe import LinkProbe
from bms.sdk import Client
from bms.sdk.deployments import Target
from bms.sdk.tenants import NewKey
from tests.e2e.test_kills import NAME, answers, ask, billed, healed, load, replicas
from tests.worlds.main_job import main_job
from tests.worlds.node_agents import NodeAgent, node_agent
from tests.worlds.platforms import RealPlatform, bms
from tests.worlds.tenants import TenantsPlatform
from tests.worlds.whole_platform import WholePlatform, deploy, new_key, push, until, whole_platform

pytestmark = pytest.mark.timeout(400)
BACK_S = 30.0
SLOW = """
import time

def main(job):
    with open("began", "a") as file:
        file.write("once ")
    for step in range(40):
        job.progress(step / 40, "step %d" % step)
        time.sleep(0.2)
    job.metric("began", len(open("began").read().split()))
"""


@pytest.fixture(scope="module", params=["tls", "unix"])
def listening(request: pytest.FixtureRequest) -> str:
    """How the agent is reached: over TLS, as from another machine, or by a Unix socket."""
    return str(request.param)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, listening: str) -> Path:
    """Of the platform."""
    return tmp_path_factory.mktemp(f"platform-{listening}")


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory, home: Path, listening: str) -> Iterator[NodeAgent]:
    """One of each kind for all tests, as its platform is: they leave both running."""
    with node_agent(tmp_path_factory.mktemp("far"), home, listen=listening == "tls") as running:
        yield running


@pytest.fixture(scope="module")
def platform(home: Path, agent: NodeAgent) -> Iterator[WholePlatform]:
    with whole_platform(home, *agent.options) as running:
        yield running


@pytest.fixture
def main(platform: WholePlatform, agent: NodeAgent) -> Iterator[RealPlatform]:
    """The platform as a tenant of its own sees it, of whom nothing is left."""
    with platform.client() as operator:
        tenants = TenantsPlatform(platform, operator.tenants.create("main").key.text)
        yield tenants
        with tenants.client() as client:
            running = {id for each in client.deployments.list() for id in replicas(client, each.name)}
        operator.tenants.delete("main", force=True)
    until(lambda: not running & set(agent.workloads()), "what ran for the tenant has ended")


def served(client: Client) -> str:
    """The one replica of a deployment that answers."""
    if NAME not in {each.name for each in client.models.list()}:
        push(client, NAME)
    deploy(client, NAME, NAME, Target(version=1))
    (replica,) = replicas(client)
    return replica


@pytest.mark.parametrize("listening", ["tls"], indirect=True)
def test_the_main_job_is_done_where_no_file_of_the_platform_is(
    platform: WholePlatform, main: RealPlatform, agent: NodeAgent, home: Path, tmp_path: Path
) -> None:
    main_job(main, tmp_path)
    with main.client() as client:
        (replica,) = [each for each in client.deployments.status("digits").replicas if each.state == "ready"]
        assert replica.id in agent.workloads()
        environments = {each.digest: each.state for each in client.environments.list()}
        assert "built" in environments.values()
    with platform.client() as client:
        assert {view.node for view in client.system.status().workloads} == {"far"}
    assert not any((platform.home / "run" / "workloads").iterdir())
    assert not (platform.home / "cache" / "trees").exists()
    assert agent.mentions(home) == []
    assert agent.holds(home) == []
    assert not agent.opened.exists(), agent.opened.read_text()
    assert platform_key_was_seen_by_the_hook(agent, platform.home / "admin.key")


def platform_key_was_seen_by_the_hook(agent: NodeAgent, path: Path) -> bool:
    """Whether the record would have told: a process with the same hook reads a file of the platform."""
    environment = {**os.environ, **agent.watched}
    subprocess.run([sys.executable, "-c", f"open({str(path)!r})"], env=environment, check=True, timeout=30)
    return str(path) in agent.opened.read_text()


def test_the_end_of_agent_and_control_is_no_end_of_replicas(platform: WholePlatform, agent: NodeAgent) -> None:
    with platform.client() as client:
        replica = served(client)
        key = new_key(platform)
        process = agent.workloads()[replica]
        if agent.endpoint.startswith("tcp"):  # whoever reaches the port still needs the replica's own token
            assert asyncio.run(LinkProbe(lambda _: b"guessed").status("r", f"{agent.endpoint}&name={replica}")) is None
        with load(platform, key) as felt:
            felt.wait_more(30)
            before = platform.pid("control")
            platform.kill(before)
            healed(platform, "control", before)
            until(lambda: answers(platform), "control answers")
            felt.wait_more(30)
            assert felt.failures == []
            agent.kill()
            if agent.endpoint.startswith("unix:"):  # its replicas are spoken to directly
                felt.wait_more(100)
                assert felt.failures == []
            agent.start()
        until(lambda: ask(platform, key) == 200, "predictions are answered", BACK_S)
        until(lambda: client.deployments.status(NAME).state == "serving", "control sees it", BACK_S)
        assert replicas(client) == {replica}
        assert agent.workloads() == {replica: process}
        succeeded = len(felt.answers) - len(felt.failures) + 1
        until(lambda: _ok(client, key) >= succeeded, "all is billed", BACK_S)
        assert billed(client, key) >= succeeded


def _ok(client: Client, key: NewKey) -> int:
    return sum(row.ok for row in client.usage.summary(key=key.key.id))


@pytest.mark.parametrize("listening", ["tls"], indirect=True)
@pytest.mark.parametrize("whom", ["agent", "control"])
def test_a_job_ends_once_whoever_is_killed_meanwhile(
    platform: WholePlatform, agent: NodeAgent, tmp_path: Path, whom: str
) -> None:
    (tmp_path / "train.py").write_text(SLOW)
    with platform.client() as client:
        job = client.jobs.train(code=tmp_path, entry="train.py", name="slow", max_attempts=3)
        until(lambda: client.jobs.get(job.id).progress, "it makes progress")
        if whom == "agent":
            agent.kill()
            agent.start()
        else:
            before = platform.pid("control")
            platform.kill(before)
            healed(platform, "control", before)
            until(lambda: answers(platform), "control answers")
        done = client.jobs.wait(job.id, timeout_s=60)
        assert (done.state, done.attempt, done.metrics["began"]) == ("succeeded", 1, 1)
        assert [event.message for event in client.jobs.events(job.id) if event.message][-1] == "step 39"


@pytest.mark.parametrize("listening", ["tls"], indirect=True)
def test_a_platform_whose_agent_is_away_says_so_and_comes_back(
    platform: WholePlatform, agent: NodeAgent, home: Path
) -> None:
    with platform.client() as client:
        replica = served(client)
        platform.down()
        assert bms("node", "stop", "--agent-only", "--home", str(agent.home)).status == 0
        assert list(agent.workloads()) == [replica]
        assert platform.up().status == 0  # blind, but there
    with platform.client() as client:
        assert "can't be reached" in client.system.status().unseen
        assert "can't be reached" in platform.good("status").out
        assert "\nbms_node_agent_connected 0\n" in client.system.metrics()
        assert client.deployments.status(NAME).replicas
        agent.start()
        key = new_key(platform)
        until(lambda: ask(platform, key) == 200, "predictions are answered", BACK_S)
        until(lambda: client.system.status().unseen == "", "control sees it, too", BACK_S)  # gateways may be quicker
        assert replicas(client) == {replica}
        assert "\nbms_node_agent_connected 1\n" in client.system.metrics()


@pytest.mark.parametrize("listening", ["tls"], indirect=True)
def test_an_agent_that_does_not_want_us_keeps_the_platform_from_starting(
    agent: NodeAgent, tmp_path_factory: pytest.TempPathFactory
) -> None:
    wrong = tmp_path_factory.mktemp("wrong") / "secret"
    wrong.write_text("no\n")
    wrong.chmod(0o600)
    refused = WholePlatform(
        tmp_path_factory.mktemp("refused"), "--node-agent", agent.endpoint, "--node-agent-secret", str(wrong)
    )
    ran = refused.up()
    assert ran.status != 0
    assert "does not know this agent's secret" in ran.errors


@pytest.mark.parametrize("listening", ["unix"], indirect=True)
def test_a_home_remembers_its_agent_which_takes_no_other_platform(
    platform: WholePlatform, agent: NodeAgent, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with platform.client() as client:
        replica = served(client)
    other = WholePlatform(tmp_path_factory.mktemp("other"), *agent.options)
    refused = other.up()
    assert refused.status != 0
    assert "runs the models and jobs of another platform (platform_" in refused.errors
    platform.down()
    platform.options = ()
    assert platform.up().status == 0
    with platform.client() as client:
        until(lambda: replicas(client) == {replica}, "the agent's replica is seen again", BACK_S)
    assert set(agent.workloads()) == {replica}
    platform.down()
    here = platform.up("--node-agent", "none")
    assert "warning: until now models and jobs ran at the node agent unix:" in here.errors
    with platform.client() as client:
        until(lambda: client.deployments.status(NAME).state == "serving", "it serves here", BACK_S)
        assert replicas(client) != {replica}
    platform.down()
    assert "warning" not in platform.up().errors
