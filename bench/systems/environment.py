"""An isolated environment per peer below build/bench, made by uv once and used again."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from measuring.machine import ROOT
from uv import find_uv_bin

from systems import Missing


def environment(name: str, requirements: Sequence[str]) -> Path:
    """Its interpreter. Raises Missing where the packages can't be had."""
    digest = hashlib.sha256("\n".join([sys.version, *requirements]).encode()).hexdigest()[:12]
    folder = ROOT / "build" / "bench" / f"{name}-{digest}"
    python, complete = folder / "bin" / "python", folder / "complete"
    if complete.exists():
        return python
    settings = {**os.environ, "UV_FIND_LINKS": os.environ.get("PIP_FIND_LINKS", "").replace(" ", ",")}
    for arguments in (
        ["venv", "--clear", "--python", sys.executable, str(folder)],
        ["pip", "install", "--python", str(python), "--link-mode", "copy", "--no-build", *requirements],
    ):
        done = subprocess.run([find_uv_bin(), *arguments], env=settings, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Missing(f"{name} can't be installed here: {done.stderr.strip()[-300:]}")
    complete.touch()
    return python
