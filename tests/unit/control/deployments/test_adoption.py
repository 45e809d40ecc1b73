"""When a drained replica may be stopped."""

from bms.control.deployments.adoption import Adoption

R = frozenset({"r"})


def published() -> Adoption:
    """Replica r was published in 1 and is gone in 2, at second 100; one gateway has applied 1."""
    adoption = Adoption(0.0)
    adoption.connected(7)
    adoption.published(1, R, 50)
    adoption.applied(7, 1)
    adoption.published(2, frozenset(), 100)
    return adoption


def test_a_published_replica_is_never_released() -> None:
    adoption = Adoption(0.0)
    adoption.published(1, R, 0)
    assert adoption.released(R, 10_000) == frozenset()


def test_it_is_released_when_every_gateway_applied_a_revision_without_it() -> None:
    adoption = published()
    adoption.connected(8)
    assert adoption.released(R, 100) == frozenset()
    adoption.applied(7, 2)
    assert adoption.released(R, 100) == frozenset(), "the other one has applied nothing"
    adoption.applied(8, 3)
    assert adoption.released(R, 100) == R


def test_a_gateway_that_says_nothing_is_waited_for_five_seconds() -> None:
    adoption = published()
    assert adoption.released(R, 104.9) == frozenset()
    assert adoption.released(R, 105) == R


def test_a_gateway_that_went_away_may_be_back_for_a_moment() -> None:
    adoption = published()
    adoption.gone(7, 100.5)
    assert adoption.released(R, 102.4) == frozenset()
    assert adoption.released(R, 102.6) == R


def test_after_a_restart_gateways_get_a_moment_to_come_back() -> None:
    adoption = Adoption(1000.0)
    assert adoption.released(R, 1000.0) == frozenset()
    adoption.connected(1)
    assert adoption.released(R, 1003.0) == frozenset()
    adoption.applied(1, 1)
    assert adoption.released(R, 1003.0) == R


def test_one_that_is_published_again_starts_over() -> None:
    adoption = published()
    adoption.published(3, R, 101)
    adoption.applied(7, 3)
    assert adoption.released(R, 500) == frozenset()
    adoption.published(4, frozenset(), 501)
    assert adoption.released(R, 502) == frozenset()
    adoption.applied(7, 4)
    assert adoption.released(R, 502) == R


def test_what_a_gateway_says_after_its_end_counts_for_nothing() -> None:
    adoption = published()
    adoption.gone(7, 90)
    adoption.applied(7, 2)
    adoption.connected(8)
    assert adoption.released(R, 103) == frozenset()
