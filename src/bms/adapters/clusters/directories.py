"""A workload's own directory, made before it starts and removed when it is forgotten."""

import contextlib
import os
import shutil
from pathlib import Path

import msgspec

from bms.core.errors import FailedPrecondition
from bms.core.workload import WorkloadSpec


def prepare(spec: WorkloadSpec, directory: Path) -> None:
    """Makes the directory, its `tmp` and its `config.json`. Raises FailedPrecondition for a config that is not JSON."""
    try:
        config = msgspec.json.encode(spec.config)
    except TypeError as error:
        raise FailedPrecondition(f"the config of workload {spec.id} can't be written as JSON: {error}") from None
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    (directory / "tmp").mkdir(exist_ok=True, mode=0o700)
    descriptor = os.open(directory / "config.json", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(config)


def remove(directory: Path) -> None:
    """Removes it whole, also where the workload took the right to write away from what is in it."""
    with contextlib.suppress(FileNotFoundError):
        try:
            shutil.rmtree(directory)
        except PermissionError:
            for parent, names, _ in os.walk(directory):
                for name in names:
                    if not os.path.islink(os.path.join(parent, name)):
                        os.chmod(os.path.join(parent, name), 0o700)
            shutil.rmtree(directory)
