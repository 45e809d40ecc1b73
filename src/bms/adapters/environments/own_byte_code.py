"""Reuses the platform's own compiled byte code for the same sources in an environment.

Every environment has NumPy, most have a framework that the platform has, too, and compiling them is most of what
building a small environment computes. Sources are compared byte by byte, so that no package can get another's code.
"""

import contextlib
import importlib.util
import os
import re
import sys
import sysconfig
from collections.abc import Iterable

from bms.adapters.environments.sharing import byte_code

_INNER = re.compile(r"/lib/python3\.\d+/site-packages/(.+)")
_HEAD = 16  # bytes before the code (PEP 552): magic number, flags, the source's time and size
_BY_TIME = bytes(4)  # flags: good as long as the source has this time and size


def take_own(sources: Iterable[str], own: str | None = None) -> None:
    """Puts byte code beside those of `sources`, files of an environment, that are identical to files of the platform's
    own packages, in `own`."""
    packages = own or sysconfig.get_path("purelib")
    for source in sources:
        inner = _INNER.search(source)
        if inner is None or not _of_our_python(source):
            continue
        with contextlib.suppress(FileNotFoundError):
            code = _code_of(f"{packages}/{inner[1]}", source)
            if code is not None:
                _write(byte_code(source), code, os.stat(source).st_mode)


def _of_our_python(source: str) -> bool:
    return byte_code(source).endswith(f".{sys.implementation.cache_tag}.pyc")


def _code_of(own: str, source: str) -> bytes | None:
    """The byte code of `own` as that of `source`; None where they differ, or where it is not of what `own` holds now.
    Raises FileNotFoundError."""
    ours, theirs = os.stat(own), os.stat(source)
    if ours.st_size != theirs.st_size:
        return None
    with open(importlib.util.cache_from_source(own), "rb") as file:
        code = file.read()
    if code[:_HEAD] != _head(ours) or _read(own) != _read(source):
        return None
    return _head(theirs) + code[_HEAD:]


def _head(source: os.stat_result) -> bytes:
    time, size = int(source.st_mtime) & 0xFFFFFFFF, source.st_size & 0xFFFFFFFF
    return importlib.util.MAGIC_NUMBER + _BY_TIME + time.to_bytes(4, "little") + size.to_bytes(4, "little")


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _write(path: str, code: bytes, mode: int) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode & 0o666), "wb") as file:
        file.write(code)
