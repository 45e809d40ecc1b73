"""What is said of an error of a job's own code."""

import urllib.error
from pathlib import Path

import pytest

from bms.app.job.errors import NO_NETWORK, error_message

REFUSED = urllib.error.URLError(OSError(-3, "Temporary failure in name resolution"))


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (REFUSED, NO_NETWORK),
        (OSError("We couldn't connect to 'https://huggingface.co' to load the files"), NO_NETWORK),
        (ModuleNotFoundError("No module named 'sklearn'", name="sklearn.svm"), "`--requirement scikit-learn` installs"),
    ],
)
def test_what_to_do_is_said(error: Exception, advice: str, tmp_path: Path) -> None:
    assert advice in error_message(error, str(tmp_path))


def test_no_advice_where_none_is_due(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    assert "--requirement" not in error_message(
        ModuleNotFoundError("No module named 'mine.x'", name="mine.x"), str(tmp_path)
    )
    assert NO_NETWORK not in error_message(ConnectionRefusedError("refused"), str(tmp_path))


def test_what_an_error_came_of_counts(tmp_path: Path) -> None:
    error = RuntimeError("no weights")
    error.__cause__ = REFUSED
    assert error_message(error, str(tmp_path)).endswith(NO_NETWORK)
