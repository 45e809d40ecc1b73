"""Stretches of shared memory never overlap, and none is lost."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from bms.adapters.replicas.slots import Slots

SIZE = 4096


class SlotsMachine(RuleBasedStateMachine):
    taken = Bundle("taken")

    def __init__(self) -> None:
        super().__init__()
        self.slots = Slots(SIZE)
        self.held: dict[int, int] = {}

    @rule(target=taken, size=st.integers(0, SIZE))
    def take(self, size: int) -> int | None:
        start = self.slots.take(size)
        if start is not None:
            assert start >= 0
            assert start + size <= SIZE
            assert start % 64 == 0
            for other, length in self.held.items():
                assert start + max(size, 1) <= other or other + length <= start
            self.held[start] = max(size, 1)
        else:
            assert self.held, "an empty arena has room for everything up to its size"
        return start

    @rule(start=consumes(taken))
    def give_back(self, start: int | None) -> None:
        if start is not None:
            self.slots.give_back(start)
            del self.held[start]

    @invariant()
    def counts(self) -> None:
        assert len(self.slots) == len(self.held)

    def teardown(self) -> None:
        for start in list(self.held):
            self.slots.give_back(start)
        assert self.slots.take(SIZE) == 0, "all of it is one stretch again"


TestSlots = SlotsMachine.TestCase


def test_what_is_not_taken_cannot_be_given_back() -> None:
    slots = Slots(SIZE)
    start = slots.take(10)
    assert start == 0
    slots.give_back(start)
    with pytest.raises(KeyError):
        slots.give_back(start)
