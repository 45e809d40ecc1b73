"""Runtimes whose framework is not installed beside BMS keep the same contract, in an environment that has it."""

import os
import re
import subprocess
from pathlib import Path

from tests.framework_env import SKLEARN, SOURCE, framework_python

HERE = Path(__file__).parent


def test_every_runtime_keeps_its_contract_where_all_frameworks_are(tmp_path: Path) -> None:
    (tmp_path / "empty.ini").write_text("[pytest]\n")
    files = [str(HERE / name) for name in ("test_runtime_contract.py", "test_runtime_sklearn.py")]
    ended = subprocess.run(
        [
            *(framework_python(SKLEARN), "-m", "pytest", "-q", "--noconftest", "-p", "no:cacheprovider"),
            *("-c", str(tmp_path / "empty.ini"), "--rootdir", str(tmp_path), *files),
        ],
        env={**os.environ, "PYTHONPATH": f"{SOURCE}:{SOURCE.parent}"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=110,
    )
    summary = ended.stdout.strip().splitlines()[-1]
    assert ended.returncode == 0, ended.stdout[-8000:] + ended.stderr[-2000:]
    assert int(re.findall(r"(\d+) passed", summary)[0]) > 150, summary
    assert "environment of its own" not in ended.stdout
