"""Runs an ONNX Runtime session: can interrupt a run, and returns memory after a large one."""

from collections.abc import Mapping, Sequence
from typing import Any

from bms.core.tensors.tensor import Array

LARGE = 8 << 20  # bytes of inputs from which on what a run leaves behind is worth giving back
_FEW = 8  # a run is small again when its inputs are so many times smaller
_CALM = 256  # small runs after which no more large ones are expected


class ArenaPolicy:
    """Decides when a session's memory is returned to the system.

    ONNX Runtime keeps what its largest run needed. Giving it back at the end of every large run makes each of them
    several times slower, since the next one has to ask for it again; so it is given back by a small run, when large
    ones have not come for a while.
    """

    def __init__(self) -> None:
        self._largest = 0
        self._small = 0

    def gives_back(self, size: int) -> bool:
        """Whether a run with so many bytes of inputs is to return memory."""
        if size >= LARGE and size * _FEW > self._largest:
            self._largest = max(size, self._largest)
            self._small = 0
        elif self._largest:
            self._small += 1
            if self._small >= _CALM:
                self._largest = self._small = 0
                return True
        return False


class Runs:
    """The runs of one session."""

    def __init__(self, session: Any, options: type[Any]) -> None:
        """`options` is ONNX Runtime's RunOptions."""
        self._session = session
        self._new = options
        self._usual = options()
        self._shrinking = options()
        self._shrinking.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        self._arena = ArenaPolicy()

    def run(self, names: Sequence[str], feeds: Mapping[str, Array]) -> list[Any]:
        """Runs the session. Raises what ONNX Runtime raises, also when it is interrupted."""
        size = 0
        for array in feeds.values():
            size += array.nbytes
        if self._arena.gives_back(size):
            return list(self._session.run(names, feeds, self._shrinking))
        if self._usual.terminate:
            self._usual = self._new()
        return self._session.run(names, feeds, self._usual)  # type: ignore[no-any-return]

    def interrupt(self) -> None:
        """Makes the present run fail soon; without one, nothing happens. Called from any thread."""
        self._usual.terminate = True
