"""Looks that go on side by side fall on the same moments, and never on one another's heels."""

from itertools import pairwise

import pytest

from bms.core.ticks import until_tick


def _moments(begin: float, every_s: float, late_s: float = 0.0) -> list[float]:
    moments, now = [], begin
    for _ in range(20):
        now += until_tick(now, every_s)
        moments.append(round(now, 6))
        now += late_s
    return moments


@pytest.mark.parametrize("late_s", [0.0, 0.001, 0.1])
def test_whoever_begins_when_looks_at_the_same_moments(late_s: float) -> None:
    moments = [set(_moments(100.0 + begin, 0.25, late_s)[2:-2]) for begin in (0.0, 0.01, 0.12, 0.13, 0.249)]
    common = set.intersection(*moments)
    assert all(len(each - common) <= 2 for each in moments)


@pytest.mark.parametrize("begin", [0.0, 0.3, 0.5, 0.7, 123.456])
def test_no_two_looks_are_closer_than_half_a_period_or_further_than_one_and_a_half(begin: float) -> None:
    for before, after in pairwise([begin, *_moments(begin, 0.5)]):
        assert 0.25 <= round(after - before, 6) <= 0.75
    assert until_tick(7199.0, 3600.0) == 3601.0, "what is to happen in an hour does not happen in a second"
