"""Where the steps of sequences go."""

import pytest

from bms.core.errors import Aborted
from bms.core.tensors.sequences import SequenceStep
from bms.serving.traffic.sequences import Sequences
from tests.unit.serving.traffic.test_traffic_dispatcher import LOST, Recorded, Scene, version

REPLICAS = ("a", "b", "c")


def stepped(scene: Scene, id: int | str, *, start: bool = False, end: bool = False, number: int = 1) -> Recorded:
    return scene.send(number, sequence=SequenceStep(id, start, end))


def replica_of(call: Recorded) -> str:
    assert call.replica is not None
    return call.replica.id


def test_all_steps_go_to_one_replica_and_sequences_to_all() -> None:
    scene = Scene(version(1, *REPLICAS))
    seen = {}
    for id in range(1, 60):
        places = {replica_of(stepped(scene, id, start=not at, end=at == 3)) for at in range(4)}
        assert len(places) == 1
        seen[id] = places.pop()
    assert set(seen.values()) == set(REPLICAS)


def test_every_gateway_sends_a_sequence_to_the_same_replica() -> None:
    one, other = Scene(version(1, *REPLICAS)), Scene(version(1, *reversed(REPLICAS)))
    for id in ("x", "y", 7, 8, 9):
        assert replica_of(stepped(one, id, start=True)) == replica_of(stepped(other, id))


def test_a_replica_that_comes_takes_no_sequence_that_has_begun() -> None:
    scene = Scene(version(1, "a"))
    for id in range(1, 20):
        stepped(scene, id, start=True)
    scene.serve(version(1, *REPLICAS))
    assert {replica_of(stepped(scene, id)) for id in range(1, 20)} == {"a"}
    assert {replica_of(stepped(scene, id, start=True)) for id in range(1, 20)} == set(REPLICAS)


def test_a_sequence_whose_replica_is_gone_is_lost_and_may_begin_again() -> None:
    scene = Scene(version(1, *REPLICAS))
    where = replica_of(stepped(scene, 5, start=True))
    scene.links[where].usable = False
    with pytest.raises(Aborted, match=r"sequence 5 is lost: .* begin again with sequence_start"):
        stepped(scene, 5)
    assert replica_of(stepped(scene, 5, start=True)) != where


def test_only_the_first_step_is_tried_on_another_replica() -> None:
    scene = Scene(version(1, *REPLICAS))
    first = stepped(scene, 5, start=True)
    where = replica_of(first)
    scene.links[where].fail()
    assert (first.told, replica_of(first) != where) == ([], True)
    again = stepped(scene, 5)
    moved = replica_of(again)
    assert moved == replica_of(first)
    sent = max(scene.links[moved].sent)
    scene.links[moved].fail(sent, LOST)
    assert again.told == ["UNAVAILABLE"]  # as the replica failed: no other one has what was kept


def test_a_sequence_stays_with_the_version_that_it_began_with() -> None:
    scene = Scene(version(1, "a", weight=1), version(2, "b", weight=1))
    sequences, route = scene.dispatcher.sequences, scene.index.by_id["d"]
    drawn = {id: sequences.version(route, SequenceStep(id, True, False)) for id in range(1, 40)}
    assert {one.number for one in drawn.values() if one is not None} == {1, 2}
    other = {id: Sequences().version(route, SequenceStep(id, False, False)) for id in drawn}
    assert other == drawn  # another gateway draws the same
    for id, one in drawn.items():
        assert one is not None
        stepped(scene, id, start=True, number=one.number)
    scene.serve(version(1, "a", weight=0), version(2, "b", weight=1))
    route = scene.index.by_id["d"]
    kept = {id: sequences.version(route, SequenceStep(id, False, False)) for id in drawn}
    assert [one.number for one in kept.values() if one] == [one.number for one in drawn.values() if one]
    anew = {id: sequences.version(route, SequenceStep(id, True, False)) for id in drawn}
    assert {one.number for one in anew.values() if one} == {2}
