"""When batches leave and how large: tables of decisions, then whole simulated services."""

import copy
import functools

import pytest

from bms.core.workloads.programs import Batching
from bms.serving.inference.batching.policy import (
    Adaptive,
    Decision,
    Static,
    WaitingGroup,
    WaitStatistics,
    policy_of,
    warm_up_sizes,
)
from bms.serving.inference.batching.rate import Rate
from bms.serving.inference.batching.times import ServiceTimes
from tests.worlds.batching import Outcome, poisson, simulate

NEVER = float("inf")


def linear(rows: int) -> float:
    """A model that gains from going together: seconds of a run."""
    return 0.002 + 0.001 * rows


def flat(rows: int) -> float:
    return 0.010 + 0.0002 * rows


def cliff(rows: int) -> float:
    """A model that no longer gains beyond 16 rows."""
    return 0.002 + 0.0005 * rows + (0.00004 * (rows - 16) ** 2 if rows > 16 else 0)


def measured(curve: object) -> ServiceTimes:
    times = ServiceTimes()
    for rows in (1, 2, 4, 8, 16, 32, 64):
        times.note(rows, curve(rows))  # type: ignore[operator]
    return times


def arriving(per_s: float) -> Rate:
    """A rate that has been so for 100 seconds."""
    rate = copy.copy(_arriving())
    rate._level *= per_s / rate.per_s(100.0)
    return rate


@functools.cache
def _arriving() -> Rate:
    rate = Rate(0.5)
    rate.per_s(0.0)
    at = 0.0
    while at < 100.0:
        at += 0.001
        rate.add(1)
        rate.per_s(at)
    return rate


def waiting(rows: int, *, age: float = 0.0, patient: float = NEVER, per_s: float = 0.0) -> WaitingGroup:
    return WaitingGroup(100.0, rows, 100.0 - age, patient, arriving(per_s) if per_s else Rate(0.5))


@pytest.mark.parametrize(
    ("policy", "given", "decision"),
    [
        (Static(4, 0.0), waiting(1), (4, 100.0, "idle")),
        (Static(4, 0.0), waiting(9), (4, 100.0, "full")),
        (Static(1, 0.0), waiting(1), (1, 100.0, "full")),
        (Static(4, 0.5), waiting(1, age=0.2), (0, 100.3, "idle")),
        (Static(4, 0.5), waiting(1, age=0.5), (4, 100.0, "timer")),
        (Static(4, 0.5), waiting(1, patient=100.1), (0, 100.1, "idle")),
        (Static(4, 0.5), waiting(1, patient=100.0), (4, 100.0, "deadline")),
        (Static(4, 0.5), waiting(4), (4, 100.0, "full")),
    ],
)
def test_static_decisions(policy: Static, given: WaitingGroup, decision: tuple[object, ...]) -> None:
    made = policy.decide(given, ServiceTimes(), WaitStatistics())
    assert made == (decision[0], pytest.approx(decision[1]), decision[2])


@pytest.mark.parametrize(
    ("given", "curve", "objective_s", "decision"),
    [
        (waiting(3), linear, 0.1, (3, "idle")),  # nothing else comes
        (waiting(1, per_s=100), linear, 0.1, (1, "idle")),  # so few that the model rests anyway
        (waiting(80, per_s=100), linear, 0.1, (64, "full")),
        (waiting(1, per_s=400), linear, 0.1, (0, "idle")),  # one by one it would never rest: hold
        (waiting(1, per_s=400), linear, 0.01, (1, "deadline")),  # but the objective does not allow it
        (waiting(1, per_s=400, patient=100.001), linear, 0.1, (1, "deadline")),  # nor does a caller's deadline
        (waiting(1, per_s=980), linear, 0.1, (1, "idle")),  # holding back would only lose time
        (waiting(64), cliff, 0.1, (16, "full")),  # more rows per second
        (waiting(40, age=9.0), linear, 0.1, (40, "idle")),  # late already: as fast as it can
        (waiting(40), lambda rows: 0.0001 + 0.001 * rows, 0.02, (17, "idle")),  # in time, hardly slower
    ],
)
def test_adaptive_decisions(
    given: WaitingGroup, curve: object, objective_s: float, decision: tuple[object, ...]
) -> None:
    made = Adaptive(64, objective_s).decide(given, measured(curve), WaitStatistics())
    assert (made.rows, made.reason) == decision
    if not made.rows:
        assert 100.0 < made.at < 100.0 + objective_s


def test_nothing_measured_nothing_held_and_nothing_limited() -> None:
    assert Adaptive(64, 0.1).decide(waiting(5, per_s=900), ServiceTimes(), WaitStatistics()) == Decision(
        5, 100.0, "idle"
    )


