"""Makes and removes a workload's directories: one until it is forgotten, one for its socket until it ends."""

import contextlib
import os
import re
import shutil
from collections.abc import Collection, Mapping
from pathlib import Path

import msgspec

from bms.core.errors import FailedPrecondition
from bms.core.workloads.programs import Places
from bms.core.workloads.workload import WorkloadSpec

WALLS = "walls.json"  # there until the workload is let go
_SOCKETS = re.compile("[0-9a-f]{16}")


def prepare(spec: WorkloadSpec, places: Places, walls: Mapping[str, object]) -> None:
    """Makes the workload's own directory, with `tmp`, `config.json` (a `ProgramFile`) and `walls.json` (its sandbox),
    and that of its socket.

    Raises FailedPrecondition for a config that is not JSON.
    """
    try:
        config = msgspec.json.encode({"config": spec.config, "places": places})
    except TypeError as error:
        raise FailedPrecondition(f"the config of workload {spec.id} can't be written as JSON: {error}") from None
    directory = Path(places.directory)
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    (directory / "tmp").mkdir(exist_ok=True, mode=0o700)
    Path(places.socket).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    _write(directory / "config.json", config)
    _write(directory / WALLS, msgspec.json.encode(walls))


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


def remove(directory: Path) -> None:
    """Removes a workload's directory whole, also where the workload revoked write permission inside it."""
    with contextlib.suppress(FileNotFoundError):
        try:
            shutil.rmtree(directory)
        except PermissionError:
            for parent, names, _ in os.walk(directory):
                for name in names:
                    if not os.path.islink(os.path.join(parent, name)):
                        os.chmod(os.path.join(parent, name), 0o700)
            shutil.rmtree(directory)


def remove_sockets(run_dir: Path, keep: Collection[str]) -> None:
    """Removes the socket directories of workloads that are gone; `keep` are the names of the others."""
    for path in run_dir.iterdir():
        if _SOCKETS.fullmatch(path.name) and path.name not in keep and path.is_dir() and not path.is_symlink():
            remove(path)
