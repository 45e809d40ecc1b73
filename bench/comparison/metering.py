"""What the books cost on the hot path: the gateway's own journal writing events to a real disk, nothing around it.

`python bench/comparison/metering.py SECONDS EVENTS` prints the µs per event when EVENTS are written at a time, which is
what one turn of the gateway's loop does.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BATCHES = (1, 8, 32)


def us_per_event(events: int, seconds: float) -> float:
    """Measured in a process of its own on the server's core."""
    from measuring.machine import SERVER_CORE

    said = subprocess.run(
        [sys.executable, str(Path(__file__)), str(seconds), str(events)],
        preexec_fn=lambda: os.sched_setaffinity(0, {SERVER_CORE}),
        capture_output=True,
        check=True,
    ).stdout
    return float(said)


def _measure(seconds: float, events: int) -> float:
    from bms.adapters.journal.writer import Journal
    from bms.core.ids import new_id

    at = time.time_ns()
    usage = (at, new_id("tenant"), new_id("key"), "digits", "digits", 1, new_id("req"), 200, 1, 561, 300, 20_000)
    with tempfile.TemporaryDirectory(prefix="bms-journal-") as name:
        journal = Journal(Path(name), new_id("gateway"))
        batch = [usage] * events
        for _ in range(100):
            journal.write(batch)
        written, began = 0, time.process_time()
        while (took := time.process_time() - began) < seconds:
            for _ in range(20):
                journal.write(batch)
            written += 20 * events
        journal.close()
    return took / written * 1e6


if __name__ == "__main__":
    print(_measure(float(sys.argv[1]), int(sys.argv[2])))
