"""The one thread in which a model is loaded and run, so that the event loop stays free to read and write."""

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import TypeVar

from bms.core.errors import BmsError
from bms.serving.inference.model_errors import call_foreign

T = TypeVar("T")
Done = Callable[[T | None, BmsError | None], None]  # exactly one of them is given, unless the function returns None


class Worker:
    """Runs functions one after the other in its thread, and calls `done`, back in the loop, with what each returned or
    raised.

    The thread is a daemon: a run that never returns can't keep the process alive.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.busy = 0  # functions whose `done` was not called yet
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="model", daemon=True)
        self._thread.start()

    def submit(self, doing: str, function: Callable[[], T], done: Done[T]) -> None:
        """`doing` names the work in errors, e.g. "running the model"."""
        self.busy += 1
        self._work.put(lambda: self._step(doing, function, done))

    def stop(self, timeout_s: float) -> bool:
        """Ends the thread after the work submitted so far; returns whether it ended within the timeout."""
        self._work.put(None)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            work()

    def _step(self, doing: str, function: Callable[[], T], done: Done[T]) -> None:
        result: T | None = None
        error: BmsError | None = None
        try:
            result = call_foreign(doing, function)
        except BmsError as raised:
            error = raised
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._notify, done, result, error)

    def _notify(self, done: Done[T], result: T | None, error: BmsError | None) -> None:
        self.busy -= 1
        done(result, error)
