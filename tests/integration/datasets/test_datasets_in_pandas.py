"""Parquet in and frames out, in an environment that has pyarrow and pandas: the suite beside this file runs there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bms.adapters.datasets.arrow import parquet
from bms.adapters.datasets.frames import frame_of
from bms.adapters.datasets.schema import TableSchema
from bms.core.errors import FailedPrecondition
from tests.framework_env import FRAMES, SOURCE, framework_python

SUITE = Path(__file__).with_name("pandas_suite.py")
SUITE_S = 300


@pytest.mark.timeout(SUITE_S + 900)
def test_parquet_and_frames_where_their_libraries_are(tmp_path: Path) -> None:
    (tmp_path / "empty.ini").write_text("[pytest]\n")
    options = ("-q", "--noconftest", "-p", "no:cacheprovider", "-c", str(tmp_path / "empty.ini"))
    ended = subprocess.run(
        [framework_python(FRAMES), "-m", "pytest", *options, "--rootdir", str(tmp_path), str(SUITE)],
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=SUITE_S,
    )
    assert ended.returncode == 0, ended.stdout[-8000:] + ended.stderr[-2000:]


def test_where_they_are_not_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(FailedPrecondition, match="Parquet needs pyarrow in the job's environment"):
        parquet.load(tmp_path)
    with pytest.raises(FailedPrecondition, match="add it to the requirements of the job"):
        frame_of(TableSchema(features=()), {})
