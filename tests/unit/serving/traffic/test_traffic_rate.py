import pytest
from hypothesis import given
from hypothesis import strategies as st

from bms.core.errors import ResourceExhausted
from bms.core.serving.snapshot import KeyEntry
from bms.serving.traffic.rate import RateLimits


def key(rate: float | None, burst: int | None = None) -> KeyEntry:
    return KeyEntry(
        id="k", tenant="a", user="u", role="developer", scopes=frozenset(), digest=b"", rate_per_s=rate, burst=burst
    )


def taken(limits: RateLimits, key: KeyEntry, now: float) -> bool:
    try:
        limits.take(key, now)
    except ResourceExhausted:
        return False
    return True


def test_a_key_without_a_rate_is_never_refused() -> None:
    limits = RateLimits()
    assert all(taken(limits, key(None), 0.0) for _ in range(1000))


def test_a_burst_passes_and_the_next_must_wait_as_long_as_it_is_told() -> None:
    limits, limited = RateLimits(), key(10.0, burst=3)
    assert [taken(limits, limited, 100.0) for _ in range(4)] == [True, True, True, False]
    with pytest.raises(ResourceExhausted) as refusal:
        limits.take(limited, 100.0)
    wait = refusal.value.retry_after_s
    assert wait == pytest.approx(0.1)
    assert not taken(limits, limited, 100.0 + wait - 0.001)
    assert taken(limits, limited, 100.0 + wait)


def test_the_burst_is_a_seconds_worth_unless_said() -> None:
    limits = RateLimits()
    assert sum(taken(limits, key(2.5), 0.0) for _ in range(10)) == 3


def test_a_rate_of_zero_refuses_everything() -> None:
    assert not taken(RateLimits(), key(0.0), 0.0)


def test_forgetting_whole_allowances_changes_nothing() -> None:
    limits, limited = RateLimits(), key(1.0, burst=1)
    assert taken(limits, limited, 0.0)
    limits.prune(0.5)
    assert not taken(limits, limited, 0.5)
    limits.prune(1.0)
    assert limits._arrivals == {}
    assert taken(limits, limited, 1.0)


@given(
    rate=st.floats(0.5, 100),
    burst=st.integers(1, 10),
    gaps=st.lists(st.floats(0, 1), min_size=1, max_size=60),
)
def test_no_window_sees_more_than_burst_and_rate_allow(rate: float, burst: int, gaps: list[float]) -> None:
    limits, limited, now, passed = RateLimits(), key(rate, burst), 0.0, []
    for gap in gaps:
        now += gap
        if taken(limits, limited, now):
            passed.append(now)
    for first, start in enumerate(passed):
        for last in range(first, len(passed)):
            assert last - first + 1 <= burst + (passed[last] - start) * rate + 1e-6
