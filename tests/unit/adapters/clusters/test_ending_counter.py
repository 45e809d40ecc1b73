"""Waiters for the endings of workloads: none that was busy misses one, none is woken for what it has seen."""

import asyncio

from bms.adapters.clusters.local.ending_counter import EndingCounter
from tests.cancelling import PLANS, every_await


async def test_a_ring_after_looking_is_told_at_once() -> None:
    changes = EndingCounter()
    changes.seen()
    changes.notify()
    await asyncio.wait_for(changes.wait(3600), 10)


async def test_a_ring_is_told_once() -> None:
    changes = EndingCounter()
    changes.notify()
    await changes.wait(3600)
    waiting = asyncio.create_task(changes.wait(3600))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not waiting.done()
    changes.notify()
    await asyncio.wait_for(waiting, 10)


async def test_who_is_cancelled_as_it_rings_is_cancelled() -> None:
    """`asyncio.wait_for` of Python 3.11 would swallow it, and who was to end would go on."""
    changes = EndingCounter()

    async def wait(_number: int) -> None:
        asyncio.get_running_loop().call_soon(changes.notify)
        await changes.wait(3600)

    async def nothing(_number: int, _cancelled: bool) -> None:
        return

    assert await every_await(wait, PLANS["once-answered"], nothing) == 1


async def test_one_loops_look_does_not_take_the_ring_from_another() -> None:
    changes = EndingCounter()
    looked, go_on, told = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def busy_loop() -> None:
        changes.seen()
        looked.set()
        await go_on.wait()
        await changes.wait(3600)
        told.set()

    busy = asyncio.create_task(busy_loop())
    await looked.wait()
    changes.notify()
    changes.seen()  # this task looks too
    go_on.set()
    await asyncio.wait_for(told.wait(), 10)
    await busy


async def test_waiting_ends_with_its_timeout() -> None:
    await EndingCounter().wait(0)
