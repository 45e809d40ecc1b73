"""What is planned for a deployment, situation by situation."""

import itertools

import msgspec
import pytest

from bms.control.deployments.planning.actions import (
    Drain,
    EndWorkload,
    ForgetWorkload,
    Launch,
    MarkFailed,
    MarkReady,
    Move,
    SetRoute,
    StartReplica,
    StopReplica,
)
from bms.control.deployments.planning.retries import NOT_HERE, PLATFORM_STOPPED
from tests.unit.control.deployments.planning_world import World

MORE = ": `bms deployment set --memory` gives it more"


@pytest.fixture
def world() -> World:
    return World()


def serving(replicas: int = 1, **more: float) -> World:
    """Version 1 at strength."""
    world = World(replicas, **more)
    world.settle()
    assert world.traffic() == {1: 100}
    return world


def kinds(actions: list[object]) -> list[type]:
    return [type(action) for action in actions]


def test_a_new_deployment_starts_its_replicas_and_routes_when_they_are_ready() -> None:
    world = World(replicas=2)
    assert world.step() == [StartReplica(1), StartReplica(1)]
    assert world.step() == [Launch("r1"), Launch("r2")]
    assert world.step() == []
    world.load()
    assert kinds(world.step()) == [MarkReady, MarkReady, SetRoute]
    assert world.traffic() == {1: 100}
    assert world.route.shares[0].aliases == ("production",)
    assert world.step() == []


def test_a_ready_replica_follows_the_endpoint_that_its_cluster_says() -> None:
    world = serving()
    assert [replica.address for replica in world.of("ready")] == ["unix:/r1"]
    world.workloads["r1"] = msgspec.structs.replace(world.workloads["r1"], endpoint="unix:/elsewhere")
    world.blind = True
    assert world.step() == []
    world.blind = False
    assert world.step() == [Move("r1", "unix:/elsewhere")]
    assert [replica.address for replica in world.of("ready")] == ["unix:/elsewhere"]
    assert world.step() == []


def test_the_first_ready_replica_of_a_new_deployment_has_the_traffic_at_once() -> None:
    world = World(replicas=2)
    world.step(), world.step()
    world.available.add("r2")
    world.step()
    assert world.traffic() == {1: 100}
    assert [replica.id for replica in world.of("starting")] == ["r1"]


def test_a_new_version_gets_traffic_only_when_all_its_replicas_are_ready() -> None:
    world = serving(2)
    world.move("production", 2)
    world.step(), world.step()
    assert len(world.of("starting", 2)) == 2
    world.available.add("r3")
    world.step()
    assert world.traffic() == {1: 100}
    assert world.route.shares[0].aliases == ("production",), "the alias waits too"
    world.load()
    world.step()
    assert world.traffic() == {2: 100}
    assert world.route.shares[0].aliases == ("production",)


def test_the_old_version_keeps_all_traffic_for_ever_when_the_new_one_fails() -> None:
    world = serving()
    world.broken = {2}
    world.move("production", 2)
    for _ in range(40):
        world.step()
        world.load()
        world.clock.advance(7)
        assert world.traffic() == {1: 100}
        assert len(world.of("ready", 1)) == 1
    assert "exit code 1" in world.of("failed", 2)[-1].reason


def test_a_failing_version_is_tried_again_ever_later() -> None:
    world = World()
    world.broken = {1}
    births: list[float] = []
    for _ in range(3000):
        if any(isinstance(action, StartReplica) for action in world.step()):
            births.append(world.clock.monotonic())
        world.load()
        world.clock.advance(1)
    gaps = [round(after - before) for before, after in itertools.pairwise(births)]
    assert gaps[:6] == sorted(gaps[:6])
    assert gaps[0] <= 4
    assert gaps[5] > gaps[2] > gaps[0]
    assert 300 <= gaps[-1] <= 305, "five minutes are the most"


def test_a_new_revision_forgives_old_failures() -> None:
    world = World()
    world.broken = {1}
    for _ in range(100):
        world.step(), world.load(), world.clock.advance(1)
    while world.of("starting"):
        world.step(), world.load()
    assert world.step() == []
    world.broken = set()
    world.want()
    assert world.step() == [StartReplica(1)]


def test_going_back_within_the_kept_time_starts_nothing() -> None:
    world = serving()
    world.move("production", 2)
    world.settle()
    assert world.traffic() == {2: 100}
    world.clock.advance(29)
    world.move("production", 1)
    assert kinds(world.step()) == [SetRoute]
    assert world.traffic() == {1: 100}


def test_a_version_without_traffic_drains_after_the_kept_time_then_stops_when_gateways_let_go() -> None:
    world = serving()
    world.move("production", 2)
    world.settle()
    assert world.step() == []
    world.clock.advance(30)
    assert kinds(world.step()) == [SetRoute, Drain]
    assert world.step() == [], "gateways may still send to it"
    world.release()
    assert world.step() == [StopReplica("r1")]
    assert world.step() == [EndWorkload("r1", 12.0)]
    assert world.step() == [ForgetWorkload("r1")]
    assert world.step() == []


