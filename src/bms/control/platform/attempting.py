"""Tries one event handler once, and decides whether and when to try again. Knows no rows and no order."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bms.control.platform.handlers import EventHandler
from bms.core.errors import Aborted, BmsError, DeadlineExceeded, ResourceExhausted, Unavailable
from bms.core.events import Event, Payload

log = logging.getLogger("bms.reactions")
TRANSIENT = (Unavailable, Aborted, ResourceExhausted, DeadlineExceeded)
OUTSIDE = (*TRANSIENT, OSError)  # also what a disk or a network said that nobody put into words
LIMIT_S = 60.0  # for one handler and one event
GRACE_S = 5.0  # for a handler that was cancelled
FIRST_S, LONGEST_S = 1.0, 300.0
DEFECT = "an error of the platform, which its log has"


@dataclass(frozen=True)
class RetryLater:
    """The try failed in a way that may pass: it is to be tried later."""

    why: str


@dataclass(frozen=True)
class DeadLetter:
    """The try failed in a way that will not pass by itself."""

    why: str


Outcome = RetryLater | DeadLetter | None


def pause_s(tries: int, share: Callable[[], float] = random.random) -> float:
    """Seconds until the next try after `tries` of them: 1, 2, 4 … 300, less up to a fifth, so that what failed
    together does not come back together."""
    return float(min(LONGEST_S, FIRST_S * 2.0 ** min(tries - 1, 20))) * (1 - share() / 5)


async def attempt(handler: EventHandler, event: Event[Payload], limit_s: float = LIMIT_S) -> Outcome:
    """Calls the handler; when it is given up, calls its `given_up`. None: it is done."""
    try:
        await within(handler.handle(event), limit_s)
        return None
    except OUTSIDE as error:
        return RetryLater(_words(error))
    except BmsError as error:
        why = error.message
        log.error("%s could not be handled by %s: %s", event.payload.EVENT, handler.name, why)
    except Exception:  # what a tenant's process wrote must not stop what follows from others' events
        why = DEFECT
        log.exception("%s could not be handled by %s", event.payload.EVENT, handler.name)
    return await _give_up(handler, event, why, limit_s)


async def _give_up(handler: EventHandler, event: Event[Payload], why: str, limit_s: float) -> Outcome:
    """Calls `given_up`: where that fails in a way that may pass, the whole is tried again."""
    if handler.given_up is not None:
        try:
            await within(handler.given_up(event, why), limit_s)
        except OUTSIDE as error:
            return RetryLater(f"{why}; and what waits for it could not be told: {_words(error)}")
        except Exception:
            log.exception(
                "%s was given up by %s, and what waits for it could not be told", event.payload.EVENT, handler.name
            )
    return DeadLetter(why)


async def within(work: Awaitable[None], limit_s: float) -> None:
    """Limits the time of the work. Raises DeadlineExceeded when it is up; work that does not end when it is cancelled
    goes on alone."""
    task = asyncio.ensure_future(_run(work))
    try:
        done, _ = await asyncio.wait({task}, timeout=limit_s)
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.wait({task})  # who was cancelled holds nothing when it has ended
        raise
    if not done:
        task.cancel()
        await asyncio.wait({task}, timeout=GRACE_S)
        task.add_done_callback(_noted)
        raise DeadlineExceeded(f"it did not end within {limit_s:g} s")
    await task


async def _run(work: Awaitable[None]) -> None:
    await work


def _noted(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.warning("a reaction that had been broken off ended with an error: %s", error)


def _words(error: Exception) -> str:
    return error.message if isinstance(error, BmsError) else f"{type(error).__name__}: {error}"
