"""Every framework's runtime keeps the contract: the same suite, in the environment that has the framework."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.contract.runtimes.frameworks import FRAMEWORKS
from tests.contract.runtimes.runtime_cases import CHOSEN, Framework, asked
from tests.framework_env import SOURCE, framework_python

HERE = Path(__file__).parent
SUITE_S = 900
TESTS_PER_CASE = 10


def framework(one: Framework) -> object:
    marks = [pytest.mark.heavy] if one.heavy else []
    return pytest.param(one, id=one.name, marks=[*marks, pytest.mark.timeout(SUITE_S + 900)])


@pytest.mark.parametrize("framework", [framework(one) for one in FRAMEWORKS if not one.at_home])
def test_the_runtime_keeps_its_contract_where_its_framework_is(framework: Framework, tmp_path: Path) -> None:
    framework.artifacts()
    (tmp_path / "empty.ini").write_text("[pytest]\n")
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")  # more would wait for one another
    files = [str(HERE / name) for name in ("test_runtime_contract.py", *framework.files)]
    ended = subprocess.run(
        [
            *(framework_python(framework.environment), "-m", "pytest", "-q", "--noconftest", "-p", "no:cacheprovider"),
            *("-c", str(tmp_path / "empty.ini"), "--rootdir", str(tmp_path), *files),
        ],
        env={**os.environ, **threads, "PYTHONPATH": f"{SOURCE}:{SOURCE.parent}", CHOSEN: framework.name},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=SUITE_S,
    )
    assert ended.returncode == 0, ended.stdout[-8000:] + ended.stderr[-2000:]
    summary = ended.stdout.strip().splitlines()[-1]
    assert int(re.findall(r"(\d+) passed", summary)[0]) >= TESTS_PER_CASE * len(asked(framework)), summary
    assert "skipped" not in summary, ended.stdout[-8000:]
