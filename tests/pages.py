"""Commands of a page of docs/ that is there in two languages: the same in both, and run as a reader would."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.quick_bms import quick_bms
from tests.worlds.platforms import RealPlatform

DOCS = Path(__file__).resolve().parents[1] / "docs"
KEPT = ("HOME", "LANG", "TMPDIR", "PYTHONPATH", "PYTEST_CURRENT_TEST")  # the last says who started a platform
_BLOCK = re.compile(r"<!-- test: run -->\n```sh\n(.*?)```", re.DOTALL)


def block_of(page: str, kind: str) -> str:
    """The one of `page` that is marked to be of this kind; fails where its Chinese twin has another."""
    found = [
        re.findall(rf"<!-- test: {kind} -->\n```\w+\n(.*?)```", (DOCS / f"{page}{ending}").read_text(), re.DOTALL)
        for ending in (".md", ".zh-CN.md")
    ]
    assert found[0] == found[1]
    (text,) = found[0]
    return str(text)


def commands_of(page: str, blocks: int) -> str:
    """Those that `page` marks to be run, of so many blocks; fails where its Chinese twin has others."""
    found = [_BLOCK.findall((DOCS / f"{page}{ending}").read_text()) for ending in (".md", ".zh-CN.md")]
    assert found[0] == found[1]
    assert len(found[0]) == blocks, "was their mark changed?"
    return "\n".join(found[0])


def ran(commands: str, platform: RealPlatform, folder: Path) -> str:
    """What they printed, typed in `folder` by the platform's admin; every one of them must succeed."""
    return typed(commands, folder, BMS_URL=platform.url, BMS_KEY=platform.key)


def typed(commands: str, folder: Path, *, patience_s: float = 300, **environment: str) -> str:
    """The same, by somebody who says in `environment` where to go, or names a home."""
    kept = {name: value for name, value in os.environ.items() if name in KEPT}
    path = environment.pop("PATH", "") or f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    with quick_bms() as quick:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands],
            cwd=folder,
            env={**kept, "PATH": f"{quick}:{path}", "COLUMNS": "240", **environment},
            capture_output=True,
            text=True,
            timeout=patience_s,
            check=False,
        )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout
