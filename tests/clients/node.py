"""Node.js where it is at hand, and folders of packages for it, made once per machine as clients' environments are."""

import functools
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from tests.framework_env import folder_of

NODE, NPM = shutil.which("node"), shutil.which("npm")
_OLDEST = 18  # the first whose fetch is a part of it
_BUILD_S = 300


@functools.cache
def missing() -> str:
    """Why nothing can be asked by Node; empty where it can."""
    if NODE is None or NPM is None:
        return "node and npm are not installed (Debian: nodejs, npm)"
    said = subprocess.run([NODE, "--version"], capture_output=True, text=True, timeout=60, check=True).stdout
    major = int(said.strip().removeprefix("v").partition(".")[0])
    return "" if major >= _OLDEST else f"node {said.strip()} has no fetch: {_OLDEST} is the oldest that has"


def packages(*names: str) -> Path:
    """A folder with such `node_modules`; `names` are like openai@7.55.0."""

    def build(folder: Path) -> None:
        folder.mkdir()
        options = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel", "error")
        command = [str(NPM), "install", "--prefix", str(folder), *options, *names]
        subprocess.run(command, check=True, capture_output=True, timeout=_BUILD_S)

    return folder_of("node", names, build)


def told_by_node(script: Path, folder: Path, *arguments: str, patience_s: float = 100) -> list[Any]:
    """The objects that `script` prints, a line of JSON each; it finds its packages from `folder`."""
    environment = {**os.environ, "NODE_FOLDER": f"{folder}/", "NO_PROXY": "*", "NODE_NO_WARNINGS": "1"}
    ended = subprocess.run(
        [str(NODE), str(script), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=patience_s,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    return [json.loads(line) for line in ended.stdout.splitlines() if line.startswith("{")]
