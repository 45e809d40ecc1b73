"""How far all gateways of one process have come."""

from bms.control.snapshots.acknowledgements import RECONNECT_S, UNKNOWN, Acknowledgements

LATER = RECONNECT_S + 1


def test_without_gateways_everything_seen_is_routed_by() -> None:
    assert Acknowledgements(0.0).position(5, 9, LATER) == 9


def test_after_a_start_gateways_of_the_predecessor_are_waited_for_a_moment() -> None:
    acknowledgements = Acknowledgements(10.0)
    assert acknowledgements.position(5, 9, 10.0 + RECONNECT_S - 0.1) == UNKNOWN
    assert acknowledgements.position(5, 9, 10.0 + RECONNECT_S + 0.1) == 9


def test_the_slowest_gateway_says_how_far_all_have_come() -> None:
    acknowledgements = Acknowledgements(0.0)
    acknowledgements.connected(7)
    acknowledgements.connected(8)
    assert acknowledgements.position(5, 9, LATER) == UNKNOWN, "they have applied nothing of ours"
    acknowledgements.applied(7, 5)
    acknowledgements.applied(8, 3)
    assert (acknowledgements.position(5, 9, LATER), acknowledgements.all_applied(5)) == (3, False)
    acknowledgements.applied(8, 5)
    assert (acknowledgements.position(5, 9, LATER), acknowledgements.all_applied(5)) == (9, True)
    assert acknowledgements.position(10, 12, LATER) == 5, "there is a newer revision"


def test_a_gateway_that_went_away_may_be_back_for_a_moment_with_what_it_had() -> None:
    acknowledgements = Acknowledgements(0.0)
    acknowledgements.connected(7)
    acknowledgements.applied(7, 5)
    acknowledgements.gone(7, 100.0)
    assert acknowledgements.position(5, 9, 100.1) == 9
    assert acknowledgements.position(10, 12, 100.1) == 5
    assert acknowledgements.position(10, 12, 100.1 + RECONNECT_S) == 12


def test_what_a_gateway_says_after_its_end_counts_for_nothing() -> None:
    acknowledgements = Acknowledgements(0.0)
    acknowledgements.connected(7)
    acknowledgements.gone(7, 1.0)
    acknowledgements.applied(7, 5)
    acknowledgements.connected(8)
    acknowledgements.applied(8, 3)
    assert acknowledgements.position(5, 9, 100.0) == 3
