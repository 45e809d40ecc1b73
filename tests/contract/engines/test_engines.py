"""The contract of engines, on every one: a stream of numbers, which each makes in its own way."""

import asyncio
import itertools
import threading
from collections.abc import AsyncIterator, Generator, Iterator, Mapping
from typing import Protocol

import numpy as np
import pytest

from bms.core.errors import FailedPrecondition
from bms.core.tensors.tensor import Array
from bms.serving.engines.engine import End, Engine, EngineRequest
from bms.serving.engines.generators import GeneratorEngine
from bms.serving.engines.threads import CancellationHook, ThreadEngine
from bms.serving.inference.batching.worker import Worker
from tests.engines import Heard, to

ENDLESS = 1 << 40


class Case(Protocol):
    """An engine, and how many of its streams have let go of what they held."""

    engine: Engine

    @property
    def freed(self) -> int: ...


class Numbers:
    """What both make numbers with: 0, 1, … below the input; 13 is refused."""

    streaming = frozenset({"count"})

    def __init__(self) -> None:
        self.freed = 0
        self._lock = threading.Lock()

    def stream(
        self, signature: str, inputs: Mapping[str, Array], outputs: tuple[str, ...] = ()
    ) -> Iterator[dict[str, Array]]:
        try:
            for number in range(int(inputs["to"][0])):
                if number == 13 and inputs["to"][0] < ENDLESS:
                    raise FailedPrecondition("nobody counts beyond 13")
                yield {"n": np.array([number])}
        finally:
            with self._lock:
                self.freed += 1


class Generators(Numbers):
    def __init__(self, worker: Worker) -> None:
        super().__init__()
        self.engine = GeneratorEngine(self, worker, asyncio.get_running_loop().time)


class Threads(Numbers):
    def __init__(self) -> None:
        super().__init__()
        self.engine = ThreadEngine(self._run, 4, self.streaming)

    def _run(self, request: EngineRequest, off: CancellationHook) -> Generator[dict[str, Array], None, End]:
        yield from self.stream(request.signature, request.inputs)
        return End("stop", 1, int(request.inputs["to"][0]))


@pytest.fixture(params=["generators", "threads"])
async def case(request: pytest.FixtureRequest) -> AsyncIterator[Case]:
    worker = Worker(asyncio.get_running_loop())
    made: Case = Generators(worker) if request.param == "generators" else Threads()
    yield made
    made.engine.close()
    await asyncio.to_thread(worker.stop, 20)


def ask(case: Case, number: int) -> tuple[Heard, object]:
    heard = Heard()
    return heard, case.engine.submit(EngineRequest("count", to(number)), heard)


async def all_of(heard: Heard) -> list[object]:
    return await asyncio.to_thread(heard.rest)


async def test_parts_come_in_their_order_and_then_one_end(case: Case) -> None:
    heard, _ = ask(case, 3)
    *parts, end = [event for event in await all_of(heard) if event != ("began",)]
    assert parts == [("part", {"n": [number]}) for number in range(3)]
    assert isinstance(end, tuple)
    assert end[0] == "end"
    assert case.freed == 1


async def test_one_that_fails_harms_no_other(case: Case) -> None:
    asked = [ask(case, number)[0] for number in (2, 20, 5)]
    ends = [(await all_of(heard))[-1][0] for heard in asked]  # type: ignore[index]
    assert ends == ["end", "failed", "end"]
    assert case.freed == 3


async def test_one_that_goes_on_and_on_holds_no_other(case: Case) -> None:
    endless = [ask(case, ENDLESS) for _ in range(case.engine.capacity().at_once - 1 if _threads(case) else 3)]
    for heard, _ in endless:
        await asyncio.to_thread(heard.next)
    assert (await all_of(ask(case, 5)[0]))[-1][0] == "end"  # type: ignore[index]
    for _, handle in endless:
        case.engine.cancel(handle)
    for heard, _ in endless:
        await all_of(heard)
    assert case.freed == len(endless) + 1


