"""Model servers are asked in company: as often as each of them alone would be, at far fewer moments."""

from collections import Counter
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from bms.control.deployments.nouns import Replica
from bms.control.deployments.probe_schedule import A_SECOND, AT_ONCE, EARLY_S, READY_S, STARTING_S, ProbeSchedule


def _replica(id: str, state: str = "ready") -> Replica:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Replica(id=id, tenant="t", deployment="d", version=1, build="b", state=state, address="a", created_at=at)  # type: ignore[arg-type]


class Simulated:
    """Time goes from turn to turn; who was asked at which moment."""

    def __init__(self, *replicas: Replica) -> None:
        self.schedule = ProbeSchedule()
        self.replicas = {replica.id: replica for replica in replicas}
        self.troubled: set[str] = set()
        self.now = 0.0
        self.asked: list[tuple[float, str]] = []

    def run(self, seconds: float) -> int:
        """How often it woke."""
        until, wakes = self.now + seconds, 0
        while self.now < until:
            wakes += 1
            due, next_in = self.schedule.take(self.replicas, self.troubled, self.now)
            self.asked += [(self.now, replica.id) for replica in due]
            self.now += next_in
        return wakes

    def pauses(self, id: str) -> list[float]:
        return [after - before for before, after in pairwise(at for at, asked in self.asked if asked == id)]


def _many(number: int) -> Simulated:
    """Replicas that came one after another, so that each has a moment of its own."""
    world = Simulated()
    for index in range(number):
        world.replicas[f"r{index}"] = _replica(f"r{index}")
        world.run(0.31)
    world.run(3 * max(READY_S, number / A_SECOND))
    world.asked.clear()
    return world


@pytest.mark.parametrize("number", [1, 10, 100])
def test_each_is_asked_in_its_time_and_many_at_one_moment(number: int) -> None:
    world, pause = _many(number), max(READY_S, number / A_SECOND)
    wakes = world.run(10 * pause)
    for id in world.replicas:
        assert len(world.pauses(id)) >= 8
        assert max(world.pauses(id)) <= pause + STARTING_S, "never later than alone"
    assert len(world.asked) <= 10.5 * number + number, "nor more often"
    assert wakes <= 10 * pause / EARLY_S + 2
    together = Counter(at for at, _ in world.asked)
    assert max(together.values()) <= AT_ONCE, "nor all of many at once"


def test_one_that_starts_is_asked_often_and_makes_nobody_else_be() -> None:
    world = _many(3)
    world.replicas["new"] = _replica("new", "starting")
    began = world.now
    world.run(20.0)
    assert len([at for at, id in world.asked if id == "new" and at >= began]) >= 0.9 * 20.0 / STARTING_S
    assert len([at for at, id in world.asked if id == "r1" and at >= began]) <= 20.0 / READY_S + 2


def test_one_that_did_not_answer_is_asked_soon_again_however_many_there_are() -> None:
    world = _many(100)
    world.troubled.add("r7")
    world.run(60.0)
    assert max(world.pauses("r7")[1:]) <= READY_S + STARTING_S
    assert min(world.pauses("r8")) >= 100 / A_SECOND - EARLY_S


def test_one_that_is_to_be_asked_at_once_is() -> None:
    world = _many(10)
    world.schedule.take(world.replicas, (), world.now)
    assert world.schedule.take(world.replicas, (), world.now)[0] == []
    world.schedule.forget("r3")
    assert world.replicas["r3"] in world.schedule.take(world.replicas, (), world.now)[0]


def test_where_there_is_nobody_nobody_is_asked() -> None:
    assert ProbeSchedule().take({}, (), 0.0) == ([], READY_S)
