"""A disk that becomes full while an environment is built: words about it, and nothing is left."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.wheels import slim_wheels, wheel

BUILD = """
import asyncio, os, sys
from pathlib import Path
from bms.adapters.environments.sources import PackageSources
from bms.adapters.environments.uv import UvEnvironments
from bms.core.workloads.environments import EnvironmentSpec
from bms.core.errors import BmsError

home, wheels = Path(sys.argv[1]), sys.argv[2]
environments = UvEnvironments(home, os.environ, sources=PackageSources(find_links=(wheels,), offline=True))
spec = EnvironmentSpec(requirements=(sys.argv[3],))
try:
    built = asyncio.run(environments.ensure(spec))
except BmsError as error:
    print(type(error).__name__, error.message)
else:
    print("BUILT", built.digest)
left = sorted(path.name for path in (home / "environments").iterdir())
print("LEFT", [name for name in left if not name.endswith((".log", ".failed")) and name != "locks"])
print("STATE", asyncio.run(environments.state(environments.digest(spec))))
"""
SCRIPT = 'mount -t tmpfs -o size="$1" none "$2" && exec "$3" -c "$4" "$2" "$5" "$6"'
namespaces = subprocess.run(["unshare", "-Urm", "true"], capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not (shutil.which("unshare") and namespaces), reason="no namespaces of one's own here")
@pytest.mark.parametrize("size", ["64k", "1m"])
def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path, size: str) -> None:
    """64 KiB do not hold the empty environment, 1 MiB holds that but not the packages."""
    wheels = slim_wheels(tmp_path / "wheels")
    wheel(wheels, "large", requires=())
    shutil.copy(wheel(tmp_path, "big", "1.0", ("large",)), wheels)
    _fatten(wheels / "large-1.0-py3-none-any.whl")
    home = tmp_path / "home"
    home.mkdir()
    command = ["unshare", "-Urm", "sh", "-c", SCRIPT, "sh", size, str(home), sys.executable, BUILD, str(wheels), "big"]
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "UV_CACHE_DIR": str(tmp_path / "cache")}
    ran = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stderr
    words, left, state = ran.stdout.rpartition("\nLEFT ")[0], *ran.stdout.splitlines()[-2:]
    assert words.startswith(("FailedPrecondition", "ResourceExhausted")), ran.stdout
    assert "No space left" in words or "disk of the platform's home is full" in words
    assert left == "LEFT []"
    assert state in ("STATE failed", "STATE absent")


def _fatten(path: Path) -> None:
    """The same wheel with 4 MiB more in it."""
    import base64
    import hashlib
    import zipfile

    content = os.urandom(4 << 20)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    record = next(name for name in members if name.endswith("RECORD"))
    members[record] = f"large/data.bin,sha256={digest},{len(content)}\n".encode() + members[record]
    members["large/data.bin"] = content
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
