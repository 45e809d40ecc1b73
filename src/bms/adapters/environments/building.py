"""Builds an environment once, however many ask for it, and atomically.

It is built in a folder of its own and renamed when it is complete, so what has its final name is complete: one atomic
fact, where a marker file would be a second one to check. `uv venv --relocatable` makes what it installs
independent of its path, and the interpreter is a link out of the environment, so it survives the renaming.
"""

import asyncio
import contextlib
import ctypes
import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import msgspec

from bms.adapters.environments.freeing import on_disk
from bms.adapters.environments.installer import ended, run_uv
from bms.adapters.environments.interpreters import installed
from bms.adapters.environments.lock import exact, hashed, lock_text
from bms.adapters.environments.own_byte_code import take_own
from bms.adapters.environments.recipe import OWN_PYTHON, EnvironmentRecipe
from bms.adapters.environments.resolving import RunUv, resolve
from bms.adapters.environments.sharing import TESTS, SharedFiles, remove_byte_code, uncompiled
from bms.control.platform.environments import Environment
from bms.core.cancellation import in_thread
from bms.core.digest import of_bytes
from bms.core.errors import FailedPrecondition


async def build(
    recipe: EnvironmentRecipe,
    target: Path,
    environment: Mapping[str, str],
    tell: Callable[[str], None],
    lock: int,
    *,
    patience_s: float,
    files: SharedFiles | None = None,
) -> Environment:
    """Builds at `target`, which must not exist; call with its lock held. `files` are shared with other environments.

    Raises FailedPrecondition.
    """
    started = time.monotonic()
    remove_unfinished(target)
    building = target.with_name(f"{target.name}.building-{os.getpid()}")
    building.mkdir(mode=0o700)
    run = partial(run_uv, environment=environment, tell=tell, keep_open=lock, patience_s=patience_s)
    try:
        venv = building / "venv"
        await _make(recipe.python, venv, environment, run)
        python = os.path.realpath(venv / "bin" / "python")  # what is installed may replace the link
        lines = await resolve(recipe, building, venv / "bin" / "python", run, tell)
        pins = lock_text(lines)
        (building / "lock.txt").write_text(f"# Python {recipe.python}, {sys.platform}\n{pins}")
        online = "UV_OFFLINE" not in environment
        await _install(venv, building / "exact.txt", lines, run, tell, online=online)
        if recipe.lock:
            await _check(venv, run)
        await in_thread(remove_byte_code, venv / "lib")
        taken = await in_thread(files.take, venv / "lib") if files else {}
        await _compile(python, venv / "lib")
        built = Environment(
            digest=recipe.digest,
            python=_python(target),
            size=await asyncio.to_thread(_size, building),
            built_s=round(time.monotonic() - started, 3),
            version=recipe.python,
            requirements=recipe.asked,
            index=recipe.index,
            lock=of_bytes(pins.encode()),
            packages=len(lines),
            linked=files is not None,
        )
        (building / "environment.json").write_bytes(msgspec.json.encode(built))
        await in_thread(_publish, building, target)
    except BaseException:
        await in_thread(_discard, building)
        raise
    if files:
        await in_thread(files.give, target / "venv" / "lib", taken)
    return built


async def _make(python: str, venv: Path, environment: Mapping[str, str], run: RunUv) -> None:
    interpreter = sys.executable if python == OWN_PYTHON else python
    try:
        await run(["venv", "--relocatable", "--python", interpreter, str(venv)])
    except FailedPrecondition as error:
        if python == OWN_PYTHON:
            raise
        there = ", ".join(await installed(environment))
        raise FailedPrecondition(f"{error.message}\nPython versions that are installed here: {there}") from None


async def _install(
    venv: Path, pins: Path, lines: Sequence[str], run: RunUv, tell: Callable[[str], None], *, online: bool
) -> None:
    """Copies, because a hard link into the cache would let one environment's code change all others. Wheels only,
    because building from source runs the package's code with the platform's rights. Without resolving: a lock names
    every package, so that nothing which was published since can have a say in it.

    What fails is tried once more with every index read anew, where any may be read: uv keeps their pages for ten
    minutes, and a pin may be younger than that.
    """
    pins.write_text(lock_text(exact(lines)))
    install = ["pip", "install", "--python", str(venv), "--link-mode", "copy", "--no-build", "--no-deps"]
    install += ["--require-hashes"] if hashed(lines) else []
    install += ["--requirements", str(pins)]
    try:
        await run(install)
    except FailedPrecondition:
        if not online:
            raise
        tell("trying once more, reading the indexes anew")
        await run([*install, "--refresh"])
    pins.unlink()


async def _check(venv: Path, run: RunUv) -> None:
    """Refuses what a lock that was given lacks or contradicts; what we resolved ourselves can't.

    Of what resolving the whole lock would take, this refuses nothing (tried on made packages and on the locks of the
    frameworks); an extra's package that a lock lacks is found only when it is imported.
    """
    try:
        await run(["pip", "check", "--python", str(venv)])
    except FailedPrecondition as error:
        raise FailedPrecondition(
            f"{error.message}\nThe lock is not whole: a lock names every package that is needed, so lock it again"
        ) from None


def remove_unfinished(target: Path) -> None:
    """Removes what interrupted builds of `target` left; call with its lock held."""
    for unfinished in target.parent.glob(f"{target.name}.building-*"):
        shutil.rmtree(unfinished)


def read(target: Path) -> Environment | None:
    """Reads the environment built at `target`; None where there is none."""
    with contextlib.suppress(FileNotFoundError):
        found = msgspec.json.decode((target / "environment.json").read_bytes(), type=Environment)
        return msgspec.structs.replace(found, python=_python(target))  # the home may have moved
    return None


def _python(target: Path) -> str:
    return str(target / "venv" / "bin" / "python")


async def _compile(python: str, lib: Path) -> None:
    """Compiles the packages to byte code, since workloads can't write what they compile. What is not valid Python,
    as some packages' tests, stays as it is.

    By the interpreter that the environment is made for, without site: nothing that was installed is run.
    """
    _, missing = await in_thread(uncompiled, lib)
    await in_thread(take_own, missing)
    sources, missing = await in_thread(uncompiled, lib)
    if not missing:
        return
    # Given a folder, it uses all cores, but each file that is compiled already costs it a good part of compiling.
    few = len(missing) < sources / 2
    process = await asyncio.create_subprocess_exec(
        *(python, "-I", "-S", "-m", "compileall", "-q", "-q", "-x", TESTS),
        *(("-i", "-") if few else ("-j", "0", ".")),
        cwd=lib,  # so that what is left out is told by paths within it
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        inside = (os.path.relpath(path, lib) for path in missing)
        await process.communicate(b"".join(os.fsencode(path) + b"\n" for path in inside) if few else b"")
    finally:
        await ended(process)


def _discard(building: Path) -> None:
    """Removes it, unless it was published before its caller was cancelled."""
    if building.exists():
        shutil.rmtree(building)


def _publish(building: Path, target: Path) -> None:
    """Makes it durable, then visible: a power cut must not leave a whole folder of empty files."""
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(folder):  # one call for thousands of files
            raise OSError(ctypes.get_errno(), "syncfs failed", str(target.parent))
        building.rename(target)
        os.fsync(folder)
    finally:
        os.close(folder)


def _size(folder: Path) -> int:
    """Bytes that the files below take on the disk."""
    total = 0
    for parent, _, files in os.walk(folder):
        total += sum(on_disk(os.lstat(os.path.join(parent, name))) for name in files)
    return total
