"""Frames of every library are read alike: the same checks, in environments that hold it, two generations of pandas."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.framework_env import FRAMES, SOURCE, framework_python

HERE = Path(__file__).parent
CLIENT = ("httpx", "msgspec", "numpy", "pytest")
ENVIRONMENTS = {
    "pandas 2": (("pandas==2.3.3", "pyarrow", *CLIENT), ("reads_pandas.py",)),
    "pandas 3": (FRAMES, ("reads_pandas.py", "reads_polars.py", "reads_arrow.py")),
}


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_every_column_arrives_as_it_was(name: str, tmp_path: Path) -> None:
    requirements, files = ENVIRONMENTS[name]
    (tmp_path / "empty.ini").write_text("[pytest]\n")
    ended = subprocess.run(
        [
            *(framework_python(requirements), "-m", "pytest", "-q", "--noconftest", "-p", "no:cacheprovider"),
            *("-c", str(tmp_path / "empty.ini"), "--rootdir", str(tmp_path), *(str(HERE / file) for file in files)),
        ],
        env={**os.environ, "PYTHONPATH": f"{SOURCE}:{SOURCE.parent}"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout[-8000:] + ended.stderr[-2000:]
    summary = ended.stdout.strip().splitlines()[-1]
    assert int(re.findall(r"(\d+) passed", summary)[0]) >= 10 * len(files), summary
    assert "skipped" not in summary
