"""Stops a platform from outside, also one whose supervisor is gone."""

import os
import select
import signal

from bms.adapters.clusters.resources import processes
from bms.adapters.clusters.resources.processes import ProcessIdentity
from bms.app.exit_codes import ExitCode, Refusal
from bms.app.home.directory import Home
from bms.app.supervisor.shutdown import end_leftovers

GRACE_S = 5.0


def stop(home: Home, patience_s: float) -> bool:
    """Stops the home's platform and returns when nothing of it runs any more; False if nothing ran. Raises Refusal when
    that fails."""
    ended = end_holder(home, patience_s)
    try:
        lock = home.lock()
    except Refusal:
        raise Refusal(
            ExitCode.UNAVAILABLE, f"the platform on {home.root} was started again meanwhile: repeat `bms down`"
        ) from None
    try:
        left = end_leftovers(home, GRACE_S)
    finally:
        os.close(lock)
    return ended or left > 0


def end_holder(home: Home, patience_s: float) -> bool:
    """Asks the process that holds the home (a supervisor, a node agent) to stop, and waits for its end; kills it when
    it does not. What it started runs on. False: there was none."""
    try:
        os.close(home.lock())
    except Refusal:
        holder = home.holder()
    else:
        return False
    descriptor = processes.open_pidfd(ProcessIdentity(holder.pid, holder.start_ticks)) if holder else None
    if descriptor is None:
        return False  # it has ended since
    try:
        for number, wait_s in ((signal.SIGTERM, patience_s), (signal.SIGKILL, GRACE_S)):
            signal.pidfd_send_signal(descriptor, number)
            if select.select([descriptor], [], [], wait_s)[0]:
                return True
    except ProcessLookupError:
        return True
    finally:
        os.close(descriptor)
    raise Refusal(ExitCode.ERROR, f"the process that holds {home.root} can't be ended; it waits in the kernel")
