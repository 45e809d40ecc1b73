"""The platform that the demo runs on: started on a given or temporary home, stopped at the end unless kept."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from bms.core.errors import Unavailable

PATIENCE_S = 300  # a machine that starts it for the first time reads and compiles all of it


class Stage(NamedTuple):
    """The address of the demo's platform, and the connection of its admin."""

    home: Path
    url: str
    key: str


class _Endpoint(msgspec.Struct):
    url: str


@contextmanager
def platform(home: Path | None, port: int, keep: bool) -> Iterator[Stage]:
    """Starts a platform for the block. A temporary home is removed at the end; with `keep`, home and platform stay."""
    place = home or Path(tempfile.mkdtemp(prefix="bms-demo-"))
    started = _bms("up", "--home", str(place), "--port", str(port), "--detach")
    if started.returncode != 0:
        raise Unavailable(f"the platform did not start: {started.stderr.strip() or started.stdout.strip()}")
    try:
        endpoint = msgspec.json.decode((place / "run" / "endpoint.json").read_bytes(), type=_Endpoint)
        yield Stage(place, endpoint.url, (place / "admin.key").read_text().strip())
    finally:
        if not keep:
            _bms("down", "--home", str(place))
            if home is None:
                shutil.rmtree(place)


def _bms(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a command of ours, as a person would."""
    command = [sys.executable, "-m", "bms.cli.main", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
