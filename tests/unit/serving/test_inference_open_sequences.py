"""Which sequences are open, and until when."""

import pytest

from bms.core.errors import InvalidArgument, ResourceExhausted
from bms.core.tensors.sequences import SequenceLimits, SequenceStep
from bms.serving.inference.metrics import SequenceCounts
from bms.serving.inference.sequences.sequences import OpenSequences


@pytest.fixture
def counts() -> SequenceCounts:
    return SequenceCounts()


@pytest.fixture
def sequences(counts: SequenceCounts) -> OpenSequences:
    return OpenSequences("m", SequenceLimits(most=2, idle_s=10.0), counts)


def first(id: int | str) -> SequenceStep:
    return SequenceStep(id, True, False)


def next_one(id: int | str) -> SequenceStep:
    return SequenceStep(id, False, False)


def last(id: int | str) -> SequenceStep:
    return SequenceStep(id, False, True)


def test_what_a_step_leaves_the_next_one_finds(sequences: OpenSequences) -> None:
    begun = sequences.take(first(1), 0.0)
    begun.state["sum"] = 5
    sequences.ended(begun, 0.1)
    again = sequences.take(next_one(1), 1.0)
    assert (again.state, again.start, again.end) == ({"sum": 5}, False, False)
    sequences.ended(again, 1.1)
    ended = sequences.take(last(1), 2.0)
    assert (ended.state, ended.end, len(sequences)) == ({"sum": 5}, True, 0)
    sequences.ended(ended, 2.1)
    with pytest.raises(InvalidArgument, match="sequence 1 to model 'm' must specify the START flag"):
        sequences.take(next_one(1), 3.0)


def test_a_number_is_another_name_than_its_text(sequences: OpenSequences) -> None:
    sequences.take(first(1), 0.0)
    with pytest.raises(InvalidArgument, match="must specify the START flag"):
        sequences.take(next_one("1"), 0.0)


def test_one_that_begins_anew_keeps_nothing(sequences: OpenSequences) -> None:
    old = sequences.take(first(1), 0.0)
    old.state["sum"] = 5
    new = sequences.take(first(1), 0.0)
    assert (new.state, len(sequences)) == ({}, 1)
    sequences.ended(old, 0.1)  # which is not the one that is open now
    assert sequences.take(next_one(1), 0.2).state is new.state


def test_no_more_are_open_than_a_replica_keeps(sequences: OpenSequences) -> None:
    for id in (1, 2):
        sequences.ended(sequences.take(first(id), 0.0), 0.0)
    with pytest.raises(ResourceExhausted, match="2 sequences are open, which is all that a replica of 'm' keeps"):
        sequences.take(first(3), 1.0)
    sequences.take(first(2), 1.0)  # anew
    sequences.take(last(2), 1.0)
    sequences.take(first(3), 1.0)


def test_one_that_nobody_goes_on_with_is_given_up(sequences: OpenSequences) -> None:
    sequences.ended(sequences.take(first(1), 0.0), 0.0)
    slow = sequences.take(first(2), 0.0)
    assert sequences.expire(9.9) == 0
    sequences.take(first(3), 10.0)  # the first one made room
    with pytest.raises(InvalidArgument, match=r"given up after 10 s"):
        sequences.take(next_one(1), 10.0)
    sequences.ended(slow, 100.0)  # it was running all the while
    assert sequences.expire(105.0) == 0
    assert sequences.take(next_one(2), 109.0).id == 2


def test_a_step_of_no_sequence_is_refused(sequences: OpenSequences) -> None:
    with pytest.raises(InvalidArgument, match="must specify a non-zero or non-empty correlation ID"):
        sequences.take(None, 0.0)


def test_they_are_counted(sequences: OpenSequences, counts: SequenceCounts) -> None:
    begun = [sequences.take(first(id), 0.0) for id in (1, 2)]
    with pytest.raises(ResourceExhausted):
        sequences.take(first(3), 1.0)
    assert counts == SequenceCounts(open=2, begun=2, refused=1)
    sequences.take(first(2), 1.0)  # anew: it is one still
    sequences.take(last(2), 1.0)
    sequences.take(SequenceStep(3, True, True), 1.0)  # of one step
    assert counts == SequenceCounts(open=1, begun=4, refused=1)
    sequences.ended(begun[0], 2.0)
    with pytest.raises(InvalidArgument):
        sequences.take(next_one(1), 12.0)
    assert counts == SequenceCounts(open=0, begun=4, refused=1, given_up=1)
