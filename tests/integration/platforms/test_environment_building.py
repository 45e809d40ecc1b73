"""What a person sees of builds on a real platform: live lines, rejected versions, locks, indexes, what is pruned."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from bms.adapters.sql.database.engine import Database
from bms.control.deployments.views.service import DeploymentViews
from bms.control.platform.clusters import Tell
from bms.core.clock import Clock, ManualClock
from bms.core.errors import FailedPrecondition
from bms.core.formats.requirement_lines import parse_lock
from bms.core.workloads.workload import WorkloadSpec
from bms.sdk.models import NewVersion
from bms.sdk.nouns.signatures import EnvironmentSpec as Asked
from tests.wheels import PASSWORD, Index, index, wheel
from tests.worlds.deployments import Deployed, ObedientCluster, follow, principal
from tests.worlds.platforms import RealPlatform, bms

DIGITS = Path(__file__).parents[2] / "data" / "digits.onnx"


class SlowCluster(ObedientCluster):
    """Says lines of a build, and goes on when it may."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.said, self.go = asyncio.Event(), asyncio.Event()

    async def prepare(self, spec: WorkloadSpec, tell: Tell | None = None) -> None:
        assert tell
        tell("Resolved 12 packages in 3ms")
        tell("Downloading torch (181.9MiB)")
        tell("")
        self.said.set()
        await self.go.wait()


async def test_a_deployment_says_that_its_environment_is_built(sqlite: Database, clock: ManualClock) -> None:
    slow = SlowCluster(clock)
    deployed = await Deployed(sqlite, clock, slow).start()
    views = DeploymentViews(
        deployed.store,
        deployed.catalog,
        clock,
        deployed.reports.of,
        preparing=lambda: deployed.launcher.preparing,
    )
    await deployed.service.create(principal(), "digits", follow())
    while not slow.said.is_set():
        await deployed.reconciler.step()
        await asyncio.sleep(0)
    seen = await views.status("default", "digits")
    words = "building its environment: Downloading torch (181.9MiB)"
    assert seen.message == f"version 1 is {words} (0 of 1 replicas ready)"
    assert seen.replicas[0].reason == words
    slow.go.set()
    await deployed.settle()
    assert (await views.status("default", "digits")).message == "version 1 answers"
    assert deployed.launcher.preparing == {}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    folder = tmp_path_factory.mktemp("served")
    with index(folder / "served") as found:
        found.add("private", wheel(folder, "of-our-own", "1.5"), "of-our-own")
        yield found


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory, served: Index) -> Iterator[RealPlatform]:
    home = tmp_path_factory.mktemp("building") / "home"
    started = bms("up", "--home", str(home), "--port", "0", "--detach", BMS_INDEX_OUR_TEAM=served.private)
    assert started.status == 0, started.errors
    yield RealPlatform(home)
    ended = bms("down", "--home", str(home))
    assert ended.status == 0, ended.errors


def test_a_version_whose_environment_cant_be_built_is_rejected_in_the_resolvers_words(platform: RealPlatform) -> None:
    with platform.client() as client:
        environment = Asked(requirements=("absent-thing-of-nobody",))
        version = client.models.upload("broken", DIGITS, NewVersion(environment=environment))
        with pytest.raises(FailedPrecondition, match="absent-thing-of-nobody"):
            client.models.wait_version("broken", version.number, timeout_s=60)
        job = next(iter(client.jobs.list(kind="verify", subject=version.id)))  # the newest: it was to load the model
        log = b"".join(client.jobs.log(job.id, follow=True)).decode()
        assert "Because absent-thing-of-nobody was not found" in log
        (seen,) = (each for each in client.environments.list() if environment.requirements[0] in each.requirements)
        assert (seen.state, seen.versions, seen.jobs) == ("failed", 1, 1)
        kept = b"".join(client.environments.log(seen.digest, follow=True)).decode()
        assert "Because absent-thing-of-nobody was not found" in kept


def test_an_unknown_index_rejects_with_those_there_are(platform: RealPlatform) -> None:
    with platform.client() as client:
        environment = Asked(requirements=("iniconfig",), index="theirs")
        version = client.models.upload("misled", DIGITS, NewVersion(environment=environment))
        with pytest.raises(FailedPrecondition, match="no index 'theirs': the operator configured our-team"):
            client.models.wait_version("misled", version.number, timeout_s=60)


def test_from_a_private_index_to_a_lock_to_a_pruned_environment(
    platform: RealPlatform, served: Index, tmp_path: Path
) -> None:
    (tmp_path / "look.py").write_text("import of_our_own\ndef main(job):\n    return {'v': of_our_own.version}\n")
    train = ("job", "train", "--code", str(tmp_path), "--entry", "look.py", "--json")
    job = json.loads(platform.good(*train, "--requirement", "of-our-own", "--index", "our-team").out)
    assert job["state"] == "succeeded"
    listed = json.loads(platform.good("environment", "list", "--json").out)
    (made,) = (each for each in listed if each["requirements"] == ["of-our-own"])
    assert (made["state"], made["index"], made["jobs"]) == ("built", "our-team", 1)
    short = made["digest"].removeprefix("sha256:")[:12]
    assert short in platform.good("environment", "list").out
    assert "of-our-own" in platform.good("environment", "show", short).out
    log = platform.good("environment", "log", short, "--follow").out
    assert "+ of-our-own==1.5" in log
    lock = tmp_path / "of-our-own.lock"
    lock.write_text(platform.good("environment", "lock", made["digest"]).out)
    assert any(line.startswith("of-our-own==1.5 --hash=") for line in parse_lock(lock.read_text()))
    again = platform.good(*train, "--lock", str(lock), "--index", "our-team", "--python", made["python"])
    assert json.loads(again.out)["state"] == "succeeded"
    pruned = json.loads(platform.good("environment", "prune", "--json").out)
    assert made["digest"] in {each["digest"] for each in pruned["removed"]}
    assert pruned["freed"] > 2**20
    assert "no environments begin with" in platform.bms("environment", "show", "0000").errors
    told = [log, again.out, json.dumps(listed), json.dumps(pruned)]
    told += [path.read_text(errors="replace") for path in (platform.home / "logs").rglob("*.log*")]
    assert PASSWORD not in "".join(told)
    keeping = {
        path.name for path in platform.home.rglob("*") if path.is_file() and PASSWORD.encode() in path.read_bytes()
    }
    assert keeping == {"supervisor.json", "control.json"}, "the owner's alone, mode 0600"
    assert all((platform.home / "run" / name).stat().st_mode & 0o777 == 0o600 for name in keeping)


def test_a_password_on_the_command_line_is_refused(tmp_path: Path) -> None:
    url = "https://me:secret-word@host/simple"
    ran = bms("up", "--home", str(tmp_path / "home"), "--index", f"private={url}")
    assert ran.status == 2, ran.errors
    assert "BMS_INDEX_PRIVATE" in ran.errors
    assert "secret-word" not in ran.errors
    assert not (tmp_path / "home").exists()
