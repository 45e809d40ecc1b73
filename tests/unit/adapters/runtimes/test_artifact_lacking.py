"""What a framework that can't be imported is told as: absent, or broken and why."""

import importlib
from pathlib import Path

import pytest

from bms.adapters.runtimes.artifacts.model_file import lacking


def imported(name: str) -> ImportError:
    with pytest.raises(ImportError) as caught:
        importlib.import_module(name)
    return caught.value


def test_a_package_that_is_not_there_is_to_be_added() -> None:
    told = lacking("keras", "keras", imported("absent_framework")).message
    assert "needs the package keras, which the model's environment lacks" in told
    assert "(there is no module 'absent_framework'): add it to the version's requirements" in told


def test_a_package_that_fails_as_it_is_imported_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_framework.py").write_text("raise ImportError('libgomp.so.1: cannot open shared object file')")
    monkeypatch.syspath_prepend(str(tmp_path))
    told = lacking("keras", "keras", imported("broken_framework")).message
    assert "can't be imported in the model's environment: ImportError: libgomp.so.1: cannot open" in told
    assert "lacks" not in told
