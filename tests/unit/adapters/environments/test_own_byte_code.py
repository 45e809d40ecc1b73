"""Byte code of the platform's own packages, for an environment that holds the same sources."""

import importlib.util
import os
import py_compile
import sys
from pathlib import Path

import pytest

from bms.adapters.environments.own_byte_code import take_own
from bms.adapters.environments.sharing import byte_code, uncompiled

HERE = f"python3.{sys.version_info.minor}"


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """The platform's packages: one module, compiled."""
    folder = tmp_path / "own"
    written(folder / "pack" / "module.py", "said = 'by the platform'\n", mtime=1_000_000_000)
    py_compile.compile(str(folder / "pack" / "module.py"), doraise=True)
    return folder


def written(path: Path, text: str, mtime: int = 1_700_000_000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (mtime, mtime))
    return path


def environments(tmp_path: Path, text: str, python: str = HERE, name: str = "module") -> Path:
    """A source of an environment."""
    return written(tmp_path / "venv" / "lib" / python / "site-packages" / "pack" / f"{name}.py", text)


def imported(source: Path) -> str:
    """What it says, read by an interpreter that takes the byte code it finds."""
    spec = importlib.util.spec_from_file_location("module", source)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return str(module.said)


def test_an_equal_source_gets_the_byte_code_and_an_interpreter_takes_it(own: Path, tmp_path: Path) -> None:
    source = environments(tmp_path, "said = 'by the platform'\n")
    take_own([str(source)], str(own))
    code = Path(byte_code(str(source)))
    assert code == Path(importlib.util.cache_from_source(str(source)))
    made = code.read_bytes()
    assert imported(source) == "by the platform"
    assert code.read_bytes() == made, "it was not compiled again"
    # The control: what an interpreter runs is the byte code, as long as its head is of this source.
    code.write_bytes(made.replace(b"by the platform", b"by the bytecode"))
    assert imported(source) == "by the bytecode"


@pytest.mark.parametrize(
    ("text", "python", "name"),
    [
        ("said = 'by the another'\n\n", HERE, "module"),
        ("said = 'by the plotform'\n", HERE, "module"),
        ("said = 'by the platform'\n", "python3.9", "module"),
        ("said = 'by the platform'\n", HERE, "other"),
    ],
    ids=["another size", "another content", "another Python", "no such module"],
)
def test_what_differs_gets_none(own: Path, tmp_path: Path, text: str, python: str, name: str) -> None:
    source = environments(tmp_path, text, python, name)
    take_own([str(source)], str(own))
    assert not Path(byte_code(str(source))).exists()


def test_byte_code_of_what_the_platforms_file_was_before_is_not_taken(own: Path, tmp_path: Path) -> None:
    written(own / "pack" / "module.py", "said = 'by the PLATFORM'\n", mtime=1_000_000_001)
    source = environments(tmp_path, "said = 'by the PLATFORM'\n")
    take_own([str(source)], str(own))
    assert not Path(byte_code(str(source))).exists()


def test_what_is_compiled_is_told_by_paths_within_the_environment(tmp_path: Path) -> None:
    """A home may lie below a folder called tests."""
    lib = tmp_path / "tests" / "venv" / "lib"
    module = written(lib / HERE / "site-packages" / "pack" / "module.py", "x = 1\n")
    written(lib / HERE / "site-packages" / "pack" / "tests" / "test_module.py", "x = 1\n")
    assert uncompiled(lib) == (1, [str(module)])
