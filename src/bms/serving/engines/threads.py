"""The engine of blocking calls: each request runs in a thread of its own and can be interrupted from outside."""

import logging
import threading
from collections.abc import Callable, Generator
from queue import SimpleQueue
from typing import NamedTuple

from bms.core.errors import BmsError, Cancelled, FailedPrecondition, Internal, ResourceExhausted
from bms.core.tensors.tensor import Array
from bms.serving.engines.engine import End, EngineCapacity, EngineRequest, Events

WAITING_EACH = 64  # requests that may wait, for each that may be in progress
_log = logging.getLogger(__name__)


class CancellationHook:
    """Tells a blocking call whether its request was cancelled, and how to interrupt what it waits for. Safe to use from
    several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._given_up = False
        self._ending: Callable[[], None] | None = None

    def by(self, ending: Callable[[], None] | None) -> None:
        """Sets the function that a cancellation calls from now on, in another thread (None: none). Raises Cancelled
        where the request was cancelled already. Once this returns, the former function is not called any more."""
        with self._lock:
            self._ending = ending
            if self._given_up and ending is not None:
                raise Cancelled("nobody waits for this request any more")

    def give_up(self) -> None:
        with self._lock:
            self._given_up = True
            if self._ending is not None:
                self._ending()

    @property
    def given_up(self) -> bool:
        return self._given_up


Run = Callable[[EngineRequest, CancellationHook], Generator[dict[str, Array], None, End]]
"""Yields the parts of an answer, and returns how it ended. It tells the Break how to end what it waits for."""


class _Task(NamedTuple):
    request: EngineRequest
    events: Events
    off: CancellationHook


class ThreadEngine:
    """Runs each request in a thread: at most `at_once` threads, started when they are needed and then kept; daemons, so
    that a call that never returns can't keep the process alive. Where the system refuses another thread, the existing
    ones do the work."""

    def __init__(self, run: Run, at_once: int, streaming: frozenset[str] = frozenset()) -> None:
        self.streaming = streaming
        self._run = run
        self._capacity = EngineCapacity(at_once, at_once * WAITING_EACH)
        self._tasks: SimpleQueue[_Task | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._open: set[CancellationHook] = set()  # of requests that have not ended
        self._threads = 0
        self._closed = False

    def capacity(self) -> EngineCapacity:
        return self._capacity

    def submit(self, request: EngineRequest, events: Events) -> CancellationHook:
        task = _Task(request, events, CancellationHook())
        try:
            with self._lock:
                if self._closed:
                    raise FailedPrecondition("this engine is closed")
                if self._threads < min(len(self._open) + 1, self._capacity.at_once):
                    self._start()
                self._open.add(task.off)
                self._tasks.put(task)
        except BmsError as error:
            events.failed(error)
        return task.off

    def cancel(self, handle: object) -> None:
        assert isinstance(handle, CancellationHook)
        handle.give_up()

    def close(self) -> None:
        with self._lock:
            if self._closed:
                return
            self._closed = True
            held = list(self._open)
            for _ in range(self._threads):
                self._tasks.put(None)
        for off in held:
            off.give_up()

    def _start(self) -> None:
        """Starts one more thread. Raises ResourceExhausted where the system refuses one."""
        thread = threading.Thread(target=self._work, name=f"engine {self._threads + 1}", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            if not self._threads:
                raise ResourceExhausted(
                    f"no thread can be started: {error}; allow this model more processes"
                ) from error
            _log.warning("fewer requests at once: %s", error, extra={"fields": {"threads": self._threads}})
            self._capacity = EngineCapacity(self._threads, self._capacity.waiting)
        else:
            self._threads += 1

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            self._answer(task)
            del task  # it may hold much, and the next one may come late

    def _answer(self, task: _Task) -> None:
        end: End | BmsError
        try:
            end = Cancelled("nobody waits for this request any more") if task.off.given_up else self._ran(task)
        except BmsError as error:
            end = error
        except BaseException as defect:  # noqa: BLE001 - the thread goes on with the next request
            if not task.off.given_up:  # who breaks off a call may meet anything
                _log.exception("a request met an unexpected error")
            end = Internal(f"running the request failed with {type(defect).__name__}")
        with self._lock:
            self._open.discard(task.off)  # from here on its place is free
        if isinstance(end, End):
            task.events.end(end)
        else:
            task.events.failed(end)

    def _ran(self, task: _Task) -> End:
        task.events.began()
        parts = self._run(task.request, task.off)
        try:
            while True:
                try:
                    part = next(parts)
                except StopIteration as done:
                    end: End = done.value
                    return end
                if task.off.given_up:
                    raise Cancelled("nobody waits for this request any more")
                task.events.part(part)
        finally:
            parts.close()