async def test_what_is_cancelled_ends_soon_and_holds_nothing_then(case: Case) -> None:
    for parts in (0, 3):
        heard, handle = ask(case, ENDLESS)
        for _ in range(parts):
            await asyncio.to_thread(heard.next)
        freed = case.freed
        case.engine.cancel(handle)
        assert (await all_of(heard))[-1] == ("failed", "CANCELLED")
        assert case.freed - freed == 1 or not parts
        case.engine.cancel(handle)
    assert (await all_of(ask(case, 2)[0]))[-1][0] == "end"  # type: ignore[index]


async def test_closing_fails_those_in_progress_and_all_that_come_later(case: Case) -> None:
    asked = [ask(case, ENDLESS)[0] for _ in range(2)]
    for heard in asked:
        await asyncio.to_thread(heard.next)
    case.engine.close()
    case.engine.close()
    assert [(await all_of(heard))[-1][0] for heard in asked] == ["failed"] * 2  # type: ignore[index]
    assert await all_of(ask(case, 2)[0]) == [("failed", "FAILED_PRECONDITION")]


async def test_threads_run_as_many_calls_at_once_as_they_are_told_and_no_more() -> None:
    inside, most, lock, gate = itertools.count(), [0], threading.Lock(), threading.Event()
    running = [0]

    def run(request: EngineRequest, off: CancellationHook) -> Generator[dict[str, Array], None, End]:
        next(inside)
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        assert gate.wait(20)
        with lock:
            running[0] -= 1
        yield {}
        return End()

    engine = ThreadEngine(run, 3)
    asked = [Heard() for _ in range(9)]
    for heard in asked:
        engine.submit(EngineRequest("s", {}), heard)
    async with asyncio.timeout(20):
        while running[0] < 3:
            await asyncio.sleep(0.001)
    assert next(inside) == 3
    gate.set()
    for heard in asked:
        assert (await all_of(heard))[-1][0] == "end"  # type: ignore[index]
    assert most == [3]
    engine.close()


async def test_where_no_more_threads_can_be_started_those_that_there_are_are_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start, gate, left = threading.Thread.start, threading.Event(), [2]

    def limited(thread: threading.Thread) -> None:
        if thread.name.startswith("engine"):
            left[0] -= 1
            if left[0] < 0:
                raise RuntimeError("can't start new thread")
        start(thread)

    def run(request: EngineRequest, off: CancellationHook) -> Generator[dict[str, Array], None, End]:
        assert gate.wait(20)
        yield {}
        return End()

    monkeypatch.setattr(threading.Thread, "start", limited)
    engine = ThreadEngine(run, 5)
    asked = [Heard() for _ in range(3)]
    for heard in asked:
        engine.submit(EngineRequest("s", {}), heard)
    assert engine.capacity().at_once == 2
    gate.set()
    assert [(await all_of(heard))[-1][0] for heard in asked] == ["end"] * 3  # type: ignore[index]
    engine.close()
    none = ThreadEngine(run, 5)
    heard = Heard()
    none.submit(EngineRequest("s", {}), heard)
    assert heard.rest() == [("failed", "RESOURCE_EXHAUSTED")]


async def test_giving_up_ends_what_a_call_waits_for() -> None:
    gate = threading.Event()

    def run(request: EngineRequest, off: CancellationHook) -> Generator[dict[str, Array], None, End]:
        off.by(gate.set)
        assert gate.wait(20)
        off.by(None)
        yield {"late": np.zeros(1)}
        return End()

    engine = ThreadEngine(run, 1)
    heard, waiting = Heard(), Heard()
    handle = engine.submit(EngineRequest("s", {}), heard)
    later = engine.submit(EngineRequest("s", {}), waiting)
    assert await asyncio.to_thread(heard.next) == ("began",)
    engine.cancel(later)
    engine.cancel(handle)
    assert await all_of(heard) == [("failed", "CANCELLED")]
    assert await all_of(waiting) == [("failed", "CANCELLED")]
    engine.close()


async def test_a_defect_of_a_call_is_an_error_of_its_own() -> None:
    def run(request: EngineRequest, off: CancellationHook) -> Generator[dict[str, Array], None, End]:
        yield {"n": np.zeros(1)}
        raise ZeroDivisionError

    engine = ThreadEngine(run, 1)
    heard = Heard()
    engine.submit(EngineRequest("s", {}), heard)
    assert (await all_of(heard))[-1] == ("failed", "INTERNAL")
    engine.close()


def _threads(case: Case) -> bool:
    return isinstance(case, Threads)
