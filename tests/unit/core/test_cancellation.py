"""Work that a cancellation of who waits for it does not reach."""

import asyncio
import threading
from contextvars import ContextVar

import pytest

from bms.core.cancellation import in_thread, to_the_end


async def test_it_gives_what_the_work_gives() -> None:
    async def work() -> int:
        await asyncio.sleep(0)
        return 7

    assert await to_the_end(work()) == 7


async def test_it_raises_what_the_work_raises() -> None:
    async def work() -> None:
        raise ValueError("seven")

    with pytest.raises(ValueError, match="seven"):
        await to_the_end(work())


@pytest.mark.parametrize("times", [1, 2, 5])
async def test_who_is_cancelled_hears_of_it_when_the_work_has_ended(times: int) -> None:
    done = asyncio.get_running_loop().create_future()
    waiting = asyncio.create_task(to_the_end(done))
    for _ in range(times):
        await asyncio.sleep(0)
        waiting.cancel()
    await asyncio.sleep(0)
    assert not waiting.done()
    done.set_result(None)
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_a_cancellation_counts_though_the_work_has_just_ended() -> None:
    done = asyncio.get_running_loop().create_future()
    waiting = asyncio.create_task(to_the_end(done))
    await asyncio.sleep(0)
    done.set_result(7)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_a_failure_after_a_cancellation_is_its_cause() -> None:
    done = asyncio.get_running_loop().create_future()
    waiting = asyncio.create_task(to_the_end(done))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.sleep(0)
    done.set_exception(ValueError("seven"))
    with pytest.raises(asyncio.CancelledError) as caught:
        await waiting
    assert isinstance(caught.value.__cause__, ValueError)


async def test_a_timeout_around_it_is_told_afterwards() -> None:
    done = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(lambda: asyncio.get_running_loop().call_soon(done.set_result, None))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await to_the_end(done)
    assert done.done()


async def test_a_thread_is_waited_for_by_who_is_cancelled() -> None:
    begun, go, ended = asyncio.Event(), threading.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def work() -> None:
        loop.call_soon_threadsafe(begun.set)
        go.wait(10)
        ended.set()

    waiting = asyncio.create_task(in_thread(work))
    await begun.wait()
    waiting.cancel()
    await asyncio.sleep(0)
    waiting.cancel()
    loop.call_soon(go.set)
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert ended.is_set()


async def test_a_thread_knows_the_context_of_who_asked() -> None:
    name: ContextVar[str] = ContextVar("name")
    name.set("seven")
    assert await in_thread(name.get) == "seven"
    assert await in_thread(int, "7", base=8) == 7
