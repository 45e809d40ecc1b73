"""What an ordinary user's platform gets: the cluster's contract, the walls and the hostile workloads, run as one."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.sizes import ALL

NOBODY = 65534
ROOT = Path(__file__).parents[2]
INTERPRETER = f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"
PACKAGES = Path(msgspec.__file__).parents[1]


def _as_nobody(*command: str, folder: str, timeout_s: float) -> subprocess.CompletedProcess[str]:
    paths = ":".join(map(str, (ROOT / "src", ROOT, PACKAGES)))
    environment = {"PATH": "/usr/bin:/bin", "HOME": folder, "TMPDIR": folder, "PYTHONPATH": paths}
    return subprocess.run(
        [INTERPRETER, *command],
        user=NOBODY, group=NOBODY, extra_groups=[], cwd=folder, env={**environment, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True, text=True, timeout=timeout_s, check=False,
    )  # fmt: skip


@pytest.fixture
def folder() -> Iterator[str]:
    """A place that is nobody's own."""
    if os.geteuid() != 0:
        pytest.skip("this is run by an ordinary user: the contract suite itself says what such a one gets")
    path = tempfile.mkdtemp(prefix="bms-nobody-")
    os.chown(path, NOBODY, NOBODY)
    yield path
    shutil.rmtree(path)


@pytest.mark.timeout(300)
def test_the_clusters_contract_and_its_walls_hold_for_an_ordinary_user(folder: str) -> None:
    if not shutil.which(INTERPRETER):
        pytest.skip(f"there is no {INTERPRETER}, which everybody may run")
    tried = _as_nobody("-c", "import msgspec, pytest, bms, tests.worlds.platforms", folder=folder, timeout_s=60)
    if tried.returncode:
        pytest.skip(f"everybody may not read what is needed: {tried.stderr.strip().splitlines()[-1]}")
    # What an ordinary user's rights change; the rest of the contract in `make test-all`.
    names = ("walls", "hostile", *(("lesser_machines", "gpus", "restarts") if ALL else ()))
    files = [str(ROOT / "tests" / "contract" / "clusters" / "local" / f"test_cluster_{name}.py") for name in names]
    done = _as_nobody(
        "-m", "pytest", *files, "-q", "-rs", "-p", "no:cacheprovider",
        "--rootdir", str(ROOT), "-c", str(ROOT / "pyproject.toml"), folder=folder, timeout_s=280,
    )  # fmt: skip
    print(done.stdout)  # with -rs: what such a user does not get
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout or "100%" in done.stdout
