"""What is measured of runs: how long they take by size, how often they come, and whether the loop may run them."""

import random

import pytest

from bms.serving.inference.batching.inline_run import SHORT_S, SURPRISE_S, InlineRunPolicy
from bms.serving.inference.batching.rate import Rate
from bms.serving.inference.batching.times import ServiceTimes


def test_between_measured_sizes_time_is_linear_and_beyond_nothing_is_gained() -> None:
    times = ServiceTimes()
    assert (times.known, times.expected(5), times.least(5)) == (False, 0.0, 0.0)
    times.note(1, 0.003)
    times.note(9, 0.011)
    assert times.known
    assert [times.expected(rows) for rows in (1, 5, 9, 18)] == pytest.approx([0.003, 0.007, 0.011, 0.022])
    assert list(times.sizes(8)) == [1]
    assert list(times.sizes(9)) == [1, 9]


def test_less_than_was_ever_run_takes_as_long_as_the_least() -> None:
    times = ServiceTimes()
    times.note(16, 0.5)
    assert times.expected(1) == 0.5


def test_one_odd_run_moves_the_estimate_a_little_and_a_change_moves_it_wholly() -> None:
    times = ServiceTimes()
    for _ in range(50):
        times.note(4, 0.010)
    times.note(4, 5.0)
    assert times.expected(4) == pytest.approx(0.012)
    for _ in range(60):
        times.note(4, 0.100)
    assert times.expected(4) == pytest.approx(0.100, rel=0.01)
    assert times.least(4) > 0.08


def test_nearly_all_runs_end_within_the_likely_time() -> None:
    chance, times = random.Random(3), ServiceTimes()
    late = 0
    for turn in range(2000):
        seconds = 0.01 * chance.uniform(0.7, 1.3)
        late += turn > 100 and seconds > times.likely(8)
        times.note(8, seconds)
    assert late < 100


def test_the_least_time_is_doubted_when_it_keeps_runs_from_being_tried() -> None:
    times = ServiceTimes()
    times.note(1, 1.0)
    for _ in range(60):
        times.lower_least(1)
    assert times.least(1) < 0.31


def test_a_rate_follows_what_arrives_and_fades() -> None:
    rate = Rate(0.5)
    for tick in range(4000):
        rate.add(2)
        assert rate.per_s(tick / 1000) >= 0
    assert rate.per_s(4.0) == pytest.approx(2000, rel=0.02)
    assert rate.per_s(6.0) == pytest.approx(2000 * 0.0183, rel=0.05)


def feed(inline: InlineRunPolicy, seconds: float, runs: int, rows: int = 1) -> int:
    """Notes so many runs; returns how many of them the loop would have run."""
    inside = 0
    for _ in range(runs):
        inside += inline.short(rows)
        inline.note(rows, seconds)
    return inside


def test_runs_move_to_the_loop_once_a_window_of_them_was_short() -> None:
    inline = InlineRunPolicy()
    assert feed(inline, 50e-6, 16) == 0
    assert feed(inline, 50e-6, 100) == 100
    assert not inline.short(64)  # another size
    assert feed(inline, SHORT_S * 1.1, 100) == 100  # neither short nor long: nothing moves
    assert feed(inline, SHORT_S * 2, 100) <= 28
    assert not inline.short(1)
    assert feed(inline, SHORT_S * 1.1, 100) == 0


def test_long_runs_never_come_to_the_loop() -> None:
    assert feed(InlineRunPolicy(), 0.001, 1000) == 0


def test_after_a_surprise_the_next_run_is_in_the_worker_and_trust_takes_longer_each_time() -> None:
    inline = InlineRunPolicy()
    waits = []
    for _ in range(7):
        waits.append(0)
        while not inline.short(1):
            feed(inline, 50e-6, 1)
            waits[-1] += 1
        inline.note(1, SURPRISE_S * 2)
        assert not inline.short(1)
    assert waits == [16, 32, 64, 128, 256, 512, 512]


def test_a_model_that_is_mostly_short_stays_in_the_loop_when_one_run_is_a_little_late() -> None:
    inline = InlineRunPolicy()
    feed(inline, 50e-6, 20)
    inline.note(1, SURPRISE_S / 2)
    assert feed(inline, 50e-6, 200) == 200