def test_a_version_that_never_had_traffic_is_dropped_at_once() -> None:
    world = serving()
    world.move("production", 2)
    world.step()
    world.move("production", 3)
    assert kinds(world.step()) == [StopReplica, StartReplica]
    assert world.of("stopped", 2)


def test_a_dead_replica_with_traffic_is_replaced_at_once() -> None:
    world = serving(2)
    world.end("r1", exit_code=-9)
    actions = world.step()
    assert actions == [MarkFailed("r1", "its process ended by signal 9 (SIGKILL)"), StartReplica(1, 1)]
    assert world.traffic() == {1: 100}
    world.settle()
    assert len(world.of("ready", 1)) == 2


def test_a_replica_that_keeps_dying_after_it_was_ready_is_replaced_later_and_later() -> None:
    world = serving()
    gaps = []
    for _ in range(6):
        (only,) = world.of("ready")
        world.end(only.id, exit_code=-11)
        died = world.clock.monotonic()
        while not world.of("ready") or world.of("ready")[0].id == only.id:
            world.step(), world.load()
            world.clock.advance(0.5)
        gaps.append(world.clock.monotonic() - died)
    assert gaps[0] < 2
    assert gaps == sorted(gaps)
    assert gaps[-1] >= 16


def test_a_replica_that_was_stable_starts_with_a_clean_past() -> None:
    world = serving()
    world.end("r1", exit_code=-9)
    world.settle()
    world.clock.advance(61)
    world.end("r2", exit_code=-9)
    assert StartReplica(1, 0) in world.step()


@pytest.mark.parametrize("state", ["starting", "ready", "draining"])
def test_nothing_is_stopped_or_started_while_the_cluster_cannot_be_seen(state: str) -> None:
    world = serving()
    world.replicas["r1"] = msgspec.structs.replace(world.replicas["r1"], state=state)
    world.blind = True
    world.clock.advance(1000)
    assert not {MarkFailed, StopReplica, EndWorkload, ForgetWorkload, Drain} & set(kinds(world.plan()))


def test_a_replica_that_does_not_answer_goes_only_when_another_took_its_place() -> None:
    world = serving()
    world.silent = {"r1"}
    assert world.step() == [StartReplica(1)]
    world.step()
    assert world.traffic() == {1: 100}
    assert world.of("ready")[0].id == "r1"
    world.load()
    assert kinds(world.step()) == [MarkReady, Drain]
    assert [replica.id for replica in world.of("draining")] == ["r1"]


def test_scaling_up_and_down_keeps_the_oldest() -> None:
    world = serving()
    world.want(replicas=3)
    world.settle()
    assert len(world.of("ready")) == 3
    world.want(replicas=1)
    assert kinds(world.step()) == [Drain, Drain]
    assert [replica.id for replica in world.of("ready")] == ["r1"]


def test_another_build_of_a_version_replaces_its_replicas_without_a_gap() -> None:
    world = serving(2)
    world.want(build="other")
    world.step(), world.step()
    world.available.add("r3")
    world.step()
    assert len(world.of("ready")) == 3
    world.load()
    assert kinds(world.step()) == [MarkReady, Drain, Drain]
    assert {replica.build for replica in world.of("ready")} == {"other"}


def test_a_deleted_deployment_loses_its_route_and_drains() -> None:
    world = serving(2)
    world.want(deleted=True)
    assert kinds(world.step()) == [SetRoute, Drain, Drain]
    assert world.traffic() == {}
    world.settle()
    assert world.workloads == {}
    assert len(world.of("stopped")) == 2


def test_shares_follow_the_weights_once_every_target_is_ready() -> None:
    world = serving()
    world.aliases["canary"] = 2
    world.targets = [("production", 90), ("canary", 10)]
    world.want()
    world.step()
    assert world.traffic() == {1: 100}
    world.settle()
    assert world.traffic() == {1: 90, 2: 10}
    world.targets = [("production", 50), ("canary", 50)]
    world.want()
    assert kinds(world.step()) == [SetRoute], "no replica needs to change"
    assert world.traffic() == {1: 50, 2: 50}


def test_two_targets_of_one_version_are_one_share() -> None:
    world = World()
    world.aliases["canary"] = 1
    world.targets = [("production", 90), ("canary", 10)]
    world.settle()
    assert world.traffic() == {1: 100}
    assert len(world.of("ready")) == 1


def test_the_kept_version_stands_in_when_the_new_one_dies_and_steps_back() -> None:
    world = serving()
    world.move("production", 2)
    world.settle()
    world.end("r2", exit_code=-9)
    world.step()
    assert world.traffic() == {1: 100}
    world.clock.advance(3600)
    world.settle()
    assert world.traffic() == {2: 100}