def test_with_few_allowed_sizes_filling_up_is_weighed_against_running_less() -> None:
    times = ServiceTimes()
    for rows, seconds in ((1, 0.002), (4, 0.003), (16, 0.006)):
        times.note(rows, seconds)
    policy = Adaptive(16, 0.1, (1, 4, 16))
    taken = [policy.decide(waiting(rows), times, WaitStatistics()).rows for rows in (1, 2, 3, 5, 6, 9, 12, 16)]
    assert taken == [1, 2, 3, 4, 4, 9, 12, 16]  # five are one of four and one; nine are one of sixteen


def test_waits_in_vain_become_rare_and_company_makes_them_common_again() -> None:
    wait_statistics = WaitStatistics()
    held = 0
    for _ in range(600):
        if wait_statistics.worth_holding:
            held += 1
            wait_statistics.hold(8, 1.0)
        wait_statistics.left(1)
    assert held == 9
    while not wait_statistics.worth_holding:
        wait_statistics.left(1)
    wait_statistics.hold(8, 1.0)
    wait_statistics.left(8)
    assert wait_statistics.worth_holding


def test_a_limited_batch_tries_more_now_and_then() -> None:
    wait_statistics, times = WaitStatistics(), measured(cliff)
    sizes = [Adaptive(64, 0.1).decide(waiting(64), times, wait_statistics).rows for _ in range(128)]
    assert sizes.count(16) == 126
    assert sizes.count(32) == 2


@pytest.mark.parametrize(
    ("options", "max_rows", "warm"),
    [
        (Batching(), 64, (1, 64)),
        (Batching(max_rows=1), 1, (1,)),
        (Batching(policy="off"), 1, (1,)),
        (Batching(policy="off", sizes=(2, 8)), 1, (2, 8)),
        (Batching(sizes=(2, 8)), 8, (2, 8)),
        (Batching(policy="adaptive", max_rows=12), 12, (1, 2, 4, 8, 12)),
        (Batching(policy="adaptive", max_rows=16), 16, (1, 2, 4, 8, 16)),
        (Batching(policy="adaptive", max_rows=1), 1, (1,)),
        (Batching(policy="adaptive", sizes=(1, 8)), 8, (1, 8)),
    ],
)
def test_options_make_policies_and_what_is_warmed_up(options: Batching, max_rows: int, warm: tuple[int, ...]) -> None:
    policy = policy_of(options)
    assert policy.max_rows == max_rows
    assert isinstance(policy, Adaptive) == (options.policy == "adaptive" and max_rows > 1)
    assert warm_up_sizes(options) == warm


OFF = Batching(policy="off")


def adaptive(objective_s: float) -> Batching:
    return Batching(policy="adaptive", objective_s=objective_s)


def p95(outcome: Outcome) -> float:
    return outcome.percentile(0.95)


def test_a_quiet_service_waits_for_nobody() -> None:
    arrivals = poisson(20, 20)
    assert p95(simulate(adaptive(0.05), linear, arrivals)) < 0.005
    assert p95(simulate(Batching(max_wait_s=0.01), linear, arrivals)) > 0.012  # a fixed wait is latency for nothing


@pytest.mark.no_cover
@pytest.mark.parametrize("per_s", [200, 400, 600])
def test_the_objective_holds_where_running_one_by_one_fails(per_s: int) -> None:
    arrivals = poisson(per_s, 20)
    assert p95(simulate(adaptive(0.02), linear, arrivals)) <= 0.02
    if per_s > 1 / linear(1):
        assert p95(simulate(OFF, linear, arrivals)) > 1.0
    else:
        assert p95(simulate(OFF, linear, arrivals)) <= 0.02


@pytest.mark.no_cover
def test_the_objective_holds_where_a_size_that_is_too_small_and_one_that_is_too_large_fail() -> None:
    arrivals = poisson(1200, 20)
    assert p95(simulate(Batching(max_rows=4), cliff, arrivals)) > 0.5
    assert p95(simulate(Batching(max_rows=64), cliff, arrivals)) > 0.5
    assert p95(simulate(adaptive(0.05), cliff, arrivals)) <= 0.05


@pytest.mark.no_cover
def test_where_the_objective_leaves_time_the_model_works_less_for_the_same_answers() -> None:
    arrivals = poisson(90, 20)
    at_once, held = simulate(Batching(), flat, arrivals), simulate(adaptive(0.05), flat, arrivals)
    assert held.busy < 0.8 * at_once.busy
    assert p95(held) <= 0.05


@pytest.mark.no_cover
@pytest.mark.parametrize("clients", [1, 4, 16, 64])
def test_clients_that_wait_for_their_answers_lose_next_to_nothing(clients: int) -> None:
    at_once = simulate(Batching(), linear, [0.0], clients=clients)
    held = simulate(adaptive(0.05), linear, [0.0], clients=clients)
    assert len(held.latencies) > 0.95 * len(at_once.latencies)
