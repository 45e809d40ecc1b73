"""Locks are installed to the letter: by every Python and pip at hand, whatever newer releases an index offers.

The Makefile's own rules run here, on a project of made packages from an index of files: nothing else is asked.
"""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from functools import cache
from importlib.metadata import distribution, distributions
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.wheels import sha256, wheel

ROOT = Path(__file__).resolve().parents[3]
SUPPORTED = OLDEST, *NEWER = "3.11", "3.12", "3.13", "3.14"
OWN = f"{sys.version_info.major}.{sys.version_info.minor}"


class Made(NamedTuple):
    requires: tuple[str, ...] = ()
    extras: Mapping[str, tuple[str, ...]] = {}


PACKAGES = {
    "served": Made(("helper[fast]>=1", "numbers>=1")),
    "helper": Made(extras={"fast": ("booster>=1",)}),
    "booster": Made(),
    "numbers": Made(),
    "builder": Made(("helper>=1",)),
    "checker": Made(("measurer[toml]>=1",)),  # as pytest-cov asks for coverage[toml]
    "measurer": Made(extras={"toml": ()}),
}
LOCKS = {
    "requirements.lock": ("served", "helper", "booster", "numbers"),
    "requirements-build.lock": ("builder", "helper"),
    "requirements-dev.lock": tuple(PACKAGES),
}
RELEASES = ("1.0", "1.1", "1.0+local", "2.0")
BACKEND = """
import pathlib, shutil
made = pathlib.Path(__file__).with_name("project-1.0-py3-none-any.whl")
def build_wheel(folder, config_settings=None, metadata_directory=None):
    shutil.copy(made, folder)
    return made.name
build_editable = build_wheel
"""


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index: a folder of wheels for each package, and a page that tells their hashes."""
    folder = tmp_path_factory.mktemp("simple")
    for name, made in PACKAGES.items():
        there = [wheel(folder / name, name, version, made.requires, made.extras) for version in RELEASES]
        links = (f'<a href="{path.name.replace("+", "%2B")}#sha256={sha256(path)}">{path.name}</a>' for path in there)
        (folder / name / "index.html").write_text("<!DOCTYPE html>" + "".join(links))
    return folder


@pytest.fixture
def project(tmp_path: Path, index: Path) -> Path:
    """A checkout with our Makefile, and its own packages, locks and way of being built."""
    folder = tmp_path / "project"
    folder.mkdir()
    shutil.copy(ROOT / "Makefile", folder)
    wheel(folder, "project", "1.0", ("served>=1", "numbers>=1"))
    (folder / "backend.py").write_text(BACKEND)
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    for lock, names in LOCKS.items():
        (folder / lock).write_text("".join(_pins(index, name) for name in names))
    return folder


def _pins(index: Path, name: str) -> str:
    def line(version: str, marker: str = "") -> str:
        made = index / name / f"{name}-{version}-py3-none-any.whl"
        return f"{name}=={version}{marker} \\\n    --hash=sha256:{sha256(made)}\n"

    if name != "numbers":
        return line("1.0")
    return line("1.0", " ; python_full_version < '3.12'") + line("1.1", " ; python_full_version >= '3.12'")


def pinned(python: str) -> dict[str, str]:
    """What must be there in the end."""
    return dict.fromkeys(PACKAGES, "1.0") | {"numbers": "1.0" if python == "3.11" else "1.1", "project": "1.0"}


def installed(project: Path) -> dict[str, str]:
    (packages,) = (project / ".venv").glob("lib/python*/site-packages")
    found = {each.name: each.version for each in distributions(path=[str(packages)])}
    return {name: version for name, version in found.items() if name not in ("pip", "setuptools")}


@cache
def interpreter(python: str) -> tuple[str, Path]:
    """A Python of this version, and the pip it brings; skips the test, saying so, where none is at hand."""
    ask = "import ensurepip, sysconfig as s; print(s.get_config_var('WHEEL_PKG_DIR') or ensurepip.__path__[0])"
    own = sys._base_executable if python == OWN else None  # type: ignore[attr-defined]
    kept = sorted(map(str, Path.home().glob(f".pyenv/versions/{python}.*/bin/python3")))
    for path in filter(None, [own, shutil.which(f"python{python}"), *kept]):
        said = subprocess.run([path, "-c", ask], capture_output=True, text=True, timeout=60, check=False).stdout.strip()
        if wheels := sorted(Path(said).rglob("pip-*.whl")) if said else []:
            return path, wheels[-1]
    pytest.skip(f"no Python {python} that brings a pip is on this machine")


def make_environment(project: Path, python: str, *, newest: bool = False) -> None:
    """What `make .venv/made.stamp` makes, without the seconds it takes: with the pip this Python brings, or with the
    newest that is locked, which the tests' own environment has."""
    path, bundled = interpreter(python)
    subprocess.run([path, "-m", "venv", "--without-pip", ".venv"], cwd=project, timeout=60, check=True)
    (packages,) = (project / ".venv").glob("lib/python*/site-packages")
    if newest:
        for part in {file.parts[0] for file in distribution("pip").files or () if file.parts[0].startswith("pip")}:
            shutil.copytree(str(distribution("pip").locate_file(part)), packages / part)
    else:
        with zipfile.ZipFile(bundled) as archive:
            archive.extractall(packages)
    script = project / ".venv" / "bin" / "pip"
    run = "import sys\nfrom pip._internal.cli.main import main\nsys.exit(main())\n"
    script.write_text(f"#!{script.with_name('python')}\n{run}")
    script.chmod(0o755)
    (project / ".venv" / "made.stamp").touch()


def make(project: Path, index: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(project),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": index.as_uri(),
    }
    return subprocess.run(
        ["make", *arguments], cwd=project, env=environment, capture_output=True, text=True, timeout=110, check=False
    )


@pytest.mark.parametrize("python", [OLDEST, *(pytest.param(one, marks=pytest.mark.long) for one in NEWER)])
def test_the_pip_that_a_python_brings_installs_exactly_the_pins(project: Path, index: Path, python: str) -> None:
    make_environment(project, python)
    ran = make(project, index, ".venv/dev.stamp")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert installed(project) == pinned(python)


def test_the_newest_pip_installs_exactly_the_pins(project: Path, index: Path) -> None:
    make_environment(project, OWN, newest=True)
    ran = make(project, index, ".venv/dev.stamp")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert installed(project) == pinned(OWN)


@pytest.mark.parametrize("document", ["README.md", "README.zh-CN.md"])
def test_what_people_are_told_to_type_is_what_the_makefile_does(document: str) -> None:
    """So that the tests above are of both."""
    (flags,) = re.findall(r"^INSTALL = \$\(BIN\)/pip install -qq (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    told = re.findall(r"pip install --quiet (.*\.lock)$", (ROOT / document).read_text(), re.MULTILINE)
    assert told == [f"{flags} -r requirements.lock -r requirements-build.lock"]


def test_packages_of_one_name_have_one_version_in_all_locks() -> None:
    """Installing one over another changes nothing, and what users get is what the tests ran with."""
    base, build, dev = (set(_named(ROOT / lock)) for lock in LOCKS)
    assert base <= dev
    assert {pin for pin in build if pin[0] in {name for name, _ in dev}} <= dev


def _named(lock: Path) -> list[tuple[str, str]]:
    return re.findall(r"^([a-z0-9-]+)==(\S+)", lock.read_text(), re.MULTILINE)