def test_an_alias_that_points_nowhere_changes_nothing() -> None:
    world = serving()
    del world.aliases["production"]
    world.want()
    assert world.step() == []
    assert world.route.shares[0].aliases == ("production",)


def test_an_alias_that_nobody_follows_moves_at_once() -> None:
    world = serving()
    world.aliases["latest"] = 1
    world.step()
    assert world.route.shares[0].aliases == ("latest", "production")
    world.aliases["latest"] = 7
    world.step()
    assert world.route.shares[0].aliases == ("production",)


def test_a_version_with_a_problem_is_not_started_but_goes_on_while_it_runs() -> None:
    world = serving(2)
    world.want(problems={1: "version 1 is offline"})
    assert world.step() == []
    world.end("r1", exit_code=1)
    assert kinds(world.step()) == [MarkFailed]
    assert world.traffic() == {1: 100}


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ({"exit_code": 3}, "its process ended with exit code 3"),
        ({"exit_code": -9}, "its process ended by signal 9 (SIGKILL)"),
        ({"exit_code": -9, "verdict": "killed: used 2.1 GB of 2.0 GB"}, f"killed: used 2.1 GB of 2.0 GB{MORE}"),
        ({"exit_code": None}, "its process is gone, and nobody saw how it ended"),
    ],
)
def test_reasons_are_said_in_words(how: dict[str, object], reason: str) -> None:
    world = serving()
    world.end("r1", **how)
    assert MarkFailed("r1", reason) in world.plan()


def test_a_model_server_that_gave_up_says_why(world: World) -> None:
    world.step(), world.step()
    world.errors["r1"] = "onnx file is cut short"
    assert MarkFailed("r1", "onnx file is cut short") in world.plan()


def test_a_start_that_was_given_up_says_why_and_is_tried_again(world: World) -> None:
    world.step()
    world.launch_errors["r1"] = "no room"
    assert world.step() == [MarkFailed("r1", "no room")]
    world.clock.advance(1)
    assert world.step() == [StartReplica(1, 1)]


def test_a_start_that_takes_too_long_fails(world: World) -> None:
    world.step(), world.step()
    world.clock.advance(119)
    assert world.step() == []
    world.clock.advance(1)
    (failed,) = world.step()
    assert failed == MarkFailed("r1", "it was not ready 120 s after its start")
    assert world.step() == [EndWorkload("r1", 12.0)]


def test_what_is_recorded_but_not_running_is_launched_if_new_and_replaced_if_it_ran() -> None:
    world = serving()
    world.move("production", 2)
    world.step()
    del world.workloads["r1"]
    assert world.plan()[0] == StopReplica("r1", NOT_HERE)
    assert Launch("r2") in world.plan()


def test_what_went_while_nobody_looked_is_replaced_at_once_however_often() -> None:
    """The platform is stopped and started, or restored from a backup: nothing speaks against the model."""
    world = serving()
    for number in range(1, 5):
        del world.workloads[f"r{number}"]
        actions = world.step()
        assert actions[0] == StopReplica(f"r{number}", NOT_HERE)
        assert StartReplica(1, 0) in actions
        world.settle()
        assert world.traffic() == {1: 100}


def test_what_was_ended_with_the_platform_is_stopped_and_no_failure() -> None:
    world = serving()
    world.end("r1", exit_code=None, platform_stopped=True)
    actions = world.step()
    assert actions[0] == StopReplica("r1", PLATFORM_STOPPED)
    assert StartReplica(1, 0) in actions
    assert world.replicas["r1"].state == "stopped"


def test_planning_twice_without_acting_gives_the_same(world: World) -> None:
    assert world.plan() == world.plan()
    world.step()
    assert world.plan() == world.plan()


def test_a_stopped_deployment_drains_what_it_ran_and_starts_again_as_it_was() -> None:
    world = serving(replicas=2)
    world.want(stopped=True)
    actions = world.step()
    assert kinds(actions) == [SetRoute, Drain, Drain]
    assert world.traffic() == {}
    world.settle()
    assert (len(world.of("stopped")), world.alive, world.route.retired) == (2, set(), ())
    assert world.plan() == []
    world.want(stopped=False)
    world.settle()
    assert world.traffic() == {1: 100}
    assert len(world.alive) == 2


def test_a_version_kept_for_going_back_stops_with_its_deployment() -> None:
    world = serving()
    world.move("production", 2)
    world.settle()
    assert [retired.version for retired in world.route.retired] == [1]
    world.want(stopped=True)
    world.settle()
    assert world.alive == set()
    assert world.route.retired == ()


def test_a_deployment_stopped_while_it_starts_starts_nothing_more() -> None:
    world = World(replicas=2)
    world.step(), world.step()
    world.want(stopped=True)
    world.settle()
    assert (world.alive, world.traffic()) == (set(), {})
