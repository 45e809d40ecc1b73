"""Replaces a dead supervisor: control notices its end and starts another, which adopts the processes still running."""

import asyncio
import logging
import os
import subprocess
from collections.abc import Sequence

log = logging.getLogger("bms.adoption")
FIRST_WAIT_S, LONGEST_WAIT_S, STEADY_S = 0.1, 10.0, 30.0


async def watch_supervisor(pid: int, command: Sequence[str], fds: Sequence[int] = ()) -> None:
    """Watches the supervisor for ever: whenever it ends without ending control, runs `command` in its place.

    `pid` is our parent; `fds` (the listening socket) are handed on to the new one under the same numbers. One
    that ends within half a minute is replaced more and more slowly.
    """
    loop = asyncio.get_running_loop()
    wait = 0.0
    if os.getppid() == pid:
        await _end_of(pid)
    while True:
        log.warning("the supervisor is gone: starting another")
        await asyncio.sleep(wait)
        begun = loop.time()
        started = _start(command, fds)
        if started is not None:
            await _end_of(started.pid)
            log.warning("the supervisor %d ended with status %d", started.pid, started.wait())
        wait = 0.0 if loop.time() - begun > STEADY_S else min(LONGEST_WAIT_S, max(FIRST_WAIT_S, wait * 2))


def _start(command: Sequence[str], fds: Sequence[int]) -> subprocess.Popen[bytes] | None:
    """Starts the command in a session of its own; None when the machine can't start it now."""
    try:
        return subprocess.Popen(list(command), stdin=subprocess.DEVNULL, pass_fds=tuple(fds), start_new_session=True)
    except OSError as error:
        log.error("a new supervisor could not be started: %s", error)
        return None


async def _end_of(pid: int) -> None:
    """Returns when the process has ended."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(descriptor, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
