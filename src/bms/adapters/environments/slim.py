"""The slim part: the packages of `bms` that model servers and jobs need, copied to where any interpreter can see them.

They run with interpreters that don't have `bms` installed, so what they import is copied beside the home, under the
digest of its content: a newer platform makes a new copy and leaves the one that running workloads use.
"""

import compileall
import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

PARTS = (
    "__init__.py",
    "core",
    "protocols/__init__.py",
    "protocols/frames.py",
    "protocols/json/__init__.py",
    "protocols/json/repeats.py",
    "serving/__init__.py",
    "serving/lifecycle",
    "serving/engines",
    "serving/inference",
    "adapters/__init__.py",
    "adapters/runtimes",
    "adapters/images",
    "adapters/datasets",
    "adapters/toolkits",
    "jobs",
    "app/__init__.py",
    "app/model_server",
    "app/job",
    "app/process",
    "app/tasks",
)


def slim_files(package: Path) -> Iterator[Path]:
    """Lists the files of the slim part, relative to `package`, sorted; parts that don't exist have none."""
    for part in PARTS:
        path = package / part
        found = [path] if path.is_file() else sorted(path.rglob("*"))
        for file in found:
            if file.is_file() and "__pycache__" not in file.parts:
                yield file.relative_to(package)


def place(package: Path, folder: Path) -> Path:
    """Copies the slim part of `package` to `folder`/DIGEST/bms unless it is there; returns `folder`/DIGEST."""
    contents = [(file, (package / file).read_bytes()) for file in slim_files(package)]
    digest = hashlib.sha256()
    for file, content in contents:
        digest.update(f"{file.as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    target = folder / digest.hexdigest()[:32]
    if target.is_dir():
        return target
    copy = folder / f"{target.name}.copying-{os.getpid()}"
    shutil.rmtree(copy, ignore_errors=True)
    for file, content in contents:
        placed = copy / "bms" / file
        placed.parent.mkdir(parents=True, exist_ok=True)
        _write_durably(placed, content)
    # Workloads can't write here, so what they would otherwise compile at every start is compiled now.
    compileall.compile_dir(copy, ddir=str(target), quiet=2)
    try:
        copy.rename(target)
    except OSError:
        if not target.is_dir():  # else: somebody was faster, with the same content
            raise
        shutil.rmtree(copy)
    return target


def _write_durably(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
