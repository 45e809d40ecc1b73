"""The states of a servable, in TensorFlow Serving's words, and the steps allowed between them."""

from typing import Literal

from bms.core.errors import FailedPrecondition

State = Literal["START", "LOADING", "AVAILABLE", "UNLOADING", "END"]

_NEXT: dict[State, frozenset[State]] = {
    "START": frozenset({"LOADING", "END"}),
    "LOADING": frozenset({"AVAILABLE", "UNLOADING", "END"}),
    "AVAILABLE": frozenset({"UNLOADING", "END"}),
    "UNLOADING": frozenset({"END"}),
    "END": frozenset(),
}


class Lifecycle:
    """The state of one servable. It only ever moves forward; `error` says why it ended, empty for a clean end."""

    def __init__(self) -> None:
        self._state: State = "START"
        self._error = ""

    @property
    def state(self) -> State:
        return self._state

    @property
    def error(self) -> str:
        return self._error

    @property
    def ready(self) -> bool:
        return self._state == "AVAILABLE"

    def move(self, state: State) -> None:
        """Moves to the next state. Raises FailedPrecondition for a transition that there is not."""
        if state not in _NEXT[self._state]:
            raise FailedPrecondition(f"a servable that is {self._state} can't become {state}")
        self._state = state

    def fail(self, reason: str) -> None:
        """Moves to END, with the reason. Raises FailedPrecondition when it has ended already."""
        self.move("END")
        self._error = reason
