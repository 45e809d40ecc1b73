"""Latency statistics of a client's own calls."""

import pytest

from bms.sdk.transport.latency import KEPT, Latencies


def test_nothing_is_told_before_the_first_call() -> None:
    assert Latencies().summary("infer") is None


def test_quantiles_are_values_that_were_measured() -> None:
    latencies = Latencies()
    for milliseconds in range(1, 101):
        latencies.add("infer", milliseconds / 1000)
    told = latencies.summary("infer")
    assert told is not None
    assert (told.count, told.p50, told.p90, told.p99, told.max) == (100, 0.051, 0.091, 0.1, 0.1)
    assert told.mean == pytest.approx(0.0505)
    assert latencies.summary("api") is None


def test_old_samples_make_room_but_are_counted() -> None:
    latencies = Latencies()
    for _ in range(KEPT):
        latencies.add("infer", 9.0)
    for _ in range(KEPT):
        latencies.add("infer", 1.0)
    told = latencies.summary("infer")
    assert told is not None
    assert (told.count, told.max) == (2 * KEPT, 1.0)


def test_a_call_that_failed_is_no_sample() -> None:
    latencies = Latencies()
    with pytest.raises(ValueError, match="no"), latencies.timed("infer"):
        raise ValueError("no")
    assert latencies.summary("infer") is None
