"""The slim part is a copy under the digest of its content."""

from pathlib import Path

import pytest

from bms.adapters.environments.slim import place, slim_files


@pytest.fixture
def package(tmp_path: Path) -> Path:
    package = tmp_path / "source" / "bms"
    for file in (
        "__init__.py",
        "core/errors.py",
        "core/__pycache__/errors.cpython-311.pyc",
        "control/service.py",
        "protocols/frames.py",
        "protocols/bus.py",
        "adapters/sql/store.py",
        "adapters/runtimes/onnx/runtime.py",
        "app/tasks/verify.py",
        "app/control/main.py",
    ):
        (package / file).parent.mkdir(parents=True, exist_ok=True)
        (package / file).write_text(f"# {file}\n")
    return package


def test_it_holds_its_parts_alone(package: Path) -> None:
    assert {file.as_posix() for file in slim_files(package)} == {
        "__init__.py",
        "core/errors.py",
        "protocols/frames.py",
        "adapters/runtimes/onnx/runtime.py",
        "app/tasks/verify.py",
    }


def test_it_is_copied_once(package: Path, tmp_path: Path) -> None:
    placed = place(package, tmp_path / "slim")
    assert (placed / "bms" / "core" / "errors.py").read_text() == "# core/errors.py\n"
    before = (placed / "bms" / "core" / "errors.py").stat()
    assert place(package, tmp_path / "slim") == placed
    assert (placed / "bms" / "core" / "errors.py").stat() == before
    assert [path.name for path in (tmp_path / "slim").iterdir()] == [placed.name]


def test_other_content_is_another_copy(package: Path, tmp_path: Path) -> None:
    first = place(package, tmp_path / "slim")
    (package / "control" / "service.py").write_text("changed")
    assert place(package, tmp_path / "slim") == first
    (package / "core" / "errors.py").write_text("changed")
    second = place(package, tmp_path / "slim")
    assert second != first
    assert (first / "bms" / "core" / "errors.py").read_text() == "# core/errors.py\n"
