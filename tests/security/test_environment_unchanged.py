"""What runs in an environment can't change it: neither packages nor interpreter, nor the cache others come from."""

import hashlib
import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bms.adapters.clusters.isolation import confinement
from bms.control.jobs.nouns import JobSpec
from bms.core.clock import SystemClock
from bms.core.workloads.environments import EnvironmentSpec
from tests.worlds.jobs import add_tenant, put_files
from tests.worlds.local_jobs import TENANT, LocalJobs

pytestmark = pytest.mark.skipif(confinement.abi() < 3, reason="this kernel's Landlock is older than version 3")
ATTACK = b"""
import os, pathlib, sys, shutil

import iniconfig

def main(job):
    venv, cache = pathlib.Path(sys.prefix), pathlib.Path(job.parameters["cache"])
    packages = pathlib.Path(iniconfig.__file__).parent
    module, python = packages / "__init__.py", venv / "bin" / "python"
    attempts = {
        "a new file in site-packages": lambda: (packages.parent / "evil.pth").write_text("import os"),
        "a new file of a package": lambda: (packages / "evil.py").write_text("x"),
        "another content of a module": lambda: module.write_text("x"),
        "more content of a module": lambda: module.open("a").write("x"),
        "a module cut short": lambda: os.truncate(module, 0),
        "no module": lambda: module.unlink(),
        "another name of a module": lambda: module.rename(packages / "other.py"),
        "no package": lambda: shutil.rmtree(packages),
        "a module that is written through a link": lambda: _through(module),
        "a module that is written through proc": lambda: pathlib.Path("/proc/self/root" + str(module)).write_text("x"),
        "byte code": lambda: next(packages.glob("__pycache__/*.pyc")).write_bytes(b"x"),
        "another interpreter": lambda: python.unlink(),
        "a link beside the interpreter": lambda: os.symlink("/bin/sh", venv / "bin" / "python9"),
        "another content of the interpreter": lambda: python.open("r+b"),
        "other settings of the interpreter": lambda: (venv / "pyvenv.cfg").write_text("x"),
        "another lock": lambda: (venv.parent / "lock.txt").write_text("x"),
        "another record": lambda: (venv.parent / "environment.json").write_text("{}"),
        "no environment": lambda: venv.rename("mine"),
        "an environment beside it": lambda: (venv.parent.parent / "evil").mkdir(),
        "a file in the cache": lambda: (cache / "evil").write_text("x"),
        "another content in the cache": lambda: _first(cache).write_text("x"),
    }
    return {name: _tried(attempt) for name, attempt in attempts.items()}

def _first(folder):
    for parent, _, files in os.walk(folder, onerror=_raise):
        for name in files:
            return pathlib.Path(parent, name)
    return folder / "CACHEDIR.TAG"

def _raise(error):
    raise error

def _through(path):
    os.symlink(path, "link")
    pathlib.Path("link").write_text("x")

def _tried(attempt):
    try:
        attempt()
    except OSError as error:
        return f"denied: {error.strerror}"
    return "done"
"""


@pytest.fixture
async def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LocalJobs]:
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    with tempfile.TemporaryDirectory(prefix="bms-run-") as short:
        opened = await LocalJobs(tmp_path / "home", Path(short)).open()
        await add_tenant(opened.database, SystemClock(), TENANT)
        yield opened.schedule()
        await opened.cluster.stop_all(grace_s=0)
        await opened.close()


def fingerprint(*folders: Path) -> dict[str, str]:
    """By path, what each file is: its content, or where it leads."""
    found = {}
    for path in sorted(path for folder in folders for path in folder.rglob("*")):
        if path.is_symlink():
            found[str(path)] = f"to {os.readlink(path)}"
        elif path.is_file():
            found[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


async def test_a_workload_changes_nothing_of_the_environment_it_runs_in(jobs: LocalJobs, tmp_path: Path) -> None:
    spec = EnvironmentSpec(requirements=("iniconfig",))
    code = await put_files(jobs.objects, TENANT, {"attack.py": ATTACK})
    run = JobSpec(
        kind="train",
        entry="attack.py",
        code=code,
        environment=spec,
        parameters={"cache": str(tmp_path / "cache")},
        timeout_s=60,
    )
    harmless = await put_files(jobs.objects, TENANT, {"look.py": b"import iniconfig\ndef main(job):\n    pass\n"})
    look = JobSpec(kind="train", entry="look.py", code=harmless, environment=spec, timeout_s=60)
    await jobs.until(await jobs.submit(look), "succeeded")
    before = fingerprint(tmp_path / "home" / "environments", tmp_path / "cache")
    assert len(before) > 100
    attacked = await jobs.until(await jobs.submit(run), "succeeded")
    tried = {name: said for name, said in attacked.report.items() if not str(said).startswith("denied")}
    assert tried == {}
    assert len(attacked.report) == 21
    assert fingerprint(tmp_path / "home" / "environments", tmp_path / "cache") == before
    await jobs.until(await jobs.submit(look), "succeeded")
