"""The start of a slim process: gives up rights that it must not have, and reads its config.

Imports nothing outside the slim part, so it works with any environment's interpreter.
"""

import ctypes
import importlib
import os
import stat
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeVar

import msgspec

from bms.core.workloads.programs import Places, ProgramFile, StdinSecrets

if TYPE_CHECKING:
    import asyncio

PR_SET_NO_NEW_PRIVS = 38  # prctl(2)
USAGE = 64  # EX_USAGE and EX_CONFIG of sysexits.h
CONFIG = 78

C = TypeVar("C", bound=msgspec.Struct)


def begin(kind: type[C], arguments: Sequence[str]) -> tuple[C, Places]:
    """Confines the process and reads the config file named by its one argument. Exits with a message when it can't."""
    confine()
    if len(arguments) != 2:
        _leave(f"usage: {arguments[0]} CONFIG.json", USAGE)
    try:
        program = msgspec.json.decode(Path(arguments[1]).read_bytes(), type=ProgramFile)
        return msgspec.json.decode(program.config, type=kind), program.places
    except OSError as error:
        _leave(f"the config can't be read: {error}", CONFIG)
    except msgspec.DecodeError as error:
        _leave(f"{arguments[1]} holds no {kind.__name__} and places: {error}", CONFIG)


def stdin_secrets() -> StdinSecrets:
    """The secrets handed over by standard input, which is empty from now on; none where that is no pipe."""
    if not stat.S_ISFIFO(os.fstat(0).st_mode):
        return StdinSecrets()
    with open(0, "rb", closefd=False) as handed:
        content = handed.read()
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    try:
        return msgspec.msgpack.decode(content, type=StdinSecrets) if content else StdinSecrets()
    except msgspec.DecodeError:
        _leave("what the standard input holds is not what a workload is handed", CONFIG)


def confine() -> None:
    """Confines the process: what it starts gains no rights (set-user-id), and its files are its user's alone."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        _leave(f"rights can't be given up: {os.strerror(ctypes.get_errno())}", 1)
    os.umask(0o077)


def event_loop() -> "asyncio.AbstractEventLoop":
    """A new event loop: uvloop's where the environment has it, which halves the cost of a frame, else the standard one.

    Looked up by name when it runs: the slim part needs nothing that an environment may lack, and imports nothing of it.
    """
    import asyncio  # jobs have no loop

    try:
        faster = importlib.import_module("uvloop")
    except ImportError:
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = faster.new_event_loop()
    return loop


def redirect_output(path: Path) -> None:
    """Appends stdout and stderr of this process, its libraries and its children to `path` from now on.

    Done on the descriptors, so that C code is heard too; Python's streams write each line as it comes.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)  # type: ignore[union-attr]


def write_durably(path: Path, content: bytes) -> None:
    """Replaces `path` by `content`, whole or not at all, also when the power goes. Raises OSError."""
    unfinished = path.with_name(f"{path.name}.new")
    with unfinished.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _leave(words: str, code: int) -> NoReturn:
    print(words, file=sys.stderr, flush=True)
    raise SystemExit(code)
