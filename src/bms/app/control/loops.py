"""Control's background loops: one task per loop, started and ended together."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from bms.app.control.assembly import ControlPlane
from bms.control.platform.leading import Leader
from bms.control.tenants.nouns import Tenant
from bms.core.errors import BmsError
from bms.core.pages import PageRequest, decode_cursor

log = logging.getLogger("bms.loops")
UPKEEP = "upkeep"  # what of the store is cleared away and read again: by one process at a time
RETRY_S = 0.5
COLLECT_S = 3600.0
BOOK_S = 60.0


async def run_loops(control: ControlPlane) -> None:
    """Runs all loops until cancelled. A loop that needs a lease does nothing while another process holds it."""
    await control.bus.start()
    leadership = control.platform.leadership
    upkeep = leadership.of(UPKEEP)
    try:
        async with asyncio.TaskGroup() as tasks:
            # Every process: its gateways, and what lies on its machine.
            tasks.create_task(leadership.run(), name="leadership")
            tasks.create_task(control.publisher.run(), name="publisher")
            tasks.create_task(control.publisher.report(), name="gateways' positions")
            tasks.create_task(_repeat("pruning trees", COLLECT_S, control, _prune_trees), name="trees")
            tasks.create_task(_repeat("sweeping logs", COLLECT_S, control, _sweep_logs), name="logs")
            # Each led by itself: `reconciler.SUBJECT`, `scheduler.SUBJECT`, `reactions.SUBJECT`.
            tasks.create_task(control.reconciling.run(), name="deployments")
            tasks.create_task(control.scheduler.run(control.platform.events), name="jobs")
            tasks.create_task(_react(control), name="reactions")
            # Led together.
            tasks.create_task(_remove_tenants(control, upkeep), name="removal")
            tasks.create_task(_read_usage_again(control, upkeep), name="usage")
            tasks.create_task(_book_allotments(control, upkeep), name="allotments")
            sweeping = _repeat("sweeping allotments", COLLECT_S, control, _sweep_allotments, upkeep)
            tasks.create_task(sweeping, name="allotments' sweep")
            tasks.create_task(_repeat("collection", COLLECT_S, control, _collect, upkeep), name="collection")
    finally:
        await leadership.resign()


async def _react(control: ControlPlane) -> None:
    """Handles events while this process leads, and sweeps now and then for what a lost event has left undone."""
    reactions, sweeps = control.features.reactions, control.features.sweeps
    sweeping: asyncio.Task[int] | None = None
    term: int | None = None
    try:
        while True:
            try:
                leads = await reactions.step()
                if term != reactions.term:
                    term = reactions.term
                    if sweeping is not None:
                        sweeping.cancel()
                    sweeps.restart()
                if not leads:
                    await asyncio.sleep(RETRY_S)
                    continue
                if sweeping is not None and sweeping.done():
                    ended, sweeping = sweeping, None
                    if not ended.cancelled():
                        ended.result()
                if sweeping is None and sweeps.due:
                    sweeping = asyncio.create_task(sweeps.step(reactions.position), name="sweep")
                await reactions.news()
            except BmsError as error:
                log.warning("events can't be handled now: %s", error.message)
                await asyncio.sleep(RETRY_S)
            except Exception:
                log.exception("events can't be handled now")
                await asyncio.sleep(RETRY_S)
    finally:
        if sweeping is not None:
            sweeping.cancel()
            await asyncio.gather(sweeping, return_exceptions=True)
        with contextlib.suppress(BmsError):
            await reactions.stop()


async def _repeat(
    name: str,
    every_s: float,
    control: ControlPlane,
    work: Callable[[ControlPlane], Awaitable[None]],
    leader: Leader | None = None,
) -> None:
    while True:
        await asyncio.sleep(every_s)
        if leader is None or leader.token is not None:
            try:
                await work(control)
            except BmsError as error:
                log.warning("%s failed, and will be tried again later: %s", name, error.message)


async def _remove_tenants(control: ControlPlane, leader: Leader) -> None:
    """Removes what deleted tenants owned: at once, then when one is deleted, and until nothing is left of it."""
    while True:
        control.deleted.clear()
        pause_s = RETRY_S
        try:
            if leader.token is not None and not await control.features.tenant_removal.step():
                pause_s = COLLECT_S
        except BmsError as error:
            log.warning("deleted tenants can't be removed now: %s", error.message)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause_s):
                await control.deleted.wait()


async def _read_usage_again(control: ControlPlane, leader: Leader) -> None:
    """Books usage that a former release could not read: at once, since this release may be newer, then now and then."""
    while True:
        pause_s = RETRY_S
        try:
            if leader.token is not None:
                if booked := await control.features.usage.read_again():
                    log.info("booked %d usage events that had been put aside", booked)
                pause_s = COLLECT_S
        except BmsError as error:
            log.warning("usage that was put aside can't be read now: %s", error.message)
        await asyncio.sleep(pause_s)


async def _book_allotments(control: ControlPlane, leader: Leader) -> None:
    """Books allotments now and then. Sweeps once soon, for what a former release started without one; not before it is
    known what still runs."""
    rounds = 0
    while True:
        pause_s = RETRY_S
        try:
            if leader.token is not None:
                if rounds == 1:
                    await _sweep_allotments(control)
                await control.features.booking.step()
                pause_s = BOOK_S
                rounds += 1
        except BmsError as error:
            log.warning("allotments can't be billed now: %s", error.message)
        await asyncio.sleep(pause_s)


async def _sweep_allotments(control: ControlPlane) -> None:
    opened, closed = await control.features.allotment_sweep.step()
    if opened or closed:
        log.info("opened %d missing allotments, closed %d whose subject had ended", opened, closed)


async def _collect(control: ControlPlane) -> None:
    """Collects garbage: gives up abandoned uploads, then sweeps the blobs that nothing refers to any more."""
    await control.features.tenant_removal.step(again=True)
    for tenant in await _all_tenants(control):
        await control.features.uploads.expire(tenant.id)
        swept = await control.features.collector.collect(tenant.id)
        if swept:
            log.info("swept %d blobs of tenant %s", len(swept), tenant.id)


async def _prune_trees(control: ControlPlane) -> None:
    """Removes cached trees that nothing uses. A process that is being started has just asked for its trees, which
    spares them."""
    removed = await control.platform.trees.prune(await control.features.trees_in_use(), COLLECT_S)
    if removed:
        log.info("removed %d cached trees that nobody reads", len(removed))


async def _sweep_logs(control: ControlPlane) -> None:
    await control.platform.replica_logs.sweep()


async def _all_tenants(control: ControlPlane) -> list[Tenant]:
    found: list[Tenant] = []
    after: str | None = None
    while True:
        async with control.features.stores.tenants.read() as tx:
            page = await tx.tenants(PageRequest(limit=500, after=after))
        found += page.items
        if page.next is None:
            return found
        after = decode_cursor(page.next)
