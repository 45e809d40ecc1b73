"""A deployment's state, in words for people."""

import pytest

from bms.control.deployments.nouns import Deployment, DeploymentSpec, Target
from bms.control.deployments.views.status import DeploymentStatus, view
from tests.unit.control.deployments.planning_world import World, said


def status(world: World, building: str = "") -> DeploymentStatus:
    deployment = Deployment(
        id="d",
        tenant="t",
        name="digits",
        spec=DeploymentSpec(model="m", targets=(Target(alias="production"),)),
        created_at=world.clock.now(),
        created_by="ann",
    )
    words = {id: said(id, "AVAILABLE") for id in world.available}
    replicas = list(world.replicas.values())
    lines = {replica.id: building for replica in replicas} if building else {}
    return view(deployment, world.resolved(), world.route, replicas, words, world.clock.now(), lines)


@pytest.fixture
def world() -> World:
    world = World()
    world.settle()
    return world


def test_a_new_one_is_starting() -> None:
    world = World(replicas=2)
    world.step(), world.step()
    seen = status(world)
    assert (seen.state, seen.message) == ("starting", "version 1 is starting (0 of 2 replicas ready)")
    assert seen.serving_since is None


def test_one_whose_environment_is_built_says_what_is_done(world: World) -> None:
    new = World()
    new.step(), new.step()
    seen = status(new, "Downloading torch (181.9MiB)")
    words = "building its environment: Downloading torch (181.9MiB)"
    assert (seen.state, seen.message) == ("starting", f"version 1 is {words} (0 of 1 replicas ready)")
    assert seen.replicas[0].reason == words
    assert status(world, "a line of before").message == "version 1 answers"


def test_one_at_strength_is_serving(world: World) -> None:
    seen = status(world)
    assert (seen.state, seen.message) == ("serving", "version 1 answers")
    assert seen.path == "/v1/models/digits:predict"
    assert seen.serving_since is not None
    assert [(one.version, one.weight, one.ready) for one in seen.traffic] == [(1, 100, 1)]
    assert seen.replicas[0].answering


def test_one_on_its_way_to_another_version_says_which(world: World) -> None:
    world.move("production", 2)
    world.step(), world.step()
    seen = status(world)
    assert seen.state == "rolling"
    assert seen.message == "version 1 answers; version 2 is starting (0 of 1 replicas ready)"


def test_a_failing_version_says_why_and_when_it_is_tried_again(world: World) -> None:
    world.broken = {2}
    world.move("production", 2)
    for _ in range(12):
        world.step(), world.load()
        world.clock.advance(0.5)
    while world.of("starting"):
        world.step(), world.load()
    seen = status(world)
    assert seen.state == "degraded"
    assert "version 1 answers; version 2 failed: its process ended with exit code 1; next try in" in seen.message


def test_one_that_never_answered_and_fails_is_failing() -> None:
    world = World()
    world.broken = {1}
    for _ in range(4):
        world.step(), world.load()
    assert status(world).state == "failing"


def test_a_lost_replica_is_seen(world: World) -> None:
    world.want(replicas=2)
    world.settle()
    world.end("r1", exit_code=-9)
    world.step()
    seen = status(world)
    assert (seen.state, seen.message) == ("degraded", "version 1 has 1 of 2 replicas ready")
    world.settle()
    assert status(world).state == "serving"


def test_one_whose_only_replica_is_being_replaced_is_starting(world: World) -> None:
    world.end("r1", exit_code=-15)
    world.step()
    assert status(world).state == "starting"
    world.settle()
    assert status(world).state == "serving"


def test_what_is_not_at_strength_yet_but_never_failed_is_on_its_way(world: World) -> None:
    world.want(replicas=2)
    world.step()
    seen = status(world)
    assert (seen.state, seen.message) == ("rolling", "version 1 has 1 of 2 replicas ready")
    world.settle()
    assert status(world).state == "serving"


def test_an_alias_without_a_version_is_named(world: World) -> None:
    world.aliases.clear()
    world.want()
    seen = status(world)
    assert (seen.state, seen.message) == ("degraded", "version 1 answers; alias 'production' points to no version")


def test_two_versions_with_traffic_are_both_named(world: World) -> None:
    world.aliases["canary"] = 2
    world.targets = [("production", 90), ("canary", 10)]
    world.want()
    world.settle()
    assert status(world).message == "version 1 and version 2 answer"


def test_a_version_that_may_not_be_started_says_so(world: World) -> None:
    world.move("production", 2)
    world.want(problems={2: "version 2 is offline"})
    seen = status(world)
    assert seen.message == "version 1 answers; version 2 can't be started: version 2 is offline"
