"""Starts a process of the platform in the background, and waits until it is ready."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import typer

from bms.app.exit_codes import ExitCode
from bms.app.supervisor.log_files import open_log, tail


def detached(command: Sequence[str], log: Path) -> None:
    """Runs the command in the background, and prints its output until it is ready. Ends this process with its status
    when it does not get there.

    The command takes --ready-fd, the pipe that it says that it is ready on; it writes to `log`.
    """
    start = log.stat().st_size if log.exists() else 0
    reading, writing = os.pipe()
    with os.fdopen(open_log(log), "wb") as output:
        process = subprocess.Popen(
            [*command, "--ready-fd", str(writing)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=(writing,),
            start_new_session=True,
        )
    os.close(writing)
    with os.fdopen(reading, "rb") as ready:
        came_up = ready.read() != b""
    typer.echo(tail(log, start), err=not came_up)
    if not came_up:
        sys.exit(process.wait() or int(ExitCode.ERROR))
