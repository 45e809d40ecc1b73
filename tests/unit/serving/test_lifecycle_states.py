import pytest

from bms.core.errors import FailedPrecondition
from bms.serving.lifecycle.states import Lifecycle, State


@pytest.mark.parametrize(
    "path",
    [
        ["LOADING", "AVAILABLE", "UNLOADING", "END"],
        ["LOADING", "UNLOADING", "END"],
        ["LOADING", "END"],
        ["AVAILABLE"],
        ["LOADING", "AVAILABLE", "LOADING"],
        ["LOADING", "AVAILABLE", "UNLOADING", "AVAILABLE"],
        ["END", "LOADING"],
        ["LOADING", "LOADING"],
    ],
)
def test_a_servable_only_moves_forward(path: list[State]) -> None:
    order = ["START", "LOADING", "AVAILABLE", "UNLOADING", "END"]
    lifecycle = Lifecycle()
    for state in path:
        ahead = order.index(state) > order.index(lifecycle.state)
        skips = (lifecycle.state, state) in {("START", "AVAILABLE"), ("START", "UNLOADING")}
        if ahead and not skips:
            lifecycle.move(state)
            assert lifecycle.state == state
            assert lifecycle.ready is (state == "AVAILABLE")
        else:
            before = lifecycle.state
            with pytest.raises(FailedPrecondition, match=f"is {before} can't become {state}"):
                lifecycle.move(state)
            assert lifecycle.state == before


def test_a_failure_ends_it_with_the_reason() -> None:
    lifecycle = Lifecycle()
    lifecycle.move("LOADING")
    lifecycle.fail("the file is torn")
    assert (lifecycle.state, lifecycle.error, lifecycle.ready) == ("END", "the file is torn", False)
    with pytest.raises(FailedPrecondition):
        lifecycle.fail("again")
    assert lifecycle.error == "the file is torn"
